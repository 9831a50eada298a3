"""The stack's template: resolved as CloudFormation would, in each partition, and compared with the files beside it."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from typing import TYPE_CHECKING, Any, Optional

import cloudformation
import pytest
import yaml
from botocore import xform_name
from botocore.session import Session
from cloudformation import PLACES, POLICIES, ROOT, Place, Stack
from ecsauth import aws_names
from ecsauth.publish.bucket_risks import Settings, risks
from program import run_here

if TYPE_CHECKING:
    from pathlib import Path

SHA256 = "0123456789abcdef" * 4
OPERATOR = "arn:aws:iam::111122223333:role/Operator"
SUBNETS = {"SubnetIds": "subnet-12345678,subnet-0123456789abcdef0"}
ENDPOINT = {"VpcId": "vpc-12345678", "RouteTableIds": "rtb-12345678,rtb-0123456789abcdef0"}
FLEET = {"Fleet": "on"}
CONTEXT = "kms:EncryptionContext:aws:s3:arn"


def file_document(name: str, stack: Stack) -> Any:
    """Return the document of a policy file, its placeholders filled with what the stack has."""
    outputs = stack.outputs()
    values = {
        "Partition": stack.place.partition,
        "DnsSuffix": stack.place.dns_suffix,
        "Region": stack.place.region,
        "Account": stack.place.account,
        "Bucket": outputs["BucketName"],
        "Prefix": outputs["Prefix"],
        "KeyArn": outputs["KeyArn"],
        "AdministratorArn": stack.parameters["AdministratorArn"],
        "OperatorArn": stack.parameters["OperatorArn"],
        "Documents": stack.place.stack,
    }
    text = (ROOT / "iam" / f"{name}.json").read_text()
    return json.loads(re.sub(r"\$\{(\w+)\}", lambda found: values[found[1]], text).replace('["", ', "["))


def statements(document: Any) -> dict[str, Any]:
    """Return the statements by their Sids, each of which there is once."""
    found = {statement["Sid"]: statement for statement in document["Statement"]}
    assert len(found) == len(document["Statement"])
    return found


@pytest.mark.parametrize("name", POLICIES)
@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.partition)
@pytest.mark.parametrize(
    "given", [{}, {"Prefix": "prod/web", "BucketName": "example-config", "OperatorArn": OPERATOR}], ids=["plain", "all"]
)
def test_says_what_the_files_say(name: str, place: Place, given: dict[str, str]) -> None:
    """Each policy of the stack is the file's, statement for statement, in every partition."""
    stack = Stack({**given, **FLEET}, place)
    here, there = statements(POLICIES[name](stack)), statements(file_document(name, stack))
    assert list(here) == list(there)
    for sid, statement in here.items():
        assert statement == there[sid]


def test_no_file_is_left_out() -> None:
    """Every policy file is in the stack."""
    assert set(POLICIES) == {path.stem for path in (ROOT / "iam").glob("*.json")}


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.partition)
def test_partition(place: Place) -> None:
    """Nothing of another partition's names is left in what is made in one."""
    stack = Stack({"ArchiveSha256": SHA256, **SUBNETS, **ENDPOINT, **FLEET}, place)
    made = json.dumps([stack.properties(name) for name in stack.template["Resources"]] + [stack.outputs()])
    assert set(re.findall(r"arn:(aws[a-z-]*):", made)) == {place.partition}
    suffixes = set(re.findall(r"\bs3\.[a-z0-9-]+\.(amazonaws\.com(?:\.cn)?)", made))
    # In China the name without the ending is one that kms:ViaService may have.
    assert place.dns_suffix in suffixes <= {place.dns_suffix, "amazonaws.com"}
    assert stack.properties("InstanceRole")["ManagedPolicyArns"] == [
        f"arn:{place.partition}:iam::aws:policy/service-role/AmazonEC2ContainerServiceforEC2Role"
    ]


