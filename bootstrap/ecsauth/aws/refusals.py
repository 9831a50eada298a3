"""Translate the error answers of AWS services into the fault classes of ecsauth.

The service's own reason is shown: it names principals, actions and resources, never content.
"""

from __future__ import annotations

import email.utils
import re
import time
from http import HTTPStatus
from typing import TYPE_CHECKING, NamedTuple, Optional

from ecsauth.aws import denials
from ecsauth.aws.attempt import Attempt, Operation
from ecsauth.aws.endpoint import is_region
from ecsauth.command_hint import FILE, KEY, S3URI, CommandHint
from ecsauth.errors import (
    ConflictError,
    DeniedError,
    EcsauthError,
    ExpiredError,
    SettlingError,
    UnreachableError,
    UsageError,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

REGION_HEADER = "x-amz-bucket-region"
TOO_SKEWED = "RequestTimeTooSkewed"
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
# An action, as in "not authorized to perform: kms:Decrypt"; in the ARN of a key a colon precedes the service.
_KMS_ACTION = re.compile(r"(?<!:)\bkms:[a-z]", re.IGNORECASE)
_KEY_ARN = re.compile(r"\barn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/[0-9a-zA-Z-]+")


class KnownFault(NamedTuple):
    """An answer with a clear meaning: fault class, message, hints; {…} is replaced by names of the service."""

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
        return told(self.error, what, self.reason.format(**names), *hints)


def told(error: type[EcsauthError], what: Attempt, reason: str, *hints: str) -> EcsauthError:
    """Return the fault for a failed operation, with its reason."""
    fault = error(f"cannot {what}: {reason}", *hints)
    fault.reason = reason
    return fault


def _about(hint: CommandHint, what: Attempt) -> CommandHint:
    """Return the hint with the requested object in it."""
    return hint.filled({S3URI: what.uri.object_uri}) if what.uri is not None else hint


_LOG_IN = "log in again, or set new credentials; on an instance they are renewed automatically"
_EXPIRED = KnownFault(ExpiredError, "the credentials have expired", (_LOG_IN, "check the clock of this machine"))
WHO = (CommandHint("see which credentials are in use", "aws", "sts", "get-caller-identity"),)
INCOMPLETE = KnownFault(DeniedError, "the credentials are incomplete", WHO)
_PROFILES = CommandHint("list the profiles", "aws", "configure", "list-profiles")
NO_PROFILE = KnownFault(UsageError, "the profile does not exist", (_PROFILES,))
_PUSH = CommandHint("push it first", "ecsauth", "push", FILE, S3URI)
_HISTORY = CommandHint("list the versions", "ecsauth", "history", S3URI)
_SYNCHRONIZE = CommandHint("synchronize the clock", "systemctl", "restart", "chronyd")
_LOOK_AGAIN = (CommandHint("see who changed it, then push again", "ecsauth", "history", S3URI),)
FOREIGN = KnownFault(UnreachableError, "{foreign}", ("check for a proxy that answers in place of {service}",))
_DELETE_MARKER = KnownFault(
    DeniedError,
    "this version is a delete marker: the object was deleted",
    (CommandHint("list the versions and name another one", "ecsauth", "history", S3URI),),
)


def _describe_key(why: str) -> CommandHint:
    return CommandHint(why, "aws", "kms", "describe-key", "--key-id", KEY)


_BY_CODE = {
    "NoSuchBucket": KnownFault(
        DeniedError, "the bucket does not exist", ("check the name and the region of the bucket",)
    ),
    "NoSuchKey": KnownFault(DeniedError, "the object does not exist", (_PUSH,)),
    "NoSuchVersion": KnownFault(DeniedError, "the version does not exist", (_HISTORY,)),
    "MethodNotAllowed": _DELETE_MARKER,
    "ExpiredToken": _EXPIRED,
    "InvalidAccessKeyId": KnownFault(SettlingError, "the access key does not exist", WHO),
    "InvalidToken": KnownFault(SettlingError, "the session token is invalid", WHO),
    "SignatureDoesNotMatch": KnownFault(DeniedError, "the secret access key does not match the access key", WHO),
    "PreconditionFailed": KnownFault(ConflictError, "the object was changed in the meantime", _LOOK_AGAIN),
    "ConditionalRequestConflict": KnownFault(ConflictError, "another request is writing the object", _LOOK_AGAIN),
    "KMS.DisabledException": KnownFault(
        DeniedError,
        "the KMS key is disabled",
        (CommandHint("enable it", "aws", "kms", "enable-key", "--key-id", KEY),),
    ),
    "KMS.NotFoundException": KnownFault(
        DeniedError,
        "the KMS key does not exist",
        (_describe_key("it may be deleted, or in another account or region"),),
    ),
    **dict.fromkeys(
        ("KMS.InvalidKeyUsageException", "KMS.UnsupportedOperationException"),
        KnownFault(
            DeniedError,
            "the KMS key cannot encrypt: S3 requires a symmetric key with the usage ENCRYPT_DECRYPT",
            (_describe_key("see its KeySpec and KeyUsage"),),
        ),
    ),
    "KMS.KMSInvalidStateException": KnownFault(
        DeniedError,
        "the KMS key cannot be used in its current state",
        (_describe_key("see whether it is pending deletion"),),
    ),
}
_KMS_GET = "reading requires kms:Decrypt on the key, in the role's policy or in the key policy"
_KMS_PUT = "the upload requires kms:GenerateDataKey on the key, in your policy or in the key policy"


class ServiceRefusal(NamedTuple):
    """An error answer: the names of `headers` are in lower case.

    `code` and `message` are those of the service's error document. Without one `code` is the status.
    """

    status: int
    code: str
    message: str
    headers: Mapping[str, str]

    @property
    def is_foreign(self) -> bool:
        """Tell whether the answer is not from an AWS service: it is HTML without a code, as the page of a proxy.

        The SDK reports a page with status 200 as status 500.
        """
        is_page = self.headers.get("content-type", "").lower().startswith("text/html")
        return is_page and "x-amz-request-id" not in self.headers and (self.code.isdigit() or not self.code)

    @property
    def is_passing(self) -> bool:
        """Tell whether the service asks for a later retry."""
        return (
            self.code in _THROTTLING or self.status >= HTTPStatus.INTERNAL_SERVER_ERROR or self.code == "RequestTimeout"
        )

    @property
    def behind(self) -> Optional[float]:
        """The seconds by which this machine's clock is behind the service's, None if unknown."""
        return behind(self.headers.get("date"))

    @property
    def region(self) -> Optional[str]:
        """The region of the bucket, None if the service does not name it."""
        region = self.headers.get(REGION_HEADER, "")
        return region if is_region(region) else None


def moment(date: str) -> float:
    """Return an HTTP date in seconds since the epoch; raise ValueError if it is invalid."""
    try:
        return email.utils.parsedate_to_datetime(date).timestamp()
    except (TypeError, LookupError, ArithmeticError):
        # The parser raises these for an invalid date, depending on the version of Python.
        raise ValueError from None


def behind(date: Optional[str]) -> Optional[float]:
    """Return the seconds by which this machine's clock is behind the date of an answer, None if it has none."""
    try:
        return moment(date or "") - time.time()
    except ValueError:
        return None


def foreign(what: Attempt) -> EcsauthError:
    """Return the fault for an answer that is not from the service."""
    return FOREIGN.told(what)


def expired(what: Attempt) -> EcsauthError:
    """Return the fault for expired credentials."""
    return _EXPIRED.told(what)


def refused(refusal: ServiceRefusal, what: Attempt) -> EcsauthError:
    """Return the fault for an error answer."""
    code, status, headers = printable(refusal.code), refusal.status, refusal.headers
    said = printable(refusal.message)
    if code == "NoSuchKey" and headers.get("x-amz-delete-marker") == "true":
        deleted = "the object was deleted: its newest version is a delete marker"
        return told(DeniedError, what, deleted, _about(_PUSH, what))
    if code in _BY_CODE:
        return _naming_key(_BY_CODE[code].told(what), said)
    if refusal.is_foreign:
        return foreign(what)
    if refusal.is_passing:
        return told(
            UnreachableError,
            what,
            f"S3 is temporarily unavailable ({code or status})",
            "run the same command again; if the error persists, see the AWS Health Dashboard for S3 and KMS in this "
            "region",
        )
    if code in _WRONG_REGION:
        return _wrong_region(refusal.region, what)
    if code == TOO_SKEWED:
        return told(DeniedError, what, clock(refusal.behind), _SYNCHRONIZE)
    return _denied(code, status, said, what) or _told_by_status(code, status, said, what)


def _naming_key(fault: EcsauthError, said: str) -> EcsauthError:
    """Return the fault; its hints name the key that KMS names in its message."""
    named = _KEY_ARN.search(said)
    if named is not None:
        fault.hints = tuple(
            hint.filled({KEY: named[0]}) if isinstance(hint, CommandHint) else hint for hint in fault.hints
        )
    return fault


def _denied(code: str, status: int, said: str, what: Attempt) -> Optional[EcsauthError]:
    """Return the fault if it is a denial, by KMS or by S3."""
    # A new role also gets AccessDenied until IAM has propagated it. Other codes (AllAccessDisabled) concern the bucket.
    denial = SettlingError if code == "AccessDenied" else DeniedError
    if code.lower().startswith("kms") or (status == HTTPStatus.FORBIDDEN and _KMS_ACTION.search(said)):
        needed = _KMS_PUT if what.operation is Operation.PUT else _KMS_GET
        return told(denial, what, "KMS denies the use of the key" + _quoted(said), needed)
    if status == HTTPStatus.FORBIDDEN or code in ("AccessDenied", "AllAccessDisabled"):
        causes = denials.causes(what, said)
        fault = told(denial, what, "S3 denies access" + _quoted(said), *causes)
        fault.is_unexplained = True
        return fault
    return None


def _told_by_status(code: str, status: int, said: str, what: Attempt) -> EcsauthError:
    """Return what is left: codes that mean many things, and answers without any."""
    if code == "InvalidArgument" and "version id" in said.lower():
        return told(DeniedError, what, "the version ID is invalid", _about(_HISTORY, what))
    if status == HTTPStatus.METHOD_NOT_ALLOWED:
        # The answer to a HEAD request has no body with a code.
        return _DELETE_MARKER.told(what)
    if status == HTTPStatus.NOT_FOUND:
        return told(DeniedError, what, "the object, the version or the bucket does not exist", "check the S3 URI")
    return told(DeniedError, what, f"S3 returned {code or status}" + _quoted(said))


def _wrong_region(region: Optional[str], what: Attempt) -> EcsauthError:
    where = region or "another region"
    return told(
        DeniedError, what, f"the bucket is in {where}", f"give the region of the bucket: --region {region or 'REGION'}"
    )


def clock(behind: Optional[float]) -> str:
    """Return the message that this machine's clock is wrong, with the offset if it is known."""
    if behind is None:
        return "the clock of this machine is wrong"
    return f"the clock of this machine is {abs(round(behind))} s {'behind' if behind > 0 else 'ahead'}"


def _quoted(said: str) -> str:
    return f" ({said})" if said else ""


def printable(text: object) -> str:
    """Return a text as one printable line of limited length."""
    return "".join(letter for letter in str(text) if letter.isprintable())[:_LONGEST_REASON]
