"""What a failed agent wrote last is shown without what may be secret."""

from __future__ import annotations

import base64
import json

import pytest

from bootstrap.core.last_words import MOST_LINES, last_words

PASSWORD = 'hunter2 "quoted" \\ and é'


def env_file(data: object, kind: str = "docker", *more: str) -> bytes:
    """Return an env-file with these credentials."""
    lines = ["ECS_CLUSTER=demo", f"ECS_ENGINE_AUTH_TYPE={kind}", f"ECS_ENGINE_AUTH_DATA={json.dumps(data)}", *more]
    return "".join(f"{line}\n" for line in lines).encode()


AUTH = base64.b64encode(b"fleet:hunter2-pass").decode()
BASIC = base64.b64encode(b"fleet:Tr0ub&dor<3>").decode()
AMPERSAND = env_file({"registry.example.com": {"username": "fleet", "password": "Tr0ub&dor<3>"}})
DOCKER = env_file({"registry.example.com": {"username": "fleet-user", "password": PASSWORD}})
DOCKERCFG = env_file({"registry.example.com": {"auth": AUTH}}, "dockercfg")


@pytest.mark.parametrize(
    ("data", "log", "secret"),
    [
        pytest.param(DOCKER, f"bad password {PASSWORD} given", "hunter2", id="as it is"),
        pytest.param(DOCKER, f"bad password {json.dumps(PASSWORD)}", "hunter2", id="as JSON"),
        pytest.param(DOCKER, f"bad {json.dumps(PASSWORD, ensure_ascii=False)}", "hunter2", id="as Go quotes"),
        pytest.param(DOCKER, DOCKER.decode().splitlines()[2], "hunter2", id="the whole line"),
        pytest.param(DOCKER, "user fleet-user denied", "fleet-user", id="user name"),
        pytest.param(DOCKERCFG, f"cannot decode {AUTH}", AUTH, id="auth"),
        pytest.param(DOCKERCFG, "login as fleet with hunter2-pass", "hunter2-pass", id="password in the auth"),
        pytest.param(env_file({}, "docker", "MY_TOKEN=abc-123"), "token abc-123", "abc-123", id="an unknown name"),
        pytest.param(env_file({}, "s3cret-type"), "Unrecognized auth type s3cret-type", "s3cret", id="type"),
        pytest.param(env_file({"me:pw@r.io": {"auth": AUTH}}), "registry me:pw@r.io", "pw@r.io", id="user in a key"),
        pytest.param(AMPERSAND, r'given "Tr0ub\u0026dor\u003c3\u003e"', "dor", id="as Go's JSON"),
        pytest.param(AMPERSAND, r'given "{\"p\":\"Tr0ub\\u0026dor\\u003c3\\u003e\"}"', "dor", id="as JSON in %q"),
        pytest.param(AMPERSAND, "GET /?p=Tr0ub%26dor%3C3%3E", "dor", id="in a URL"),
        pytest.param(AMPERSAND, f"Authorization: Basic {BASIC}", BASIC, id="as HTTP sends it"),
        pytest.param(env_file({"r": {"password": "a\x7f\U0001f600q"}}), r'%q: "a\x7f😀q"', r"\x7f", id="as %q"),
        pytest.param(env_file({"r": {"password": "docker"}}), "password docker", "docker", id="a word as password"),
        pytest.param(env_file({"r": {"password": "a\nb7x"}}), "first a\nthen b7x", "b7x", id="over two lines"),
    ],
)
def test_no_secret_is_shown(data: bytes, log: str, secret: str) -> None:
    """A secret of the env-file is masked however the log writes it; the rest of the line stays."""
    said = last_words(log, data)
    assert said
    assert not any(secret in line for line in said)
    assert any("***" in line for line in said)


def test_the_rest_is_shown() -> None:
    """Names of clusters and registries, and what is no secret, are shown as they are."""
    log = "level=error msg=InvalidParameterException: cluster demo at registry.example.com\n"
    assert last_words(log, DOCKER) == (log.strip(),)


def test_last_lines_only() -> None:
    """A few lines, each bounded, without what would command a terminal."""
    log = "".join(f"line {number}\n\n" for number in range(100)) + "\x1b[31mred\x07" + "x" * 10_000
    said = last_words(log, DOCKER)
    assert len(said) == MOST_LINES
    assert said[0] == "line 91"
    assert all(len(line) <= 300 and line.isprintable() for line in said)


def test_file_of_before() -> None:
    """The log of a service reaches back to the agent of before: the secrets of its file are masked as well."""
    assert last_words("old password hunter2-pass", DOCKER, DOCKERCFG) == ("old password ***",)


def test_nothing_written() -> None:
    """Where there is no log there is nothing to show."""
    assert last_words("", DOCKER) == ()
