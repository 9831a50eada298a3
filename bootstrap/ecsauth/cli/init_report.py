"""`init`: the report at its end, for people and for programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Optional

from ecsauth.cli import console

if TYPE_CHECKING:
    from ecsauth.deploy.init_commands import NextCommand
    from ecsauth.deploy.init_plan import InitPlan
    from ecsauth.deploy.stack_state import DeployedStack

_OUTPUTS = {
    "env_file": "EnvFileUri",
    "archive": "ArchiveUri",
    "kms_key": "KeyArn",
    "bucket_owner": "BucketOwner",
    "launch_template": "LaunchTemplateId",
    "group": "GroupName",
}


def document(region: str, plan: InitPlan, stack: Optional[DeployedStack]) -> dict[str, Any]:
    """Return the plan and the stack as JSON; `done` tells what was there before this run."""
    outputs = stack.outputs if stack else {}
    return {
        "stack": stack.stack_id if stack else None,
        "region": region,
        "steps": [{"step": step.name.value, "text": step.text, "done": step.is_done} for step in plan.steps],
        **{name: outputs.get(output) for name, output in _OUTPUTS.items()},
    }


def show_next(stack: str, registered: tuple[str, ...], following: tuple[NextCommand, ...], *, made: bool) -> None:
    """Show the end and the next commands."""
    where = f"; in the cluster: {', '.join(registered)}" if registered else ""
    console.say(f"{'' if made else 'nothing to do, '}stack {stack} is complete{where}")
    for one in following:
        console.say(f"hint: to {one.purpose}: {one.command}")
