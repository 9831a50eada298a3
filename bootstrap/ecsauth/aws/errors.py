"""What S3 and the SDK report, turned into faults by whose fault it is.

S3's own reason is passed on: it names principals, actions and resources, never content. The texts of the SDK's
exceptions are not: some carry checksums of the content.
"""

from __future__ import annotations

import email.utils
import re
import socket
import ssl
import time
import urllib.parse
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NamedTuple, Optional

from botocore import exceptions as sdk
from botocore.parsers import ResponseParserError
from urllib3.exceptions import HTTPError

from ecsauth import archive
from ecsauth.aws import denials
from ecsauth.aws.attempt import Attempt, Operation
from ecsauth.command_hint import FILE, KEY, S3URI, CommandHint
from ecsauth.errors import (
    FORBIDDEN,
    SCARCE,
    ConflictError,
    DeniedError,
    EcsauthError,
    LocalError,
    NoCredentialsError,
    NotYetError,
    SettlingError,
    UnreachableError,
    UsageError,
    reason_of,
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
_KEY_ARN = re.compile(r"\barn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/[0-9a-zA-Z-]+")


class _Known(NamedTuple):
    """A report whose meaning is clear: whose fault, what happened, what to do; {…} stands for names of the service."""

    error: type[EcsauthError]
    reason: str
    hints: tuple[str, ...] = ()

    def told(self, what: Attempt) -> EcsauthError:
        """Return the fault."""
        service = what.service
        names = {
            "service": service.name,
            "endpoint": service.endpoint,
            "owner": service.region_of,
            "foreign": service.foreign,
        }
        hints = (_about(hint, what) if isinstance(hint, CommandHint) else hint.format(**names) for hint in self.hints)
        return _told(self.error, what, self.reason.format(**names), *hints)


def _told(error: type[EcsauthError], what: Attempt, reason: str, *hints: str) -> EcsauthError:
    """Return the fault that `what` could not be done for a reason."""
    fault = error(f"cannot {what}: {reason}", *hints)
    fault.reason = reason
    return fault


def _about(hint: CommandHint, what: Attempt) -> CommandHint:
    """Return the hint about the object that was asked for."""
    return hint.filled({S3URI: what.uri.object_uri}) if what.uri is not None else hint


_LOG_IN = "log in again, or set new ones; on an instance they are renewed by themselves"
_EXPIRED = _Known(UnreachableError, "the credentials have expired", (_LOG_IN, "is the clock right?"))
_CREDENTIALS = (CommandHint("see which credentials are in use", "aws", "sts", "get-caller-identity"),)
_PUSH = CommandHint("push it first", "ecsauth", "push", FILE, S3URI)
_HISTORY = CommandHint("see the versions", "ecsauth", "history", S3URI)
_LOOK_AGAIN = ("look at what is there now, then push again",)
_FOREIGN = _Known(UnreachableError, "{foreign}", ("is there a proxy on the way?",))
_DELETE_MARKER = _Known(
    DeniedError, "this version is a delete marker: the object was deleted", ("name another version, or none",)
)


def _describe_key(why: str) -> CommandHint:
    return CommandHint(why, "aws", "kms", "describe-key", "--key-id", KEY)


_BY_CODE = {
    "NoSuchBucket": _Known(DeniedError, "the bucket does not exist", ("is its name right, and its region?",)),
    "NoSuchKey": _Known(DeniedError, "there is no such object", (_PUSH,)),
    "NoSuchVersion": _Known(DeniedError, "there is no such version", (_HISTORY,)),
    "MethodNotAllowed": _DELETE_MARKER,
    "ExpiredToken": _EXPIRED,
    "InvalidAccessKeyId": _Known(SettlingError, "the access key is not known", _CREDENTIALS),
    "InvalidToken": _Known(SettlingError, "the session token is not valid", _CREDENTIALS),
    "SignatureDoesNotMatch": _Known(DeniedError, "the secret access key does not fit the access key", _CREDENTIALS),
    "PreconditionFailed": _Known(ConflictError, "somebody else changed it first", _LOOK_AGAIN),
    "ConditionalRequestConflict": _Known(ConflictError, "somebody else is writing it", _LOOK_AGAIN),
    "KMS.DisabledException": _Known(
        DeniedError,
        "the KMS key is disabled",
        (CommandHint("enable it", "aws", "kms", "enable-key", "--key-id", KEY),),
    ),
    "KMS.NotFoundException": _Known(
        DeniedError, "the KMS key does not exist", (_describe_key("it may be deleted, or elsewhere"),)
    ),
    **dict.fromkeys(
        ("KMS.InvalidKeyUsageException", "KMS.UnsupportedOperationException"),
        _Known(
            DeniedError,
            "the KMS key cannot encrypt: S3 takes a symmetric ENCRYPT_DECRYPT key",
            (_describe_key("see its KeySpec and KeyUsage"),),
        ),
    ),
    "KMS.KMSInvalidStateException": _Known(
        DeniedError,
        "the KMS key cannot be used in its present state",
        (_describe_key("it may be waiting for deletion"),),
    ),
}
_KMS_GET = "reading takes kms:Decrypt on the key, in the role's policy or in the key's"
_KMS_PUT = "a put takes kms:GenerateDataKey on the key, in your policy or in the key's"
_ELSEWHERE = "elsewhere: give --profile, or set the AWS_* variables"
# OpenSSL's names for an answer that is no handshake, for a version that is not ours, and for a peer that says no.
_NOT_TLS = ("WRONG_VERSION", "UNSUPPORTED_PROTOCOL", "RECORD_LAYER", "TLSV1_ALERT", "TLSV13_ALERT", "SSLV3_ALERT")
_BROKE = _Known(
    UnreachableError, "the connection broke", ("is there a proxy or a firewall on the way that interferes?",)
)
_ROUTE = "is there a route to {service}: {endpoint}, NAT?"
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
    (sdk.ProfileNotFound,): _Known(
        UsageError, "there is no such profile", (CommandHint("see", "aws", "configure", "list-profiles"),)
    ),
    (sdk.NoRegionError,): _Known(UsageError, "no region is known", ("give --region, {owner}'s region",)),
    (sdk.InvalidRegionError,): _Known(UsageError, "the region is malformed", ("write it as eu-central-1",)),
    (sdk.UnauthorizedSSOTokenError, sdk.SSOTokenLoadError, sdk.TokenRetrievalError): _Known(
        DeniedError, "the SSO session has ended", (CommandHint("log in again", "aws", "sso", "login"),)
    ),
    (sdk.FlexibleChecksumError,): _Known(
        NotYetError, "what arrived does not fit its checksum", ("does a proxy on the way change the data?",)
    ),
    (sdk.ConnectTimeoutError,): _Known(UnreachableError, "no connection in time", (_ROUTE,)),
    (sdk.ReadTimeoutError,): _Known(UnreachableError, "no answer in time", (_ROUTE,)),
    (sdk.ProxyConnectionError,): _Known(
        UnreachableError, "the proxy does not answer", ("see HTTPS_PROXY and NO_PROXY",)
    ),
    (sdk.HTTPClientError, sdk.IncompleteReadError, sdk.ResponseStreamingError, HTTPError): _BROKE,
    (ResponseParserError,): _FOREIGN,
}


