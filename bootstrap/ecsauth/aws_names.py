"""Names of AWS: partitions, buckets, and the URI of an object or of one of its versions."""

from __future__ import annotations

import re
from typing import NamedTuple, Optional

from ecsauth.errors import UsageError

# The DNS suffix of the services of each partition: botocore's data/partitions.json.
DNS_SUFFIXES = {
    "aws": "amazonaws.com",
    "aws-cn": "amazonaws.com.cn",
    "aws-eusc": "amazonaws.eu",
    "aws-iso": "c2s.ic.gov",
    "aws-iso-b": "sc2s.sgov.gov",
    "aws-iso-e": "cloud.adc-e.uk",
    "aws-iso-f": "csp.hci.ic.gov",
    "aws-us-gov": "amazonaws.com",
}
REGION = r"[a-z]{2,4}(-[a-z]{2,10}){1,2}-[0-9]{1,2}"


_EXAMPLE = "write it as s3://bucket/key, or s3://bucket/key?versionId=V for one version"
_OTHER_ANSWERS = (
    "access points, Object Lambda and multi-region access points can return something other than the object of "
    "one bucket with one owner"
)
# Amazon S3 User Guide, "Bucket naming rules": the suffixes of access points, and those of other kinds of buckets.
_ACCESS_POINT_ENDS = ("-s3alias", "--ol-s3", ".mrap")
_OTHER_ENDS = ("--x-s3", "--table-s3")
_BUCKET = r"(?!xn--|sthree-)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]"
_ADDRESS = r"[0-9]+(\.[0-9]+){3}"
_KEY_BYTES = 1024
# Version IDs are opaque, "no more than 1,024 bytes long" and URL-ready (S3 User Guide, "Versioning").
_VERSION_ID = r"[A-Za-z0-9._~+/=-]{1,1024}"


class S3URI(NamedTuple):
    """One object, or one version of it."""

    bucket: str
    key: str
    version_id: Optional[str] = None

    def __str__(self) -> str:
        return self.object_uri + (f"?versionId={self.version_id}" if self.version_id else "")

    @property
    def object_uri(self) -> str:
        """The URI without a version."""
        return f"s3://{self.bucket}/{self.key}"


def is_s3_uri(text: str) -> bool:
    """Tell whether the text is an S3 URI and not a path; true also for an ARN, which `parse` refuses with a reason."""
    return text.startswith(("s3://", "arn:"))


def parse(text: str) -> S3URI:
    """Return the object that `text` names.

    Raises UsageError for an ARN, for a bucket name or version ID that S3 does not allow, and for an invalid key.
    """
    if text.startswith(("arn:", "s3://arn:")):
        raise UsageError(
            f"an ARN is not supported in place of an S3 URI: {_OTHER_ANSWERS}",
            _EXAMPLE,
        )
    if not text.startswith("s3://"):
        raise UsageError("this is not an S3 URI", _EXAMPLE)
    path, mark, version = text[len("s3://") :].partition("?versionId=")
    bucket, _, key = path.partition("/")
    if bucket.endswith(_ACCESS_POINT_ENDS):
        raise UsageError(f"an access point is not supported in an S3 URI: {_OTHER_ANSWERS}", _EXAMPLE)
    if not _is_bucket(bucket):
        raise UsageError("the S3 URI has no valid bucket name", _EXAMPLE)
    if not key or key.endswith("/") or len(key.encode("utf-8", "replace")) > _KEY_BYTES or not key.isprintable():
        raise UsageError("the S3 URI has no valid key", _EXAMPLE)
    if mark and not re.fullmatch(_VERSION_ID, version):
        raise UsageError("the version ID of the S3 URI is empty or malformed", _EXAMPLE)
    return S3URI(bucket, key, version or None)


def bucket_name(text: str) -> str:
    """Return `text` if it is a valid name of a general purpose bucket; raise UsageError if it is not."""
    if _is_bucket(text) and not text.endswith(_ACCESS_POINT_ENDS):
        return text
    raise UsageError("must be a bucket name: 3 to 63 lower case letters, digits, dots and dashes")


def version_id(text: str) -> str:
    """Return `text` if it is a valid version ID; raise UsageError if it is not."""
    if re.fullmatch(_VERSION_ID, text):
        return text
    raise UsageError("must be a version ID, as shown by history")


def _is_bucket(name: str) -> bool:
    """Tell whether a general purpose bucket can have this name."""
    is_address = re.fullmatch(_ADDRESS, name) is not None
    return bool(re.fullmatch(_BUCKET, name)) and ".." not in name and not is_address and not name.endswith(_OTHER_ENDS)
