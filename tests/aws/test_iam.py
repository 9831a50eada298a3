"""`ecsauth iam`: what it prints, where it has the values from, and what goes wrong on the way."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Optional

import pytest
import s3_faults
from aws_environment import OPERATOR, aws_environment
from loopback_server import Answer, answer
from program import ROOT, Ended, run, run_here
from s3_server import ACCOUNT, REGION

if TYPE_CHECKING:
    from pathlib import Path

    from s3_proxy import S3Proxy
    from s3_request import Request
    from s3_server import S3Server

KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1234abcd-12ab-34cd-56ef-1234567890ab"
ADMINISTRATOR = f"arn:aws:iam::{ACCOUNT}:role/Administrator"
OPERATORS = (f"arn:aws:iam::{ACCOUNT}:role/Operator", f"arn:aws:iam::{ACCOUNT}:user/jane")
PLACE = ("--bucket", "example-config", "--prefix", "prod", "--kms-key", KEY)
PEOPLE = ("--administrator", ADMINISTRATOR)
POLICIES = (
    *("instance-role", "instance-role-trust", "operator", "auditor", "bucket", "key"),
    *("fleet-roll", "fleet-promote", "fleet-read", "fleet-instance"),
)
DOCUMENTS = ("boot", "status", "doctor")


def iam(*options: str, env: Optional[dict[str, str]] = None) -> Ended:
    """Print a policy, by a shell in which nothing leads to AWS unless `env` does."""
    return run_here("iam", *options, env={"AWS_EC2_METADATA_DISABLED": "true"} if env is None else env)


@pytest.mark.parametrize("name", POLICIES)
def test_policy(name: str) -> None:
    """A policy has no placeholder left, and a hint says what to do with it."""
    done = iam(name, *PLACE, *PEOPLE, "--operator", OPERATORS[0], "--region", REGION)
    assert done.status == 0, done.err
    assert done.document["Version"] == "2012-10-17"
    assert "${" not in done.out
    assert "hint: then: aws " in done.err


def test_several_operators_and_keys() -> None:
    """Each of them stands in the list, as it does while keys change."""
    other = KEY.replace("1234abcd", "5678abcd")
    operators = [word for one in OPERATORS for word in ("--operator", one)]
    done = iam("bucket", *PLACE, "--kms-key", other, *operators, *PEOPLE)
    statements = {one["Sid"]: one["Condition"] for one in done.document["Statement"]}
    assert statements["EncryptedWithThisKeyOnly"] == {
        "StringNotEquals": {"s3:x-amz-server-side-encryption-aws-kms-key-id": [KEY, other]}
    }
    assert statements["OperatorsPut"] == {"ArnNotEquals": {"aws:PrincipalArn": [*OPERATORS, ADMINISTRATOR]}}


@pytest.mark.parametrize(
    ("environment", "service", "partition"),
    [({}, "ec2.amazonaws.com", "aws"), ({"AWS_REGION": "cn-north-1"}, "ec2.amazonaws.com.cn", "aws-cn")],
)
def test_nothing_but_the_partition_is_needed_for_trust(
    environment: dict[str, str], service: str, partition: str
) -> None:
    """A trust policy names a service; the region says of which partition."""
    done = iam("instance-role-trust", env=environment)
    assert done.document["Statement"][0]["Principal"] == {"Service": service}
    assert f"arn:{partition}:iam::aws:policy/service-role/AmazonEC2ContainerServiceforEC2Role" in done.err


def test_file(tmp_path: Path) -> None:
    """With -o the policy is in the file, and the next command names it as a shell takes it."""
    target = tmp_path / "bucket policy.json"
    done = iam("bucket", *PLACE, *PEOPLE, "-o", str(target))
    assert (done.status, done.out) == (0, "")
    assert json.loads(target.read_text())["Statement"][0]["Sid"] == "TlsOnly"
    assert f"ecsauth: wrote {target}, 0600\n" in done.err
    assert f"--bucket example-config --policy file://'{target}'\n" in done.err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("instance-role",), "this policy needs --bucket and --prefix and --kms-key"),
        (("key", "--bucket", "b-1"), "this policy needs --administrator and --region"),
        (("operator", *PLACE[:4], "--kms-key", "alias/x"), "--kms-key must be the full ARN of the key"),
        (("operator", *PLACE, "--region", "eu-west-1"), "cannot encrypt in eu-west-1"),
        (("operator", *PLACE, "--region", "nowhere"), "this is not a region of aws"),
        (("operator", "--prefix", "prod/*"), "argument --prefix: must be a prefix"),
        (
            ("fleet-roll", "--documents", "*"),
            "argument --documents: must be what the names of the documents begin with",
        ),
        (("fleet-read",), "this policy needs --account and --region"),
        (("stack", "--documents", "mine"), "names its documents after itself"),
        (("ssm-boot", "--stack", "fleet"), "a stack with Fleet has created its documents"),
        (("operator", "--bucket", "*"), "argument --bucket: must be a bucket name"),
        (("bucket", *PLACE, "--operator", "*", *PEOPLE), "argument --operator: must be the ARN of one role or user"),
        (("bucket", *PLACE, *PEOPLE, "--account", "444455556666"), "must be in one account"),
        (("stack", "--stack", "fleet"), "takes its values from options"),
        (("stack", "--kms-key", KEY), "the stack creates its own key"),
        (("everything",), "invalid choice"),
    ],
)
def test_usage(options: tuple[str, ...], said: str) -> None:
    """What cannot be meant is refused with 2, and nothing is printed."""
    done = iam(*options)
    assert (done.status, done.out) == (2, "")
    assert said in done.err


@pytest.mark.parametrize(
    ("name", "said"),
    [("operator", "this policy needs --bucket and --prefix and --kms-key"), ("stack", "the stack's template is YAML")],
)
def test_failure_as_json(name: str, said: str) -> None:
    """Programs that asked for JSON are told in JSON."""
    done = iam(name, "--format", "json")
    assert (done.status, done.document["outcome"]) == (2, "failed")
    assert done.document["error"].startswith(said)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_document(name: str, tmp_path: Path) -> None:
    """A document of Systems Manager is printed byte for byte, and the hint creates it under the name that is wanted."""
    target = tmp_path / "document.yaml"
    done = iam(f"ssm-{name}", "--documents", "mine", "--region", REGION, "-o", str(target))
    assert done.status == 0, done.err
    assert target.read_bytes() == (ROOT / "iam" / "ssm" / f"{name}.yaml").read_bytes()
    create = f"aws ssm create-document --name mine-{name} --document-type Command --document-format YAML"
    assert f"hint: then: {create} --content file://{target} --region {REGION}\n" in done.err


def test_names_of_documents() -> None:
    """The policies name the documents by the prefix that was given, or by the default."""
    plain = iam("fleet-roll", *PLACE).out
    assert plain.count(":document/ecsauth-") == 3
    assert iam("fleet-roll", *PLACE, "--documents", "mine").out == plain.replace("/ecsauth-", "/mine-")


def test_stack_template() -> None:
    """The template is the file's, with the defaults that were given; the rest of it stays, comments too."""
    done = iam("stack", "--bucket", "example-config", "--prefix", "web", "--operator", OPERATORS[0], *PEOPLE)
    assert done.status == 0, done.err
    plain = (ROOT / "iam/stack.yaml").read_text(encoding="utf-8").splitlines()
    changed = [line for line in done.out.splitlines() if line not in plain]
    assert sorted(changed) == sorted(
        f'    Default: "{value}"' for value in ("example-config", "web", OPERATORS[0], ADMINISTRATOR)
    )
    assert "aws cloudformation deploy --template-file FILE" in done.err
    assert iam("stack").out.splitlines() == plain


