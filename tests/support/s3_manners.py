"""What S3 does and moto does not, as functions over requests and responses.

Source, where nothing else is said: Amazon S3 API Reference (GetObject, PutObject, GetBucketEncryption).
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Callable, Optional

from loopback_server import Answer, answer
from s3_faults import error_document

if TYPE_CHECKING:
    from collections.abc import Mapping

    from s3_request import Request

_KEY_HEADER = "x-amz-server-side-encryption-aws-kms-key-id"
_OBJECT_OPERATIONS = ("GetObject", "HeadObject", "PutObject")

# Every new object has been encrypted with S3's own keys since January 2023, and every bucket says so.
_DEFAULT_ENCRYPTION = (
    b'<?xml version="1.0" encoding="UTF-8"?>\n'
    b'<ServerSideEncryptionConfiguration xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Rule>'
    b"<ApplyServerSideEncryptionByDefault><SSEAlgorithm>AES256</SSEAlgorithm></ApplyServerSideEncryptionByDefault>"
    b"<BucketKeyEnabled>false</BucketKeyEnabled></Rule></ServerSideEncryptionConfiguration>"
)


def refusal(request: Request, owners: Mapping[str, str], owner: str, regions: Mapping[str, str]) -> Optional[Answer]:
    """Return what S3 answers to a request that it does not carry out, or None.

    The bucket belongs to the account that `owners` names for it, else to `owner`; it is in the region that `regions`
    names for it, else in whichever is asked.
    """
    expected = request.headers.get("x-amz-expected-bucket-owner")
    region = regions.get(request.bucket)
    if region is not None and request.region not in (None, region):
        text = "The bucket you are attempting to access must be addressed using the specified endpoint."
        document = error_document(301, "PermanentRedirect", text, request.path, x_amz_bucket_region=region)
    elif expected is not None and expected != owners.get(request.bucket, owner):
        document = error_document(403, "AccessDenied", "Access Denied", request.path)
    else:
        return None
    return document._replace(body=b"").with_header("Content-Length", "0") if request.method == "HEAD" else document


def mend(request: Request, response: Answer, key_arn: Callable[[str], str]) -> Answer:
    """Return moto's response as S3 would have given it; `key_arn` turns the name of a KMS key into its ARN."""
    if (
        request.operation == "GetBucketEncryption"
        and b"ServerSideEncryptionConfigurationNotFoundError" in response.body
    ):
        response = answer(200, _DEFAULT_ENCRYPTION, "application/xml")
    if request.operation in _OBJECT_OPERATIONS:
        response = _mend_object(request, response, key_arn)
    return response.with_header("x-amz-request-id", secrets.token_hex(8).upper())


def _mend_object(request: Request, response: Answer, key_arn: Callable[[str], str]) -> Answer:
    if response.status == 304:
        # moto repeats every header of the object. What S3 repeats beside these two is not documented: rely on none.
        kept = tuple(header for header in response.headers if header[0].lower() in ("etag", "last-modified"))
        return response._replace(headers=kept)
    if response.status != 200:
        return response
    if response.header("x-amz-server-side-encryption") is None:
        response = response.with_header("x-amz-server-side-encryption", "AES256")
    key = response.header(_KEY_HEADER)
    if key is not None:
        # S3 gives the ARN of the key, whatever name was used for it; moto repeats the name.
        response = response.with_header(_KEY_HEADER, key_arn(key))
    if request.operation != "PutObject" and request.headers.get("x-amz-checksum-mode", "").upper() != "ENABLED":
        # Only who asks for the checksum gets it.
        names = [name for name, _ in response.headers if name.lower().startswith("x-amz-checksum-")]
        for name in names:
            response = response.with_header(name, None)
    return response
