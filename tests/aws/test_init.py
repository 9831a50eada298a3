"""`ecsauth init`, whole: what it makes of an account, what it says before, and how a later run goes on."""

from __future__ import annotations

import io
import shlex
import zipfile
from typing import TYPE_CHECKING

import cloudformation
import hurried
import pytest
from cloud_account import ADMINISTRATOR, CloudAccount
from program import Ended, run_here
from pushing import CHANGED, FILE, Meanwhile
from s3_server import ACCOUNT, REGION
from stand_in_cloudformation import StackFailure

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from s3_server import S3Server

OPERATOR = f"arn:aws:iam::{ACCOUNT}:role/Operator"
EVERYTHING = ["CreateStack", "CreateCluster", "PutObject", "PutObject", "UpdateStack"]
LAUNCH = "Launching a new EC2 instance: i-0123"
FAILURE = StackFailure("Bucket", "AWS::S3::Bucket", "fleet already exists")


class Desk:
    """The administrator's desk: an env-file, and an account with nothing in it."""

    def __init__(self, account: CloudAccount, path: Path) -> None:
        self.account, self.path = account, path
        self.env = account.env_of()
        path.write_bytes(FILE)

    def init(self, *options: str, administrator: str = ADMINISTRATOR, env: dict[str, str] | None = None) -> Ended:
        """Run `init` with the file, without waits."""
        who = ("--administrator", administrator) if administrator else ()
        words = ("init", str(self.path), *who, "--no-compile", *options, hurried.HURRIED)
        return run_here(*words, env=env or self.env)

    def make(self, *options: str) -> Ended:
        """Run it with instances and without a question."""
        return self.init("--subnets", self.account.subnets, "--yes", *options)


@pytest.fixture
def account(s3_server: S3Server, tmp_path: Path) -> Iterator[CloudAccount]:
    """Serve an account in which nothing is yet."""
    with CloudAccount(s3_server, tmp_path / "home") as account:
        yield account


