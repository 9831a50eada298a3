"""Translate the faults of the services that `init` uses: each denial names the action of IAM that is missing."""

from __future__ import annotations

import contextlib
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from ecsauth.aws.errors import refusal_of, translate
from ecsauth.aws.refusals import foreign, printable
from ecsauth.aws.s3 import translated, understood
from ecsauth.errors import DeniedError, EcsauthError, UnreachableError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ecsauth.aws.attempt import Attempt

# Faults of credentials and clock are the same as S3's, under other codes (AWS "Common errors").
_AS_S3 = {
    "AuthFailure": "InvalidAccessKeyId",
    "ExpiredToken": "ExpiredToken",
    "ExpiredTokenException": "ExpiredToken",
    "InvalidClientTokenId": "InvalidAccessKeyId",
    "InvalidSignatureException": "SignatureDoesNotMatch",
    "RequestExpired": "RequestTimeTooSkewed",
    "SignatureDoesNotMatch": "SignatureDoesNotMatch",
    "UnrecognizedClientException": "InvalidAccessKeyId",
}
_DENIALS = frozenset(("AccessDenied", "AccessDeniedException", "UnauthorizedOperation"))
THROTTLING = frozenset(("Throttling", "ThrottlingException", "RequestLimitExceeded", "TooManyRequestsException"))
"""The codes of a call that the service has not carried out, because there were too many."""


@contextlib.contextmanager
def told(what: Attempt) -> Iterator[None]:
    """Translate every exception of the SDK into an EcsauthError, with a message about the service of `what`."""
    with translated(what), understood(what):
        try:
            yield
        except ClientError as fault:
            raise _refused(fault, what) from None


def code_of(fault: ClientError) -> str:
    """Return the error code of the service."""
    return printable(fault.response.get("Error", {}).get("Code", ""))


def message_of(fault: ClientError) -> str:
    """Return the message of the service, as one printable line."""
    return printable(fault.response.get("Error", {}).get("Message") or "")


def _refused(fault: ClientError, what: Attempt) -> EcsauthError:
    response: Any = fault.response
    code, said, service = code_of(fault), message_of(fault), what.service
    status = int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    quoted = f" ({said})" if said else ""
    if refusal_of(response).is_foreign:
        return foreign(what)
    if code in THROTTLING or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return UnreachableError(
            f"cannot {what}: {service.name} asks for a later retry ({code or status})", "run the same command again"
        )
    if code in _AS_S3:
        is_late = code in ("SignatureDoesNotMatch", "InvalidSignatureException") and "expired" in said
        known: Any = {**response, "Error": {"Code": "RequestTimeTooSkewed" if is_late else _AS_S3[code]}}
        return translate(ClientError(known, fault.operation_name), what)
    if code in _DENIALS:
        action = f"{what.service.prefix}:{fault.operation_name}"
        return DeniedError(f"cannot {what}: {service.name} denies access{quoted}", f"you need {action}")
    return DeniedError(f"cannot {what}: {service.name} answers {code or status}{quoted}")