@pytest.mark.parametrize(
    ("options", "more"),
    [
        (PEOPLE, ""),
        ((), " --parameter-overrides AdministratorArn=ARN"),
        (
            (*PEOPLE, "--region", "eu-west-1", "--profile", "my fleet"),
            " --region eu-west-1 --profile 'my fleet'",
        ),
    ],
)
def test_deployment(options: tuple[str, ...], more: str, tmp_path: Path) -> None:
    """The hint is a command that deploys the template: the parameter that has no default, region and profile in it."""
    target = tmp_path / "s.yaml"
    done = iam("stack", *options, "-o", str(target))
    deploy = "aws cloudformation deploy --template-file"
    assert done.err.splitlines()[1:] == [
        f"ecsauth: hint: then: {deploy} {target} --stack-name ecsauth --capabilities CAPABILITY_IAM{more}"
    ]


def test_help_says_what_each_needs() -> None:
    """The help names the options that each policy asks for when it has none, and those that need none."""
    told = " ".join(iam("--help").out.split())
    needs: dict[str, list[str]] = {}
    for name in POLICIES:
        _, _, asked = iam(name).err.partition("this policy needs ")
        needs.setdefault(asked.partition("\n")[0], []).append(name)
    assert needs.pop("") == ["instance-role-trust"]
    for asked, names in needs.items():
        some, _, last = asked.replace(" and ", ", ").rpartition(", ")
        who = f"{', '.join(names[:-1])} and {names[-1]} need" if len(names) > 1 else f"{names[0]} needs"
        assert f"{who} {some} and {last}" in told
    assert "instance-role-trust and stack need no values" in told
    assert iam("stack").status == 0


