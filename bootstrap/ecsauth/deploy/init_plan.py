"""The plan of `init`: from what the command line wants and what the account has, to the steps that are left.

Pure: the same data gives the same plan. Every step is done or not, so a run after a failure goes on where that one
ended.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple, Optional

from ecsauth.errors import ConflictError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ecsauth.deploy.stack_state import DeployedStack

DEFAULT_CLUSTER = "default"
# The AMIs for ECS, the first of which is the default of the stack (ECS Developer Guide, "Retrieving ECS-optimized AMI
# metadata").
X86_IMAGE = "/aws/service/ecs/optimized-ami/amazon-linux-2023/recommended/image_id"
ARM_IMAGE = "/aws/service/ecs/optimized-ami/amazon-linux-2023/arm64/recommended/image_id"
# Values that a deployed stack cannot change: CloudFormation would replace the bucket, or shut the administrator out.
_FIXED = {"AdministratorArn": "--administrator", "Prefix": "--prefix", "BucketName": "--bucket"}
_COSTS = (
    "costs: the KMS key 1 USD a month; requests and a few MB in S3, cents a month; each instance by its type, with its "
    "disk, until you scale the group down"
)
_COSTS_WITHOUT_GROUP = "costs: the KMS key 1 USD a month; requests and a few MB in S3, cents a month; no instance"


class StepName(Enum):
    """The steps, in their order."""

    STACK = "stack"
    CLUSTER = "cluster"
    ENV_FILE = "env-file"
    ARCHIVE = "archive"
    UPDATE = "update"
    INSTANCE = "instance"


class WantedInstances(NamedTuple):
    """The instances that the command line asks for; None keeps what the stack has, or its default.

    `is_arm` is the architecture of the type, if one is given.
    """

    subnets: tuple[str, ...] = ()
    number: Optional[int] = None
    type: Optional[str] = None
    is_arm: Optional[bool] = None
    image_parameter: Optional[str] = None

    def image(self, present: Optional[str]) -> Optional[str]:
        """Return the parameter of the AMI if it changes from `present`, that of the stack or None for a new one.

        Another instance type changes it only between the two AMIs of AWS: an AMI of the operator's own stays.
        """
        if (
            self.image_parameter is not None
            or self.is_arm is None
            or (present or X86_IMAGE) not in (X86_IMAGE, ARM_IMAGE)
        ):
            return self.image_parameter
        chosen = ARM_IMAGE if self.is_arm else X86_IMAGE
        return None if chosen == (present or X86_IMAGE) else chosen


class WantedEnvironment(NamedTuple):
    """The environment that the command line asks for; None keeps what the stack has, or its default.

    `pythons` are those that the boot archive is to be compiled for, as 3.9.
    """

    stack: str
    file: str
    cluster: str
    administrator: Optional[str] = None
    operator: Optional[str] = None
    prefix: Optional[str] = None
    bucket: Optional[str] = None
    instances: WantedInstances = WantedInstances()
    pythons: Optional[tuple[str, ...]] = None

    def parameters(self, present: Mapping[str, str]) -> dict[str, str]:
        """Return the parameters of the stack that the command line gives; `present` are those that it has."""
        it = self.instances
        given = {
            "AdministratorArn": self.administrator,
            "OperatorArn": self.operator,
            "Prefix": self.prefix,
            "BucketName": self.bucket,
            "SubnetIds": ",".join(it.subnets) or None,
            "InstanceCount": None if it.number is None else str(it.number),
            "InstanceType": it.type,
            "ImageId": it.image(present.get("ImageId")),
        }
        return {name: value for name, value in given.items() if value is not None}


class PublishedArchive(NamedTuple):
    """The boot archive in S3; `version` is that of the ecsauth in it, `pythons` are those that it is compiled for."""

    sha256: str
    version_id: str
    version: str
    pythons: tuple[str, ...] = ()

    def parameters(self) -> dict[str, str]:
        """Return the parameters of the stack that pin it."""
        return {"ArchiveSha256": self.sha256, "ArchiveVersionId": self.version_id}


class FoundEnvFile(NamedTuple):
    """The env-file in S3, compared with the operator's. `etag` is None if there is none, `changes` if unknown."""

    etag: Optional[str] = None
    is_same: bool = False
    changes: Optional[tuple[str, ...]] = ()


