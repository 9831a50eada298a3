"""What is secret: one table of names, and everything that decides by it decides alike."""

from __future__ import annotations

from typing import Callable, Optional

import pytest
from ecsauth.agent import names, variables
from ecsauth.boot.agent_log import redacted_log
from ecsauth.check import check
from ecsauth.cli import persisted
from ecsauth.envfile import overrides
from ecsauth.errors import UsageError

VALUE = "canary7value"
SECRET = [
    "API_KEY",
    "APIKEY",
    "AUTH0_CLIENT_SECRET",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SECURITY_TOKEN",
    "BASIC_AUTHORIZATION",
    "DB_CREDENTIALS",
    "DB_PASS",
    "DB_PASSPHRASE",
    "DB_PASSWORD",
    "DOCKER_AUTH_CONFIG",
    "ECS_ENGINE_AUTH_DATA",
    "ECS_LOG_OPTS",
    "ENCRYPTION_KEYS",
    "GITHUB_PAT",
    "MYSQL_PWD",
    "NPM_AUTH",
    "PRIVATE_KEY",
    "SENTRY_DSN",
    "SIGNING_KEY",
    "SSHKEY",
    "aws_session_token",
    "dbPass",
    "db_password",
    "sessionToken",
]
PLAIN = [
    "AUTHOR",
    "AUTHORITY_HOST",
    "AWS_AUTH_SCHEME_PREFERENCE",
    "AWS_CA_BUNDLE",
    "AWS_KMS_KEY_ARN",
    "ECS_CLUSTER",
    "ECS_LOGLEVEL",
    "KEY",
    "KEYCLOAK_HOST",
    "MONKEY",
    "NO_PROXY",
    "PWD",
    "SSH_PUBLIC_KEY",
    "TOKENIZER",
    "PASSIVE_MODE",
]
NAMES = [*((name, True) for name in SECRET), *((name, False) for name in PLAIN)]


def _takes_setting(name: str, value: str) -> bool:
    return _is_taken(lambda: overrides.setting(f"{name}={value}"), value)


def _takes_unit(name: str, value: str) -> bool:
    return _is_taken(lambda: persisted.refuse_secrets(((name, value),)), value)


def _is_taken(take: Callable[[], object], value: str) -> bool:
    """Tell whether it is not refused; a refusal does not repeat the value."""
    refusal = None
    try:
        take()
    except UsageError as fault:
        refusal = (fault.message, *fault.hints)
    assert refusal is None or value not in " ".join(refusal)
    return refusal is None


@pytest.mark.parametrize(("name", "is_secret"), NAMES)
def test_names(name: str, is_secret: bool) -> None:
    """The table itself, in the letters that it is written in and in small ones."""
    assert names.holds_secret(name) is is_secret
    assert names.holds_secret(name, VALUE) is is_secret
    assert names.holds_secret(name.lower()) is is_secret or not name.isupper()


@pytest.mark.parametrize(("name", "is_secret"), NAMES)
def test_everybody_goes_by_it(name: str, is_secret: bool) -> None:
    """`--set`, units and the finding about commented-out secrets refuse the same names."""
    said = {finding.code for finding in check(f"ECS_CLUSTER=prod\n# {name}={VALUE}\n".encode())}
    assert _takes_setting(name, VALUE) is not is_secret
    assert _takes_unit(name, VALUE) is not is_secret
    assert ("F121" in said) is is_secret