def translate(fault: Exception, what: Attempt) -> EcsauthError:
    """Return the fault that an exception of the SDK stands for."""
    if isinstance(fault, sdk.ClientError):
        return _refused(fault.response, what)
    if isinstance(fault, (sdk.EndpointConnectionError, sdk.SSLError)):
        return _not_connected(fault, what)
    if isinstance(fault, (sdk.DataNotFoundError, sdk.UnknownServiceError)):
        return _without_data(fault, what)
    for kinds, known in _BY_EXCEPTION.items():
        if isinstance(fault, kinds):
            return known.told(what)
    return _told(DeniedError, what, f"the AWS SDK failed with {type(fault).__name__}")


def _without_data(fault: Any, what: Attempt) -> EcsauthError:
    """Tell what the boot archive leaves out, as single sign-on, from an SDK whose data is damaged."""
    if archive.PACKAGES:
        service = fault.kwargs.get("service_name") or fault.kwargs.get("data_path", "").partition("/")[0]
        return _told(DeniedError, what, archive.lack(f"AWS's service {_printable(service)}"), archive.HINT)
    hint = "is ecsauth installed as a whole? install it again"
    return _told(LocalError, what, "the data of the AWS SDK cannot be read", hint)


def foreign(what: Attempt) -> EcsauthError:
    """Return the fault that something else than the service has answered."""
    return _FOREIGN.told(what)


def expired(what: Attempt) -> EcsauthError:
    """Return the fault that the credentials are not valid any more."""
    return _EXPIRED.told(what)


