"""The plan of `init`: from what is wanted and what is there, to the steps that are left."""

from __future__ import annotations

import re
from typing import Any, Optional

import pytest
from cloudformation import ROOT
from ecsauth.deploy import init_commands, init_plan, rights
from ecsauth.deploy.init_commands import CommandPlace
from ecsauth.deploy.init_plan import (
    ARM_IMAGE,
    X86_IMAGE,
    FoundAccount,
    FoundEnvFile,
    PublishedArchive,
    StepName,
    WantedEnvironment,
    WantedInstances,
)
from ecsauth.deploy.stack_state import DeployedStack
from ecsauth.errors import ConflictError, UsageError

TEMPLATE = "Resources:\n"
ADMIN = "arn:aws:iam::111122223333:role/Admin"
SUBNETS = ("subnet-12345678", "subnet-87654321")
WANTED = WantedEnvironment("ecsauth", "ecs.config", "prod", ADMIN, instances=WantedInstances(SUBNETS))
ARCHIVE = PublishedArchive("0" * 64, "v1", "1.0")
PARAMETERS = {
    "AdministratorArn": ADMIN,
    "OperatorArn": "",
    "Prefix": "prod",
    "BucketName": "",
    "SubnetIds": ",".join(SUBNETS),
    "InstanceCount": "1",
    "InstanceType": "t3.small",
    **ARCHIVE.parameters(),
}
OUTPUTS = {
    "EnvFileUri": "s3://b/prod/ecs.config",
    "ArchiveUri": "s3://b/prod/ecsauth",
    "BucketName": "b",
    "BucketOwner": "111122223333",
    "KeyArn": "arn:aws:kms:eu-central-1:111122223333:key/k",
    "OperatorPolicyArn": "arn:aws:iam::111122223333:policy/p",
}
STACK = DeployedStack("ecsauth", "arn:stack", "UPDATE_COMPLETE", "ecsauth: x", PARAMETERS, OUTPUTS, TEMPLATE)
COMPLETE = FoundAccount(STACK, True, FoundEnvFile("e", True, ()), ARCHIVE, ("i-1",))
ALL = list(StepName)


def left(found: FoundAccount, wanted: WantedEnvironment = WANTED) -> list[StepName]:
    """Return the steps that are left."""
    return [step.name for step in init_plan.make(wanted, found, TEMPLATE, "1.0").left]


def with_parameters(**parameters: str) -> FoundAccount:
    """Return the complete account, whose stack has other parameters."""
    return COMPLETE._replace(stack=STACK._replace(parameters={**PARAMETERS, **parameters}))


@pytest.mark.parametrize(
    ("found", "steps"),
    [
        pytest.param(FoundAccount(), ALL, id="nothing"),
        pytest.param(COMPLETE, [], id="all of it"),
        pytest.param(COMPLETE._replace(has_cluster=False), [StepName.CLUSTER], id="no cluster"),
        pytest.param(COMPLETE._replace(env_file=FoundEnvFile()), [StepName.ENV_FILE], id="no file"),
        pytest.param(COMPLETE._replace(env_file=FoundEnvFile("e", False, ("x",))), [StepName.ENV_FILE], id="changed"),
        pytest.param(
            COMPLETE._replace(archive=None), [StepName.ARCHIVE, StepName.UPDATE, StepName.INSTANCE], id="no archive"
        ),
        pytest.param(
            COMPLETE._replace(archive=ARCHIVE._replace(version="0.9")),
            [StepName.ARCHIVE, StepName.UPDATE, StepName.INSTANCE],
            id="older archive",
        ),
        pytest.param(
            with_parameters(ArchiveSha256="1"),
            [StepName.ARCHIVE, StepName.UPDATE, StepName.INSTANCE],
            id="an archive that the stack does not name",
        ),
        pytest.param(
            with_parameters(ArchiveVersionId="v0"), [StepName.UPDATE, StepName.INSTANCE], id="the same bytes again"
        ),
        pytest.param(with_parameters(SubnetIds=""), [StepName.UPDATE, StepName.INSTANCE], id="no subnets"),
        pytest.param(
            COMPLETE._replace(stack=STACK._replace(template="Other:\n")),
            [StepName.UPDATE, StepName.INSTANCE],
            id="other template",
        ),
        pytest.param(COMPLETE._replace(registered=()), [StepName.INSTANCE], id="no instance"),
    ],
)
def test_steps_left(found: FoundAccount, steps: list[StepName]) -> None:
    """What is done is not done again."""
    assert left(found) == steps


@pytest.mark.parametrize(
    ("pythons", "there", "is_built"),
    [
        (None, (), False),
        (None, ("3.9",), False),
        ((), ("3.9",), True),
        (("3.9", "3.13"), ("3.13", "3.9"), False),
        (("3.9",), ("3.9", "3.13"), True),
    ],
)
def test_pythons_of_the_archive(pythons: Optional[tuple[str, ...]], there: tuple[str, ...], is_built: bool) -> None:
    """An archive for other Pythons than the command line asks for is built again."""
    found = COMPLETE._replace(archive=ARCHIVE._replace(pythons=there))
    assert (StepName.ARCHIVE in left(found, WANTED._replace(pythons=pythons))) is is_built