@pytest.mark.parametrize(
    ("given", "bucket_key", "bucket_is_taken"),
    [({}, False, False), ({"BucketKey": "on"}, True, True), ({"BucketKey": "leaving"}, False, True)],
)
def test_bucket_key(given: dict[str, str], bucket_key: bool, bucket_is_taken: bool) -> None:
    """With a bucket key the bucket's ARN is a context as well, everywhere, and nothing else changes."""
    stack, plain = Stack({**given, **FLEET}), Stack()
    (rule,) = stack.properties("Bucket")["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule["BucketKeyEnabled"] is bucket_key
    bucket = f"arn:aws:s3:::{stack.outputs()['BucketName']}"
    for name in ("instance-role", "operator", "fleet-roll", "fleet-promote"):
        contexts = [
            statement["Condition"]["StringLike"][CONTEXT]
            for statement in POLICIES[name](stack)["Statement"]
            if CONTEXT in statement.get("Condition", {}).get("StringLike", {})
        ]
        assert contexts == [[f"{bucket}/prod/*", bucket] if bucket_is_taken else f"{bucket}/prod/*"]
    before, after = statements(POLICIES["key"](plain)), statements(POLICIES["key"](stack))
    more = [statement for sid, statement in after.items() if sid not in before]
    assert before.items() <= after.items()
    assert [statement["Condition"]["StringEquals"][CONTEXT] for statement in more] == [bucket] * bucket_is_taken


def test_bucket_is_kept_safe() -> None:
    """The bucket as the template makes it leaves push nothing to warn of, and nothing of it is lost with the stack."""
    stack = Stack()
    made = stack.properties("Bucket")
    policy = json.dumps(stack.properties("BucketPolicy")["PolicyDocument"])
    settings = Settings(
        made["VersioningConfiguration"]["Status"],
        made["PublicAccessBlockConfiguration"],
        policy,
        made["LifecycleConfiguration"]["Rules"],
    )
    assert risks(settings, aws_names.parse(stack.outputs()["EnvFileUri"])) == ()
    assert made["OwnershipControls"] == {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    assert all("Expiration" not in name for rule in made["LifecycleConfiguration"]["Rules"] for name in rule)
    (rule,) = made["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule["ServerSideEncryptionByDefault"] == {
        "SSEAlgorithm": "aws:kms",
        "KMSMasterKeyID": stack.outputs()["KeyArn"],
    }
    kept = {
        name
        for name, resource in stack.template["Resources"].items()
        if (resource.get("DeletionPolicy"), resource.get("UpdateReplacePolicy")) == ("RetainExceptOnCreate", "Retain")
    }
    assert kept == {"Key", "Bucket", "BucketPolicy"}


def test_key_turns() -> None:
    """KMS renews the material of the key, which has a name for people."""
    stack = Stack()
    assert stack.properties("Key")["EnableKeyRotation"] is True
    assert stack.properties("KeyAlias") == {"AliasName": "alias/ecsauth/fleet", "TargetKeyId": cloudformation.KEY_ID}


def test_instances_ask_for_tokens() -> None:
    """A launch template is there with the archive only, and takes no metadata request without a token, or from afar."""
    assert not Stack().has("LaunchTemplate")
    data = Stack({"ArchiveSha256": SHA256}).properties("LaunchTemplate")["LaunchTemplateData"]
    assert data["MetadataOptions"] == {
        "HttpEndpoint": "enabled",
        "HttpTokens": "required",
        "HttpPutResponseHopLimit": 1,
    }


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.partition)
@pytest.mark.parametrize(
    ("pins", "env_file", "archive"),
    [
        ({}, "", ""),
        ({"EnvFileVersionId": "one.A_b-2"}, "?versionId=one.A_b-2", ""),
        ({"ArchiveVersionId": "two"}, "", "?versionId=two"),
        ({"EnvFileVersionId": "one", "ArchiveVersionId": "two"}, "?versionId=one", "?versionId=two"),
    ],
)
def test_user_data_is_the_command_s(
    place: Place, pins: dict[str, str], env_file: str, archive: str, tmp_path: Path
) -> None:
    """What the launch template tells an instance is what `ecsauth user-data` prints for the stack's outputs."""
    stack = Stack({"ArchiveSha256": SHA256, "Prefix": "prod/web", **pins}, place)
    told = stack.outputs()
    path = tmp_path / "user-data"
    printed = run_here(
        "user-data",
        told["EnvFileUri"] + env_file,
        f"--archive={told['ArchiveUri']}{archive}",
        f"--sha256={SHA256}",
        f"--kms-key={told['KeyArn']}",
        f"--bucket-owner={told['BucketOwner']}",
        f"--region={told['Region']}",
        f"--output={path}",
        env={},
    )
    assert printed.status == 0, printed.err
    made = stack.properties("LaunchTemplate")["LaunchTemplateData"]["UserData"]
    assert path.read_text() == made, "run scripts/write-stack"


ENDPOINT_READS = ["Read", "TellAbsentFromDenied"]


@pytest.mark.parametrize(
    ("given", "sids"),
    [
        (ENDPOINT, [*ENDPOINT_READS, "ReadLayersOfEcr"]),
        ({**ENDPOINT, "EndpointReadsImages": "false"}, ENDPOINT_READS),
    ],
)
def test_endpoint(given: dict[str, str], sids: list[str]) -> None:
    """The endpoint lets reads of this bucket through, and of ECR's layers unless they are switched off."""
    made = Stack(given).properties("Endpoint")
    assert made["RouteTableIds"] == ENDPOINT["RouteTableIds"].split(",")
    found = statements(made["PolicyDocument"])
    assert list(found) == sids
    bucket = f"arn:aws:s3:::{Stack().outputs()['BucketName']}"
    layers = "arn:aws:s3:::prod-eu-central-1-starport-layer-bucket/*"
    resources = {statement["Resource"] for statement in found.values()}
    assert resources - {layers} == {bucket, f"{bucket}/*"}
    for statement in found.values():
        actions = statement["Action"]
        assert {"s3:GetObject", "s3:GetObjectVersion", "s3:ListBucket"}.issuperset(
            actions if isinstance(actions, list) else [actions]
        )


def test_no_endpoint() -> None:
    """Without a VPC no endpoint is made."""
    assert not Stack().has("Endpoint")


# To a shell, to YAML, to IAM.
BREAKS_OUT = ("'x", '"x', "$(x)", "`x`", "a b", "a;b", "a&b", "a\nb", "x\n", "a*", "a?", "${x}", "a|b", "a\\b", "#x")


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("Prefix", ["prod", "prod/web", "a", "Prod_1.2-x"], ["", "/prod", "prod/", "a//b", "..", "a/../b", "é"]),
        ("BucketName", ["", "example-config", "a1b"], ["ab", "Example", "exa.mple", "-ab", "ab-", "a" * 64]),
        ("ArchiveSha256", ["", SHA256], [SHA256.upper(), SHA256[1:], SHA256 + "0"]),
        ("ArchiveVersionId", ["", "3HL4kqtJvjVBH40Nrjfkd", "a.b_c-d"], ["a/b", "a+b", "a=b", "a%20b", "a~b"]),
        ("EnvFileVersionId", ["", "3HL4kqtJvjVBH40Nrjfkd", "a.b_c-d"], ["a/b", "a+b", "a=b", "a%20b", "a~b"]),
        (
            "AdministratorArn",
            [
                "arn:aws:iam::111122223333:role/Admin",
                "arn:aws-cn:iam::111122223333:user/path/me",
                "arn:aws:iam::111122223333:role/aws-reserved/sso.amazonaws.com/eu-central-1/AWSReservedSSO_Admin_0a",
            ],
            ["", "Admin", "arn:aws:iam::111122223333:root", "arn:aws:sts::111122223333:assumed-role/Admin/me"],
        ),
        ("OperatorArn", ["", OPERATOR], ["Operator", "arn:aws:sts::111122223333:assumed-role/Operator/me"]),
        ("InstanceType", ["t3.small", "u-6tb1.metal", "m7i-flex.large"], ["", "t3"]),
        ("SubnetIds", ["", SUBNETS["SubnetIds"]], ["subnet-12345678,", "subnet-1234567 8", ",", "vpc-12345678"]),
        ("InstanceCount", ["0", "1", "9999"], ["", "-1", "1.5", "10000"]),
        ("MaxInstanceCount", ["", "12"], ["-1", "10000"]),
        ("VpcId", ["", "vpc-12345678"], ["vpc", "subnet-12345678"]),
        ("RouteTableIds", ["", ENDPOINT["RouteTableIds"]], ["rtb-12345678,", "rtb-1234567 8", ","]),
        ("BucketKey", ["off", "on", "leaving"], ["", "true"]),
        ("Fleet", ["off", "on", "no-inventory"], ["", "true"]),
        ("FleetRollArn", ["", OPERATOR], ["Roller", "arn:aws:sts::111122223333:assumed-role/Roller/me"]),
        ("FleetPromoteArn", ["", OPERATOR], ["Promoter", "arn:aws:sts::111122223333:assumed-role/Promoter/me"]),
        ("EndpointReadsImages", ["true", "false"], ["", "True"]),
    ],
)
def test_parameters_take_no_more_than_they_should(name: str, good: list[str], bad: list[str]) -> None:
    """What stands in a script of root's or in a policy has no character that means something there."""
    parameter = cloudformation.read()["Parameters"][name]
    assert [value for value in good if not cloudformation.is_taken(parameter, value)] == []
    assert [value for value in [*bad, *BREAKS_OUT] if cloudformation.is_taken(parameter, value)] == []
    # What breaks out after a good value does so as well.
    long = [value + end for value in good if value for end in BREAKS_OUT]
    assert [value for value in long if cloudformation.is_taken(parameter, value)] == []


