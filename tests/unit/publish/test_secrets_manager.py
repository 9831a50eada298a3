"""What of an env-file goes into a secret for tasks, under which name, and what their definition has to say."""

from __future__ import annotations

import base64
import json
from typing import Any, Optional

import pytest
from ecsauth.errors import InvalidError, UsageError
from ecsauth.publish import secrets_manager
from ecsauth.publish.secrets_manager import PasswordCredential
from ecsauth.secret import Secret

PASSWORD = "p"
HUB = "https://index.docker.io/v1/"
ARN = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:ecsauth/r.example-AbCdEf"
KEY = "arn:aws:kms:eu-central-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"


def _file(registries: Any, kind: str = "docker") -> bytes:
    return f"ECS_ENGINE_AUTH_TYPE={kind}\nECS_ENGINE_AUTH_DATA={json.dumps(registries)}\n".encode()


def _entry(user: str, password: str = PASSWORD) -> dict[str, str]:
    return {"username": user, "password": password}


@pytest.mark.parametrize(
    ("text", "registry"),
    [
        ("registry.example.com", "registry.example.com"),
        ("Registry.Example.com", "registry.example.com"),
        ("https://registry.example.com/v2/", "registry.example.com"),
        ("registry.example.com:5000/team/", "registry.example.com:5000/team"),
        ("user:password@registry.example.com", "registry.example.com"),
        ("localhost", "localhost"),
        ("docker.io", "docker.io"),
        ("index.docker.io", "docker.io"),
        ("https://index.docker.io/v1/", "docker.io"),
        ("hub.docker.com", "docker.io"),
    ],
)
def test_registries(text: str, registry: str) -> None:
    """Whatever people call a registry, it is looked up under the name that images have."""
    assert secrets_manager.registry(text) == registry


@pytest.mark.parametrize(
    "text", ["", "nginx", "a b.example", "-.example", "r.example/TEAM", "r.example:99999", "*.r.io"]
)
def test_no_registries(text: str) -> None:
    """What no image name can begin with is no registry."""
    with pytest.raises(UsageError):
        secrets_manager.registry(text)


@pytest.mark.parametrize(
    ("registry", "name"),
    [
        ("registry.example.com", "ecsauth/registry.example.com"),
        ("docker.io", "ecsauth/docker.io"),
        ("r.example:5000/team", "ecsauth/r.example_5000/team"),
        ("[::1]:5000", "ecsauth/___1__5000"),
        ("r.example/a-shared", "ecsauth/r.example/a-shared_"),
    ],
)
def test_names(registry: str, name: str) -> None:
    """A secret is called by its registry, in the letters that names have, and never as the end of an ARN."""
    assert secrets_manager.secret_name(registry) == name
    assert secrets_manager.given_name(name) == name


@pytest.mark.parametrize("name", ["", "a b", ARN, "x" * 513, "a\n"])
def test_names_that_are_none(name: str) -> None:
    """An ARN is no name, and neither is what the service would refuse."""
    with pytest.raises(UsageError):
        secrets_manager.given_name(name)


@pytest.mark.parametrize(
    ("data", "registry", "user"),
    [
        pytest.param(_file({"r.example": _entry("bob")}), "r.example", "bob", id="host"),
        pytest.param(_file({"https://r.example/v2/": _entry("bob")}), "r.example", "bob", id="only key"),
        pytest.param(_file({HUB: _entry("bob")}), "docker.io", "bob", id="Docker Hub"),
        pytest.param(
            _file({"r.example": _entry("bob"), "r.example/team": _entry("al")}), "r.example/team", "al", id="path"
        ),
        pytest.param(_file({"r.example": _entry("bob"), "r.example/team": _entry("al")}), "r.example", "bob", id="no"),
        pytest.param(
            _file({"r.example": {"auth": base64.b64encode(b"bob:p").decode()}}, "dockercfg"),
            "r.example",
            "bob",
            id="dockercfg",
        ),
        pytest.param(_file({"r.example": _entry("AWS")}), "r.example", "AWS", id="a name as another"),
        pytest.param(_file({"r.example": _entry("b\u00f6b")}), "r.example", "b\u00f6b", id="UTF-8"),
    ],
)
def test_login(data: bytes, registry: str, user: str) -> None:
    """The credential is the one that the agent sends for an image of the registry."""
    login = secrets_manager.login(data, registry)
    assert json.loads(login.document().reveal()) == {"username": user, "password": "p"}
    assert login.registry == registry


