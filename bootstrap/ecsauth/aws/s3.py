"""Get and verify one S3 object, by the SDK."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, NamedTuple, Optional

from botocore.exceptions import BotoCoreError, ClientError
from botocore.httpchecksum import StreamingChecksumBody
from botocore.parsers import ResponseParserError
from urllib3.exceptions import HTTPError

from ecsauth.aws.attempt import Operation, at
from ecsauth.aws.errors import translate
from ecsauth.aws.refusals import expired, foreign
from ecsauth.boot.fetch import Fetched
from ecsauth.boot.trust import ObjectFacts
from ecsauth.envfile import LARGEST
from ecsauth.errors import (
    InvalidError,
    LocalError,
    UnreachableError,
    UsageError,
    reason_of,
)
from ecsauth.secret import SecretBytes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_s3.client import S3Client

    from ecsauth.aws.attempt import Attempt
    from ecsauth.aws_names import S3URI

_CHUNK = 64 * 1024
_NOT_MODIFIED = "304"
# The message of the SDK if refreshed credentials have already expired (botocore/credentials.py).
_EXPIRED = "Credentials were refreshed, but"


class ObjectKind(NamedTuple):
    """The expected kind of an object, with its article for messages, and its maximum size."""

    name: str
    longest: int


ENV_FILE = ObjectKind("an env-file", LARGEST)


class Objects:
    """The S3 objects that one client can read."""

    def __init__(self, client: S3Client, owner: Optional[str] = None, kind: ObjectKind = ENV_FILE) -> None:
        self._client = client
        self._kind = kind
        self._owner: dict[str, Any] = {"ExpectedBucketOwner": owner} if owner else {}

    def get(self, uri: S3URI, *, unless: Optional[str] = None) -> Optional[Fetched]:
        """Return the object, or None if its ETag is still `unless`.

        Raises InvalidError if it is larger than its kind allows, DeniedError and UnreachableError.
        """
        condition: dict[str, Any] = {"IfNoneMatch": unless} if unless else {}
        what = at(Operation.GET, uri)
        with translated(what), understood(what):
            try:
                answer: Any = self._client.get_object(
                    **place_of(uri),
                    **self._owner,
                    **condition,
                    ChecksumMode="ENABLED",
                )
            except ClientError as fault:
                if unless and fault.response["Error"]["Code"] == _NOT_MODIFIED:
                    return None
                raise
            with contextlib.closing(answer["Body"]) as body:
                data = _read(body, uri, self._kind)
            return Fetched(facts_of(answer, verified=isinstance(body, StreamingChecksumBody)), data)


@contextlib.contextmanager
def translated(what: Attempt) -> Iterator[None]:
    """Translate every exception of the SDK into an EcsauthError; `what` is the operation."""
    try:
        yield
    except (BotoCoreError, ClientError, HTTPError, ResponseParserError) as fault:
        raise translate(fault, what) from None
    except RuntimeError as fault:
        if not str(fault).startswith(_EXPIRED):
            raise
        raise expired(what) from None
    except (ConnectionError, TimeoutError) as fault:
        raise UnreachableError(f"cannot {what}: {reason_of(fault)}") from None
    except OSError as fault:
        # An error of this machine: for errors of the connection the SDK has its own exceptions.
        name = f" {fault.filename}:" if isinstance(fault.filename, str) else ""
        raise LocalError(f"cannot {what}:{name} {reason_of(fault)}") from None
    except ValueError:
        # The SDK raises this for an address or an ARN that it cannot parse.
        raise UsageError(f"cannot {what}: the endpoint or a name in it is malformed") from None


@contextlib.contextmanager
def understood(what: Attempt) -> Iterator[None]:
    """Report an answer that neither the SDK nor this module can parse as foreign, as the page of a portal."""
    try:
        yield
    except (BotoCoreError, ClientError):
        raise
    except (ValueError, KeyError):
        raise foreign(what) from None


def place_of(uri: S3URI) -> dict[str, Any]:
    """Return the parameters that name an object, or one version of it."""
    return {"Bucket": uri.bucket, "Key": uri.key, **({"VersionId": uri.version_id} if uri.version_id else {})}


def _read(body: Any, uri: S3URI, kind: ObjectKind) -> SecretBytes:
    """Read the body to its end, because only there the SDK verifies length and checksum."""
    data = bytearray()
    while chunk := body.read(_CHUNK):
        data += chunk
        if len(data) > kind.longest:
            raise InvalidError(f"{uri} is larger than {kind.longest // 1024} KiB, the limit of {kind.name}")
    return SecretBytes(data)


def facts_of(answer: Any, *, verified: bool) -> ObjectFacts:
    """Return the metadata of the object in the answer to a GetObject or HeadObject."""
    sums = [name for name in ("CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256") if answer.get(f"Checksum{name}")]
    return ObjectFacts(
        etag=answer["ETag"],
        last_modified=int(answer["LastModified"].timestamp()),
        version_id=answer.get("VersionId"),
        encryption=answer.get("ServerSideEncryption"),
        kms_key=answer.get("SSEKMSKeyId"),
        checksum=sums[0] if verified and sums else None,
    )
