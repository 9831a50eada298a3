"""Where a registry is asked, and to whom its credential may go."""

from __future__ import annotations

import pytest
from ecsauth.errors import UsageError
from ecsauth.login import endpoints
from ecsauth.login.endpoints import Url

NOBODY = endpoints.Trust()


@pytest.mark.parametrize(
    ("registry", "host", "port"),
    [
        ("https://index.docker.io/v1/", "registry-1.docker.io", 443),
        ("docker.io", "registry-1.docker.io", 443),
        ("registry.example.com", "registry.example.com", 443),
        ("REGISTRY.example.com", "registry.example.com", 443),
        ("registry.example.com/team", "registry.example.com", 443),
        ("registry.example.com:5000/v2/", "registry.example.com", 5000),
        ("http://registry.example.com", "registry.example.com", 443),
        ("https://registry.example.com/", "registry.example.com", 443),
        ("[::1]:5000", "::1", 5000),
        ("localhost", "localhost", 443),
    ],
)
def test_api(registry: str, host: str, port: int) -> None:
    """The key's host is asked over TLS, whatever scheme and path the key has; Docker Hub at its own address."""
    assert endpoints.api(registry) == Url("https", host, port, "/v2/")


@pytest.mark.parametrize("registry", ["", "/", "a b", "user:secret@host", "../etc", "host:0", "host:99999", "*.x.io"])
def test_no_api(registry: str) -> None:
    """What can be no host is not asked."""
    assert endpoints.api(registry) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://auth.example.com/token", Url("https", "auth.example.com", 443, "/token")),
        ("https://AUTH.example.com", Url("https", "auth.example.com", 443, "/")),
        ("https://auth.example.com:8443/t?a=b", Url("https", "auth.example.com", 8443, "/t?a=b")),
        ("http://auth.example.com/", Url("http", "auth.example.com", 80, "/")),
        ("https://[2001:db8::1]/", Url("https", "2001:db8::1", 443, "/")),
        ("https://auth.example.com/t#part", Url("https", "auth.example.com", 443, "/t")),
        ("", None),
        ("/token", None),
        ("token", None),
        ("ftp://auth.example.com/", None),
        ("file:///etc/passwd", None),
        ("https://", None),
        ("https://user:secret@auth.example.com/", None),
        ("https://auth.example.com@evil.example.com/", None),
        ("https://auth.example.com:port/", None),
        ("https://[::1/", None),
        ("https://auth.example.com/a b", None),
        ("https://auth.example.com/a\r\nX: y", None),
        ("https://auth.example.com\\@evil.example.com/", None),
        ("https://\u00e4.example.com/", None),
    ],
)
def test_realm(text: str, expected: object) -> None:
    """A token server's URL is one that leaves no doubt about its host."""
    assert endpoints.realm(text) == expected


SECURE = "https://registry.example.com/"


@pytest.mark.parametrize(
    ("registry", "realm", "insecure", "may"),
    [
        pytest.param(SECURE, "https://registry.example.com/t", [], True, id="its own"),
        pytest.param(SECURE, "https://auth.example.net/t", [], True, id="another domain, by the registry's word"),
        pytest.param(SECURE, "http://registry.example.com/t", [], False, id="its own without TLS"),
        pytest.param(SECURE, "http://127.0.0.1/t", [], False, id="downgrade to this machine"),
        pytest.param("https://127.0.0.1:5000/", "http://127.0.0.1:5001/t", [], False, id="downgrade on this machine"),
        pytest.param("http://127.0.0.1:5000/", "http://127.0.0.1:5001/t", [], True, id="all on this machine"),
        pytest.param("http://localhost:5000/", "http://127.0.0.1:5001/t", [], True, id="names of this machine"),
        pytest.param("http://127.0.0.1:5000/", "https://auth.example.com/t", [], False, id="without TLS elsewhere"),
        pytest.param("http://127.0.0.1:5000/", "http://auth.example.com/t", [], False, id="in the clear elsewhere"),
        pytest.param("http://r.example:5000/", "http://r.example:5001/t", ["r.example:5000"], True, id="its own host"),
        pytest.param("http://r.example:5000/", "http://a.example/t", ["r.example:5000"], False, id="not its host"),
        pytest.param("http://r.example:5000/", "http://a.example/t", ["r.example:5000", "a.example"], True, id="both"),
        pytest.param("https://r.example/", "https://a.example/t", ["r.example"], False, id="no certificate that holds"),
        pytest.param("https://r.example/", "https://r.example/t", ["r.example"], True, id="the same without one"),
        pytest.param("https://r.example/", "http://r.example:1/t", ["r.example"], False, id="insecure, downgrade"),
    ],
)
def test_who_may_be_sent_a_credential(registry: str, realm: str, insecure: list[str], may: bool) -> None:
    """A token server gets it if the registry has named it over TLS, by TLS; in the clear it leaves no machine."""
    server, door = endpoints.realm(realm), endpoints.realm(registry)
    assert server is not None
    assert door is not None
    refusal = endpoints.refusal(server, door, endpoints.insecure(insecure))
    assert (refusal is None) is may


@pytest.mark.parametrize(
    ("url", "insecure", "may"),
    [
        ("https://127.0.0.1:5000/", [], True),
        ("https://[::1]:5000/", [], True),
        ("https://localhost/", [], True),
        ("https://registry.example.com/", [], False),
        ("https://127.0.0.1.example.com/", [], False),
        ("https://registry.example.com/", ["registry.example.com"], True),
        ("https://registry.example.com/", ["registry.example.com:5000"], False),
        ("https://registry.example.com:5000/", ["REGISTRY.example.com:5000"], True),
        ("https://registry.example.com:5000/", ["registry.example.com"], False),
    ],
)
def test_plain(url: str, insecure: list[str], may: bool) -> None:
    """Without TLS is for this machine, and for what the user names, host and port."""
    asked = endpoints.realm(url)
    assert asked is not None
    assert endpoints.insecure(insecure).may_be_plain(asked) is may


def test_plain_has_a_port_of_its_own() -> None:
    """A port that was implied is not TLS's; one that was given stays."""
    assert endpoints.plain(Url("https", "localhost", 443, "/v2/")) == Url("http", "localhost", 80, "/v2/")
    assert endpoints.plain(Url("https", "localhost", 5000, "/v2/")) == Url("http", "localhost", 5000, "/v2/")


def test_insecure_takes_hosts() -> None:
    """What is no host is refused, and not repeated."""
    with pytest.raises(UsageError) as fault:
        endpoints.insecure(["http://user:secret@x/"])
    assert "secret" not in fault.value.message


def test_nobody_is_insecure_by_default() -> None:
    """A certificate has to hold everywhere else."""
    assert NOBODY.vouched(Url("https", "127.0.0.1", 443, "/"))
