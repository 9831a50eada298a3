"""Calls of ECS and Systems Manager: bounded, tried again if the service throttles, with messages that name the action.

The SDK tries each call twice by itself. A page of thousands of instances needs more patience than that.
"""

from __future__ import annotations

import contextlib
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Callable, NamedTuple, Union

from botocore.exceptions import ClientError

from ecsauth.aws.attempt import Operation
from ecsauth.aws.errors import refusal_of, translate
from ecsauth.aws.refusals import expired, foreign, printable
from ecsauth.aws.s3 import translated, understood
from ecsauth.command_hint import CommandHint
from ecsauth.errors import DeniedError, EcsauthError, UnreachableError
from ecsauth.timing import Clock, Deadline, persist

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ecsauth.aws.attempt import Attempt

# Seconds for one call with all its tries.
_BOUND = 120.0
_MOST_PAGES = 10_000
# Faults of credentials and clock are the same as S3's, under other codes (AWS "Common errors").
_AS_S3 = {
    "UnrecognizedClientException": "InvalidAccessKeyId",
    "InvalidClientTokenId": "InvalidAccessKeyId",
    "InvalidSignatureException": "SignatureDoesNotMatch",
    "SignatureDoesNotMatch": "SignatureDoesNotMatch",
    "RequestExpired": "RequestTimeTooSkewed",
}
_EXPIRED = frozenset(("ExpiredToken", "ExpiredTokenException"))
_THROTTLING = frozenset(
    ("Throttling", "ThrottlingException", "RequestLimitExceeded", "TooManyRequestsException", "TooManyUpdates")
)
_DENIALS = frozenset(("AccessDenied", "AccessDeniedException", "UnauthorizedOperation"))
# What the operations need: Service Authorization Reference.
_ACTIONS = {
    Operation.LIST_CLUSTER: "ecs:ListContainerInstances",
    Operation.DESCRIBE_CLUSTER: "ecs:DescribeContainerInstances",
    Operation.DESCRIBE_NODES: "ssm:DescribeInstanceInformation",
    Operation.READ_INVENTORY: "ssm:GetInventory",
    Operation.LOOK_AT_DOCUMENT: "ssm:DescribeDocument",
    Operation.SEND_COMMAND: "ssm:SendCommand on the document and on the instances",
    Operation.LIST_COMMANDS: "ssm:ListCommands",
    Operation.LIST_RESULTS: "ssm:ListCommandInvocations",
    Operation.CANCEL_COMMAND: "ssm:CancelCommand",
}


class _SessionOver(NamedTuple):
    """The credentials have expired: another try fails alike."""

    fault: EcsauthError


class PacedCalls:
    """Calls the operations of one client."""

    def __init__(self, client: Any, clock: Clock) -> None:
        self._client = client
        self._clock = clock

    def call(self, operation: str, what: Attempt, **parameters: Any) -> Any:
        """Return the answer; raise DeniedError, UnreachableError and, for a refusal of this operation, ClientError."""
        action: Callable[..., Any] = getattr(self._client, operation)

        def attempt(_left: float) -> Union[_SessionOver, Any]:
            with told(what), understood(what):
                try:
                    return action(**parameters)
                except ClientError as fault:
                    if fault.response.get("Error", {}).get("Code", "") in _EXPIRED:
                        return _SessionOver(expired(what))
                    raise

        answer = persist(attempt, self._clock, Deadline(self._clock, _BOUND))
        if isinstance(answer, _SessionOver):
            raise answer.fault
        return answer

    def pages(self, operation: str, what: Attempt, token: str = "NextToken", **parameters: Any) -> Iterator[Any]:  # noqa: S107 - the name of a field
        """Yield each page of the answer; raise as `call`."""
        for _ in range(_MOST_PAGES):
            page = self.call(operation, what, **parameters)
            yield page
            after = page.get(token)
            if not after:
                return
            parameters = {**parameters, token: after}


@contextlib.contextmanager
def told(what: Attempt) -> Iterator[None]:
    """Translate the exceptions of the SDK into EcsauthErrors, with messages about the service."""
    with translated(what):
        try:
            yield
        except ClientError as fault:
            raise _refused(fault, what) from None


class ServiceAnswerError(DeniedError):
    """The service refuses the request itself; `code` is its error code."""

    code = ""


def _refused(fault: ClientError, what: Attempt) -> EcsauthError:
    response: Mapping[str, Any] = fault.response
    error = response.get("Error", {})
    code, said = printable(error.get("Code", "")), printable(error.get("Message") or "")
    status = int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    name = what.service.name
    if refusal_of(response).is_foreign:
        return foreign(what)
    if code in _THROTTLING or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return UnreachableError(
            f"cannot {what}: {name} asks to come back later ({code or status})", "run the same command again"
        )
    if code in _AS_S3:
        is_late = code == "InvalidSignatureException" and "expired" in said
        known: Any = {**response, "Error": {"Code": "RequestTimeTooSkewed" if is_late else _AS_S3[code]}}
        return translate(ClientError(known, fault.operation_name), what)
    if code in _DENIALS:
        reason = f" ({said})" if said else ""
        return DeniedError(
            f"cannot {what}: {name} denies access{reason}", f"it takes {_ACTIONS.get(what.operation, 'a permission')}"
        )
    if code == "ClusterNotFoundException":
        return DeniedError(
            f"cannot {what}: there is no such cluster in this account and region",
            CommandHint("is --region right, and the profile? see", "aws", "ecs", "list-clusters"),
            "or name it: --cluster NAME",
        )
    answer = ServiceAnswerError(f"cannot {what}: {name} answers {code or status}" + (f" ({said})" if said else ""))
    answer.code = code
    return answer
