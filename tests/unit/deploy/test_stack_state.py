"""What the status of a stack allows, and which command repairs it."""

from __future__ import annotations

import pytest
from ecsauth.deploy.stack_state import DeployedStack, FailedResource, StackCondition, broken, failed, refuse_unusable
from ecsauth.errors import ConflictError, LaunchError

OUTPUTS = dict.fromkeys(("BucketName", "BucketOwner", "EnvFileUri", "ArchiveUri", "KeyArn"), "x")
STACK = DeployedStack("fleet", "arn:id", "CREATE_COMPLETE", "ecsauth: a bucket", {}, OUTPUTS, "Parameters:\n")
FAILURE = FailedResource("Bucket", "AWS::S3::Bucket", "it exists")


@pytest.mark.parametrize(
    ("status", "condition"),
    [
        ("CREATE_COMPLETE", StackCondition.READY),
        ("UPDATE_COMPLETE", StackCondition.READY),
        ("UPDATE_ROLLBACK_COMPLETE", StackCondition.READY),
        ("IMPORT_COMPLETE", StackCondition.READY),
        ("CREATE_IN_PROGRESS", StackCondition.BUSY),
        ("UPDATE_IN_PROGRESS", StackCondition.BUSY),
        ("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", StackCondition.BUSY),
        ("ROLLBACK_IN_PROGRESS", StackCondition.BUSY),
        ("DELETE_IN_PROGRESS", StackCondition.BROKEN),
        ("REVIEW_IN_PROGRESS", StackCondition.BROKEN),
        ("CREATE_FAILED", StackCondition.BROKEN),
        ("ROLLBACK_COMPLETE", StackCondition.BROKEN),
        ("UPDATE_FAILED", StackCondition.BROKEN),
        ("A_STATUS_OF_TOMORROW", StackCondition.BROKEN),
    ],
)
def test_condition(status: str, condition: StackCondition) -> None:
    """A stack is ready, busy, or only to be repaired by hand."""
    assert STACK._replace(status=status).condition is condition


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("ROLLBACK_COMPLETE", "aws cloudformation delete-stack --stack-name fleet"),
        ("DELETE_IN_PROGRESS", "aws cloudformation wait stack-delete-complete --stack-name fleet"),
        ("UPDATE_FAILED", "aws cloudformation rollback-stack --stack-name fleet"),
        ("UPDATE_ROLLBACK_FAILED", "aws cloudformation continue-update-rollback --stack-name fleet"),
    ],
)
def test_repair(status: str, words: str) -> None:
    """The error names the status, the first failure and the whole command."""
    fault = broken(STACK._replace(status=status), FAILURE)
    assert f"stack fleet is {status}" in fault.message
    assert "Bucket (AWS::S3::Bucket): it exists" in fault.message
    assert fault.hints[0].endswith(f": {words}")


@pytest.mark.parametrize(
    ("status", "hint"), [("UPDATE_ROLLBACK_COMPLETE", "the stack is as before"), ("ROLLBACK_COMPLETE", "delete-stack")]
)
def test_failed_deployment(status: str, hint: str) -> None:
    """After a deployment that failed, the hint says whether the same command goes on."""
    fault = failed(STACK._replace(status=status), FAILURE)
    assert isinstance(fault, LaunchError)
    assert hint in fault.hints[0]


def test_foreign_stack() -> None:
    """A stack is ecsauth's by its description, and by its outputs once it has them."""
    refuse_unusable(STACK)
    refuse_unusable(STACK._replace(status="CREATE_IN_PROGRESS", outputs={}))
    for other in (STACK._replace(description="a web shop"), STACK._replace(outputs={})):
        with pytest.raises(ConflictError, match="was not made by ecsauth"):
            refuse_unusable(other)


def test_change_set_that_nobody_executed() -> None:
    """A stack that is only a change set has neither description nor template: it is told as that, not as foreign."""
    with pytest.raises(ConflictError, match="a change set that nobody has executed") as caught:
        refuse_unusable(STACK._replace(status="REVIEW_IN_PROGRESS", description="", outputs={}))
    assert caught.value.hints[0].endswith(": aws cloudformation delete-stack --stack-name fleet")


@pytest.mark.parametrize(
    ("template", "is_same"),
    [
        ("A: b\n", True),
        ("# a comment\nA: b\n\n", True),
        ("A: b\n    Default: x\n", True),
        ("A: c\n", False),
    ],
)
def test_same_template(template: str, is_same: bool) -> None:
    """Comments and defaults of parameters make no other template."""
    assert STACK._replace(template="A: b\n").is_made_from(template) is is_same


def test_unread_template() -> None:
    """A template that could not be read is not known to be another one."""
    assert STACK._replace(template=None).is_made_from("A: b\n")