# A stack as that of iam/stack.yaml says of itself.
def _template(**outputs: str) -> str:
    names = ("AdministratorArn", "OperatorArn", "BucketKey", "Fleet", "FleetRollArn", "FleetPromoteArn")
    parameters = {name: {"Type": "String", "Default": ""} for name in names}
    return json.dumps(
        {
            "Parameters": parameters,
            "Resources": {"Bucket": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "example-config"}}},
            "Outputs": {name: {"Value": value} for name, value in outputs.items()},
        }
    )


_OUTPUTS = {
    "BucketName": "example-config",
    "BucketOwner": ACCOUNT,
    "Prefix": "prod",
    "KeyArn": KEY,
    "Region": REGION,
    "OperatorPolicyArn": f"arn:aws:iam::{ACCOUNT}:policy/fleet-OperatorPolicy-1",
    "AuditorPolicyArn": f"arn:aws:iam::{ACCOUNT}:policy/fleet-AuditorPolicy-1",
}
_ATTACH = "aws iam attach-role-policy --role-name"


class Engineer:
    """Somebody who asks for the policies of a stack."""

    def __init__(self, server: S3Server, proxy: S3Proxy, env: dict[str, str]) -> None:
        self._server, self.proxy, self.env = server, proxy, env

    def deploy(self, outputs: dict[str, str], **parameters: str) -> None:
        """Deploy a stack with these outputs."""
        self._server.client("cloudformation").create_stack(
            StackName="fleet",
            TemplateBody=_template(**outputs),
            Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()],
        )

    def iam(self, *options: str, stack: str = "fleet") -> Ended:
        """Print a policy of the stack."""
        return iam(*options, "--stack", stack, env=self.env)


@pytest.fixture
def engineer(s3_server: S3Server, s3_proxy: S3Proxy, operator_env: dict[str, str]) -> Engineer:
    """Give a platform engineer in an account without stacks."""
    return Engineer(s3_server, s3_proxy, operator_env)


@pytest.mark.parametrize("name", POLICIES)
def test_values_of_a_stack(engineer: Engineer, name: str) -> None:
    """Outputs and parameters of a stack fill what the options would; it is looked at once."""
    engineer.deploy(_OUTPUTS, AdministratorArn=ADMINISTRATOR, OperatorArn=OPERATORS[0])
    done = engineer.iam(name)
    assert done.status == 0, done.err
    options = (*PLACE, *PEOPLE, "--operator", OPERATORS[0], "--region", REGION, "--documents", "fleet")
    assert done.document == iam(name, *options).document
    assert engineer.proxy.operations == ["DescribeStacks"]


@pytest.mark.parametrize(
    ("options", "hints"),
    [
        *(
            ((name,), ["stack fleet has already applied this policy"])
            for name in ("instance-role", "instance-role-trust", "bucket", "key")
        ),
        (
            ("operator",),
            [f"then: {_ATTACH} Operator --policy-arn {_OUTPUTS['OperatorPolicyArn']}"],
        ),
        (
            ("auditor", "--region", REGION),
            [f"then: {_ATTACH} ROLE --policy-arn {_OUTPUTS['AuditorPolicyArn']} --region {REGION}"],
        ),
        (
            ("key", "--administrator", f"{ADMINISTRATOR}2"),
            [
                f"then: aws kms put-key-policy --key-id {KEY} --policy-name default --policy file://FILE",
                f"then: aws kms enable-key-rotation --key-id {KEY}",
            ],
        ),
    ],
)
def test_what_is_left_to_do_with_a_stack(engineer: Engineer, options: tuple[str, ...], hints: list[str]) -> None:
    """Nothing where the stack's own is printed, but to attach it; another one goes to the stack's bucket and key."""
    engineer.deploy(_OUTPUTS, AdministratorArn=ADMINISTRATOR, OperatorArn=OPERATORS[0], BucketKey="off")
    assert engineer.iam(*options).err.splitlines() == [f"ecsauth: hint: {hint}" for hint in hints]


