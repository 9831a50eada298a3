"""What a registry key means, and how it should be written."""

from __future__ import annotations

import pytest
from ecsauth.registry import keys
from ecsauth.registry.key_problems import flaw
from hypothesis import given
from hypothesis import strategies as st

_HUB = "https://index.docker.io/v1/"


@pytest.mark.parametrize(
    ("key", "registry"),
    [
        ("reg.io", "reg.io"),
        ("http://reg.io/v1/", "reg.io/v1/"),
        ("https://reg.io", "reg.io"),
        ("https://http://reg.io", "http://reg.io"),
        ("HTTPS://reg.io", "HTTPS://reg.io"),
        ("https:/reg.io", "https:/reg.io"),
        (" https://reg.io", " https://reg.io"),
        ("https://", ""),
    ],
)
def test_strip_scheme(key: str, registry: str) -> None:
    """One scheme in lower case is cut, nothing else."""
    assert keys.strip_scheme(key) == registry


@pytest.mark.parametrize(
    ("key", "canonical"),
    [
        *((key, _HUB) for key in (_HUB, "index.docker.io/v1", "docker.io", "HTTPS://Docker.io/", "hub.docker.com")),
        *((key, _HUB) for key in ("https://https://registry-1.docker.io/v2/", "https://index.docker.io/v1/user")),
        *((key, "reg.io") for key in ("reg.io", "https://Reg.io/", " http://reg.io/v1/ ", "reg.io/v2", "oci://reg.io")),
        *((key, "reg.io") for key in ("https://u:p@reg.io", "//reg.io", "https:/reg.io", "https://u:p/w@reg.io")),
        ("https://reg.io/Team", "reg.io/Team"),
        ("reg.io:5000/team/", "reg.io:5000/team/"),
        ("localhost:5000", "localhost:5000"),
        ("[::1]:5000", "[::1]:5000"),
        ("docker.io/team", "docker.io/team"),
        ("myhost", "myhost"),
        ("", ""),
    ],
)
def test_canonical_registry(key: str, canonical: str) -> None:
    """Every spelling of a whole registry becomes the one that works; a path that scopes stays."""
    assert keys.canonical_registry(key) == canonical


@pytest.mark.parametrize(
    ("key", "shown"),
    [
        *(
            (key, True)
            for key in ("reg.io", "https://reg.io:5000/a:b", "[::1]:5000", "[::1]", "https:reg.io", "reg.io:")
        ),
        *((key, False) for key in ("u@reg.io", "u:p", "https://u:p@reg.io", "u:p/x", "dTpw", "https://u:p")),
    ],
)
def test_shown_key(key: str, shown: bool) -> None:
    """A key is shown as it is, or not at all when it may hold a password."""
    assert keys.shown_key(key) == (key if shown else None)


@pytest.mark.parametrize(
    ("host", "valid"),
    [
        *((host, True) for host in ("reg.io", "a-b.c", "1.2.3.4:1", "[::1]", "[2001:DB8::1]:65535", "xn--e1afmkfd.io")),
        *((host, False) for host in ("reg.io.", ".io", "a..b", "-a.io", "a-.io", "a_b.io", "reg.io:", "reg.io:x")),
        *(
            (host, False)
            for host in ("reg.io:65536", "reg.io:1234567", "reg.\u00e9", "[::1", "[]", "a?b.io", "reg.io:\u0661")
        ),
    ],
)
def test_is_valid_host(host: str, valid: bool) -> None:
    """Hosts are those that docker takes in an image name."""
    assert keys.is_valid_host(host) == valid


@given(key=st.text() | st.text(alphabet="htps:/.@io*A "))
def test_canonical_keys_of_sound_keys_are_sound(key: str) -> None:
    """The canonical form is stable, and a key without a flaw never gets one by it."""
    canonical = keys.canonical_registry(key)
    if flaw(key) is None:
        assert flaw(canonical) is None
        assert keys.canonical_registry(canonical) == canonical


@pytest.mark.parametrize(
    "key",
    ["http://" * 100_000, "a-." * 300_000, "/" * 1_000_000, "a" * 1_000_000, "a:" * 500_000],
    ids=["schemes", "labels", "slashes", "letters", "colons"],
)
def test_large_keys(key: str) -> None:
    """A key of a megabyte is looked at in linear time."""
    keys.canonical_registry(key)
    keys.shown_key(key)
    flaw(key)