class FoundAccount(NamedTuple):
    """What the account has. `registered` are the group's instances in the cluster; `unread` could not be looked at."""

    stack: Optional[DeployedStack] = None
    has_cluster: bool = False
    env_file: FoundEnvFile = FoundEnvFile()
    archive: Optional[PublishedArchive] = None
    registered: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()


class PlanStep(NamedTuple):
    """One step: what it makes, and whether that is done already."""

    name: StepName
    text: str
    is_done: bool


class InitPlan(NamedTuple):
    """The steps, and what the operator should know before the decision. `changes` are parameters that change."""

    steps: tuple[PlanStep, ...]
    notes: tuple[str, ...]
    changes: dict[str, str]

    @property
    def left(self) -> tuple[PlanStep, ...]:
        """The steps that are not done."""
        return tuple(step for step in self.steps if not step.is_done)

    @property
    def changes_anything(self) -> bool:
        """Tell whether a step is left that makes or changes something; the last one only waits."""
        return any(step.name is not StepName.INSTANCE for step in self.left)

    def has(self, name: StepName) -> bool:
        """Tell whether the step is left."""
        return any(step.name is name for step in self.left)


def make(wanted: WantedEnvironment, found: FoundAccount, template: str, version: str) -> InitPlan:
    """Return the plan for this version of ecsauth and its template.

    Raises UsageError if a new stack lacks its administrator, ConflictError for a value that a stack cannot change.
    """
    _refuse_fixed(wanted, found.stack)
    has_archive = _has_archive(wanted, found, version)
    changes = changed_parameters(wanted, found.stack, found.archive if has_archive else None)
    is_updated = _is_updated(found.stack, changes, template) and has_archive
    steps = [
        PlanStep(StepName.STACK, _about_stack(wanted, found.stack), found.stack is not None),
        PlanStep(StepName.CLUSTER, f"ECS cluster {wanted.cluster}", found.has_cluster),
        PlanStep(StepName.ENV_FILE, _about_env_file(wanted, found), found.env_file.is_same),
        PlanStep(StepName.ARCHIVE, _about_archive(wanted, found, version), has_archive),
        PlanStep(StepName.UPDATE, _about_update(wanted, found, changes, template), is_updated),
    ]
    if has_group(wanted, found.stack) and _number(wanted, found.stack) != "0":
        is_there = is_updated and bool(found.registered)
        text = f"an instance in cluster {wanted.cluster}" + (f": {', '.join(found.registered)}" if is_there else "")
        steps.append(PlanStep(StepName.INSTANCE, text, is_there))
    return InitPlan(tuple(steps), _notes(wanted, found), changes)


def changed_parameters(
    wanted: WantedEnvironment, stack: Optional[DeployedStack], archive: Optional[PublishedArchive]
) -> dict[str, str]:
    """Return the parameters that differ from those of the stack; the others keep their values."""
    present = stack.parameters if stack else {}
    given = {**wanted.parameters(present), **(archive.parameters() if archive else {})}
    return {name: value for name, value in given.items() if present.get(name) != value}


def has_group(wanted: WantedEnvironment, stack: Optional[DeployedStack]) -> bool:
    """Tell whether the stack has, or will have, an Auto Scaling group."""
    return bool(wanted.instances.subnets or (stack and stack.parameters.get("SubnetIds")))


def _has_archive(wanted: WantedEnvironment, found: FoundAccount, version: str) -> bool:
    """Tell whether the archive in S3 is the one that the stack pins, and the one that is wanted.

    The version in its manifest alone proves nothing: an operator may upload archives, and may not choose what runs as
    root on the instances.
    """
    archive = found.archive
    return (
        archive is not None
        and archive.version == version
        and archive.sha256 == _pinned(found.stack)
        and (wanted.pythons is None or set(wanted.pythons) == set(archive.pythons))
    )


def _pinned(stack: Optional[DeployedStack]) -> str:
    return stack.parameters.get("ArchiveSha256", "") if stack else ""


def _refuse_fixed(wanted: WantedEnvironment, stack: Optional[DeployedStack]) -> None:
    given = wanted.parameters(stack.parameters if stack else {})
    if stack is None:
        if wanted.administrator is None:
            raise UsageError(
                f"there is no stack {wanted.stack} yet, and a new one needs an administrator",
                "give --administrator ARN: the role that keeps bucket and key, and that you use now",
            )
        return
    for name, option in _FIXED.items():
        present = stack.parameters.get(name, "")
        if name in given and given[name] != present:
            raise ConflictError(
                f"stack {stack.name} has {name}={present or 'none'}, which cannot be changed to {given[name]}",
                f"leave out {option}, or give --stack NAME for another environment",
            )


