"""What changed between two env-files, by variable and registry, and never a value."""

from __future__ import annotations

import base64
import json

import pytest
from ecsauth.publish.diff import Change, difference
from hypothesis import given
from hypothesis import strategies as st

DATA = "ECS_ENGINE_AUTH_DATA"
HUB = "https://index.docker.io/v1/"
USER = {"username": "u", "password": "p", "email": "e"}


def _docker(entries: object, kind: str = "docker") -> bytes:
    return f"ECS_ENGINE_AUTH_TYPE={kind}\n{DATA}={json.dumps(entries)}\n".encode()


def _dockercfg(pair: str) -> bytes:
    return _docker({HUB: {"auth": base64.b64encode(pair.encode()).decode()}}, "dockercfg")


@pytest.mark.parametrize(
    ("old", "new", "changes"),
    [
        pytest.param(b"A_B=1\n", b"A_B=1\n", [], id="same bytes"),
        pytest.param(b"A_B=1\nC_D=2\n", b"# x\nC_D=2\r\n\nA_B=1", [], id="same to docker"),
        pytest.param(b"A_B=1\nA_B=2\n", b"A_B=2\n", [], id="the last of each name counts"),
        pytest.param(b"", b"ECS_CLUSTER=x\n", [Change("ECS_CLUSTER", "added")], id="added"),
        pytest.param(b"ECS_CLUSTER=x\n", b"A", [Change("ECS_CLUSTER", "removed")], id="removed"),
        pytest.param(b"ECS_CLUSTER=x\n", b"ECS_CLUSTER=y\n", [Change("ECS_CLUSTER", "changed")], id="changed"),
        pytest.param(b"ECS_CLUSTER=x\n", b"ECS_CLUSTER=\n", [Change("ECS_CLUSTER", "changed")], id="emptied"),
        pytest.param(
            b"A_B=1\nC_D=1",
            b"C_D=2\nE_F=1",
            [Change("A_B", "removed"), Change("C_D", "changed"), Change("E_F", "added")],
        ),
        pytest.param(b"\xff", b"A_B=1\n", [Change("A_B", "added")], id="from a file that docker refuses"),
    ],
)
def test_variables(old: bytes, new: bytes, changes: list[Change]) -> None:
    """What docker would hand to the agent is compared, not how it is written."""
    assert list(difference(old, new)) == changes


@pytest.mark.parametrize(
    ("old", "new", "changes"),
    [
        pytest.param({HUB: USER}, {HUB: USER, "r.io": USER}, [("r.io", "added")], id="registry added"),
        pytest.param({HUB: USER, "r.io": USER}, {HUB: USER}, [("r.io", "removed")], id="registry removed"),
        pytest.param({HUB: USER}, {HUB: {**USER, "password": "q"}}, [(HUB, "password changed")], id="password"),
        pytest.param({HUB: USER}, {HUB: {**USER, "username": "v"}}, [(HUB, "user name changed")], id="user name"),
        pytest.param({HUB: USER}, {HUB: {**USER, "email": "f"}}, [(HUB, "email changed")], id="email"),
        pytest.param({HUB: USER}, {HUB: {**USER, "identitytoken": "t"}}, [(HUB, "identity token changed")], id="token"),
        pytest.param(
            {"a.io": USER, "b.io": USER},
            {"b.io": {"username": "v", "password": "q", "email": "e"}, "c.io": USER},
            [("a.io", "removed"), ("b.io", "user name changed"), ("b.io", "password changed"), ("c.io", "added")],
            id="several",
        ),
        pytest.param(
            {"http://index.docker.io/v1/": USER, "r.io": USER},
            {HUB: USER, "https://r.io": USER},
            [(None, "written differently, with the same credentials")],
            id="other schemes, which the agent cuts off",
        ),
        pytest.param(
            {"r.io": USER, "http://r.io": USER},
            {"r.io": USER},
            [(None, "written differently, with the same credentials")],
            id="one registry named twice",
        ),
        pytest.param(
            {"http://r.io": USER}, {"r.io": {**USER, "password": "q"}}, [("r.io", "password changed")], id="and changed"
        ),
        pytest.param(
            {HUB: USER}, {HUB: {**USER, "x": 1}}, [(None, "written differently, with the same credentials")], id="form"
        ),
        pytest.param(
            {"u:pw@r.io": USER}, {}, [("with a name that is not shown", "removed")], id="a key that may be a secret"
        ),
    ],
)
def test_registries(old: object, new: object, changes: list[tuple[str | None, str]]) -> None:
    """Changed credentials are told registry by registry and field by field."""
    found = difference(_docker(old), _docker(new))
    assert [(change.registry, change.what) for change in found] == changes
    assert {change.variable for change in found} == {DATA}