def test_an_archive_that_the_stack_does_not_name() -> None:
    """Whoever may upload archives does not choose what the instances run: the plan tells, and replaces it."""
    found = COMPLETE._replace(archive=ARCHIVE._replace(sha256="e" * 64))
    plan = init_plan.make(WANTED, found, TEMPLATE, "1.0")
    assert "ArchiveSha256" not in plan.changes
    (step,) = (one for one in plan.left if one.name is StepName.ARCHIVE)
    assert "in place of one that is not the stack's: its SHA-256 is eeee" in step.text


def test_no_instances() -> None:
    """A group of no instances is not waited for."""
    assert left(with_parameters(InstanceCount="0")._replace(registered=())) == []


def test_pinned_env_file() -> None:
    """A stack that pins a version of the env-file is told: what is pushed reaches no instance."""
    notes = init_plan.make(WANTED, with_parameters(EnvFileVersionId="v7"), TEMPLATE, "1.0").notes
    assert any("EnvFileVersionId of the stack is v7" in note for note in notes)
    assert not any("EnvFileVersionId" in note for note in init_plan.make(WANTED, COMPLETE, TEMPLATE, "1.0").notes)


def test_without_subnets() -> None:
    """Without subnets there is no instance to wait for, and the plan says so."""
    plan = init_plan.make(WANTED._replace(instances=WantedInstances()), FoundAccount(), TEMPLATE, "1.0")
    assert StepName.INSTANCE not in [step.name for step in plan.steps]
    assert any("no instance is made" in note for note in plan.notes)


def test_left_out_options_keep_the_group() -> None:
    """A stack with subnets keeps its group where the command line names none."""
    assert left(COMPLETE._replace(registered=()), WANTED._replace(instances=WantedInstances())) == [StepName.INSTANCE]


@pytest.mark.parametrize(
    ("wanted", "changes"),
    [
        (WANTED, {}),
        (WANTED._replace(operator=f"{ADMIN}2"), {"OperatorArn": f"{ADMIN}2"}),
        (
            WANTED._replace(instances=WantedInstances((), 3, "t3.large")),
            {"InstanceCount": "3", "InstanceType": "t3.large"},
        ),
        (WANTED._replace(administrator=None, instances=WantedInstances()), {}),
    ],
)
def test_changed_parameters(wanted: WantedEnvironment, changes: dict[str, str]) -> None:
    """Only what differs from the stack changes; what is left out stays."""
    assert init_plan.make(wanted, COMPLETE, TEMPLATE, "1.0").changes == changes


@pytest.mark.parametrize(
    ("is_arm", "given", "present", "image"),
    [
        (None, None, None, None),
        (False, None, None, None),
        (True, None, None, ARM_IMAGE),
        (True, None, X86_IMAGE, ARM_IMAGE),
        (True, None, ARM_IMAGE, None),
        (False, None, ARM_IMAGE, X86_IMAGE),
        (True, None, "/my/ami", None),
        (True, "/my/ami", X86_IMAGE, "/my/ami"),
    ],
)
def test_image(is_arm: Optional[bool], given: Optional[str], present: Optional[str], image: Optional[str]) -> None:
    """The AMI follows the architecture of the type, unless it is one of the operator's own."""
    assert WantedInstances(is_arm=is_arm, image_parameter=given).image(present) == image


@pytest.mark.parametrize(
    "changed", [{"administrator": f"{ADMIN}2"}, {"prefix": "web"}, {"bucket": "other"}], ids=lambda one: next(iter(one))
)
def test_what_cannot_change(changed: dict[str, Any]) -> None:
    """Administrator, prefix and bucket of a stack cannot be changed here."""
    with pytest.raises(ConflictError, match="cannot be changed"):
        init_plan.make(WANTED._replace(**changed), COMPLETE, TEMPLATE, "1.0")


def test_new_stack_needs_an_administrator() -> None:
    """A new stack has no administrator to keep."""
    with pytest.raises(UsageError, match="needs an administrator"):
        init_plan.make(WANTED._replace(administrator=None), FoundAccount(), TEMPLATE, "1.0")


@pytest.mark.parametrize(
    ("version", "text"),
    [("0.9", "in place of 0.9"), ("1.10", "in place of the newer 1.10"), ("1.0", "boot archive of ecsauth 1.0")],
)
def test_other_archive(version: str, text: str) -> None:
    """The plan says which archive is replaced, and whether that one is newer."""
    plan = init_plan.make(WANTED, COMPLETE._replace(archive=ARCHIVE._replace(version=version)), TEMPLATE, "1.0")
    assert any(step.text.endswith(text) for step in plan.steps)


