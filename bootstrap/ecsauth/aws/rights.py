"""The caller as IAM knows it, and IAM's simulation of its rights."""

from __future__ import annotations

from typing import Any, Optional

from botocore.exceptions import BotoCoreError, ClientError

from ecsauth.aws.attempt import Attempt, Operation
from ecsauth.aws.calls import told
from ecsauth.deploy.caller import Principal, principal
from ecsauth.deploy.rights import RightsQuestion, SimulatedAction

_ALLOWED = "allowed"


def find_caller(sts: Any, iam: Any) -> Optional[Principal]:
    """Return the caller, a role with its path if IAM may be asked for it; None if it is another kind of principal."""
    with told(Attempt(Operation.ASK_CALLER)):
        found = principal(sts.get_caller_identity()["Arn"])
    if found is None or found.kind != "role":
        return found
    try:
        return found._replace(arn=iam.get_role(RoleName=found.name)["Role"]["Arn"], has_path=True)
    except (BotoCoreError, ClientError, KeyError):
        return found


def simulate(iam: Any, caller: Principal, question: RightsQuestion, region: str) -> tuple[SimulatedAction, ...]:
    """Return IAM's verdict on each action, by the policies of the caller and of its organization."""
    context = [
        {"ContextKeyName": "aws:RequestedRegion", "ContextKeyValues": [region], "ContextKeyType": "string"},
        {"ContextKeyName": "aws:SecureTransport", "ContextKeyValues": ["true"], "ContextKeyType": "boolean"},
    ]
    with told(Attempt(Operation.SIMULATE, caller.arn)):
        answer = iam.simulate_principal_policy(
            PolicySourceArn=caller.arn,
            ActionNames=list(question.actions),
            ResourceArns=[question.resource],
            ContextEntries=context,
        )
        return tuple(map(_verdict, answer["EvaluationResults"]))


def _verdict(found: Any) -> SimulatedAction:
    is_known = not found.get("MissingContextValues")
    return SimulatedAction(found["EvalActionName"], found["EvalDecision"] == _ALLOWED, is_known)