def test_dockercfg_password() -> None:
    """What changed in a dockercfg entry is told from what its base64 decodes to."""
    found = difference(_dockercfg("u:p"), _dockercfg("u:q"))
    assert [str(change) for change in found] == [f"{DATA}, registry {HUB}: password changed"]


def test_first_push_names_variable_and_registries() -> None:
    """A new file is told as what it adds."""
    assert [str(change) for change in difference(b"", _docker({HUB: USER}))] == [
        f"{DATA}: added",
        "ECS_ENGINE_AUTH_TYPE: added",
        f"{DATA}, registry {HUB}: added",
    ]


def test_credentials_that_docker_loses_count_as_removed() -> None:
    """A document that the agent cannot parse holds no registries."""
    old, new = _docker({HUB: USER}), f"ECS_ENGINE_AUTH_TYPE=docker\n{DATA}={{\n".encode()
    assert [(change.registry, change.what) for change in difference(old, new)] == [(HUB, "removed")]


@pytest.mark.parametrize(
    "old",
    [
        pytest.param(b'ECS_ENGINE_AUTH_DATA={"a":{"auth":"\ndXNlcjpodW50ZXIy="}}\n', id="wrapped base64"),
        pytest.param(b"hunter2dXNlcjpodW50ZXIy=x\n", id="text before an equals sign"),
        pytest.param(b"\x1b[31mhunter2dXNlcjpodW50ZXIy=x\n", id="escape sequence"),
    ],
)
def test_names_that_may_be_secrets_are_not_shown(old: bytes) -> None:
    """The object in S3 may have come apart in a way that makes a credential look like a name."""
    shown = "\n".join(str(change) for change in difference(old, b"ECS_CLUSTER=x\n"))
    assert "a variable with an unusual name: removed" in shown
    assert "dXNlcjpodW50ZXIy" not in shown
    assert "\x1b" not in shown


_canaries = st.sampled_from(["hunter2", "Hunter2/+", "hunter2:x", "hunter2=", "hunter2\n", '{"hunter2', "a=hunter2 #"])
_places = st.sampled_from(
    [
        "{}",
        "ECS_CLUSTER={}",
        f"ECS_ENGINE_AUTH_TYPE={{}}\n{DATA}={{}}",
        f'ECS_ENGINE_AUTH_TYPE=docker\n{DATA}={{{{"r.io":{{{{"username":"u","password":"{{}}"}}}}}}}}',
        f'ECS_ENGINE_AUTH_TYPE=dockercfg\n{DATA}={{{{"r.io":{{{{"auth":"{{}}"}}}}}}}}',
        f'ECS_ENGINE_AUTH_TYPE=docker\n{DATA}={{{{"u:{{}}@r.io":{{{{}}}}}}}}',
    ]
)


@given(_places, _canaries, _places, _canaries)
def test_never_shows_a_value(old: str, secret: str, new: str, other: str) -> None:
    """Wherever a password stands in either file, no change tells it."""
    before, after = old.format(secret, secret).encode(), new.format(other, other).encode()
    shown = " ".join(str(change) for change in difference(before, after)).lower()
    assert "hunter2" not in shown