@pytest.fixture
def desk(account: CloudAccount, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """Sit down at the administrator's desk."""
    monkeypatch.chdir(tmp_path)
    return Desk(account, tmp_path / "ecs.config")


def test_from_nothing_to_an_instance(desk: Desk) -> None:
    """One command makes all of it, in order, and ends when an instance is in the cluster."""
    done = desk.make()
    assert done.status == 0, done.err
    assert desk.account.changes == EVERYTHING
    (instance,) = desk.account.group["Instances"]
    assert f"in the cluster: {instance['InstanceId']}" in done.err
    outputs = desk.account.outputs
    stored = desk.account.server.s3.get_object(Bucket=outputs["BucketName"], Key="prod/ecs.config")
    assert stored["Body"].read() == FILE
    assert stored["SSEKMSKeyId"] == outputs["KeyArn"]
    assert "canary-one" not in done.err + done.out


def test_a_second_run_changes_nothing(desk: Desk) -> None:
    """The same command finds all of it done, asks nothing, and says so."""
    assert desk.make().status == 0
    before = len(desk.account.changes)
    again = desk.init("--subnets", desk.account.subnets)
    assert again.status == 0, again.err
    assert "ecsauth: to do:" not in again.err
    assert "nothing to do, stack ecsauth is complete" in again.err
    assert desk.account.changes[before:] == []


def test_next_commands_work(desk: Desk) -> None:
    """The commands that the end shows are whole: one pushes a change, one looks, one rolls back."""
    said = desk.make().err
    shown = [line.partition(": ecsauth ")[2] for line in said.splitlines() if "hint: to " in line]
    desk.path.write_bytes(CHANGED)
    assert [words.split()[0] for words in shown] == ["push", "history", "rollback"]
    for words in shown:
        done = run_here(*shlex.split(words), env=desk.env)
        assert done.status == 0, done.err
    stored = desk.account.server.s3.get_object(Bucket=desk.account.outputs["BucketName"], Key="prod/ecs.config")
    assert stored["Body"].read() == FILE


def test_the_environment_has_a_name(desk: Desk) -> None:
    """`ecsauth.toml` gets the environment by its prefix, and the next commands take the name."""
    done = desk.make()
    assert f"ecsauth push {desk.path} prod\n" in done.err
    shown = run_here("env", "prod", "--format", "json", env=desk.env)
    (entry,) = shown.document["environments"]
    outputs = desk.account.outputs
    assert (entry["uri"], entry["kms_key"], entry["region"]) == (outputs["EnvFileUri"], outputs["KeyArn"], REGION)
    assert "wrote [env.prod]" not in desk.make().err


def test_the_name_of_another_environment(desk: Desk) -> None:
    """An entry of the same name for another object stays, and the next commands take the S3 URI."""
    (desk.path.parent / "ecsauth.toml").write_text('[env.prod]\nuri = "s3://other/prod/ecs.config"\n')
    done = desk.make()
    assert done.status == 0, done.err
    assert "is for s3://other/prod/ecs.config: it stays as it is" in done.err
    assert f"ecsauth push {desk.path} {desk.account.outputs['EnvFileUri']} --bucket-owner" in done.err


def test_without_subnets_no_instance(desk: Desk) -> None:
    """Without subnets it ends with the launch template; with them, the same command goes on to an instance."""
    done = desk.init("--yes")
    assert done.status == 0, done.err
    assert "give --subnets" in done.err
    assert "LaunchTemplateId" in desk.account.outputs
    assert "GroupName" not in desk.account.outputs
    more = desk.make()
    assert more.status == 0, more.err
    assert desk.account.changes == [*EVERYTHING, "UpdateStack"]
    assert desk.account.group["MinSize"] == 1


def test_default_subnets(desk: Desk) -> None:
    """`--subnets default` takes the subnets of the default VPC."""
    done = desk.init("--subnets", "default", "--yes")
    assert done.status == 0, done.err
    found = desk.account.server.client("ec2").describe_subnets()["Subnets"]
    given = desk.account.cloudformation.parameters["SubnetIds"].split(",")
    assert given == sorted(one["SubnetId"] for one in found)


def test_dry_run_makes_nothing(desk: Desk) -> None:
    """A dry run prints the plan, and on stdout the commands that do the same; it makes nothing."""
    done = desk.init("--subnets", desk.account.subnets, "--dry-run")
    assert done.status == 0, done.err
    assert desk.account.changes == []
    programs = [" ".join(line.split()[:3]) for line in done.out.splitlines()]
    assert programs == [
        "ecsauth iam stack",
        "aws cloudformation deploy",
        "aws ecs create-cluster",
        "output() { aws",
        f"ecsauth push {desk.path}",
        "ecsauth archive publish",
        "published() { python3",
        "aws cloudformation deploy",
        "aws ecs list-container-instances",
    ]
    assert "costs: the KMS key 1 USD a month" in done.err


def test_dry_run_says_what_cannot_be_read(desk: Desk) -> None:
    """A dry run with few rights says what it could not look at, and goes on."""
    desk.account.refuse("DescribeClusters", "ecs:DescribeClusters")
    done = desk.init("--dry-run")
    assert done.status == 0, done.err
    assert "not known: cannot look at ECS cluster prod" in done.err


def test_changed_file_is_a_change_of_the_plan(desk: Desk) -> None:
    """A file that was changed is in the plan by its changes, without a value, and is pushed alone."""
    assert desk.make().status == 0
    before = len(desk.account.changes)
    desk.path.write_bytes(CHANGED)
    done = desk.make()
    assert done.status == 0, done.err
    assert "pushed: 1 change" in done.err
    assert "registry.example.com: password changed" in done.err
    assert "canary" not in done.err
    assert desk.account.changes[before:] == ["PutObject"]


def test_another_number_of_instances(desk: Desk) -> None:
    """An option that is given anew changes that parameter alone; those that are left out keep their values."""
    assert desk.make("--instance-type", "t3.micro").status == 0
    kept = dict(desk.account.cloudformation.parameters)
    done = desk.init("--instances", "2", "--yes", administrator="")
    assert done.status == 0, done.err
    assert "InstanceCount 1 -> 2" in done.err
    assert desk.account.cloudformation.parameters == {**kept, "InstanceCount": "2"}


def test_without_a_terminal_and_yes(desk: Desk) -> None:
    """Where nobody can answer and nobody said yes, nothing is made."""
    done = desk.init()
    assert done.status == 2
    assert "give --yes" in done.err
    assert desk.account.changes == []


def test_a_file_with_errors(desk: Desk) -> None:
    """An env-file with errors is refused before AWS is asked anything."""
    desk.path.write_text("ECS_ENGINE_AUTH_TYPE=docker\nECS_ENGINE_AUTH_DATA={\n")
    done = desk.init("--yes")
    assert done.status == 3
    assert desk.account.operations == []


def test_json(desk: Desk) -> None:
    """With JSON there is one document: the steps, what was made, and the next commands."""
    done = desk.make("--format", "json")
    assert done.status == 0, done.err
    document = done.document
    assert document["schema"] == 1
    assert [step["step"] for step in document["steps"]] == [
        "stack",
        "cluster",
        "env-file",
        "archive",
        "update",
        "instance",
    ]
    outputs = desk.account.outputs
    assert (document["env_file"], document["group"]) == (outputs["EnvFileUri"], outputs["GroupName"])
    assert document["instances"] == [one["InstanceId"] for one in desk.account.group["Instances"]]
    assert set(document["next"]) == {"push a change", "see the versions", "roll back to this version"}


def test_missing_rights(desk: Desk) -> None:
    """Actions that IAM's simulation denies are named before anything is made; an option goes on all the same."""
    desk.account.denied = ("kms:CreateKey", "iam:PassRole")
    done = desk.make()
    assert done.status == 4
    assert "you may not: kms:CreateKey, iam:PassRole" in done.err
    assert desk.account.changes == []
    assert desk.make("--ignore-rights").status == 0


def test_simulation_that_is_denied(desk: Desk) -> None:
    """Whoever may not simulate is told that rights are not known, and goes on."""
    desk.account.refuse("SimulatePrincipalPolicy", "iam:SimulatePrincipalPolicy")
    done = desk.make()
    assert done.status == 0, done.err
    assert "not known: cannot simulate the rights" in done.err


@pytest.mark.parametrize("operation", ["CreateStack", "CreateCluster", "UpdateStack", "ListContainerInstances"])
def test_rights_that_end_on_the_way(operation: str, desk: Desk) -> None:
    """A denial names the action and what was made so far; with the right, the same command goes on."""
    desk.account.refuse(operation, "x", times=1)
    done = desk.make()
    assert done.status == 4, done.err
    assert f":{operation}" in done.err
    assert "run the same command again" in done.err
    again = desk.make()
    assert again.status == 0, again.err
    assert "in the cluster: i-" in again.err


@pytest.mark.parametrize(
    ("administrator", "status", "said"),
    [
        pytest.param("", 2, "a new one needs an administrator", id="nobody"),
        pytest.param(f"arn:aws:iam::{ACCOUNT}:role/Other", 4, "KMS would refuse the key", id="another role"),
    ],
)
def test_who_creates(administrator: str, status: int, said: str, desk: Desk) -> None:
    """A new stack is made by its administrator; anybody else is told before anything is made."""
    done = desk.init("--yes", administrator=administrator)
    assert done.status == status
    assert said in done.err
    assert "role/Admin" in done.err
    assert desk.account.changes == []


def test_who_pushes(desk: Desk) -> None:
    """Somebody who is neither administrator nor operator is told that the bucket would deny the push."""
    assert desk.make("--operator", OPERATOR).status == 0
    before = len(desk.account.changes)
    desk.path.write_bytes(CHANGED)
    stranger = desk.init("--yes", administrator="", env=desk.account.env_of("Stranger"))
    assert stranger.status == 4
    assert "neither administrator nor operator" in stranger.err
    assert desk.account.changes[before:] == []
    done = desk.init("--yes", administrator="", env=desk.account.env_of("Operator"))
    assert done.status == 0, done.err
    assert "hint: to let the operator push: aws iam attach-role-policy --role-name Operator" in done.err


def test_subnets_of_two_vpcs(desk: Desk) -> None:
    """Subnets of two VPCs are refused before anything is made."""
    ec2 = desk.account.server.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    other = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"]
    done = desk.init("--subnets", f"{desk.account.subnets},{other}", "--yes")
    assert done.status == 2
    assert f"{other} is in {vpc}" in done.err
    assert desk.account.changes == []


def test_no_default_vpc(desk: Desk) -> None:
    """Where there is no default VPC, its subnets cannot be meant."""
    ec2 = desk.account.server.client("ec2")
    for subnet in ec2.describe_subnets()["Subnets"]:
        ec2.delete_subnet(SubnetId=subnet["SubnetId"])
    done = desk.init("--subnets", "default", "--yes")
    assert done.status == 4
    assert "no default VPC" in done.err
    assert desk.account.changes == []


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--subnets", "subnet-0123456789abcdef0"], "no such subnet"),
        (["--ami-parameter", "/aws/nothing"], "no AMI in parameter /aws/nothing"),
        (["--instance-type", "t0.none"], "no instance type t0.none"),
        (["--bucket", "taken"], "there is a bucket taken already"),
    ],
)
def test_what_the_account_does_not_have(options: list[str], said: str, desk: Desk) -> None:
    """What is not there, or is taken, is told before anything is made."""
    desk.account.server.make_bucket("taken")
    done = desk.init(*options, "--yes")
    assert done.status == 4, done.err
    assert said in done.err
    assert desk.account.changes == []


