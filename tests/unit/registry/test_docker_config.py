"""docker's config.json and .dockercfg, as docker reads them."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from ecsauth.errors import InvalidError
from ecsauth.registry import docker_config
from ecsauth.registry.credential import Credential
from ecsauth.registry.docker_config import DockerConfig, DockerLogin
from ecsauth.secret import Secret

HUB = "https://index.docker.io/v1/"
SECRET = "hunter2hunter2"


def _auth(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _login(key: str = "r.example", username: str = "u", password: str = SECRET) -> DockerLogin:
    return DockerLogin(key, Credential(username, Secret(password)))


ENTRY = {"auth": _auth(f"u:{SECRET}")}
NOTHING = DockerConfig()


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        pytest.param({}, NOTHING, id="nothing"),
        pytest.param({"auths": {}}, NOTHING, id="no entries"),
        pytest.param({"auths": None, "credsStore": None, "credHelpers": None}, NOTHING, id="null is absent"),
        pytest.param({"auths": {"r.example": ENTRY}}, DockerConfig((_login(),)), id="entry"),
        pytest.param({"AUTHS": {"r.example": {"Auth": ENTRY["auth"]}}}, DockerConfig((_login(),)), id="any case"),
        pytest.param({"r.example": ENTRY}, DockerConfig((_login(),)), id="old form"),
        pytest.param({HUB: {**ENTRY, "email": "e@x"}}, DockerConfig((_login(HUB),)), id="old form with e-mail"),
        pytest.param({"auths": {"r.example": {**ENTRY, "email": "e"}}}, DockerConfig((_login(),)), id="e-mail"),
        pytest.param({"auths": {"r.example": {}}}, DockerConfig((_login(username="", password=""),)), id="empty"),
        pytest.param(
            {"auths": {"r.example": None}}, DockerConfig((_login(username="", password=""),)), id="null entry"
        ),
        pytest.param(
            {"auths": {"r.example": {"username": "u", "password": SECRET}}}, DockerConfig((_login(),)), id="plain text"
        ),
        pytest.param(
            {"auths": {"r.example": {**ENTRY, "username": "x", "password": "y"}}},
            DockerConfig((_login(),)),
            id="auth comes before plain text",
        ),
        pytest.param(
            {"auths": {"r.example": {"auth": _auth(f"u:{SECRET}:\0\0")}}},
            DockerConfig((_login(password=f"{SECRET}:"),)),
            id="colons stay, NULs at the end go",
        ),
        pytest.param({"credsStore": "pass"}, DockerConfig(store="pass"), id="store"),
        pytest.param({"credsStore": ""}, NOTHING, id="no store"),
        pytest.param(
            {"credHelpers": {"a.example": "one", "b.example": ""}},
            DockerConfig(helpers=(("a.example", "one"), ("b.example", ""))),
            id="helpers",
        ),
        pytest.param(
            {
                "auths": {"r.example": {**ENTRY, "unknown": [1]}},
                "HttpHeaders": {"X-Meta-Source": "x"},
                "proxies": {"default": {"httpProxy": "http://p.example"}},
                "plugins": 1,
                "currentContext": "x",
                "unknown": [{}],
            },
            DockerConfig((_login(),)),
            id="other settings",
        ),
        pytest.param({"HttpHeaders": {"a": "b"}, "proxies": {}}, NOTHING, id="other settings only"),
    ],
)
def test_what_counts(document: dict[str, Any], expected: DockerConfig) -> None:
    """Each shape means what docker makes of it."""
    assert docker_config.parse(json.dumps(document).encode()) == expected


@pytest.mark.parametrize("field", ["identitytoken", "registrytoken"])
def test_tokens_are_kept_apart(field: str) -> None:
    """A token is no password."""
    config = docker_config.parse(json.dumps({"auths": {"r.example": {**ENTRY, field: "t"}}}).encode())
    assert getattr(config.logins[0].credential, field) == Secret("t")


@pytest.mark.parametrize("auth", ["u", "Basic x", _auth("nocolon"), _auth(":no user"), _auth("u:pw").rstrip("=")])
def test_auth_that_docker_cannot_decode(auth: str) -> None:
    """The entry is there, and marked."""
    (login,) = docker_config.parse(json.dumps({"auths": {"r.example": {"auth": auth}}}).encode()).logins
    assert not login.is_readable


def test_auth_with_the_password_missing() -> None:
    """Docker decodes an empty password, as beside an identity token."""
    (login,) = docker_config.parse(json.dumps({"auths": {"r.example": {"auth": _auth("u:")}}}).encode()).logins
    assert login == _login(password="")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("", NOTHING, id="empty file"),
        pytest.param(" \n", NOTHING, id="blank file"),
        pytest.param(f"auth = {ENTRY['auth']}\nemail = e@x\n", DockerConfig((_login(HUB),)), id="before JSON"),
        pytest.param(f"auth = {ENTRY['auth']}", DockerConfig((_login(HUB),)), id="before JSON, one line"),
        pytest.param('\ufeff{"credsStore":"a"}', DockerConfig(store="a"), id="byte order mark"),
        pytest.param(
            '{"auths":{"r.example":{"auth":"x"},"r.example":' + json.dumps(ENTRY) + "}}",
            DockerConfig((_login(),), repeated=("r.example",)),
            id="an entry twice: the last one",
        ),
        pytest.param(
            '{"auths":{"r.example":' + json.dumps(ENTRY) + '},"credsStore":"a","auths":{},"credsStore":"b"}',
            DockerConfig((_login(),), "b"),
            id="a setting twice: maps are merged",
        ),
        pytest.param('{"x":' + "[" * 9000 + "]" * 9000 + "}", NOTHING, id="nested deeply elsewhere"),
    ],
)
def test_texts(text: str, expected: DockerConfig) -> None:
    """What is written around the entries changes nothing."""
    assert docker_config.parse(text.encode()) == expected


@pytest.mark.parametrize(
    ("data", "message"),
    [
        pytest.param(b'{"auths":{}', "line 1, column 12: not JSON: the text ends early", id="cut"),
        pytest.param(
            b'{\n "auths": {},\n}', "line 3, column 1: not JSON: a comma before a closing bracket", id="comma"
        ),
        pytest.param(b'{"auths":{}} {}', "line 1, column 14: not JSON: text after the end of the document", id="more"),
        pytest.param(b"[" * 20_000, "line 1, column 10001: not JSON: nested too deeply", id="too deep"),
        pytest.param(f"auth: {SECRET}".encode(), "line 1, column 1: not JSON: a value is missing here", id="YAML"),
        pytest.param(b"{\n\xff}", "line 2: not UTF-8", id="not UTF-8"),
        pytest.param('{"auths":{}}'.encode("utf-16"), "line 1: not UTF-8", id="UTF-16"),
        pytest.param(b"null", "the document must be an object, not null", id="null"),
        pytest.param(b"[]", "the document must be an object, not an array", id="array"),
        pytest.param(f'"{SECRET}"'.encode(), "the document must be an object, not a string", id="string"),
        pytest.param(f'{{"auths":"{SECRET}"}}'.encode(), "auths must be an object, not a string", id="auths"),
        pytest.param(b'{"auths":[]}', "auths must be an object, not an array", id="list of auths"),
        pytest.param(
            f'{{"auths":{{"r.example":"{SECRET}"}}}}'.encode(), "auths: r.example must be an object", id="entry"
        ),
        pytest.param(
            f'{{"auths":{{"r.example":{{"auth":["{SECRET}"]}}}}}}'.encode(),
            "auths: r.example: auth must be a string, not an array",
            id="auth",
        ),
        pytest.param(
            f'{{"auths":{{"user:{SECRET}@r.example":{{"password":1}}}}}}'.encode(),
            "auths: a registry with an unusual name: password must be a string, not a number",
            id="password under a name that is not shown",
        ),
        pytest.param(b'{"r.example":{"auth":{}}}', "r.example: auth must be a string, not an object", id="old form"),
        pytest.param(b'{"credsStore":{}}', "credsStore must be a string, not an object", id="store"),
        pytest.param(b'{"credHelpers":"x"}', "credHelpers must be an object, not a string", id="helpers"),
        pytest.param(
            b'{"credHelpers":{"r.example":true}}', "credHelpers: r.example must be a string", id="helper of one"
        ),
    ],
)
def test_files_that_docker_cannot_read(data: bytes, message: str) -> None:
    """The message names the place and the field, never a value."""
    with pytest.raises(InvalidError) as raised:
        docker_config.parse(data)
    assert raised.value.message.startswith(message)
    assert SECRET not in "".join((raised.value.message, *raised.value.hints))
