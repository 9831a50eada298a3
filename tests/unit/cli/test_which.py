"""`ecsauth which`: answers about whole files."""

from __future__ import annotations

import base64
import json
import os
from typing import TYPE_CHECKING, Any, Optional

import pytest
from program import Ended, run_here

if TYPE_CHECKING:
    from pathlib import Path

ENVIRONMENT = {"PATH": os.environ["PATH"]}
HUB = "https://index.docker.io/v1/"
PASSWORD = "hunter2hunter2"


def _entry(user: str, password: str = PASSWORD) -> dict[str, str]:
    return {"username": user, "password": password}


def _file(registries: Any, kind: str = "docker") -> bytes:
    data = registries if isinstance(registries, str) else json.dumps(registries)
    return f"ECS_ENGINE_AUTH_TYPE={kind}\nECS_ENGINE_AUTH_DATA={data}\n".encode()


def _which(data: bytes, *arguments: str) -> Ended:
    ended = run_here("which", *arguments, "--file", "-", env=ENVIRONMENT, stdin=data)
    assert PASSWORD not in ended.out + ended.err
    return ended


def _answer(data: bytes, image: str) -> tuple[bool, list[tuple[Optional[str], Optional[str]]]]:
    """Return whether the answer is certain, and the candidates as (registry, username), through the JSON contract."""
    document = _which(data, image, "--format", "json").document
    assert document.keys() == {"schema", "answers"}
    assert document["schema"] == 1
    (answer,) = document["answers"]
    assert answer.keys() == {"image", "deterministic", "candidates"}
    assert answer["image"] == image
    assert all(candidate.keys() == {"registry", "username"} for candidate in answer["candidates"])
    return answer["deterministic"], [(one["registry"], one["username"]) for one in answer["candidates"]]


ANONYMOUS = [(None, None)]


@pytest.mark.parametrize(
    ("registries", "image", "candidates"),
    [
        pytest.param({"r.example": _entry("bob")}, "r.example/app:1", [("r.example", "bob")], id="the host"),
        pytest.param({"r.example": _entry("bob")}, "nginx", ANONYMOUS, id="another host"),
        pytest.param({"r.example": _entry("bob")}, "R.example/app", ANONYMOUS, id="other letters"),
        pytest.param({HUB: _entry("bob")}, "nginx", [(HUB, "bob")], id="Docker Hub without a host"),
        pytest.param({HUB: _entry("bob")}, "docker.io/bob/app", [(HUB, "bob")], id="Docker Hub by name"),
        pytest.param({HUB: _entry("bob")}, "registry-1.docker.io/x", [(HUB, "bob")], id="Docker Hub by its registry"),
        pytest.param({"docker.io": _entry("bob")}, "nginx", ANONYMOUS, id="Docker Hub under an alias"),
        pytest.param({"https://index.docker.io/v1": _entry("bob")}, "nginx", ANONYMOUS, id="without the last slash"),
        pytest.param({"https://r.example": _entry("bob")}, "r.example/x", [("https://r.example", "bob")], id="scheme"),
        pytest.param(
            {"r.example": _entry("bob"), "r.example/team": _entry("al")},
            "r.example/teamwork/x",
            [("r.example/team", "al")],
            id="a plain prefix",
        ),
        pytest.param(
            {"r.example": _entry("bob"), "r.example/team/": _entry("al")},
            "r.example/teamwork/x",
            [("r.example", "bob")],
            id="a prefix with a slash",
        ),
        pytest.param({"r.example/team": _entry("bob")}, "r.example/x", [("r.example/team", "bob")], id="the only path"),
        pytest.param({"r.example": {}}, "r.example/x", [("r.example", None)], id="an empty entry"),
        pytest.param({"r.example": {"auth": "Ym9iOngK"}}, "r.example/x", [("r.example", None)], id="auth under docker"),
        pytest.param({"r.example": {"identitytoken": PASSWORD}}, "r.example/x", [("r.example", "<token>")], id="token"),
        pytest.param({"r.example": _entry("b\x1bb")}, "r.example/x", [("r.example", "b\x1bb")], id="an odd user name"),
        pytest.param({f"bob:{PASSWORD}@r.example": _entry("b")}, "r.example/x", ANONYMOUS, id="a password in the name"),
        pytest.param({f"r.example/a@{PASSWORD}": _entry("b")}, "r.example/x", [("***", "b")], id="an odd name"),
        pytest.param('{"r.example":{"username":"bob",}}', "r.example/x", ANONYMOUS, id="no JSON"),
        pytest.param({"auths": {"r.example": _entry("bob")}}, "r.example/x", ANONYMOUS, id="config.json"),
    ],
)
def test_certain_answers(registries: Any, image: str, candidates: list[tuple[Optional[str], Optional[str]]]) -> None:
    """One candidate, or none with a user name: anonymous."""
    assert _answer(_file(registries), image) == (True, candidates)


@pytest.mark.parametrize(
    ("registries", "image", "users"),
    [
        ({"r.example/one": _entry("bob"), "r.example/two": _entry("al")}, "r.example/one/x", {"bob", "al"}),
        ({"r.example": _entry("bob"), "https://r.example": _entry("al")}, "r.example/x", {"bob", "al"}),
    ],
)
def test_random_answers(registries: Any, image: str, users: set[str]) -> None:
    """Where Go's map order decides, all that can be sent are candidates."""
    deterministic, candidates = _answer(_file(registries), image)
    assert not deterministic
    assert {user for _, user in candidates} == users