def test_graviton(desk: Desk) -> None:
    """An instance type of arm64 gets the AMI of its architecture."""
    done = desk.make("--instance-type", "t4g.small")
    assert done.status == 0, done.err
    assert "/arm64/" in desk.account.cloudformation.parameters["ImageId"]


@pytest.mark.parametrize(
    ("status", "command"),
    [
        ("ROLLBACK_COMPLETE", "aws cloudformation delete-stack --stack-name ecsauth"),
        ("CREATE_FAILED", "aws cloudformation delete-stack --stack-name ecsauth"),
        ("ROLLBACK_FAILED", "aws cloudformation delete-stack --stack-name ecsauth"),
        ("DELETE_FAILED", "aws cloudformation delete-stack --stack-name ecsauth"),
        ("DELETE_IN_PROGRESS", "aws cloudformation wait stack-delete-complete --stack-name ecsauth"),
        ("UPDATE_ROLLBACK_FAILED", "aws cloudformation continue-update-rollback --stack-name ecsauth"),
    ],
)
def test_half_made_stack(status: str, command: str, desk: Desk) -> None:
    """A stack that cannot be updated is told with the whole command that repairs it; nothing is deleted."""
    stack = desk.account.cloudformation
    stack.place("ecsauth", cloudformation.TEMPLATE.read_text(), status, AdministratorArn=ADMINISTRATOR)
    done = desk.init("--yes")
    assert done.status == 9, done.err
    assert f"stack ecsauth is {status}" in done.err
    assert f"{command} --region eu-central-1" in done.err
    assert desk.account.changes == []