def _is_updated(stack: Optional[DeployedStack], changes: dict[str, str], template: str) -> bool:
    return stack is not None and not changes and stack.is_made_from(template)


def _about_stack(wanted: WantedEnvironment, stack: Optional[DeployedStack]) -> str:
    made = "bucket, KMS key, roles and policies"
    if stack is None:
        return f"stack {wanted.stack}: {made}"
    return f"stack {wanted.stack} ({stack.status}): {made}"


def _about_env_file(wanted: WantedEnvironment, found: FoundAccount) -> str:
    if found.env_file.is_same:
        return f"env-file {wanted.file}, pushed"
    if found.env_file.etag is None:
        return f"env-file {wanted.file}, pushed for the first time"
    changes = found.env_file.changes
    if changes is None:
        return f"env-file {wanted.file}, pushed over one that cannot be read"
    count = f"{len(changes)} change{'s' if len(changes) != 1 else ''}" if changes else "the same, written differently"
    return f"env-file {wanted.file}, pushed: {count}"


def _about_archive(wanted: WantedEnvironment, found: FoundAccount, version: str) -> str:
    archive, pinned = found.archive, _pinned(found.stack)
    if archive is not None and pinned and archive.sha256 != pinned:
        return (
            f"boot archive of ecsauth {version}, in place of one that is not the stack's: its SHA-256 is "
            f"{archive.sha256}; a run of init that was interrupted leaves one, else find out who uploaded it"
        )
    if archive is None or _has_archive(wanted, found, version):
        return f"boot archive of ecsauth {version}"
    if archive.version == version:
        return f"boot archive of ecsauth {version}" + (", built again" if pinned else "")
    if _is_newer(archive.version, version):
        return f"boot archive of ecsauth {version}, in place of the newer {archive.version}"
    return f"boot archive of ecsauth {version}, in place of {archive.version}"


def _is_newer(one: str, other: str) -> bool:
    first, second = (tuple(map(int, re.findall(r"\d+", text)[:3])) for text in (one, other))
    return first > second


def _about_update(wanted: WantedEnvironment, found: FoundAccount, changes: dict[str, str], template: str) -> str:
    made = "launch template"
    if has_group(wanted, found.stack):
        made += f" and Auto Scaling group of {_count(wanted, found.stack)}"
    if found.stack is None:
        return made
    parts = [made]
    if not found.stack.is_made_from(template):
        parts.append("the stack gets the template of this ecsauth, in place of another version's")
    present = found.stack.parameters
    parts += [f"{name} {present[name] or 'none'} -> {value}" for name, value in changes.items() if name in present]
    return "; ".join(parts)


def _count(wanted: WantedEnvironment, stack: Optional[DeployedStack]) -> str:
    present = stack.parameters if stack else {}
    count = _number(wanted, stack)
    kind = wanted.instances.type or present.get("InstanceType") or "t3.small"
    return f"{count} {kind} instance{'s' if count != '1' else ''}"


def _number(wanted: WantedEnvironment, stack: Optional[DeployedStack]) -> str:
    present = stack.parameters if stack else {}
    return str(wanted.instances.number or present.get("InstanceCount") or 1)


def _notes(wanted: WantedEnvironment, found: FoundAccount) -> tuple[str, ...]:
    present = found.stack.parameters if found.stack else {}
    administrator = wanted.administrator or present.get("AdministratorArn", "")
    operator = wanted.operator or present.get("OperatorArn", "")
    pushes = f"{operator} and the administrator" if operator else "the administrator alone"
    grouped = has_group(wanted, found.stack)
    return (
        _COSTS if grouped else _COSTS_WITHOUT_GROUP,
        f"administrator: {administrator} keeps bucket and key; pushes: {pushes}; reads: the role of the instances",
        "at the end the environment gets a name in ecsauth.toml, unless it has one",
        *(() if grouped else ("no instance is made: give --subnets for an Auto Scaling group",)),
        *_about_pin(present.get("EnvFileVersionId", "")),
    )


def _about_pin(version: str) -> tuple[str, ...]:
    if not version:
        return ()
    return (f"EnvFileVersionId of the stack is {version}: instances install that version, whatever is pushed",)
