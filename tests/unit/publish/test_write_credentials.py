"""The two lines of an env-file, anew and in place."""

from __future__ import annotations

import pytest
from ecsauth import envfile
from ecsauth.errors import InvalidError
from ecsauth.publish import import_logins
from ecsauth.registry import auth
from ecsauth.registry.credential import Credential
from ecsauth.secret import Secret
from hypothesis import given
from hypothesis import strategies as st

NEW = {"r.example": Credential("u", Secret("p"))}
DOCKER = b'ECS_ENGINE_AUTH_DATA={"r.example":{"username":"u","password":"p"}}'
TYPE = b"ECS_ENGINE_AUTH_TYPE=docker"
HUB = "https://index.docker.io/v1/"


def test_fresh() -> None:
    """Two lines, for either type."""
    assert import_logins.fresh("docker", NEW) == TYPE + b"\n" + DOCKER + b"\n"
    assert import_logins.fresh("dockercfg", NEW) == (
        b'ECS_ENGINE_AUTH_TYPE=dockercfg\nECS_ENGINE_AUTH_DATA={"r.example":{"auth":"dTpw"}}\n'
    )


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(b"", TYPE + b"\n" + DOCKER + b"\n", id="empty"),
        pytest.param(b"A=1\n", b"A=1\n" + TYPE + b"\n" + DOCKER + b"\n", id="appended"),
        pytest.param(b"A=1", b"A=1\n" + TYPE + b"\n" + DOCKER + b"\n", id="no line break at the end"),
        pytest.param(b"A=1\r\n", b"A=1\r\n" + TYPE + b"\r\n" + DOCKER + b"\r\n", id="CR LF appended"),
        pytest.param(b"A=1\r\nB=2", b"A=1\r\nB=2\r\n" + TYPE + b"\r\n" + DOCKER + b"\r\n", id="CR LF, no end"),
        pytest.param(
            b"# a\n\nECS_ENGINE_AUTH_DATA={}\n A=1 \n  ECS_ENGINE_AUTH_TYPE=docker\n#z",
            b"# a\n\n" + DOCKER + b"\n A=1 \n" + TYPE + b"\n#z",
            id="in place",
        ),
        pytest.param(
            b"ECS_ENGINE_AUTH_TYPE=docker\r\nA=1\nECS_ENGINE_AUTH_DATA={}\r\n",
            TYPE + b"\r\nA=1\n" + DOCKER + b"\r\n",
            id="each with its own end",
        ),
        pytest.param(
            b"ECS_ENGINE_AUTH_DATA={}\nECS_ENGINE_AUTH_TYPE=docker\nA=1\nECS_ENGINE_AUTH_DATA={}\n",
            TYPE + b"\nA=1\n" + DOCKER + b"\n",
            id="a repeated one goes",
        ),
        pytest.param(b"ECS_ENGINE_AUTH_TYPE=docker\n\n", TYPE + b"\n\n" + DOCKER + b"\n", id="one of the two"),
        pytest.param(DOCKER + b"\nA=1\n" + TYPE, DOCKER + b"\nA=1\n" + TYPE, id="already so"),
        pytest.param(
            TYPE + b'\nECS_ENGINE_AUTH_DATA={ "https://r.example": {"username":"u","password":"p","x":1}}\n',
            TYPE + b'\nECS_ENGINE_AUTH_DATA={ "https://r.example": {"username":"u","password":"p","x":1}}\n',
            id="already so, in other words",
        ),
    ],
)
def test_lines(before: bytes, after: bytes) -> None:
    """The variables stand where they stood; every other byte stays."""
    assert import_logins.merged(before, "docker", NEW) == after


@pytest.mark.parametrize(
    ("data", "merged"),
    [
        pytest.param(
            '{"a.example":{"username":"x"}}', '{"a.example":{"username":"x"},"r.example":…}', id="another stays"
        ),
        pytest.param(
            '{"https://r.example/v1/":{"username":"x"},"z.example":{"identitytoken":"t"}}',
            '{"r.example":…,"z.example":{"identitytoken":"t"}}',
            id="another name of the same goes",
        ),
        pytest.param(
            '{"r.example":{"username":"x"},"https://r.example":{"username":"y"}}', '{"r.example":…}', id="two"
        ),
        pytest.param(
            '{"r.example/team":{"username":"x"}}',
            '{"r.example/team":{"username":"x"},"r.example":…}',
            id="another path",
        ),
    ],
)
def test_entries(data: str, merged: str) -> None:
    """Registries that are not imported keep their credentials, names and places."""
    before = f"ECS_ENGINE_AUTH_TYPE=docker\nECS_ENGINE_AUTH_DATA={data}\n"
    after = f"ECS_ENGINE_AUTH_TYPE=docker\nECS_ENGINE_AUTH_DATA={merged}\n"
    assert import_logins.merged(before.encode(), "docker", NEW).decode() == after.replace(
        "…", '{"username":"u","password":"p"}'
    )


def test_types_are_converted() -> None:
    """All entries are written for the type that is asked for, unless that cannot hold one."""
    before = import_logins.fresh("dockercfg", {"a.example": Credential("x", Secret("y"))})
    after = import_logins.merged(before, "docker", NEW)
    assert after == import_logins.fresh("docker", {"a.example": Credential("x", Secret("y")), **NEW})
    assert import_logins.kind_of(before) == "dockercfg"
    assert import_logins.kind_of(b"A=1\n") is None
    with_token = import_logins.fresh("docker", {"a.example": Credential(identitytoken=Secret("t"))})
    with pytest.raises(InvalidError, match=r"a\.example: the type dockercfg cannot store a token"):
        import_logins.merged(with_token, "dockercfg", NEW)


_TEXT = st.text(max_size=6).filter(lambda text: not any("\ud800" <= each <= "\udfff" for each in text))
_CREDENTIALS = st.builds(lambda user, password: Credential(user.replace(":", ""), Secret(password)), _TEXT, _TEXT)
_FILES = st.dictionaries(st.sampled_from(["a.example", "b.example", HUB]), _CREDENTIALS, max_size=3)
_OTHERS = st.lists(st.sampled_from([b"A=1", b"# c", b"", b"B=x y", b"C={}\r", b"  D=1"]), max_size=4)
_KINDS = st.sampled_from(["docker", "dockercfg"])


@given(old=_FILES, new=_FILES, before=_OTHERS, after=_OTHERS, kinds=st.tuples(_KINDS, _KINDS))
def test_agent_has_both(
    old: dict[str, Credential],
    new: dict[str, Credential],
    before: list[bytes],
    after: list[bytes],
    kinds: tuple[str, str],
) -> None:
    """The agent has what is new and what was there, in that order of precedence; other lines are the same bytes."""
    lines = [*before, *import_logins.fresh(kinds[0], old).splitlines(), *after]
    data = b"\n".join(lines)
    merged = import_logins.merged(data, kinds[1], new)
    environment = envfile.docker(merged).environment()
    kind, value = environment["ECS_ENGINE_AUTH_TYPE"], environment["ECS_ENGINE_AUTH_DATA"]
    entries = auth.parse(kind.reveal(), value.reveal()).entries
    assert {entry.key: entry.credential for entry in entries} == {**old, **new}
    kept = [line for line in merged.split(b"\n") if not line.startswith(b"ECS_ENGINE_AUTH_")]
    assert b"\n".join(kept) == b"\n".join([*before, *after])
