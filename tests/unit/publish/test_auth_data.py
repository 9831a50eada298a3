"""ECS_ENGINE_AUTH_DATA written anew."""

from __future__ import annotations

import json

import pytest
from ecsauth.errors import InvalidError
from ecsauth.publish import import_logins
from ecsauth.registry import auth as registry_auth
from ecsauth.registry.credential import Credential
from ecsauth.secret import Secret
from hypothesis import given
from hypothesis import strategies as st

_TEXT = st.text().filter(lambda text: not any("\ud800" <= character <= "\udfff" for character in text))
_KEYS = st.lists(_TEXT, unique=True, max_size=3)


def _credential(username: str, *secrets: str) -> Credential:
    password, auth, identity, registry = map(Secret, secrets)
    return Credential(username, password, auth, "e@x", "s", identity, registry)


_FULL = st.builds(_credential, _TEXT, _TEXT, _TEXT, _TEXT, _TEXT)
_PAIRS = st.builds(
    lambda pair: Credential(
        pair[0].decode("utf-8", "surrogateescape"), Secret(pair[1].decode("utf-8", "surrogateescape"))
    ),
    st.tuples(st.binary().map(lambda data: data.replace(b":", b"")), st.binary()),
)


@given(data=st.data(), keys=_KEYS)
def test_agent_reads_what_was_written(data: st.DataObject, keys: list[str]) -> None:
    """The agent decodes one line to the same credentials, for both types and whatever is in them."""
    for kind, credentials in (("docker", _FULL), ("dockercfg", _PAIRS)):
        written = {key: data.draw(credentials) for key in keys}
        text = import_logins.render(kind, written.items()).reveal()
        assert not set("\r\n") & set(text)
        assert {entry.key: entry.credential for entry in registry_auth.parse(kind, text).entries} == written


def test_nothing_superfluous_is_written() -> None:
    """No white space, no empty field, and under dockercfg the pair only."""
    credential = Credential("\u00fc", Secret("p"), email="e")
    assert import_logins.render("docker", [("a.b", credential)]).reveal() == (
        '{"a.b":{"username":"\u00fc","password":"p","email":"e"}}'
    )
    assert import_logins.render("dockercfg", [("a.b", credential)]).reveal() == '{"a.b":{"auth":"w7w6cA=="}}'


@pytest.mark.parametrize(
    ("kind", "credential"),
    [("dockercfg", Credential("a:b", Secret("hunter2"))), ("docker", Credential("hunter2\udcff"))],
)
def test_what_cannot_be_written_is_refused(kind: str, credential: Credential) -> None:
    """A colon in the user name has no place in dockercfg, other bytes than UTF-8 have none in docker."""
    with pytest.raises(InvalidError) as caught:
        import_logins.render(kind, [("a.b", credential)])
    assert "hunter2" not in str(caught.value)


def test_what_was_read_is_written_again() -> None:
    """The entries of a document give the same document."""
    inner = '{"a.b": {"auth":"dTpw"},\n "c.d":{"auth":"djp3"}}'
    entries = registry_auth.parse("dockercfg", inner).entries
    rewritten = import_logins.render("dockercfg", [(entry.key, entry.credential) for entry in entries])
    assert json.loads(rewritten.reveal()) == json.loads(inner)
