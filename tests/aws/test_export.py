"""`ecsauth export secretsmanager`: what becomes of the secret, what is printed, and what goes wrong on the way."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Optional

import pytest
import s3_faults
import secrets_faults as faults
from aws_environment import OPERATOR, aws_environment
from program import ROOT, Ended, run, run_here
from pushing import FILE, env_file
from s3_server import ACCOUNT, REGION

if TYPE_CHECKING:
    from pathlib import Path

    from bucket import Bucket
    from canary import Canary
    from s3_proxy import S3Proxy
    from s3_server import S3Server

REGISTRY = "registry.example.com"
NAME = f"ecsauth/{REGISTRY}"
PASSWORDS = ("canary-one", "canary-two")
CHANGED = env_file(registry_example_com="canary-two")
VALUE = {"username": "fleet", "password": "canary-one"}


class Exporter:
    """An operator with a file to export."""

    def __init__(self, env: dict[str, str], path: Path, server: S3Server, proxy: S3Proxy) -> None:
        self.env, self.path, self.proxy = env, path, proxy
        self.secrets = server.client("secretsmanager")

    def export(self, content: bytes = FILE, *options: str, registry: str = REGISTRY) -> Ended:
        """Write the file and export it; no run may show a password, or the user name."""
        self.path.write_bytes(content)
        self.proxy.requests.clear()
        done = run_here("export", "secretsmanager", str(self.path), "--registry", registry, *options, env=self.env)
        assert not [password for password in PASSWORDS if password in done.out + done.err]
        return done

    def value(self, name: str = NAME) -> Any:
        """Return what the secret holds, as ECS reads it."""
        return json.loads(self.secrets.get_secret_value(SecretId=name)["SecretString"])

    def versions(self, name: str = NAME) -> list[str]:
        """Return the IDs of the secret's versions."""
        return list(self.secrets.describe_secret(SecretId=name)["VersionIdsToStages"])


@pytest.fixture
def exporter(operator_env: dict[str, str], tmp_path: Path, s3_server: S3Server, s3_proxy: S3Proxy) -> Exporter:
    """Give an operator of an account without secrets."""
    return Exporter(operator_env, tmp_path / "ecs.config", s3_server, s3_proxy)


def test_new_secret(exporter: Exporter) -> None:
    """The secret has the form that ECS expects; what describes it holds nothing of it."""
    done = exporter.export()
    assert done.status == 0, done.err
    assert exporter.value() == VALUE
    described = exporter.secrets.describe_secret(SecretId=NAME)
    assert described["Description"] == f"Registry credentials for {REGISTRY}, by ecsauth"
    assert described["Tags"] == [{"Key": "ecsauth:registry", "Value": REGISTRY}]
    assert "fleet" not in described["Description"] + str(described["Tags"])
    assert f"created secret {NAME}, encrypted with the AWS managed key aws/secretsmanager" in done.err
    assert exporter.proxy.operations == ["DescribeSecret", "CreateSecret"]