_ROLLER, _PROMOTER = (f"arn:aws:iam::{ACCOUNT}:role/{name}" for name in ("Roller", "Promoter"))


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("fleet-roll", f"then: {_ATTACH} Roller --policy-arn FleetRollPolicyArn"),
        ("fleet-promote", f"then: {_ATTACH} Operator --policy-arn FleetPromotePolicyArn"),
        ("fleet-read", f"then: {_ATTACH} ROLE --policy-arn FleetReadPolicyArn"),
        ("fleet-instance", "stack fleet has already applied this policy"),
    ],
)
def test_what_is_left_to_do_with_a_fleet(engineer: Engineer, name: str, hint: str) -> None:
    """The policies of the fleet go to its roles, or to the operator where it has none."""
    people = {"AdministratorArn": ADMINISTRATOR, "OperatorArn": OPERATORS[0], "FleetRollArn": _ROLLER}
    engineer.deploy(_OUTPUTS, Fleet="on", BucketKey="off", **people)
    assert engineer.iam(name).err.splitlines() == [f"ecsauth: hint: {hint}"]


@pytest.mark.parametrize("name", ["fleet-roll", "fleet-instance"])
def test_stack_without_fleet(engineer: Engineer, name: str) -> None:
    """A stack that has not switched the fleet on is named as what is missing."""
    engineer.deploy(_OUTPUTS, AdministratorArn=ADMINISTRATOR, Fleet="off", BucketKey="off")
    assert engineer.iam(name).err == "ecsauth: hint: stack fleet has no fleet yet: deploy it with Fleet=on\n"


def test_bucket_of_a_fleet(engineer: Engineer) -> None:
    """The bucket's policy names each role once that the stack knows."""
    people = {"OperatorArn": OPERATORS[0], "FleetRollArn": _ROLLER, "FleetPromoteArn": OPERATORS[0]}
    engineer.deploy(_OUTPUTS, AdministratorArn=ADMINISTRATOR, **people)
    statements = {one["Sid"]: one for one in engineer.iam("bucket").document["Statement"]}
    named = statements["OperatorsPut"]["Condition"]["ArnNotEquals"]["aws:PrincipalArn"]
    assert named == [OPERATORS[0], _ROLLER, ADMINISTRATOR]


def test_stack_without_operator(engineer: Engineer) -> None:
    """An empty parameter is none: then the administrator alone puts."""
    engineer.deploy(_OUTPUTS, AdministratorArn=ADMINISTRATOR)
    statements = {one["Sid"]: one for one in engineer.iam("bucket").document["Statement"]}
    assert statements["OperatorsPut"]["Condition"] == {"ArnNotEquals": {"aws:PrincipalArn": [ADMINISTRATOR]}}


def test_option_beats_stack(engineer: Engineer) -> None:
    """An option says otherwise than the stack: a second environment in its bucket, say."""
    engineer.deploy(_OUTPUTS, AdministratorArn=ADMINISTRATOR)
    assert "arn:aws:s3:::example-config/staging/*" in engineer.iam("operator", "--prefix", "staging").out


def test_bucket_key(engineer: Engineer) -> None:
    """What a bucket key changes is said: these policies do not allow it."""
    engineer.deploy(_OUTPUTS, BucketKey="on")
    done = engineer.iam("operator")
    assert done.status == 0
    assert "warning: stack fleet uses an S3 bucket key" in done.err
    assert "has already applied" not in engineer.iam("instance-role").err


@pytest.mark.parametrize(
    ("outputs", "said"),
    [
        ({"Other": "x"}, "stack fleet has no output BucketName"),
        ({**_OUTPUTS, "Prefix": "*"}, "Prefix of stack fleet is invalid"),
        ({**_OUTPUTS, "KeyArn": "alias/x"}, "KeyArn of stack fleet is invalid"),
        ({**_OUTPUTS, "BucketName": "${aws:username}"}, "BucketName of stack fleet is invalid"),
    ],
)
def test_another_stack(engineer: Engineer, outputs: dict[str, str], said: str) -> None:
    """What is none of ours, or has a pattern for a value, fills no policy."""
    engineer.deploy(outputs)
    done = engineer.iam("operator")
    assert (done.status, done.out) == (4, "")
    assert f"error: {said}" in done.err