def test_stack_of_another_template(desk: Desk) -> None:
    """A stack of the same name that ecsauth has not made is left alone."""
    stack = desk.account.cloudformation
    stack.place("ecsauth", cloudformation.TEMPLATE.read_text(), "CREATE_COMPLETE", AdministratorArn=ADMINISTRATOR)
    stack.description = "a web shop"
    done = desk.init("--yes")
    assert done.status == 9
    assert "was not made by ecsauth" in done.err
    assert desk.account.changes == []


def test_stack_of_another_version(desk: Desk) -> None:
    """A stack of another version of the template is updated, and the plan says so."""
    assert desk.make().status == 0
    before = len(desk.account.changes)
    stack = desk.account.cloudformation
    stack.template = stack.template.replace("KeyAlias:\n    Type", "KeyAlias:\n    DependsOn: Key\n    Type")
    done = desk.make()
    assert done.status == 0, done.err
    assert "in place of another version's" in done.err
    assert desk.account.changes[before:] == ["UpdateStack"]


@pytest.mark.parametrize(
    ("options", "name"),
    [(["--prefix", "web"], "Prefix=prod"), (["--bucket", "other"], "BucketName=none")],
)
def test_what_a_stack_cannot_change(options: list[str], name: str, desk: Desk) -> None:
    """Another prefix or bucket is another environment: the present one stays as it is."""
    assert desk.make().status == 0
    before = len(desk.account.changes)
    done = desk.make(*options)
    assert done.status == 9
    assert f"{name}, which cannot be changed" in done.err
    assert desk.account.changes[before:] == []