def test_every_parameter_is_bounded() -> None:
    """Each parameter is of a table above, or an AMI that AWS looks up, and all but one have defaults."""
    parameters = cloudformation.read()["Parameters"]
    free = {name for name, one in parameters.items() if "AllowedPattern" not in one and "AllowedValues" not in one}
    assert free == {"ImageId"}
    assert {name for name, one in parameters.items() if "Default" not in one} == {"AdministratorArn"}


@pytest.mark.parametrize(
    "given",
    [{}, {"ArchiveSha256": SHA256}, {"ArchiveSha256": SHA256, **SUBNETS}],
    ids=["first", "then", "with a group"],
)
def test_next_commands_are_such_of_the_api(given: dict[str, str]) -> None:
    """Each command that an output shows has an operation and options that there are, and leaves the file open."""
    outputs = Stack(given).outputs()
    lines = [line for name, text in outputs.items() if name.startswith("Next") for line in text.split(" && ")]
    found = [shlex.split(line) for line in lines if line.startswith("aws ")]
    assert found
    for _, service, operation, *words in found:
        options = [word for word in words if word.startswith("--")]
        if (service, operation) == ("cloudformation", "deploy"):
            # The CLI's own. Whoever runs it knows where the template is.
            assert words[words.index("--template-file") + 1] == "FILE"
            continue
        model = Session().get_service_model(service)
        names = {xform_name(name, "-"): name for name in model.operation_names}
        shape = model.operation_model(names[operation]).input_shape
        known = {f"--{xform_name(name, '-')}" for name in (shape.members if shape else ())} | {"--region"}
        assert set(options) <= known, operation