@pytest.mark.parametrize(
    ("env_file", "text"),
    [
        (FoundEnvFile(), "pushed for the first time"),
        (FoundEnvFile("e", False, None), "pushed over one that cannot be read"),
        (FoundEnvFile("e", False, ("a",)), "pushed: 1 change"),
        (FoundEnvFile("e", False, ("a", "b")), "pushed: 2 changes"),
        (FoundEnvFile("e", False, ()), "pushed: the same, written differently"),
        (FoundEnvFile("e", True, ()), "pushed"),
    ],
)
def test_about_the_file(env_file: FoundEnvFile, text: str) -> None:
    """The plan says how much of the env-file changes."""
    plan = init_plan.make(WANTED, COMPLETE._replace(env_file=env_file), TEMPLATE, "1.0")
    (step,) = (step for step in plan.steps if step.name is StepName.ENV_FILE)
    assert step.text == f"env-file ecs.config, {text}"


def test_commands_for_what_is_left() -> None:
    """By hand, too, only what is left is done, on the objects that are there."""
    found = COMPLETE._replace(env_file=FoundEnvFile("e", False, ("x",)))
    plan = init_plan.make(WANTED, found, TEMPLATE, "1.0")
    commands = list(init_commands.by_hand(WANTED, STACK, plan, CommandPlace("eu-central-1", "my profile")))
    assert commands == ["ecsauth push ecs.config s3://b/prod/ecs.config --region eu-central-1 --profile 'my profile'"]


def test_commands_after() -> None:
    """With an operator, the first of the next commands attaches its policy."""
    stack = STACK._replace(parameters={**PARAMETERS, "OperatorArn": "arn:aws:iam::111122223333:role/Operator"})
    found = init_commands.after("ecs.config", stack, "v", CommandPlace("eu-central-1"))
    assert [one.purpose for one in found] == [
        "let the operator push",
        "push a change",
        "see the versions",
        "roll back to this version",
    ]
    assert all("--region eu-central-1" in one.command for one in found)


def test_rights_of_every_step() -> None:
    """Each step has its actions, whose resources are filled in, each resource once."""
    names = rights.names_of("aws", "eu-central-1", "111122223333", "ecsauth", {"bucket": "b"})
    asked = list(rights.questions(ALL, names, rights.of_update({}, has_group=True)))
    assert len({one.resource for one in asked}) == len(asked)
    assert not any("{" in one.resource for one in asked)
    actions = {action for one in asked for action in one.actions}
    assert {"kms:CreateKey", "s3:PutObject", "iam:PassRole", "ecs:CreateCluster", "ec2:RunInstances"} <= actions


@pytest.mark.parametrize(
    ("outputs", "has_group", "actions"),
    [
        ({}, False, ["ec2:CreateLaunchTemplate"]),
        ({}, True, ["ec2:CreateLaunchTemplate", "autoscaling:CreateAutoScalingGroup", "ec2:RunInstances"]),
        (
            {"LaunchTemplateId": "lt-1"},
            True,
            ["ec2:CreateLaunchTemplateVersion", "autoscaling:CreateAutoScalingGroup", "ec2:RunInstances"],
        ),
        (
            {"LaunchTemplateId": "lt-1", "GroupName": "g"},
            True,
            ["ec2:CreateLaunchTemplateVersion", "autoscaling:UpdateAutoScalingGroup", "ec2:RunInstances"],
        ),
    ],
    ids=["template", "template and group", "group", "both are there"],
)
def test_rights_of_an_update(outputs: dict[str, str], has_group: bool, actions: list[str]) -> None:
    """What is there is changed, what is not is made: each needs another action."""
    needed = rights.of_update(outputs, has_group=has_group)
    assert [action for one in needed for action in one.actions] == actions


def test_missing_rights() -> None:
    """An action is missing if it is denied and no condition lacks its value."""
    verdicts = [
        rights.SimulatedAction("a:A", True),
        rights.SimulatedAction("b:B", False),
        rights.SimulatedAction("c:C", False, is_known=False),
        rights.SimulatedAction("b:B", False),
    ]
    assert rights.missing(verdicts) == ("b:B",)


def test_the_readme_lists_the_rights() -> None:
    """The README of `iam/` has a row for each step, with its actions and no others."""
    text = (ROOT / "iam" / "README.md").read_text(encoding="utf-8").split("## What `ecsauth init` needs")[1]
    rows = [row.split("|")[1:3] for row in text.split("\n## ")[0].splitlines() if "| `" in row]
    listed = {step.strip(): re.findall(r"`([a-z0-9-]+:\w+)`", actions) for step, actions in rows}
    needed = {
        **{step.value: table for step, table in rights.TABLE.items()},
        "a new launch template": (rights.MAKE_TEMPLATE,),
        "the one that is there": (rights.CHANGE_TEMPLATE,),
        "a new group": (rights.MAKE_GROUP, rights.LAUNCH),
        "the one that runs": (rights.CHANGE_GROUP, rights.LAUNCH),
    }
    assert listed == {
        name: list(dict.fromkeys(action for one in table for action in one.actions)) for name, table in needed.items()
    }