def _not_connected(fault: Any, what: Attempt) -> EcsauthError:
    """Tell a name that does not resolve, a port that refuses, no route, and what is wrong with TLS."""
    host = _printable(urllib.parse.urlsplit(fault.kwargs.get("endpoint_url", "")).hostname or what.service.name)
    causes = tuple(_causes(fault))
    if any(isinstance(cause, socket.gaierror) for cause in causes):
        hint = "does DNS work here, and is the region's name right?"
        return _Known(UnreachableError, f"the name {host} does not resolve", (hint,)).told(what)
    if any(isinstance(cause, ConnectionRefusedError) for cause in causes):
        hints = ("see AWS_ENDPOINT_URL", _ROUTE)
        return _Known(UnreachableError, f"{host} refuses the connection", hints).told(what)
    if not isinstance(fault, sdk.SSLError):
        own = next(
            (reason_of(one) for one in causes if isinstance(one, OSError) and one.errno in SCARCE | FORBIDDEN), ""
        )
        reason = f"no connection to {host}" + (f": {own}" if own else "")
        return _Known(UnreachableError, reason, (_ROUTE,)).told(what)
    if any(isinstance(cause, (ssl.SSLEOFError, ssl.SSLZeroReturnError)) for cause in causes):
        return _BROKE.told(what)
    if any(isinstance(cause, ssl.SSLError) and (cause.reason or "").startswith(_NOT_TLS) for cause in causes):
        return _told(DeniedError, what, f"{host} does not speak TLS as it should", *_BROKE.hints)
    return _told(
        DeniedError,
        what,
        "the TLS certificate cannot be verified",
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


def _refused(response: Any, what: Attempt) -> EcsauthError:
    error, meta = response.get("Error", {}), response.get("ResponseMetadata", {})
    code, status = _printable(error.get("Code", "")), int(meta.get("HTTPStatusCode", 0))
    headers = meta.get("HTTPHeaders", {})
    said = _printable(error.get("Message") or "")
    if code == "NoSuchKey" and headers.get("x-amz-delete-marker") == "true":
        deleted = "the object was deleted: its newest version is a delete marker"
        return _told(DeniedError, what, deleted, _about(_PUSH, what))
    if code in _BY_CODE:
        return _naming_key(_BY_CODE[code].told(what), said)
    if is_foreign(response):
        return foreign(what)
    if code in _THROTTLING or status >= HTTPStatus.INTERNAL_SERVER_ERROR or code == "RequestTimeout":
        return _told(
            UnreachableError,
            what,
            f"S3 asks to come back later ({code or status})",
            "run the same command again; if it lasts, see the AWS Health Dashboard for S3 and KMS in this region",
        )
    if code in _WRONG_REGION:
        return _wrong_region(headers.get("x-amz-bucket-region"), what)
    if code == "RequestTimeTooSkewed":
        clock = f"this machine's clock is wrong{_offset(headers.get('date'))}"
        return _told(DeniedError, what, clock, "start chronyd")
    return _denied(code, status, said, what) or _told_by_status(code, status, said, what)


def _naming_key(fault: EcsauthError, said: str) -> EcsauthError:
    """Return the fault with the key in its hints that KMS names in its message."""
    named = _KEY_ARN.search(said)
    if named is not None:
        fault.hints = tuple(
            hint.filled({KEY: named[0]}) if isinstance(hint, CommandHint) else hint for hint in fault.hints
        )
    return fault


def _denied(code: str, status: int, said: str, what: Attempt) -> Optional[EcsauthError]:
    """Return the fault if it is a denial, by KMS or by S3."""
    # What a role is answered, too, that IAM has not spread yet; other codes (AllAccessDisabled) are about the bucket.
    denial = SettlingError if code == "AccessDenied" else DeniedError
    if code.lower().startswith("kms") or (status == HTTPStatus.FORBIDDEN and _KMS_ACTION.search(said)):
        needed = _KMS_PUT if what.operation is Operation.PUT else _KMS_GET
        return _told(denial, what, "KMS denies the use of the key" + _quoted(said), needed)
    if status == HTTPStatus.FORBIDDEN or code in ("AccessDenied", "AllAccessDisabled"):
        causes = denials.causes(what, said)
        fault = _told(denial, what, "S3 denies access" + _quoted(said), *causes)
        fault.is_unexplained = True
        return fault
    return None


def _told_by_status(code: str, status: int, said: str, what: Attempt) -> EcsauthError:
    """Return what is left: codes that mean many things, and answers without any."""
    if code == "InvalidArgument" and "version id" in said.lower():
        return _told(DeniedError, what, "this is no ID of a version", _about(_HISTORY, what))
    if status == HTTPStatus.METHOD_NOT_ALLOWED:
        # A HEAD has no body that names the code.
        return _DELETE_MARKER.told(what)
    if status == HTTPStatus.NOT_FOUND:
        return _told(DeniedError, what, "there is no such object, version or bucket", "is the URI right?")
    return _told(DeniedError, what, f"S3 answers {code or status}" + _quoted(said))


def _wrong_region(region: Optional[str], what: Attempt) -> EcsauthError:
    where = f" in {region}" if region else " elsewhere"
    return _told(DeniedError, what, f"the bucket is{where}", f"give --region {region or 'REGION'}, the bucket's region")


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
