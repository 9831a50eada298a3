"""The shell commands that do by hand what `init` does, and those that come after it."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, NamedTuple, Optional

from ecsauth.deploy.init_plan import StepName
from ecsauth.deploy.policies import attachment

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ecsauth.deploy.init_plan import InitPlan, WantedEnvironment
    from ecsauth.deploy.stack_state import DeployedStack

_TEMPLATE = "stack.yaml"
_PUBLISHED = (
    """published() { python3 -c 'import json, sys; print(json.load(open("archive.json"))[sys.argv[1]])' "$1"; }"""
)


class CommandPlace(NamedTuple):
    """The region, and the profile if one is given, of every command; `dialect` is how the env-file is written."""

    region: str
    profile: Optional[str] = None
    dialect: str = "docker"

    @property
    def options(self) -> str:
        """The options of both."""
        profile = f" --profile {shlex.quote(self.profile)}" if self.profile else ""
        return f" --region {self.region}{profile}"

    @property
    def push(self) -> str:
        """The options of a push alone."""
        return "" if self.dialect == "docker" else f" --dialect {self.dialect}"


def by_hand(
    wanted: WantedEnvironment, stack: Optional[DeployedStack], plan: InitPlan, place: CommandPlace
) -> Iterator[str]:
    """Yield the commands that do the steps that are left."""
    at = place.options
    deploy = (
        f"aws cloudformation deploy --template-file {_TEMPLATE} --stack-name {wanted.stack} "
        f"--capabilities CAPABILITY_IAM{at}"
    )
    if plan.has(StepName.STACK) or plan.has(StepName.UPDATE):
        yield f"ecsauth iam stack -o {_TEMPLATE}"
    if plan.has(StepName.STACK):
        yield deploy + _overrides(plan.changes)
    if plan.has(StepName.CLUSTER):
        yield f"aws ecs create-cluster --cluster-name {wanted.cluster.rpartition('/')[2]}{at}"
    stack = stack if stack is not None and stack.is_complete else None
    uses_outputs = stack is None and (plan.has(StepName.ENV_FILE) or plan.has(StepName.ARCHIVE))
    if uses_outputs:
        query = """--query "Stacks[0].Outputs[?OutputKey=='$1'].OutputValue" --output text"""
        yield f"output() {{ aws cloudformation describe-stacks --stack-name {wanted.stack}{at} {query}; }}"
    if plan.has(StepName.ENV_FILE):
        yield f"ecsauth push {shlex.quote(wanted.file)} {_output(stack, 'EnvFileUri')}{place.push}{at}"
    yield from _publish_and_update(stack, plan, deploy, at)
    if plan.has(StepName.INSTANCE):
        yield f"aws ecs list-container-instances --cluster {wanted.cluster}{at}"


def _publish_and_update(stack: Optional[DeployedStack], plan: InitPlan, deploy: str, at: str) -> Iterator[str]:
    changes = {} if plan.has(StepName.STACK) else dict(plan.changes)
    if plan.has(StepName.ARCHIVE):
        yield f"ecsauth archive publish {_output(stack, 'ArchiveUri')}{at} --format json >archive.json"
        yield _PUBLISHED
        pins = ' ArchiveSha256="$(published sha256)" ArchiveVersionId="$(published version_id)"'
        yield deploy + (_overrides(changes) or " --parameter-overrides") + pins
    elif plan.has(StepName.UPDATE):
        yield deploy + _overrides(changes)


def _output(stack: Optional[DeployedStack], name: str) -> str:
    return f'"$(output {name})"' if stack is None else stack.outputs[name]


def _overrides(parameters: dict[str, str]) -> str:
    given = " ".join(shlex.quote(f"{name}={value}") for name, value in parameters.items())
    return f" --parameter-overrides {given}" if given else ""


class NextCommand(NamedTuple):
    """A command for the time after `init`."""

    purpose: str
    command: str


def replacing(stack: DeployedStack) -> tuple[NextCommand, ...]:
    """Return the command that gives an update of the launch template to instances that run already."""
    refresh = stack.outputs.get("NextRefresh")
    return (
        (NextCommand("replace the running instances, which keep what they have; their tasks end", refresh),)
        if refresh
        else ()
    )


def after(
    file: str, stack: DeployedStack, version_id: str, place: CommandPlace, name: Optional[str] = None
) -> tuple[NextCommand, ...]:
    """Return the commands to push a change, to look, and to return to this version of the env-file.

    `name` is that of the environment in `ecsauth.toml`, which has the options.
    """
    uri = name or stack.outputs["EnvFileUri"]
    trust = "" if name else f" --bucket-owner {stack.outputs['BucketOwner']}{place.options}"
    operator = stack.parameters.get("OperatorArn")
    attach = attachment(stack.outputs["OperatorPolicyArn"], operator) + place.options if operator else ""
    return (
        *((NextCommand("let the operator push", attach),) if attach else ()),
        NextCommand("push a change", f"ecsauth push {shlex.quote(file)} {uri}{place.push}{trust}"),
        NextCommand("see the versions", f"ecsauth history {uri} --diff{trust}"),
        NextCommand("roll back to this version", f"ecsauth rollback {uri} {version_id}{trust}"),
    )
