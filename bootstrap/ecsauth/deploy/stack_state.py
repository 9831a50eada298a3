"""A deployed stack, and what its status allows: to go on, to wait, or only to repair it by hand."""

from __future__ import annotations

import re
from enum import Enum
from typing import NamedTuple, Optional

from ecsauth.command_hint import CommandHint
from ecsauth.errors import ConflictError, LaunchError

# The first word of the template's description, by which a stack of another template is recognised.
_OURS = "ecsauth:"
# AWS CloudFormation User Guide, "Stack status codes".
_READY = frozenset(
    ("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "IMPORT_COMPLETE", "IMPORT_ROLLBACK_COMPLETE")
)
_DELETING, _REVIEW = "DELETE_IN_PROGRESS", "REVIEW_IN_PROGRESS"
# The command of the AWS CLI that repairs each status; `delete-stack` repairs the others.
_REPAIRS = {
    _DELETING: ("wait for its end", ("wait", "stack-delete-complete")),
    "UPDATE_ROLLBACK_FAILED": ("let CloudFormation finish the rollback", ("continue-update-rollback",)),
    "UPDATE_FAILED": ("let CloudFormation roll it back", ("rollback-stack",)),
    "IMPORT_ROLLBACK_FAILED": ("let CloudFormation finish the rollback", ("continue-update-rollback",)),
}
_DELETE = ("delete it; its bucket and key stay if an earlier deployment of it succeeded", ("delete-stack",))
AGAIN = "then run the same command again: it goes on from there"


class StackCondition(Enum):
    """What can be done with a stack."""

    READY = "ready"
    BUSY = "busy"
    BROKEN = "broken"


class FailedResource(NamedTuple):
    """The first resource that failed in a deployment, with CloudFormation's reason."""

    name: str
    type: str
    reason: str

    def __str__(self) -> str:
        return f"{self.name} ({self.type}): {self.reason or 'no reason given'}"


class DeployedStack(NamedTuple):
    """A stack as CloudFormation describes it; `template` is None if it could not be read."""

    name: str
    stack_id: str
    status: str
    description: str
    parameters: dict[str, str]
    outputs: dict[str, str]
    template: Optional[str] = None

    @property
    def condition(self) -> StackCondition:
        """What its status allows."""
        if self.status in _READY:
            return StackCondition.READY
        is_busy = self.status.endswith("_IN_PROGRESS") and self.status not in (_DELETING, _REVIEW)
        return StackCondition.BUSY if is_busy else StackCondition.BROKEN

    @property
    def is_complete(self) -> bool:
        """Tell whether the stack has the outputs that name its bucket: not before its creation ends."""
        return {"BucketName", "BucketOwner", "EnvFileUri", "ArchiveUri", "KeyArn"} <= set(self.outputs)

    @property
    def is_rolled_back(self) -> bool:
        """Tell whether the last update failed and the stack is as before it."""
        return self.status in ("UPDATE_ROLLBACK_COMPLETE", "IMPORT_ROLLBACK_COMPLETE")

    @property
    def is_ours(self) -> bool:
        """Tell whether the stack was made from ecsauth's template, of any version."""
        return self.description.startswith(_OURS)

    def is_made_from(self, template: str) -> bool:
        """Tell whether the stack has this template; comments and defaults of parameters make no difference."""
        return self.template is None or _essence(self.template) == _essence(template)


def _essence(template: str) -> list[str]:
    lines = (line.rstrip() for line in template.splitlines())
    return [line for line in lines if line and not re.match(r" *#|    Default:", line)]


def refuse_unusable(stack: DeployedStack) -> None:
    """Raise ConflictError if another template made the stack of this name, or if no template has made it yet."""
    if stack.status == _REVIEW:
        raise ConflictError(
            f"stack {stack.name} is {_REVIEW}: it has a change set that nobody has executed, and no resource",
            CommandHint("delete it", "aws", "cloudformation", "delete-stack", "--stack-name", stack.name),
            AGAIN,
        )
    if not stack.is_ours or (stack.condition is StackCondition.READY and not stack.is_complete):
        raise ConflictError(
            f"stack {stack.name} was not made by ecsauth: its description and outputs are different",
            "give another name: --stack NAME",
        )


def broken(stack: DeployedStack, failure: Optional[FailedResource]) -> ConflictError:
    """Return the error for a stack that only the operator can repair, because `init` deletes nothing."""
    why, words = _REPAIRS.get(stack.status, _DELETE)
    reason = f"; the first failure was {failure}" if failure else ""
    return ConflictError(
        f"stack {stack.name} is {stack.status}, so it cannot be updated{reason}",
        CommandHint(why, "aws", "cloudformation", *words, "--stack-name", stack.name),
        AGAIN,
    )


def failed(stack: DeployedStack, failure: Optional[FailedResource]) -> LaunchError:
    """Return the error for a deployment of this run that failed."""
    reason = str(failure) if failure else "CloudFormation gives no reason"
    message = f"the deployment of stack {stack.name} failed, and it is {stack.status} now: {reason}"
    if stack.condition is StackCondition.READY:
        return LaunchError(message, "remove the cause, then run the same command again: the stack is as before")
    return LaunchError(message, *broken(stack, failure).hints)
