"""Find, create and update one stack of CloudFormation, and find out why a deployment failed."""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any, Optional

from botocore.exceptions import ClientError

from ecsauth.aws.attempt import Attempt, Operation
from ecsauth.aws.calls import code_of, message_of, told
from ecsauth.deploy.policies import parameter_names
from ecsauth.deploy.stack_state import AGAIN, DeployedStack, FailedResource
from ecsauth.errors import ConflictError, EcsauthError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_CAPABILITIES = ["CAPABILITY_IAM"]
# CloudFormation API Reference: all of these are ValidationErrors, which only their texts tell apart.
_ABSENT, _UNCHANGED, _BUSY = "does not exist", "No updates are to be performed", "_IN_PROGRESS state"
_VALIDATION = "ValidationError"
_DELETED = "DELETE_COMPLETE"
# The reason in the event that begins a deployment, and in those of resources that failed only because another did.
_BEGIN, _CANCELLED = "User Initiated", "cancelled"


class Stacks:
    """The stacks of an account in one region."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def find(self, name: str) -> Optional[DeployedStack]:
        """Return the stack with this name or ID, without its template; None if there is none."""
        with told(Attempt(Operation.LOOK_AT_STACK, name)):
            try:
                (found,) = self._client.describe_stacks(StackName=name)["Stacks"]
            except ClientError as fault:
                if code_of(fault) == _VALIDATION and _ABSENT in message_of(fault):
                    return None
                raise
            return None if found["StackStatus"] == _DELETED else _stack(found)

    def template(self, name: str) -> str:
        """Return the template of a stack as it was deployed."""
        with told(Attempt(Operation.READ_TEMPLATE, name)):
            body = self._client.get_template(StackName=name)["TemplateBody"]
        # The SDK parses a template in JSON.
        return body if isinstance(body, str) else json.dumps(body)

    def create(self, name: str, template: str, parameters: Mapping[str, str]) -> str:
        """Create a stack and return its ID, while CloudFormation still works on it."""
        with told(Attempt(Operation.CREATE_STACK, name)):
            try:
                answer = self._client.create_stack(
                    StackName=name,
                    TemplateBody=template,
                    Capabilities=_CAPABILITIES,
                    # The SDK sends the request again if its answer is lost: with the token, both are one.
                    ClientRequestToken=uuid.uuid4().hex,
                    Parameters=[_given(key, value) for key, value in parameters.items()],
                )
            except ClientError as fault:
                if code_of(fault) == "AlreadyExistsException":
                    raise _raced(f"stack {name} was created by another run meanwhile") from None
                raise
            return str(answer["StackId"])

    def update(self, stack: DeployedStack, template: str, parameters: Mapping[str, str]) -> bool:
        """Update a stack, while all other parameters keep their values; return False if nothing changes."""
        kept = (set(stack.parameters) & parameter_names(template)) - set(parameters)
        with told(Attempt(Operation.UPDATE_STACK, stack.name)):
            try:
                self._client.update_stack(
                    StackName=stack.stack_id,
                    TemplateBody=template,
                    Capabilities=_CAPABILITIES,
                    ClientRequestToken=uuid.uuid4().hex,
                    Parameters=[
                        *(_given(key, value) for key, value in parameters.items()),
                        *({"ParameterKey": name, "UsePreviousValue": True} for name in sorted(kept)),
                    ],
                )
            except ClientError as fault:
                if code_of(fault) == _VALIDATION and _UNCHANGED in message_of(fault):
                    return False
                if code_of(fault) == _VALIDATION and _BUSY in message_of(fault):
                    raise _raced(f"stack {stack.name} is being updated by another run") from None
                raise
        return True

    def first_failure(self, stack: DeployedStack) -> Optional[FailedResource]:
        """Return the first failure of the last deployment, None if there is none or events cannot be read."""
        failures = []
        try:
            with told(Attempt(Operation.READ_EVENTS, stack.name)):
                for event in self._events(stack.stack_id):
                    if _is_failure(event):
                        failures.append(event)
                    if event["PhysicalResourceId"] == stack.stack_id and _is_begin(event):
                        break
        except EcsauthError:
            return None
        if not failures:
            return None
        first = failures[-1]
        reason = "".join(letter for letter in first.get("ResourceStatusReason", "") if letter.isprintable())
        return FailedResource(first["LogicalResourceId"], first["ResourceType"], reason)

    def _events(self, stack_id: str) -> Iterator[Any]:
        """Yield the events of a stack, newest first."""
        for page in self._client.get_paginator("describe_stack_events").paginate(StackName=stack_id):
            yield from page["StackEvents"]


def _stack(found: Any) -> DeployedStack:
    return DeployedStack(
        name=found["StackName"],
        stack_id=found["StackId"],
        status=found["StackStatus"],
        description=found.get("Description", ""),
        parameters={one["ParameterKey"]: one.get("ParameterValue", "") for one in found.get("Parameters", ())},
        outputs={one["OutputKey"]: one.get("OutputValue", "") for one in found.get("Outputs", ())},
    )


def _given(name: str, value: str) -> dict[str, str]:
    return {"ParameterKey": name, "ParameterValue": value}


def _is_failure(event: Any) -> bool:
    failed = event["ResourceStatus"].endswith("_FAILED")
    return failed and _CANCELLED not in event.get("ResourceStatusReason", "")


def _is_begin(event: Any) -> bool:
    return _BEGIN in event.get("ResourceStatusReason", "") and event["ResourceStatus"] != "DELETE_IN_PROGRESS"


def _raced(message: str) -> ConflictError:
    return ConflictError(message, AGAIN.removeprefix("then "))