@pytest.mark.parametrize(
    ("data", "registry", "said"),
    [
        pytest.param(b"ECS_CLUSTER=x\n", "r.example", "sends no credential to r.example", id="no credentials"),
        pytest.param(_file({"r.example": _entry("b")}), "x.example", "sends no credential to x.example", id="another"),
        pytest.param(_file({"docker.io": _entry("b")}), "docker.io", "sends no credential to docker.io", id="alias"),
        pytest.param(_file({"R.example": _entry("b")}), "r.example", "sends no credential", id="other letters"),
        pytest.param(
            _file({"r.example/a": _entry("b"), "r.example/b": _entry("c")}),
            "r.example",
            "the agent sends a random one",
            id="map order",
        ),
        pytest.param(_file({"r.example": {"identitytoken": "t"}}), "r.example", "is a token", id="identity token"),
        pytest.param(
            _file({"r.example": {**_entry("b"), "registrytoken": "t"}}), "r.example", "is a token", id="registry token"
        ),
        pytest.param(_file({"r.example": _entry("<token>")}), "r.example", "is a token", id="docker's token"),
        pytest.param(
            _file({"1234.dkr.ecr.eu-central-1.amazonaws.com": _entry("AWS")}),
            "1234.dkr.ecr.eu-central-1.amazonaws.com",
            "expires within hours",
            id="ECR",
        ),
        pytest.param(_file({"gcr.io": _entry("oauth2accesstoken")}), "gcr.io", "expires within hours", id="Google"),
        pytest.param(_file({"r.example": _entry("", "p")}), "r.example", "has no user name", id="no user"),
        pytest.param(_file({"r.example": _entry("b", "")}), "r.example", "has no password", id="no password"),
        pytest.param(
            _file({"r.example": {"auth": base64.b64encode(b"b:\xff").decode()}}, "dockercfg"),
            "r.example",
            "is not UTF-8",
            id="bytes",
        ),
    ],
)
def test_no_login(data: bytes, registry: str, said: str) -> None:
    """What the agent would not send, ECS would not take or would soon be of no use, is refused."""
    with pytest.raises(InvalidError) as caught:
        secrets_manager.login(data, registry)
    assert said in caught.value.message


def test_login_does_not_print() -> None:
    """Neither user name nor password is in what a traceback would show."""
    shown = repr(secrets_manager.login(_file({"r.example": _entry("canary-user", "canary")}), "r.example"))
    assert "canary" not in shown


@pytest.mark.parametrize(
    ("value", "same", "ours"),
    [
        ('{"username":"bob","password":"p"}', True, True),
        (' {"password": "p", "username": "\\u0062ob"}', True, True),
        ('{"username":"bob","password":"q"}', False, True),
        ('{"username":"bob","password":"p","host":"db"}', False, False),
        ('{"username":"bob"}', False, False),
        ("[]", False, False),
        ("{", False, False),
        ("[" * 100_000, False, False),
        (None, False, False),
    ],
)
def test_values_are_compared(value: Optional[str], *, same: bool, ours: bool) -> None:
    """A value is the same if it says the same, and may be replaced if it is a login and nothing more."""
    secret = None if value is None else Secret(value)
    assert PasswordCredential("r.example", Secret("bob"), Secret("p")).is_in(secret) is same
    assert secrets_manager.is_login(secret) is ours


def test_task_definition() -> None:
    """A container definition names the secret by its full ARN."""
    assert secrets_manager.task_definition(ARN) == {"repositoryCredentials": {"credentialsParameter": ARN}}


READ = {"Effect": "Allow", "Action": "secretsmanager:GetSecretValue", "Resource": ARN}
VIA = {"StringEquals": {"kms:ViaService": "secretsmanager.eu-central-1.amazonaws.com"}}


@pytest.mark.parametrize(
    ("kms_key", "resource", "more"),
    [
        (KEY, KEY, {}),
        (KEY.rpartition("/")[2], KEY, {}),
        (
            "alias/fleet",
            "arn:aws:kms:eu-central-1:111122223333:key/*",
            {"ForAnyValue:StringEquals": {"kms:ResourceAliases": "alias/fleet"}},
        ),
        (
            "arn:aws:kms:eu-central-1:111122223333:alias/fleet",
            "arn:aws:kms:eu-central-1:111122223333:key/*",
            {"ForAnyValue:StringEquals": {"kms:ResourceAliases": "alias/fleet"}},
        ),
    ],
)
def test_policy_with_a_key(kms_key: str, resource: str, more: dict[str, Any]) -> None:
    """The role may use the customer's key, by whatever name, through Secrets Manager only."""
    decrypt = {"Effect": "Allow", "Action": "kms:Decrypt", "Resource": resource, "Condition": {**VIA, **more}}
    policy = secrets_manager.execution_role_policy(ARN, kms_key)
    assert policy == {"Version": "2012-10-17", "Statement": [READ, decrypt]}


@pytest.mark.parametrize("kms_key", [None, "", "alias/aws/secretsmanager", f"{KEY[:44]}alias/aws/secretsmanager"])
def test_policy_without_a_key(kms_key: Optional[str]) -> None:
    """The AWS managed key needs no permission in the role's policy."""
    policy = secrets_manager.execution_role_policy(ARN, kms_key)
    assert policy == {"Version": "2012-10-17", "Statement": [READ]}


def test_policy_in_china() -> None:
    """Partition and domain are those of the secret."""
    arn = "arn:aws-cn:secretsmanager:cn-north-1:111122223333:secret:x-AbCdEf"
    decrypt = secrets_manager.execution_role_policy(arn, "1234")["Statement"][1]
    assert decrypt["Resource"] == "arn:aws-cn:kms:cn-north-1:111122223333:key/1234"
    assert decrypt["Condition"]["StringEquals"]["kms:ViaService"] == [
        "secretsmanager.cn-north-1.amazonaws.com",
        "secretsmanager.cn-north-1.amazonaws.com.cn",
    ]
