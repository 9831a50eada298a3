"""The stack, deployed into moto: its outputs drive push, boot and rollback, and what it leaves out is missed."""

from __future__ import annotations

import ast
import base64
import hashlib
import shlex
from typing import TYPE_CHECKING, Any, Callable

import cloudformation
import hurried
import pytest
from aws_environment import aws_environment
from cloudformation import POLICIES
from deployed_stack import NAME, Deployed
from program import run_here
from pushing import CHANGED, FILE
from s3_server import ACCOUNT

if TYPE_CHECKING:
    from pathlib import Path

    from metadata_service import MetadataService
    from program import Ended
    from s3_proxy import S3Proxy
    from s3_server import S3Server


class Fleet:
    """A deployed stack, the operator's desk, and one instance: all of them go by the stack's outputs."""

    def __init__(self, stack: Deployed, desk: Path, operator: dict[str, str], instance: dict[str, str]) -> None:
        self.stack, self.desk = stack, desk
        self._operator, self._instance = operator, instance

    def type(self, command: str) -> Ended:
        """Run a command as an output shows it, on the desk."""
        program, *words = shlex.split(command)
        assert program == "ecsauth"
        return run_here(*words, env=self._operator)

    def publish(self) -> Any:
        """Publish an archive as the stack says, and return what is said of it."""
        done = self.type(f"{self.stack.outputs['NextArchive']} --no-compile --format json")
        assert done.status == 0, done.err
        return done.document

    def push(self, content: bytes = FILE) -> Ended:
        """Push as the stack says."""
        (self.desk / "ecs.config").write_bytes(content)
        return self.type(self.stack.outputs["NextPush"])

    def version(self) -> str:
        """Return the ID of the version that was put last."""
        done = self.type(f"ecsauth history {self.stack.outputs['EnvFileUri']} --format json")
        return str(done.document["versions"][0]["version_id"])

    def boot(self, **instead: str) -> Ended:
        """Boot from the outputs, or from others `instead`, without waits between two tries."""
        told = {**self.stack.outputs, **instead}
        places = (f"--file={self.desk / 'ecs/ecs.config'}", f"--state-dir={self.desk / 'state'}")
        trust = (f"--kms-key={told['KeyArn']}", f"--bucket-owner={told['BucketOwner']}", f"--region={told['Region']}")
        limits = ("--launch=none", *hurried.TRIES)
        return run_here("boot", told["EnvFileUri"], *trust, *places, *limits, env=self._instance)

    @property
    def installed(self) -> bytes:
        """What the agent would be started with."""
        return (self.desk / "ecs/ecs.config").read_bytes()


@pytest.fixture
def instance_env(s3_proxy: S3Proxy, metadata: MetadataService, tmp_path: Path) -> dict[str, str]:
    """Give the environment of an instance, with the role's credentials from the metadata service."""
    return aws_environment(tmp_path / "home", endpoint=s3_proxy.url, metadata=metadata.url)


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Sit down where the operator's files are."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def deploy(
    s3_server: S3Server, s3_proxy: S3Proxy, operator_env: dict[str, str], instance_env: dict[str, str], desk: Path
) -> Callable[..., Fleet]:
    """Give a function that deploys a template, completes what moto drops, and says so."""

    def deployed(template: dict[str, Any] | None = None, **parameters: str) -> Fleet:
        stack = Deployed(s3_server, template, **parameters)
        print("applied, as moto had dropped it:", *sorted(stack.complete(s3_proxy)))  # noqa: T201 # pytest shows it
        return Fleet(stack, desk, operator_env, instance_env)

    return deployed


def test_from_nothing_to_a_fleet(deploy: Callable[..., Fleet]) -> None:
    """With the outputs alone one pushes without a warning, boots, changes the file, boots, rolls back and boots."""
    fleet = deploy()
    done = fleet.push()
    assert (done.status, "warning" in done.err) == (0, False), done.err
    assert f"encrypted with {fleet.stack.outputs['KeyArn']}" in done.err
    first = fleet.version()
    assert fleet.boot().status == 0
    assert fleet.installed == FILE
    assert fleet.push(CHANGED).status == 0
    assert fleet.boot().status == 0
    assert fleet.installed == CHANGED
    assert fleet.type(f"ecsauth rollback {fleet.stack.outputs['EnvFileUri']} {first}").status == 0
    assert fleet.boot().status == 0
    assert fleet.installed == FILE