def test_no_such_stack(engineer: Engineer) -> None:
    """A stack that is not there is status 4."""
    done = engineer.iam("operator", stack="other")
    assert done.status == 4
    assert "error: cannot describe stack other: the stack does not exist in this account and region" in done.err


class Refusal(s3_faults.Fault):
    """CloudFormation refuses with a status and an error code (AWS query protocol)."""

    def __init__(self, code: str, message: str = "of the service", status: int = 400) -> None:
        self.code, self.status, self._message = code, status, message

    def respond(self, request: Request, forward: s3_faults.Forward) -> Answer:
        """Return the error document."""
        del request, forward
        error = f"<Error><Type>Sender</Type><Code>{self.code}</Code><Message>{self._message}</Message></Error>"
        return answer(self.status, f"<ErrorResponse>{error}</ErrorResponse>".encode(), "text/xml")


_DENIED = "User: arn:aws:iam::123456789012:user/o is not authorized to perform: cloudformation:DescribeStacks"


@pytest.mark.parametrize(
    ("fault", "status", "said"),
    [
        (Refusal("AccessDenied", _DENIED, 403), 4, f"CloudFormation denies access ({_DENIED})"),
        (Refusal("AccessDenied", _DENIED, 403), 4, "hint: cloudformation:DescribeStacks on the stack is required"),
        (Refusal("Throttling", "Rate exceeded"), 5, "CloudFormation is temporarily unavailable (Throttling)"),
        (Refusal("InternalFailure", status=500), 5, "CloudFormation is temporarily unavailable (InternalFailure)"),
        (Refusal("ExpiredToken", status=403), 5, "the credentials have expired"),
        (Refusal("InvalidClientTokenId", status=403), 4, "the access key does not exist"),
        (Refusal("SignatureDoesNotMatch", status=403), 4, "the secret access key does not match the access key"),
        (
            Refusal("SignatureDoesNotMatch", "Signature expired: 1 is now earlier than 2", 403),
            4,
            "the clock of this machine is",
        ),
        (Refusal("Odd"), 4, "CloudFormation returned Odd"),
    ],
)
def test_refusals(engineer: Engineer, fault: Refusal, status: int, said: str) -> None:
    """Each refusal says whose fault it is, and names no bucket."""
    engineer.proxy.inject(fault)
    done = engineer.iam("operator")
    assert (done.status, done.out) == (status, "")
    assert said in done.err
    assert "S3" not in done.err.replace("S3URI", "")


@pytest.mark.parametrize(
    "page",
    [
        *(s3_faults.Page(status) for status in (200, 403, 500, 502)),
        s3_faults.Page(body=b"<html><body>signed</body></html>"),
    ],
    ids=lambda page: str(page.status),
)
def test_something_else_answers(engineer: Engineer, page: s3_faults.Page) -> None:
    """A page of a portal or a proxy is no answer of this service, whatever its status."""
    engineer.proxy.inject(page)
    done = engineer.iam("operator")
    assert (done.status, done.out) == (5, "")
    assert "error: cannot describe stack fleet: the answer is not from CloudFormation\n" in done.err
    assert "hint: check for a proxy that answers in place of CloudFormation\n" in done.err


def test_no_way_to_it(tmp_path: Path) -> None:
    """What does not answer is status 5, in words about this service."""
    env = {**aws_environment(tmp_path, endpoint="http://127.0.0.1:1"), "AWS_REGION": REGION, **OPERATOR}
    done = iam("operator", "--stack", "fleet", env=env)
    assert done.status == 5
    assert "refuses the connection" in done.err
    assert "S3" not in done.err


def test_no_region(engineer: Engineer) -> None:
    """Where the region is not set there is no address to ask."""
    done = iam("operator", "--stack", "fleet", env={**engineer.env, "AWS_REGION": ""})
    assert done.status == 2
    assert "hint: give the region of the stack: --region REGION" in done.err


def test_whole_program(tmp_path: Path) -> None:
    """As a program of its own, in another folder, it finds its files."""
    done = run("iam", "operator", *PLACE, env=aws_environment(tmp_path, endpoint="http://127.0.0.1:1"))
    assert done.status == 0
    document: Any = done.document
    assert document["Statement"][0]["Sid"] == "ReadTheFileAndItsVersions"