def test_creation_that_fails(desk: Desk) -> None:
    """A creation that fails is told with the first resource that failed, and the command that repairs."""
    desk.account.cloudformation.failure = FAILURE
    done = desk.make()
    assert done.status == 7, done.err
    assert "Bucket (AWS::S3::Bucket): fleet already exists" in done.err
    assert "aws cloudformation delete-stack --stack-name ecsauth --region eu-central-1" in done.err
    again = desk.make()
    assert again.status == 9
    assert "the first failure was Bucket (AWS::S3::Bucket): fleet already exists" in again.err


def test_update_that_fails(desk: Desk) -> None:
    """An update that fails leaves the stack as before; the same command goes on when the cause is gone."""
    assert desk.init("--yes").status == 0
    desk.account.cloudformation.failure = StackFailure("Group", "AWS::AutoScaling::AutoScalingGroup", "no capacity")
    done = desk.make()
    assert done.status == 7
    assert "no capacity" in done.err
    again = desk.make()
    assert again.status == 0, again.err
    assert "the last update of stack ecsauth failed: Group" in again.err


def test_a_deployment_of_another_run(desk: Desk) -> None:
    """While another run changes the stack, it waits, then goes on with what is left."""
    desk.account.cloudformation.looks = 1000
    assert desk.make("--timeout", "60").status == 5
    desk.account.cloudformation.looks = 1
    desk.account.cloudformation.finish(looks=2)
    done = desk.make()
    assert done.status == 0, done.err
    assert "waiting for stack ecsauth, which another run changes" in done.err
    assert desk.account.changes == EVERYTHING


def test_another_run_that_is_faster(desk: Desk) -> None:
    """A stack that another run has created since the look is a conflict, and the same command goes on."""
    stack = desk.account.cloudformation
    template = cloudformation.TEMPLATE.read_text()
    other = Meanwhile(lambda: stack.place("ecsauth", template, "CREATE_IN_PROGRESS", AdministratorArn=ADMINISTRATOR))
    desk.account.inject(other, operation="CreateStack")
    done = desk.make()
    assert done.status == 9, done.err
    assert "stack ecsauth was created by another run meanwhile" in done.err
    assert done.err.count("run the same command again") == 1


def test_a_push_since_the_plan(desk: Desk) -> None:
    """A version that somebody pushed since the plan was shown is not replaced."""
    assert desk.make().status == 0
    bucket, s3 = desk.account.outputs["BucketName"], desk.account.server.s3
    desk.account.inject(
        Meanwhile(lambda: s3.put_object(Bucket=bucket, Key="prod/ecs.config", Body=b"ECS_CLUSTER=prod\n")),
        operation="SimulatePrincipalPolicy",
        times=1,
    )
    desk.path.write_bytes(CHANGED)
    done = desk.make()
    assert done.status == 9, done.err
    assert "another push changed it since the plan" in done.err
    assert s3.get_object(Bucket=bucket, Key="prod/ecs.config")["Body"].read() == b"ECS_CLUSTER=prod\n"


def test_dry_run_while_the_stack_is_created(desk: Desk) -> None:
    """A dry run waits for nothing: it says what is not known yet, and prints commands that find it out."""
    desk.account.cloudformation.looks = 1000
    assert desk.make("--timeout", "60").status == 5
    done = desk.init("--dry-run")
    assert done.status == 0, done.err
    assert "not known: stack ecsauth is CREATE_IN_PROGRESS" in done.err
    assert '"$(output EnvFileUri)"' in done.out