@pytest.mark.parametrize(
    ("data", "candidates"),
    [
        (_file({"r.example": {"auth": base64.b64encode(f"bob:{PASSWORD}".encode()).decode()}}, "dockercfg"), "bob"),
        (_file({"r.example": {"auth": "zq212MzEXAMPLE7o6T25Dk0i"}}, "dockercfg"), None),
        (_file({"r.example": {"auth": base64.b64encode(b"b\xffb:x").decode()}}, "dockercfg"), "b\ufffdb"),
        (_file({"r.example": _entry("bob")}, "Docker"), None),
        (b"ECS_CLUSTER=prod\n", None),
        (b"", None),
    ],
)
def test_types(data: bytes, candidates: Optional[str]) -> None:
    """The agent's two types, and what it makes of all else."""
    assert _answer(data, "r.example/x")[1][0][1] == candidates


def test_text() -> None:
    """One line an image; several candidates stand below each other."""
    data = _file(
        {"r.example/1": _entry("bob"), "r.example/2": _entry("al"), "x.example": _entry("eve"), "y.example": {}}
    )
    assert _which(data, "r.example/app", "x.example/app", "y.example/app", "nginx").out == (
        "r.example/app: one of these, at random\n  r.example/1 as bob\n  r.example/2 as al\n"
        "x.example/app: x.example as eve\n"
        "y.example/app: anonymous: y.example has no user name\n"
        "nginx: anonymous\n"
    )


@pytest.mark.parametrize(
    ("registries", "image", "reasons"),
    [
        (
            {HUB: _entry("bob")},
            "nginx",
            [
                "the image's host is docker.io",
                "Docker Hub: the agent looks up only index.docker.io/v1/, and it is there",
            ],
        ),
        (
            {"r.example": _entry("bob"), "r.example/a/": _entry("al"), "r.example/b/": _entry("eve")},
            "r.example/a/x",
            [
                "the image's host is r.example",
                "r.example is a key: it serves every image without a longer key",
                "r.example/a/ is a prefix of the image",
                "r.example/b/ is for another path",
                "r.example/a/ is the longest prefix",
            ],
        ),
        ("{", "r.example/x", ["the agent ignores ECS_ENGINE_AUTH_DATA"]),
    ],
)  # fmt: skip
def test_why(registries: Any, image: str, reasons: list[str]) -> None:
    """The steps of the lookup stand below the answer."""
    lines = _which(_file(registries), image, "--why").out.splitlines()
    assert lines[1 : 1 + len(reasons)] == [f"  because {reason}" for reason in reasons]


def test_why_without_credentials() -> None:
    """A file without credentials says so."""
    assert "  because the agent has no credentials: ECS_ENGINE_AUTH_TYPE is" in _which(b"A=1", "x", "--why").out


@pytest.mark.parametrize(
    "registries",
    [
        {"r.example": _entry("\x1b[31mbob\x07")},
        {"r.example/\x1b[31m": _entry("bob")},
        {"r.example/\u202e": _entry("b")},
    ],
)
def test_nothing_of_the_file_commands_the_terminal(registries: Any) -> None:
    """Control characters of user names and registries stand as escapes."""
    ended = _which(_file(registries), "r.example/x", "--why")
    assert ended.status == 0
    assert (ended.out + ended.err).replace("\n", "").isprintable()
    assert "\\x1b[31m" in ended.out or "\\u202e" in ended.out


@pytest.mark.parametrize("data", [b"export A=1\n", b"=hunter2\n", b"A=\xff\n", b"A=1\0\n", b"A=" + b"x" * 70_000])
def test_files_that_docker_refuses(data: bytes) -> None:
    """With such a file no agent starts, so there is no answer."""
    ended = _which(data, "nginx")
    assert ended.status == 3
    assert ended.out == ""
    assert "docker cannot start an agent with this file" in ended.err
    assert "hunter2" not in ended.err


@pytest.mark.parametrize(
    ("data", "warning"),
    [
        (_file({"r.example": _entry("bob")}), ""),
        (_file({"https://r.example/v2/": _entry("bob")}), ""),
        (_file({"docker.io": _entry("bob")}), "the agent does not get all credentials of this file"),
        (_file("{"), "the agent does not get all credentials of this file"),
        (b"\xef\xbb\xbf" + _file({"r.example": _entry("bob")}), "ecs-init reads other credentials"),
    ],
)
def test_warnings(data: bytes, warning: str) -> None:
    """An answer that may surprise comes with a pointer to check."""
    err = _which(data, "nginx").err
    assert warning in err if warning else not err


def test_a_file_is_named_in_the_hint(tmp_path: Path) -> None:
    """The hint can be pasted."""
    path = tmp_path / "with space"
    path.write_bytes(b"export A=1\n")
    ended = run_here("which", "x", "--file", str(path), env=ENVIRONMENT)
    assert f"hint: see why: ecsauth check '{path}'\n" in ended.err


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    """Its absence is a fault of this machine."""
    assert run_here("which", "x", "--file", str(tmp_path / "x"), env=ENVIRONMENT).status == 6
