"""What S3 and the SDK report, turned into faults by whose fault it is.

S3's own reason is passed on: it names principals, actions and resources, never content. The texts of the SDK's
exceptions are not: some carry checksums of the content.
"""

from __future__ import annotations

import email.utils
import re
import shlex
import socket
import ssl
import time
import urllib.parse
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NamedTuple, Optional

from botocore import exceptions as sdk
from botocore.parsers import ResponseParserError
from urllib3.exceptions import HTTPError

from bootstrap.core.errors import (
    ConflictError,
    DeniedError,
    EcsauthError,
    NoCredentialsError,
    NotYetError,
    SettlingError,
    UnreachableError,
    UsageError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

_THROTTLING = frozenset(
    (
        "SlowDown",
        "Throttling",
        "ThrottlingException",
        "RequestLimitExceeded",
        "KMS.ThrottlingException",
        "TooManyRequests",
    )
)
_WRONG_REGION = frozenset(("PermanentRedirect", "TemporaryRedirect", "AuthorizationHeaderMalformed", "301", "307"))
_LONGEST_REASON = 300
# An action, as "not authorized to perform: kms:Decrypt"; in a key's ARN a colon stands before the service.
_KMS_ACTION = re.compile(r"(?<!:)\bkms:[a-z]", re.IGNORECASE)


class _Known(NamedTuple):
    """A report whose meaning is clear: whose fault, what happened, what to do."""

    error: type[EcsauthError]
    reason: str
    hints: tuple[str, ...] = ()


EXPIRED = (
    "log in again, or set new ones; on an instance they are renewed by themselves",
    "is the clock right?",
)
_CREDENTIALS = ("see which credentials are in use: aws sts get-caller-identity",)
_PUSH = "push it first: ecsauth push FILE S3URI"
_LOOK_AGAIN = ("look at what is there now, then push again",)
FOREIGN = "what answers is not S3"
PROXY = "is there a proxy on the way?"
_BY_CODE = {
    "NoSuchBucket": _Known(DeniedError, "the bucket does not exist", ("is its name right, and its region?",)),
    "NoSuchKey": _Known(DeniedError, "there is no such object", (_PUSH,)),
    "NoSuchVersion": _Known(DeniedError, "there is no such version", ("see the versions: ecsauth history S3URI",)),
    "MethodNotAllowed": _Known(
        DeniedError, "this version is a delete marker: the object was deleted", ("name another version, or none",)
    ),
    "ExpiredToken": _Known(UnreachableError, "the credentials have expired", EXPIRED),
    "InvalidAccessKeyId": _Known(SettlingError, "the access key is not known", _CREDENTIALS),
    "InvalidToken": _Known(SettlingError, "the session token is not valid", _CREDENTIALS),
    "SignatureDoesNotMatch": _Known(DeniedError, "the secret access key does not fit the access key", _CREDENTIALS),
    "PreconditionFailed": _Known(ConflictError, "somebody else changed it first", _LOOK_AGAIN),
    "ConditionalRequestConflict": _Known(ConflictError, "somebody else is writing it", _LOOK_AGAIN),
    "KMS.DisabledException": _Known(
        DeniedError, "the KMS key is disabled", ("enable it: aws kms enable-key --key-id KEY",)
    ),
    "KMS.NotFoundException": _Known(DeniedError, "the KMS key does not exist", ("is it deleted, or elsewhere?",)),
    **dict.fromkeys(
        ("KMS.InvalidKeyUsageException", "KMS.UnsupportedOperationException"),
        _Known(
            DeniedError,
            "the KMS key cannot encrypt: S3 takes a symmetric ENCRYPT_DECRYPT key",
            ("see its KeySpec and KeyUsage: aws kms describe-key --key-id KEY",),
        ),
    ),
    "KMS.KMSInvalidStateException": _Known(
        DeniedError,
        "the KMS key cannot be used in its present state",
        ("it may be waiting for deletion: aws kms describe-key --key-id KEY",),
    ),
}
_OWNER = "the bucket may belong to another account than expected: see --bucket-owner"
_POLICY = (
    "the bucket's policy, or a VPC endpoint's, may deny it: a request without TLS, an address or an endpoint that it "
    "does not know"
)
# What S3 says where that is so (IAM User Guide, "Troubleshoot access denied error messages").
_OF_POLICY = ("explicit deny in a resource-based policy", "VPC endpoint policy")
_KMS_GET = "reading takes kms:Decrypt on the key, in the role's policy or in the key's"
_KMS_PUT = "a put takes kms:GenerateDataKey on the key, in your policy or in the key's"
# What was tried, by its first words, where it is not the reading of an object.
_NEEDED = {
    "put ": (
        "you may lack s3:PutObject on this object, or the bucket's policy may deny the put: another KMS key than it "
        "demands, a request without TLS, an address or an endpoint that it does not know"
    ),
    "list the versions ": "you may lack s3:ListBucketVersions on the bucket",
    "look at the encryption ": (
        "you may lack s3:GetEncryptionConfiguration on the bucket; it is not needed with --kms-key"
    ),
}
_ELSEWHERE = "elsewhere: give --profile, or set the AWS_* variables"
# OpenSSL's names for an answer that is no handshake, for a version that is not ours, and for a peer that says no.
_NOT_TLS = ("WRONG_VERSION", "UNSUPPORTED_PROTOCOL", "RECORD_LAYER", "TLSV1_ALERT", "TLSV13_ALERT", "SSLV3_ALERT")
_BROKE = "the connection broke"
_ON_THE_WAY = ("is there a proxy or a firewall on the way that interferes?",)
_ROUTE = "is there a route to S3: a gateway endpoint, NAT?"
_BY_EXCEPTION: dict[tuple[type[Exception], ...], _Known] = {
    (sdk.MetadataRetrievalError,): _Known(
        NoCredentialsError,
        "there are no credentials, and the metadata service gives no token",
        ("on EC2: is it enabled, and within reach (in a container the hop limit has to be 2)?", _ELSEWHERE),
    ),
    (sdk.NoCredentialsError,): _Known(
        NoCredentialsError,
        "there are no credentials",
        ("on EC2: does the instance have an instance profile with a role?", _ELSEWHERE),
    ),
    (sdk.CredentialRetrievalError,): _Known(
        NotYetError, "there are no credentials: what the environment or the profile names gives none", _CREDENTIALS
    ),
    (sdk.PartialCredentialsError,): _Known(DeniedError, "the credentials are incomplete", _CREDENTIALS),
    (sdk.ProfileNotFound,): _Known(UsageError, "there is no such profile", ("see: aws configure list-profiles",)),
    (sdk.NoRegionError,): _Known(UsageError, "no region is known", ("give --region, the bucket's region",)),
    (sdk.InvalidRegionError,): _Known(UsageError, "the region is malformed", ("write it as eu-central-1",)),
    (sdk.UnauthorizedSSOTokenError, sdk.SSOTokenLoadError, sdk.TokenRetrievalError): _Known(
        DeniedError, "the SSO session has ended", ("run: aws sso login",)
    ),
    (sdk.FlexibleChecksumError,): _Known(
        NotYetError, "what arrived does not fit its checksum", ("does a proxy on the way change the data?",)
    ),
    (sdk.ConnectTimeoutError,): _Known(UnreachableError, "no connection in time", (_ROUTE,)),
    (sdk.ReadTimeoutError,): _Known(UnreachableError, "no answer in time", (_ROUTE,)),
    (sdk.ProxyConnectionError,): _Known(
        UnreachableError, "the proxy does not answer", ("see HTTPS_PROXY and NO_PROXY",)
    ),
    (sdk.HTTPClientError, sdk.IncompleteReadError, sdk.ResponseStreamingError, HTTPError): _Known(
        UnreachableError, _BROKE, _ON_THE_WAY
    ),
    (ResponseParserError,): _Known(UnreachableError, FOREIGN, (PROXY,)),
}


def translate(fault: Exception, what: str) -> EcsauthError:
    """Return the fault that an exception of the SDK stands for; `what` says what was tried, as `get s3://b/k`."""
    if isinstance(fault, sdk.ClientError):
        return _refused(fault.response, what)
    if isinstance(fault, (sdk.EndpointConnectionError, sdk.SSLError)):
        return _not_connected(fault, what)
    for kinds, known in _BY_EXCEPTION.items():
        if isinstance(fault, kinds):
            return known.error(f"cannot {what}: {known.reason}", *known.hints)
    return DeniedError(f"cannot {what}: the AWS SDK failed with {type(fault).__name__}")


def _not_connected(fault: Any, what: str) -> EcsauthError:
    """Tell a name that does not resolve, a port that refuses, no route, and what is wrong with TLS."""
    host = _printable(urllib.parse.urlsplit(fault.kwargs.get("endpoint_url", "")).hostname or "S3")
    causes = tuple(_causes(fault))
    if any(isinstance(cause, socket.gaierror) for cause in causes):
        return UnreachableError(
            f"cannot {what}: the name {host} does not resolve", "does DNS work here, and is the region's name right?"
        )
    if any(isinstance(cause, ConnectionRefusedError) for cause in causes):
        return UnreachableError(f"cannot {what}: {host} refuses the connection", "see AWS_ENDPOINT_URL", _ROUTE)
    if not isinstance(fault, sdk.SSLError):
        return UnreachableError(f"cannot {what}: no connection to {host}", _ROUTE)
    if any(isinstance(cause, (ssl.SSLEOFError, ssl.SSLZeroReturnError)) for cause in causes):
        return UnreachableError(f"cannot {what}: {_BROKE}", *_ON_THE_WAY)
    if any(isinstance(cause, ssl.SSLError) and (cause.reason or "").startswith(_NOT_TLS) for cause in causes):
        return DeniedError(f"cannot {what}: {host} does not speak TLS as it should", *_ON_THE_WAY)
    return DeniedError(
        f"cannot {what}: the TLS certificate cannot be verified",
        "see AWS_CA_BUNDLE: behind a TLS proxy it has to name that proxy's authority",
    )


def _causes(fault: Any) -> Iterator[BaseException]:
    """Yield the exception and what lies behind it: the SDK and urllib3 wrap those of the system."""
    while fault is not None:
        yield fault
        fault = getattr(fault, "kwargs", {}).get("error") or fault.__cause__ or fault.__context__


def is_foreign(response: Any) -> bool:
    """Tell an error that no service of AWS has written, as a proxy's or a portal's page: HTML, without a code.

    The SDK makes a 500 of a page that comes with 200.
    """
    headers = response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    code = str(response.get("Error", {}).get("Code", ""))
    is_page = headers.get("content-type", "").lower().startswith("text/html")
    return is_page and "x-amz-request-id" not in headers and (code.isdigit() or not code)


def _refused(response: Any, what: str) -> EcsauthError:
    error, meta = response.get("Error", {}), response.get("ResponseMetadata", {})
    code, status = _printable(error.get("Code", "")), int(meta.get("HTTPStatusCode", 0))
    headers = meta.get("HTTPHeaders", {})
    said = _printable(error.get("Message") or "")
    if code == "NoSuchKey" and headers.get("x-amz-delete-marker") == "true":
        return DeniedError(f"cannot {what}: the object was deleted: its newest version is a delete marker", _PUSH)
    if code in _BY_CODE:
        known = _BY_CODE[code]
        return known.error(f"cannot {what}: {known.reason}", *known.hints)
    if is_foreign(response):
        return UnreachableError(f"cannot {what}: {FOREIGN}", PROXY)
    if code in _THROTTLING or status >= HTTPStatus.INTERNAL_SERVER_ERROR or code == "RequestTimeout":
        return UnreachableError(
            f"cannot {what}: S3 asks to come back later ({code or status})",
            "run the same command again; if it lasts, see the AWS Health Dashboard for S3 and KMS in this region",
        )
    if code in _WRONG_REGION:
        return _wrong_region(headers.get("x-amz-bucket-region"), what)
    if code == "RequestTimeTooSkewed":
        return DeniedError(
            f"cannot {what}: this machine's clock is wrong{_offset(headers.get('date'))}", "start chronyd"
        )
    # What a role is answered, too, that IAM has not spread yet; other codes (AllAccessDisabled) are about the bucket.
    denial = SettlingError if code == "AccessDenied" else DeniedError
    if code.lower().startswith("kms") or (status == HTTPStatus.FORBIDDEN and _KMS_ACTION.search(said)):
        return denial(
            f"cannot {what}: KMS denies the use of the key" + _quoted(said),
            _KMS_PUT if what.startswith("put ") else _KMS_GET,
        )
    if status == HTTPStatus.FORBIDDEN or code in ("AccessDenied", "AllAccessDisabled"):
        return denial(f"cannot {what}: S3 denies access" + _quoted(said), *_causes_of_denial(what, said))
    return _told_by_status(code, status, said, what)


def _told_by_status(code: str, status: int, said: str, what: str) -> EcsauthError:
    """Return what is left: codes that mean many things, and answers without any."""
    if code == "InvalidArgument" and "version id" in said.lower():
        return DeniedError(f"cannot {what}: this is no ID of a version", "see the versions: ecsauth history S3URI")
    if status == HTTPStatus.METHOD_NOT_ALLOWED:
        # A HEAD has no body that names the code.
        known = _BY_CODE["MethodNotAllowed"]
        return known.error(f"cannot {what}: {known.reason}", *known.hints)
    if status == HTTPStatus.NOT_FOUND:
        return DeniedError(f"cannot {what}: there is no such object, version or bucket", "is the URI right?")
    return DeniedError(f"cannot {what}: S3 answers {code or status}" + _quoted(said))


def _causes_of_denial(what: str, said: str) -> tuple[str, ...]:
    """S3 gives one answer for four causes; they are named in the order of likelihood, what it names first."""
    verb, _, uri = what.partition(" ")
    for start, needed in _NEEDED.items():
        if what.startswith(start):
            return (needed, _OWNER) if verb == "put" else (needed, _OWNER, _POLICY)
    causes = [
        "the object may not exist: without s3:ListBucket S3 does not say so",
        "the role may lack s3:GetObject (and s3:GetObjectVersion for a version) on this object",
        _OWNER,
    ]
    causes.insert(0 if any(text in said for text in _OF_POLICY) else len(causes), _POLICY)
    return (*causes, f"ecsauth doctor {shlex.quote(uri)} tells them apart") if verb == "get" else tuple(causes)


def _wrong_region(region: Optional[str], what: str) -> EcsauthError:
    where = f" in {region}" if region else " elsewhere"
    return DeniedError(
        f"cannot {what}: the bucket is{where}", f"give --region {region or 'REGION'}, the bucket's region"
    )


def _offset(date: Optional[str]) -> str:
    """Say by how much the clock is off, measured against the answer's date."""
    try:
        there = email.utils.parsedate_to_datetime(date or "").timestamp()
    except (TypeError, ValueError):
        return ""
    seconds = round(time.time() - there)
    return f" by {abs(seconds)} s, {'ahead' if seconds > 0 else 'behind'}"


def _quoted(said: str) -> str:
    return f" ({said})" if said else ""


def _printable(text: object) -> str:
    return "".join(letter for letter in str(text) if letter.isprintable())[:_LONGEST_REASON]