def test_to_wait_is_no_question(desk: Desk) -> None:
    """Where an instance is all that is missing, nothing changes, and nobody is asked."""
    desk.account.agents_after = None
    assert desk.make("--timeout", "60").status == 5
    desk.account.agents_after = 2
    done = desk.init("--subnets", desk.account.subnets)
    assert done.status == 0, done.err
    assert "in the cluster: i-" in done.err


def test_stack_that_takes_too_long(desk: Desk) -> None:
    """A stack that is not complete in time is told with status 5, and what goes on by itself."""
    desk.account.cloudformation.looks = 1000
    done = desk.make("--timeout", "60")
    assert done.status == 5
    assert "stack ecsauth is not complete after 60 seconds" in done.err
    assert "made so far: stack ecsauth, which CloudFormation finishes by itself" in done.err


def test_instance_that_does_not_register(desk: Desk) -> None:
    """An instance that is launched and not in the cluster in time is told, with what to look at first."""
    desk.account.agents_after = None
    done = desk.make("--timeout", "60")
    assert done.status == 5, done.err
    (instance,) = desk.account.group["Instances"]
    assert f"instance {instance['InstanceId']} is launched, but no instance" in done.err
    assert f"aws ec2 get-console-output --latest --output text --instance-id {instance['InstanceId']}" in done.err
    desk.account.agents_after = 2
    assert desk.make().status == 0


def test_launches_that_fail(desk: Desk) -> None:
    """What Auto Scaling says of launches since the last one that succeeded is shown once, while it waits."""
    desk.account.agents_after = None
    desk.account.activities = (
        (LAUNCH, "Failed", "You have requested more vCPU capacity than your limit"),
        ("Terminating EC2 instance: i-0123", "Cancelled", "somebody stopped the termination"),
        (LAUNCH, "Successful", ""),
        (LAUNCH, "Failed", "the quota of yesterday"),
    )
    done = desk.make("--timeout", "60")
    assert done.status == 5
    assert done.err.count("more vCPU capacity") == 1
    assert "termination" not in done.err
    assert "yesterday" not in done.err


def test_an_archive_that_somebody_uploaded(desk: Desk) -> None:
    """Whoever may upload archives does not choose what runs on the instances: the stack's is published again."""
    assert desk.make().status == 0
    outputs, s3 = desk.account.outputs, desk.account.server.s3
    bucket, key = outputs["BucketName"], "prod/ecsauth"
    pinned = desk.account.cloudformation.parameters["ArchiveSha256"]
    own = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    file = io.BytesIO(own)
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr("evil.py", "")
    s3.put_object(Bucket=bucket, Key=key, Body=file.getvalue())
    done = desk.make()
    assert done.status == 0, done.err
    assert "in place of one that is not the stack's" in done.err
    assert desk.account.cloudformation.parameters["ArchiveSha256"] == pinned
    assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == own


def test_instances_that_run_during_an_update(desk: Desk) -> None:
    """After an update of the launch template the end says how instances that run get it."""
    assert "replace the running instances" not in desk.make().err
    done = desk.make("--instance-type", "t3.micro")
    assert done.status == 0, done.err
    group = desk.account.outputs["GroupName"]
    assert f"aws autoscaling start-instance-refresh --auto-scaling-group-name {group}" in done.err


def test_the_profile_stays(desk: Desk) -> None:
    """The profile that the operator gave the environment stays, with its comment, when a run names none."""
    assert desk.make().status == 0
    file = desk.path.parent / "ecsauth.toml"
    before = file.read_text() + 'profile = "prod-push"  # with MFA\n'
    file.write_text(before)
    assert desk.make().status == 0
    assert file.read_text() == before


def test_credentials_that_expire_while_it_waits(desk: Desk) -> None:
    """Credentials of an operator do not come back by themselves: the wait ends at once."""
    desk.account.expire("DescribeAutoScalingGroups")
    done = desk.make()
    assert done.status == 5
    assert "the credentials have expired" in done.err
    assert desk.account.operations.count("DescribeAutoScalingGroups") == 1


def test_no_region(desk: Desk) -> None:
    """Without a region it says so."""
    done = desk.init("--yes", env={name: value for name, value in desk.env.items() if name != "AWS_REGION"})
    assert done.status == 2
    assert "the region is not set" in done.err