def test_snippets(exporter: Exporter) -> None:
    """Standard output is JSON: the container definition's part, with the full ARN, and the execution role's policy."""
    done = exporter.export()
    arn = exporter.secrets.describe_secret(SecretId=NAME)["ARN"]
    assert arn.startswith(f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:{NAME}-")
    assert done.document == {
        "task_definition": {"repositoryCredentials": {"credentialsParameter": arn}},
        "execution_role_policy": {
            "Version": "2012-10-17",
            "Statement": [{"Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": arn}],
        },
    }


def test_same_again(exporter: Exporter) -> None:
    """What is there already is not put again, and the snippets are printed all the same."""
    first = exporter.export()
    versions = exporter.versions()
    done = exporter.export()
    assert done.status == 0
    assert exporter.proxy.operations == ["DescribeSecret", "GetSecretValue"]
    assert exporter.versions() == versions
    assert f"nothing to do, secret {NAME} already has this credential" in done.err
    assert done.out == first.out


def test_changed_password(exporter: Exporter) -> None:
    """A changed credential is a new version of the same secret."""
    first = exporter.export()
    done = exporter.export(CHANGED)
    assert done.status == 0
    assert f"updated secret {NAME}" in done.err
    assert exporter.value() == {**VALUE, "password": "canary-two"}
    assert len(exporter.versions()) == 2
    assert done.out == first.out


@pytest.mark.parametrize("standing", [None, FILE, CHANGED], ids=["nothing", "the same", "another"])
def test_dry_run(exporter: Exporter, standing: Optional[bytes]) -> None:
    """A dry run looks and compares; where there is no secret yet, there is no ARN to print."""
    if standing is not None:
        exporter.export(standing)
    done = exporter.export(FILE, "--dry-run")
    assert done.status == 0
    assert set(exporter.proxy.operations) <= {"DescribeSecret", "GetSecretValue"}
    assert bool(done.out) == (standing is not None)
    assert ("this was a dry run" in done.err) == (standing != FILE)


@pytest.mark.parametrize(("content", "outcome"), [(FILE, "unchanged"), (CHANGED, "updated"), (None, "created")])
def test_json(exporter: Exporter, content: Optional[bytes], outcome: str) -> None:
    """For programs there is one document."""
    if content is not None:
        exporter.export(FILE)
    done = exporter.export(content or FILE, "--format", "json")
    arn = exporter.secrets.describe_secret(SecretId=NAME)["ARN"]
    assert done.err == ""
    assert {name: done.document[name] for name in ("schema", "outcome", "dry_run", "registry", "name", "arn")} == {
        "schema": 1,
        "outcome": outcome,
        "dry_run": False,
        "registry": REGISTRY,
        "name": NAME,
        "arn": arn,
    }
    assert done.document["version_id"] in exporter.versions()
    assert done.document["task_definition"]["repositoryCredentials"]["credentialsParameter"] == arn
    assert done.document["findings"] == []


def test_json_of_a_dry_run(exporter: Exporter) -> None:
    """What is not known before there is a secret is null."""
    document = exporter.export(FILE, "--dry-run", "--format", "json").document
    nulls = ("arn", "version_id", "task_definition", "execution_role_policy")
    assert [document[name] for name in nulls] == [None] * 4
    assert (document["outcome"], document["dry_run"]) == ("created", True)


def test_key(exporter: Exporter, s3_server: S3Server) -> None:
    """A customer managed key encrypts the secret, and the execution role may use it through Secrets Manager."""
    key = s3_server.make_key()
    done = exporter.export(FILE, "--kms-key", key)
    assert exporter.secrets.describe_secret(SecretId=NAME)["KmsKeyId"] == key
    assert f"encrypted with {key}" in done.err
    assert done.document["execution_role_policy"]["Statement"][1] == {
        "Effect": "Allow",
        "Action": "kms:Decrypt",
        "Resource": key,
        "Condition": {"StringEquals": {"kms:ViaService": f"secretsmanager.{REGION}.amazonaws.com"}},
    }
    assert exporter.export(FILE, "--kms-key", key).err.startswith("ecsauth: nothing to do")


def test_another_key(exporter: Exporter, s3_server: S3Server) -> None:
    """Another key is an update, though the credential is the same; without one the key stays as it is."""
    old, new = s3_server.make_key(), s3_server.make_key()
    exporter.export(FILE, "--kms-key", old)
    done = exporter.export(FILE, "--kms-key", new)
    assert f"updated secret {NAME}, encrypted with {new}" in done.err
    assert exporter.secrets.describe_secret(SecretId=NAME)["KmsKeyId"] == new
    assert "nothing to do" in exporter.export(FILE).err


def test_named(exporter: Exporter) -> None:
    """A name that is given is the secret's."""
    exporter.export(FILE, "--name", "prod/registry")
    assert exporter.value("prod/registry") == VALUE


def test_docker_hub(exporter: Exporter) -> None:
    """Docker Hub's one key serves all its names."""
    line = 'ECS_ENGINE_AUTH_DATA={"https://index.docker.io/v1/":{"username":"fleet","password":"canary-one"}}\n'
    content = f"ECS_CLUSTER=prod\nECS_ENGINE_AUTH_TYPE=docker\n{line}".encode()
    for registry in ("docker.io", "https://index.docker.io/v1/", "registry-1.docker.io"):
        assert exporter.export(content, registry=registry).status == 0
    assert exporter.value("ecsauth/docker.io") == VALUE
    assert len(exporter.versions("ecsauth/docker.io")) == 1


def test_from_s3(exporter: Exporter, bucket: Bucket) -> None:
    """The file may be the one that instances boot with."""
    bucket.put(FILE)
    uri = "s3://fleet/ecs.config"
    done = run_here("export", "secretsmanager", uri, "--registry", REGISTRY, env=exporter.env)
    assert done.status == 0
    assert exporter.value() == VALUE


@pytest.mark.parametrize(
    ("content", "registry", "said"),
    [
        (b"=nothing\n", REGISTRY, "is invalid: 1 error"),
        (env_file(docker_io="canary-one"), "docker.io", "is invalid: 1 error"),
        (FILE, "other.example.com", "the agent sends no credential to other.example.com with this file"),
        (FILE.replace(b'"password"', b'"identitytoken"'), REGISTRY, "is a token"),
        (FILE.replace(b'"fleet"', b'"oauth2accesstoken"'), REGISTRY, "expires within hours"),
        (FILE.replace(b'"fleet"', b'""'), REGISTRY, "has no user name"),
    ],
)
def test_refused_files(exporter: Exporter, content: bytes, registry: str, said: str) -> None:
    """What no agent would send, or what would not last, goes nowhere: nobody is asked at all."""
    done = exporter.export(content, registry=registry)
    assert done.status == 3
    assert said in done.err
    assert done.out == ""
    assert exporter.proxy.operations == []


@pytest.mark.parametrize(
    "standing",
    [
        {"SecretString": "canary-one"},
        {"SecretString": json.dumps({**VALUE, "host": "db.example.com"})},
        {"SecretBinary": b"canary-one"},
    ],
    ids=["a text", "of a database", "bytes"],
)
def test_other_secrets_are_left_alone(exporter: Exporter, standing: dict[str, Any]) -> None:
    """A secret that holds something else is not replaced."""
    exporter.secrets.create_secret(Name=NAME, **standing)
    versions = exporter.versions()
    done = exporter.export()
    assert done.status == 2
    assert f"error: secret {NAME} does not contain a user name and a password" in done.err
    assert exporter.versions() == versions


def test_secret_without_a_value(exporter: Exporter) -> None:
    """A secret that somebody has made for it, as CloudFormation does, is filled."""
    exporter.secrets.create_secret(Name=NAME)
    assert exporter.export().status == 0
    assert exporter.value() == VALUE


def test_rotated_secret_is_left_alone(exporter: Exporter) -> None:
    """What a rotation has put is newer than the file; where both say the same there is nothing to lose."""
    exporter.export()
    exporter.secrets.rotate_secret(SecretId=NAME, RotationRules={"AutomaticallyAfterDays": 1}, RotateImmediately=False)
    assert exporter.export().status == 0
    done = exporter.export(CHANGED)
    assert done.status == 9
    assert f"error: secret {NAME} is renewed by a rotation" in done.err
    assert exporter.value() == VALUE


def test_scheduled_for_deletion(exporter: Exporter) -> None:
    """A secret that is on its way out takes no value, and its name."""
    exporter.export()
    exporter.secrets.delete_secret(SecretId=NAME)
    done = exporter.export(CHANGED)
    assert done.status == 9
    assert (
        f"cannot use secret {NAME}: the secret is scheduled for deletion, and its name is in use until then" in done.err
    )
    assert f"hint: restore it: aws secretsmanager restore-secret --secret-id {NAME}" in done.err


@pytest.mark.parametrize(
    ("operation", "fault", "status", "said"),
    [
        ("DescribeSecret", faults.ACCESS_DENIED, 4, "Secrets Manager denies access (User: arn:aws:iam::"),
        ("CreateSecret", faults.ACCESS_DENIED, 4, "create secret {}: Secrets Manager denies access (User: arn:aws:"),
        ("CreateSecret", faults.KMS_DENIED, 4, "KMS denies the use of the key (Access to KMS is not allowed)"),
        ("CreateSecret", faults.NO_SUCH_KEY, 4, "the KMS key does not exist in this region"),
        ("CreateSecret", faults.KEY_DISABLED, 4, "KMS cannot use the secret's key"),
        ("CreateSecret", faults.EXISTS, 9, "create secret {}: it was created in the meantime"),
        ("CreateSecret", faults.SCHEDULED, 9, "create secret {}: the secret is scheduled for deletion"),
        ("CreateSecret", faults.THROTTLED, 5, "Secrets Manager is temporarily unavailable (ThrottlingException)"),
        ("CreateSecret", faults.INTERNAL_ERROR, 5, "Secrets Manager is temporarily unavailable (InternalServiceError)"),
        ("DescribeSecret", faults.EXPIRED_TOKEN, 5, "describe secret {}: the credentials have expired"),
        ("DescribeSecret", faults.INVALID_KEY, 4, "describe secret {}: the access key does not exist"),
        ("DescribeSecret", faults.WRONG_SECRET, 4, "the secret access key does not match the access key"),
        ("DescribeSecret", faults.LATE, 4, "the clock of this machine is "),
        ("DescribeSecret", s3_faults.Closed(), 5, "describe secret {}: the connection broke"),
        ("CreateSecret", faults.Refusal("ValidationException", "Value 'canary-one' at 'x'"), 4, "ValidationException"),
    ],
    ids=lambda value: getattr(value, "code", None),
)
def test_faults(exporter: Exporter, operation: str, fault: s3_faults.Fault, status: int, said: str) -> None:
    """Each fault has its own words and its own status."""
    exporter.proxy.inject(fault, operation=operation)
    done = exporter.export(FILE, "--kms-key", f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1234")
    assert done.status == status, done.err
    assert said.format(NAME) in done.err
    assert done.out == ""
    assert "gateway" not in done.err


@pytest.mark.parametrize(
    ("operation", "fault", "status", "said"),
    [
        ("GetSecretValue", faults.ACCESS_DENIED, 4, "read secret {}: Secrets Manager denies access"),
        ("GetSecretValue", faults.KEY_GONE, 4, "read secret {}: KMS cannot use the secret's key"),
        ("UpdateSecret", faults.ACCESS_DENIED, 4, "update secret {}: Secrets Manager denies access"),
        ("UpdateSecret", faults.ABSENT, 9, "update secret {}: it was deleted in the meantime"),
    ],
    ids=lambda value: getattr(value, "code", None),
)
def test_faults_of_an_update(
    exporter: Exporter, operation: str, fault: s3_faults.Fault, status: int, said: str
) -> None:
    """What can neither be read nor replaced stays, and it is told why."""
    exporter.export()
    exporter.proxy.inject(fault, operation=operation)
    done = exporter.export(CHANGED)
    assert done.status == status, done.err
    assert said.format(NAME) in done.err
    exporter.proxy.heal()
    assert exporter.value() == VALUE


def test_nobody_listens(exporter: Exporter) -> None:
    """Where the service is out of reach the way to it is named, not that to S3."""
    exporter.env["AWS_ENDPOINT_URL"] = "http://127.0.0.1:9"
    done = exporter.export()
    assert done.status == 5
    assert "refuses the connection" in done.err
    assert "hint: check the route to Secrets Manager: an interface endpoint or NAT" in done.err


@pytest.mark.parametrize("status", [200, 403, 502])
def test_a_portal(exporter: Exporter, status: int) -> None:
    """A page that answers in its place is told by the name of the service that was asked."""
    exporter.proxy.inject(s3_faults.Page(status))
    done = exporter.export()
    assert done.status == 5
    assert f"cannot describe secret {NAME}: the answer is not from Secrets Manager\n" in done.err


def test_plain_http(tmp_path: Path) -> None:
    """No password travels in the clear."""
    env = {**aws_environment(tmp_path, endpoint="http://example.com"), **OPERATOR, "AWS_REGION": REGION}
    path = tmp_path / "ecs.config"
    path.write_bytes(FILE)
    done = run_here("export", "secretsmanager", str(path), "--registry", REGISTRY, env=env)
    assert done.status == 2
    assert "the endpoint http://example.com is not HTTPS" in done.err
    assert "unset AWS_ENDPOINT_URL and AWS_ENDPOINT_URL_SECRETS_MANAGER" in done.err


def test_no_region(exporter: Exporter) -> None:
    """Whose region is missing is said."""
    del exporter.env["AWS_REGION"]
    done = exporter.export()
    assert done.status == 2
    assert "hint: give the region of the secret: --region REGION" in done.err


def test_region(exporter: Exporter) -> None:
    """The secret is made in the region that is named."""
    arn = exporter.export(FILE, "--region", "us-east-1", "--format", "json").document["arn"]
    assert arn.startswith("arn:aws:secretsmanager:us-east-1:")


def documented_permissions() -> list[str]:
    """Return what docs/operations.md says that the operator needs of Secrets Manager."""
    page = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    (row,) = re.findall(r"^\| the operator \| (`secretsmanager:.*)", page, flags=re.MULTILINE)
    return re.findall(r"`(secretsmanager:[A-Za-z]+)`", row)


def user_with(server: S3Server, policy: dict[str, Any]) -> dict[str, str]:
    """Make a user with the policy, and return the environment variables of its access key."""
    iam = server.client("iam")
    iam.create_user(UserName="operator")
    iam.put_user_policy(UserName="operator", PolicyName="p", PolicyDocument=json.dumps(policy))
    key = iam.create_access_key(UserName="operator")["AccessKey"]
    return {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}


# TagResource is not among them: the server here does not ask for it when a secret is created.
@pytest.mark.parametrize("missing", [None, "DescribeSecret", "GetSecretValue", "CreateSecret", "UpdateSecret"])
def test_documented_permissions(exporter: Exporter, s3_server: S3Server, missing: Optional[str]) -> None:
    """What the documents list is enough to create, compare and update; without any of it something is denied."""
    allowed = [action for action in documented_permissions() if action != f"secretsmanager:{missing}"]
    assert len(allowed) == (5 if missing is None else 4)
    statement = {"Effect": "Allow", "Action": allowed, "Resource": "*"}
    exporter.env.update(user_with(s3_server, {"Version": "2012-10-17", "Statement": [statement]}))
    s3_server.enforce_policies()
    statuses = [exporter.export(content).status for content in (FILE, FILE, CHANGED)]
    s3_server.reset()
    assert (statuses == [0, 0, 0]) is (missing is None)
    assert set(statuses) <= {0, 4}


@pytest.mark.parametrize("style", ["text", "json"])
def test_whole_program(exporter: Exporter, canary: Canary, tmp_path: Path, style: str) -> None:
    """As a program of its own it shows the password nowhere, and leaves it in no file."""
    exporter.path.write_bytes(env_file(registry_example_com=canary.password))
    arguments = ("export", "secretsmanager", str(exporter.path), "--registry", REGISTRY, "--format", style)
    for _ in range(2):
        done = run(*arguments, env=exporter.env)
        assert done.status == 0
        canary.assert_not_in(done.out, "standard output")
        canary.assert_not_in(done.err, "standard error")
    assert exporter.value()["password"] == canary.password
    canary.assert_not_in(json.dumps(exporter.secrets.describe_secret(SecretId=NAME), default=str), "the description")
    canary.assert_not_under(tmp_path, apart_from=[exporter.path])
