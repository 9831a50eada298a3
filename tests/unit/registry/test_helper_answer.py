"""What credential helpers answer."""

from __future__ import annotations

from typing import Optional

import pytest
from ecsauth.registry import docker_config
from ecsauth.registry.credential import ANONYMOUS, Credential
from ecsauth.secret import Secret


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        (b'{"ServerURL":"r.example","Username":"u","Secret":"s"}\n', Credential("u", Secret("s"))),
        (b'{"username":"u","secret":"s"}', Credential("u", Secret("s"))),
        (b'{"Username":"<token>","Secret":"s"}', Credential(identitytoken=Secret("s"))),
        (b'{"Username":"u","Secret":null}', Credential("u")),
        (b"{}", ANONYMOUS),
        (b"null", ANONYMOUS),
        (b"", None),
        (b"[]", None),
        (b'"s"', None),
        (b'{"Username":1}', None),
        (b'{"Username":"u"', None),
        (b'{"Username":"\xff"}', None),
        (b'{"Username":"u"} trailing', None),
    ],
)
def test_credential(output: bytes, expected: Optional[Credential]) -> None:
    """`get` answers with a credential, or it is rubbish."""
    assert docker_config.credential(output) == expected


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        (b'{"https://r.example":"u","s.example":"v"}', ("https://r.example", "s.example")),
        (b"{}", ()),
        (b"null", ()),
        (b"[]", None),
        (b'{"r.example":{}}', None),
        (b"rubbish", None),
    ],
)
def test_servers(output: bytes, expected: Optional[tuple[str, ...]]) -> None:
    """`list` answers with users by server, or it is rubbish."""
    assert docker_config.servers(output) == expected


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        (b"credentials not found in native keychain", True),
        (b"credentials not found in native keychain\n", True),
        (b"", False),
        (b"no usernames for credentials not found in native keychain", False),
    ],
)
def test_not_found(output: bytes, expected: bool) -> None:
    """One sentence says that there is no such credential; anything else is a failure."""
    assert docker_config.is_not_found(output) is expected