def test_a_group_is_rolled_on() -> None:
    """The group that one output makes is the one that the other brings to the newest version, and renews."""
    outputs = Stack({"ArchiveSha256": SHA256}).outputs()
    made = outputs["NextLaunch"].split()
    update, refresh = (line.split() for line in outputs["NextRollOut"].split(" && "))
    group = made[made.index("--auto-scaling-group-name") + 1]
    assert (update[2], refresh[2]) == ("update-auto-scaling-group", "start-instance-refresh")
    for each in (update, refresh):
        assert each[each.index("--auto-scaling-group-name") + 1] == group
    template = f"LaunchTemplateId={outputs['LaunchTemplateId']},Version={outputs['LaunchTemplateVersion']}"
    assert template in made
    assert template in update


@pytest.mark.parametrize(
    ("given", "has_group"),
    [({}, False), (SUBNETS, False), ({"ArchiveSha256": SHA256}, False), ({"ArchiveSha256": SHA256, **SUBNETS}, True)],
)
def test_a_group_needs_subnets_and_the_archive(given: dict[str, str], has_group: bool) -> None:
    """There is no Auto Scaling group before its instances can boot, and none without subnets."""
    stack = Stack(given)
    assert stack.has("Group") is has_group
    assert ("GroupName" in stack.outputs(), "NextRefresh" in stack.outputs()) == (has_group, has_group)


