"""One stack of CloudFormation: its outputs and parameters, neither of which may be a secret."""

from __future__ import annotations

import contextlib
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NamedTuple

from botocore.exceptions import ClientError

from ecsauth.aws.attempt import Attempt, Operation
from ecsauth.aws.errors import refusal_of, translate
from ecsauth.aws.refusals import foreign, printable
from ecsauth.aws.s3 import translated, understood
from ecsauth.command_hint import CommandHint
from ecsauth.errors import DeniedError, EcsauthError, UnreachableError

if TYPE_CHECKING:
    from collections.abc import Iterator

# Faults of credentials and clock are the same as S3's, under other codes (AWS "Common errors").
_AS_S3 = {
    "ExpiredToken": "ExpiredToken",
    "InvalidClientTokenId": "InvalidAccessKeyId",
    "SignatureDoesNotMatch": "SignatureDoesNotMatch",
    "RequestExpired": "RequestTimeTooSkewed",
}
_DENIALS = frozenset(("AccessDenied", "AccessDeniedException", "UnauthorizedOperation"))
_THROTTLING = frozenset(("Throttling", "ThrottlingException", "RequestLimitExceeded"))
# CloudFormation API Reference, DescribeStacks: "If the stack doesn't exist, a ValidationError is returned".
_ABSENT = "ValidationError"


class Stack(NamedTuple):
    """The parameters and the outputs of a stack."""

    parameters: dict[str, str]
    outputs: dict[str, str]


def look(client: Any, name: str) -> Stack:
    """Return the stack with this name or ARN; raise DeniedError (also if there is none) or UnreachableError."""
    what = Attempt(Operation.LOOK_AT_STACK, name)
    with told(what), understood(what):
        answer = client.describe_stacks(StackName=name)
    found: Any = next(iter(answer.get("Stacks", ())), {})
    return Stack(
        {one["ParameterKey"]: one.get("ParameterValue", "") for one in found.get("Parameters", ())},
        {one["OutputKey"]: one.get("OutputValue", "") for one in found.get("Outputs", ())},
    )


@contextlib.contextmanager
def told(what: Attempt) -> Iterator[None]:
    """Translate every exception of the SDK into an EcsauthError, with a message about CloudFormation."""
    with translated(what):
        try:
            yield
        except ClientError as fault:
            raise _refused(fault, what) from None


def _refused(fault: ClientError, what: Attempt) -> EcsauthError:
    response: Any = fault.response
    code, said = printable(response.get("Error", {}).get("Code", "")), printable(response["Error"].get("Message", ""))
    status = int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    if refusal_of(response).is_foreign:
        return foreign(what)
    if code in _THROTTLING or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return UnreachableError(
            f"cannot {what}: CloudFormation is temporarily unavailable ({code or status})", "run the same command again"
        )
    if code in _AS_S3:
        is_late = code == "SignatureDoesNotMatch" and "expired" in said
        known: Any = {**response, "Error": {"Code": "RequestTimeTooSkewed" if is_late else _AS_S3[code]}}
        return translate(ClientError(known, fault.operation_name), what)
    if code == _ABSENT:
        return DeniedError(
            f"cannot {what}: the stack does not exist in this account and region",
            CommandHint("check --region and --profile; list the stacks", "aws", "cloudformation", "list-stacks"),
        )
    if code in _DENIALS:
        return DeniedError(
            f"cannot {what}: CloudFormation denies access" + (f" ({said})" if said else ""),
            "cloudformation:DescribeStacks on the stack is required",
        )
    return DeniedError(f"cannot {what}: CloudFormation returned {code or status}")