def test_second_deployment(deploy: Callable[..., Fleet], s3_server: S3Server) -> None:
    """With the archive's hash there is a launch template; the bucket, the key and the file stay as they were."""
    fleet = deploy()
    assert fleet.push().status == 0
    before = fleet.stack.outputs
    assert not [name for name in before if name.startswith("LaunchTemplate")]
    archive = fleet.publish()
    names = [word.partition("=")[0] for word in fleet.stack.outputs["NextUpdate"].split() if "=" in word]
    fleet.stack.update(**dict(zip(names, (archive["sha256"], archive["version_id"]))))
    after = fleet.stack.outputs
    assert [name for name in after if name.startswith("Next")] == ["NextLaunch", "NextRollOut"]
    assert {name: after[name] for name in before if name in after} == {
        name: value for name, value in before.items() if not name.startswith("Next")
    }
    assert fleet.boot().status == 0
    given = {"LaunchTemplateId": after["LaunchTemplateId"], "Versions": [after["LaunchTemplateVersion"]]}
    (version,) = s3_server.client("ec2").describe_launch_template_versions(**given)["LaunchTemplateVersions"]
    made = version["LaunchTemplateData"]
    assert made["IamInstanceProfile"]["Arn"] == after["InstanceProfileArn"]
    resolved = fleet.stack.resolved.properties("LaunchTemplate")["LaunchTemplateData"]
    told = base64.b64decode(made["UserData"]).decode()
    assert told == resolved["UserData"]
    content = s3_server.s3.get_object(Bucket=before["BucketName"], Key="prod/ecsauth")["Body"].read()
    assert archive["sha256"] == hashlib.sha256(content).hexdigest()
    assert f"'/prod/ecsauth?versionId={archive['version_id']}'" in told
    assert f" {archive['sha256']} " in told
    assert made["MetadataOptions"] == {
        "HttpEndpoint": "enabled",
        "HttpTokens": "required",
        "HttpPutResponseHopLimit": 1,
    }


def test_group(deploy: Callable[..., Fleet], s3_server: S3Server) -> None:
    """With subnets, the second deployment makes an Auto Scaling group too, whose instances use the launch template."""
    subnets = sorted(one["SubnetId"] for one in s3_server.client("ec2").describe_subnets()["Subnets"])
    fleet = deploy(SubnetIds=",".join(subnets))
    scaling = s3_server.client("autoscaling")
    assert scaling.describe_auto_scaling_groups()["AutoScalingGroups"] == []
    fleet.stack.update(ArchiveSha256="0" * 64, ArchiveVersionId="v")
    outputs = fleet.stack.outputs
    (group,) = scaling.describe_auto_scaling_groups()["AutoScalingGroups"]
    assert group["AutoScalingGroupName"] == outputs["GroupName"]
    assert group["LaunchTemplate"]["LaunchTemplateId"] == outputs["LaunchTemplateId"]
    assert sorted(group["VPCZoneIdentifier"].split(",")) == subnets
    assert [name for name in outputs if name.startswith("Next")] == ["NextRefresh"]


def test_role_of_the_instance(deploy: Callable[..., Fleet], s3_server: S3Server, metadata: MetadataService) -> None:
    """With IAM switched on, what the profile's role may do is enough to boot, and not to read beside its prefix."""
    fleet = deploy()
    outputs = fleet.stack.outputs
    assert fleet.push().status == 0
    s3_server.s3.copy_object(
        Bucket=outputs["BucketName"], Key="other/ecs.config", CopySource=f"{outputs['BucketName']}/prod/ecs.config"
    )
    profile = outputs["InstanceProfileArn"].rpartition("/")[2]
    iam = s3_server.client("iam")
    (role,) = iam.get_instance_profile(InstanceProfileName=profile)["InstanceProfile"]["Roles"]
    assert (role["Arn"], role["RoleName"]) == (outputs["InstanceRoleArn"], outputs["InstanceRoleName"])
    given = s3_server.client("sts").assume_role(RoleArn=role["Arn"], RoleSessionName="i-0123456789abcdef0")[
        "Credentials"
    ]
    metadata.instance = metadata.instance._replace(
        access_key=given["AccessKeyId"], secret_key=given["SecretAccessKey"], session_token=given["SessionToken"]
    )
    fleet.stack.enforce()
    other = outputs["EnvFileUri"].replace("/prod/", "/other/")
    assert fleet.boot(EnvFileUri=other).status == 4
    assert fleet.boot().status == 0