@pytest.mark.parametrize(
    ("given", "sizes"),
    [({}, ("1", "1")), ({"InstanceCount": "3"}, ("3", "3")), ({"MaxInstanceCount": "9"}, ("1", "9"))],
)
def test_size_of_the_group(given: dict[str, str], sizes: tuple[str, str]) -> None:
    """The group has the given bounds and no desired capacity, which an update would put back."""
    made = Stack({"ArchiveSha256": SHA256, **SUBNETS, **given}).properties("Group")
    assert (made["MinSize"], made["MaxSize"]) == sizes
    assert "DesiredCapacity" not in made
    assert made["VPCZoneIdentifier"] == SUBNETS["SubnetIds"].split(",")
    assert made["LaunchTemplate"]["Version"] == "1"


def test_an_update_replaces_no_instance() -> None:
    """The group has no rolling update, and keeps sizes that a person has set: an update of the stack ends no task."""
    policy = cloudformation.read()["Resources"]["Group"]["UpdatePolicy"]
    assert policy == {"AutoScalingScheduledAction": {"IgnoreUnmodifiedGroupSizeProperties": True}}


def test_is_deployed_as_it_is() -> None:
    """CloudFormation takes a template of 51,200 bytes by itself; a larger one has to be in a bucket first."""
    assert cloudformation.TEMPLATE.stat().st_size < 51_200


@pytest.mark.parametrize(
    ("given", "refused"),
    [
        ({}, None),
        (ENDPOINT, None),
        ({"VpcId": ENDPOINT["VpcId"]}, "RouteTableIds"),
        ({"ArchiveSha256": SHA256, "ArchiveVersionId": "v"}, None),
        ({"ArchiveVersionId": "v"}, "ArchiveSha256"),
    ],
)
def test_parameters_that_go_together(given: dict[str, str], refused: Optional[str]) -> None:
    """Half of what belongs together is refused before anything is made."""
    broken = Stack(given).broken_rules()
    assert len(broken) == (refused is not None)
    assert all(refused and refused in text for text in broken)


with_new_data = pytest.mark.skipif(
    sys.version_info < (3, 10), reason="the last cfn-lint for this Python does not know all actions of S3"
)


def cfn_lint(template: Path) -> subprocess.CompletedProcess[str]:
    """Run cfn-lint on a template, for one region of each partition; notes count as well."""
    program = os.path.join(os.path.dirname(sys.executable), "cfn-lint")
    regions = ("--regions", *(place.region for place in PLACES))
    command = [program, *regions, "--include-checks", "I", "--", str(template)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


@pytest.mark.slow
@with_new_data
def test_cfn_lint_finds_nothing() -> None:
    """cfn-lint has no error, no warning and no note about the template."""
    done = cfn_lint(cloudformation.TEMPLATE)
    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr


@pytest.mark.slow
@with_new_data
def test_cfn_lint_looks(tmp_path: Path) -> None:
    """It does find what is wrong with a template that is spoiled: a value, a name, a policy."""
    template = cloudformation.read()
    made = {name: resource["Properties"] for name, resource in template["Resources"].items()}
    made["Bucket"]["VersioningConfiguration"] = {"Status": "On"}
    made["KeyAlias"]["TargetKeyId"] = {"Ref": "NoSuchKey"}
    del made["BucketPolicy"]["PolicyDocument"]["Statement"][0]["Effect"]
    path = tmp_path / "stack.json"
    path.write_text(json.dumps(template))
    done = cfn_lint(path)
    assert done.returncode != 0
    assert set(re.findall(r"^[EWI]\d+", done.stdout, flags=re.MULTILINE)) == {"E3030", "E1020", "E3512"}, done.stdout


@pytest.mark.slow
@with_new_data
def test_cfn_lint_finds_nothing_in_the_documents(tmp_path: Path) -> None:
    """As objects, which cfn-lint can parse, the documents of SSM are valid; a spoiled one is not."""
    template = cloudformation.read()
    del template["Metadata"]["cfn-lint"]
    documents = [one for one in template["Resources"].values() if one["Type"] == "AWS::SSM::Document"]
    for document in documents:
        document["Properties"]["Content"] = yaml.safe_load(document["Properties"]["Content"])
    path = tmp_path / "stack.json"
    path.write_text(json.dumps(template))
    done = cfn_lint(path)
    assert (done.returncode, done.stdout) == (0, ""), done.stdout + done.stderr
    del documents[0]["Properties"]["Content"]["schemaVersion"]
    path.write_text(json.dumps(template))
    assert "E3051" in cfn_lint(path).stdout