@pytest.mark.parametrize(
    ("name", "value", "is_secret"),
    [
        ("HTTP_PROXY", None, True),
        ("HTTP_PROXY", "http://proxy:3128", False),
        ("HTTP_PROXY", "http://user:canary@proxy:3128", True),
        ("https_proxy", "user:canary@proxy", True),
        ("NO_PROXY", "a@b", False),
        ("DB_PASSWORD_PROXY", "canary", True),
        ("ECS_ENGINE_AUTH_TYPE", None, True),
        ("ECS_ENGINE_AUTH_TYPE", "docker", False),
        ("ECS_ENGINE_AUTH_TYPE", " dockercfg ", False),
        ("ECS_ENGINE_AUTH_TYPE", "canary", True),
        ("AWS_ENDPOINT_URL", "https://s3.example.com", False),
        ("AWS_ENDPOINT_URL", "https://user:canary@s3.example.com", True),
        ("DATABASE", "postgres://app:canary@db/x", True),
        ("ECS_CLUSTER", "AKIAIOSFODNN7EXAMPLE", True),
        ("NOTE", "ghp_0123456789abcdef", True),
    ],
)
def test_values(name: str, value: Optional[str], is_secret: bool) -> None:
    """A known value can make a variable secret, or an address without a user in it none."""
    assert names.holds_secret(name, value) is is_secret


@pytest.mark.parametrize(
    "text", ["DATABASE=postgres://app:canary@db/x", "AWS_ENDPOINT_URL=https://user:canary@s3.example.com"]
)
def test_settings_that_look_secret(text: str) -> None:
    """`--set` and units refuse a credential under an innocent name too."""
    name, _, value = text.partition("=")
    assert not _takes_setting(name, value)
    assert not _takes_unit(name, value)


@pytest.mark.parametrize(
    ("name", "value", "is_public"),
    [
        ("ECS_CLUSTER", "prod", True),
        ("ECS_ENGINE_AUTH_TYPE", "docker", True),
        ("HTTP_PROXY", "http://proxy:3128", True),
        ("HTTP_PROXY", "http://user:canary@proxy:3128", False),
        ("ECS_ENGINE_AUTH_DATA", "canary", False),
        ("ECS_LOG_OPTS", "canary", False),
        ("MY_SETTING", "canary", False),
    ],
)
def test_what_may_be_shown(name: str, value: str, is_public: bool) -> None:
    """What may be shown is known and no secret; the agent's last words are masked by the same definition."""
    assert names.is_public(name, value) is is_public
    said = redacted_log(f"given {value} today", f"{name}={value}\n".encode())
    assert (value in said[0]) is is_public


@pytest.mark.parametrize(
    "text",
    [
        "ECS_CLUSTER=prod-eu_1",
        "ECS_ENGINE_AUTH_TYPE=dockercfg",
        "ECS_LOGLEVEL=debug",
        "ECS_DISABLE_METRICS=true",
        "ECS_RESERVED_MEMORY=256",
        "ECS_IMAGE_PULL_INACTIVITY_TIMEOUT=1m30s",
        "ECS_DYNAMIC_HOST_PORT_RANGE=100-200",
        "ECS_TASK_METADATA_RPS_LIMIT=40,60",
        'ECS_AVAILABLE_LOGGING_DRIVERS=["json-file", "awslogs"]',
        "ECS_RESERVED_PORTS=[22, 80]",
    ],
)
def test_what_is_shown_as_it_is(text: str) -> None:
    """The cluster, booleans, numbers and lists of drivers, where they are what their variable takes."""
    name, _, value = text.partition("=")
    assert names.is_plain(name, value)


@pytest.mark.parametrize("name", [*variables.names(), "MY_SETTING", "DB_PASSWORD"])
@pytest.mark.parametrize(
    "value",
    ["hunter2!", "correct horse", "http://u:hunter2@proxy", '["hunter2"]', '{"auth":"aHVudGVyMg=="}', "", "1 #pw"],
)
def test_what_is_never_shown(name: str, value: str) -> None:
    """Whatever was pasted in the place of any value that is none of its form stays masked."""
    assert not names.is_plain(name, value)


@pytest.mark.parametrize("value", ["AKIAIOSFODNN7EXAMPLE", "ghp_0123456789abcdef0123"])
def test_keys_in_the_place_of_a_cluster(value: str) -> None:
    """A cluster's name may have the form of a credential's, which is masked."""
    assert not names.is_plain("ECS_CLUSTER", value)
