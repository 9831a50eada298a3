"""Which proxy leads to a host, as Go's httpproxy finds it."""

from __future__ import annotations

from typing import Optional

import pytest
from ecsauth.host import proxy

PROXY = "http://proxy.example.com:8080"


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, None),
        ({"HTTPS_PROXY": ""}, None),
        ({"HTTPS_PROXY": PROXY}, ("proxy.example.com", 8080)),
        ({"https_proxy": PROXY}, ("proxy.example.com", 8080)),
        ({"HTTPS_PROXY": PROXY, "https_proxy": "http://other.example.com"}, ("proxy.example.com", 8080)),
        ({"HTTPS_PROXY": "proxy.example.com:8080"}, ("proxy.example.com", 8080)),
        ({"HTTPS_PROXY": "http://proxy.example.com"}, ("proxy.example.com", 80)),
        ({"HTTP_PROXY": PROXY}, None),
        ({"ALL_PROXY": PROXY}, None),
    ],
)
def test_found(environment: dict[str, str], expected: Optional[tuple[str, int]]) -> None:
    """The variable of the scheme counts, in capitals first."""
    found = proxy.find("https", "registry.example.com", 443, environment)
    assert (found and (found.host, found.port)) == expected


@pytest.mark.parametrize(
    "text",
    [
        "socks5://proxy.example.com",
        "https://proxy.example.com",
        "http://",
        "http://[::1",
        "http://x:y",
        "http://a b",
        "http://a\x01b",
        "http://\u00e4",
    ],
)
def test_not_usable(text: str) -> None:
    """What cannot be used is said, never passed by: a direct connection may be forbidden. Its text is not repeated."""
    found = proxy.find("https", "registry.example.com", 443, {"HTTPS_PROXY": text})
    assert found is not None
    assert not found.host
    assert found.detail
    assert text not in found.detail


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.8.8.8", "::1"])
def test_never_for_this_machine(host: str) -> None:
    """As in Go."""
    assert proxy.find("https", host, 5000, {"HTTPS_PROXY": PROXY}) is None


@pytest.mark.parametrize(
    ("exemptions", "host", "exempt"),
    [
        ("*", "registry.example.com", True),
        ("example.com", "registry.example.com", True),
        ("example.com", "example.com", True),
        (".example.com", "registry.example.com", True),
        (".example.com", "example.com", False),
        ("*.example.com", "registry.example.com", True),
        ("*.example.com", "example.com", False),
        ("EXAMPLE.com", "registry.example.com", True),
        ("ample.com", "example.com", False),
        (" a.example , example.com ", "registry.example.com", True),
        ("example.com:443", "registry.example.com", True),
        ("example.com:5000", "registry.example.com", False),
        ("10.0.0.1", "10.0.0.1", True),
        ("10.0.0.0/8", "10.1.2.3", True),
        ("10.0.0.0/8", "11.1.2.3", False),
        ("10.0.0.1:443", "10.0.0.1", True),
        ("10.0.0.1:5000", "10.0.0.1", False),
        ("0.1", "10.0.0.1", False),
        ("fd00::/8", "fd00::1", True),
        ("[fd00::1]:443", "fd00::1", True),
        ("fd00::/8", "10.0.0.1", False),
        ("", "registry.example.com", False),
        (",.,", "registry.example.com", False),
    ],
)
def test_exemptions(exemptions: str, host: str, exempt: bool) -> None:
    """NO_PROXY is a list of domains, addresses and networks, each with a port or not."""
    found = proxy.find("https", host, 443, {"HTTPS_PROXY": PROXY, "NO_PROXY": exemptions})
    assert (found is None) is exempt


def test_password() -> None:
    """The proxy's own login is sent to the proxy, and shown to nobody."""
    found = proxy.find("https", "r.example", 443, {"HTTPS_PROXY": "http://me:p%40ss@proxy.example.com"})
    assert found is not None
    assert found.authorization is not None
    assert found.authorization.reveal() == "Basic bWU6cEBzcw=="
    assert "bWU6" not in repr(found)