@pytest.mark.parametrize("wanted", [True, False])
def test_endpoint(wanted: bool, deploy: Callable[..., Fleet], s3_server: S3Server) -> None:
    """The endpoint stands in the VPC that is named, in its route tables, and without one there is none."""
    ec2 = s3_server.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    tables = [ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"] for _ in range(2)]
    fleet = deploy(**({"VpcId": vpc, "RouteTableIds": ",".join(tables)} if wanted else {}))
    made = ec2.describe_vpc_endpoints()["VpcEndpoints"]
    assert [(one["VpcId"], one["RouteTableIds"], one["ServiceName"]) for one in made] == (
        [(vpc, tables, "com.amazonaws.eu-central-1.s3")] if wanted else []
    )
    policies = [ast.literal_eval(one["PolicyDocument"]) for one in made]
    assert policies == [fleet.stack.resolved.properties("Endpoint")["PolicyDocument"] for _ in made]


def test_policies_of_the_stack(deploy: Callable[..., Fleet]) -> None:
    """`ecsauth iam --stack` prints what the stack has made, each name that means the same but once."""
    people = {
        name: f"arn:aws:iam::{ACCOUNT}:role/{name}" for name in ("OperatorArn", "FleetRollArn", "FleetPromoteArn")
    }
    fleet = deploy(Prefix="prod/web", Fleet="on", **people)
    for name, made in POLICIES.items():
        done = fleet.type(f"ecsauth iam {name} --stack {NAME}")
        assert done.status == 0, done.err
        assert done.document == once(made(fleet.stack.resolved)), name


def once(node: Any) -> Any:
    """Return a document with each item of a list but once."""
    if isinstance(node, dict):
        return {key: once(value) for key, value in node.items()}
    if isinstance(node, list):
        return [once(item) for index, item in enumerate(node) if item not in node[:index]]
    return node


@pytest.mark.parametrize(
    ("output", "value"),
    [
        ("KeyArn", "arn:aws:kms:eu-central-1:123456789012:key/00000000-0000-0000-0000-000000000000"),
        ("BucketOwner", "999999999999"),
    ],
)
def test_other_outputs_boot_nothing(output: str, value: str, deploy: Callable[..., Fleet]) -> None:
    """An instance that goes by another key or owner than the stack's refuses the file."""
    fleet = deploy()
    assert fleet.push().status == 0
    assert fleet.boot(**{output: value}).status == 4


def _expire(bucket: dict[str, Any]) -> None:
    rule = {"Id": "old", "Status": "Enabled", "NoncurrentVersionExpiration": {"NoncurrentDays": 30}}
    bucket["LifecycleConfiguration"]["Rules"].append(rule)


@pytest.mark.parametrize(
    ("spoil", "status", "said"),
    [
        (lambda made: made["Bucket"]["Properties"].pop("BucketEncryption"), 2, "no default KMS key"),
        (lambda made: made["Bucket"]["Properties"].pop("VersioningConfiguration"), 0, "is not versioned"),
        (
            lambda made: made["Bucket"]["Properties"].pop("PublicAccessBlockConfiguration"),
            0,
            "does not block all public access",
        ),
        (lambda made: made.pop("BucketPolicy"), 0, "does not deny requests without TLS"),
        (lambda made: _expire(made["Bucket"]["Properties"]), 0, "deletes old versions 30 days after"),
    ],
)
def test_what_push_sees_missing(
    spoil: Callable[[dict[str, Any]], object], status: int, said: str, deploy: Callable[..., Fleet]
) -> None:
    """A template that lacks what makes the bucket safe is one that push refuses, or warns of."""
    template = cloudformation.read()
    spoil(template["Resources"])
    done = deploy(template).push()
    assert done.status == status, done.err
    assert said in done.err


def test_fleet(deploy: Callable[..., Fleet], s3_server: S3Server) -> None:
    """With Fleet on, the documents are there with the SHA-256 of their files, and failures reach the topic."""
    stack = deploy(Fleet="on").stack
    ssm, events = s3_server.client("ssm"), s3_server.client("events")
    for file in (cloudformation.ROOT / "iam" / "ssm").iterdir():
        document = ssm.describe_document(Name=f"{NAME}-{file.stem}")["Document"]
        assert document["Hash"] == hashlib.sha256(file.read_bytes()).hexdigest()
        assert document["DocumentFormat"] == "YAML"
    rules = [rule["Name"] for rule in events.list_rules()["Rules"]]
    targets = [target["Arn"] for rule in rules for target in events.list_targets_by_rule(Rule=rule)["Targets"]]
    assert targets == [stack.outputs["FleetTopicArn"]] * 2


def test_fleet_is_switched_off(deploy: Callable[..., Fleet]) -> None:
    """The fleet is switched on for a stack that is in use, and off again: bucket, key and file stay as they were."""
    fleet = deploy()
    before = fleet.stack.outputs
    assert fleet.push().status == 0
    fleet.stack.update(Fleet="on")
    assert fleet.stack.outputs.items() > before.items()
    fleet.stack.update(Fleet="off")
    assert fleet.stack.outputs == before
    assert fleet.boot().status == 0
