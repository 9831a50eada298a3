"""Where a registry is asked, and to whom its credential may be sent.

Only to the registry itself, and to the token server that it names; only over TLS. Without TLS, or with a certificate
that nobody vouches for, on this machine only, or where the user says so, as docker's `insecure-registries` does.
"""

from __future__ import annotations

import urllib.parse
from typing import TYPE_CHECKING, NamedTuple, Optional

from ecsauth.core.auth.registry_key import HUB_HOSTS, host_of, is_valid_host, strip_scheme
from ecsauth.core.endpoint import is_loopback
from ecsauth.core.errors import UsageError
from ecsauth.core.registry_login.exchange import PORTS, Url

if TYPE_CHECKING:
    from collections.abc import Sequence

HUB_API = "registry-1.docker.io"
"""Where Docker Hub serves its API (moby registry/config.go, DefaultV2Registry)."""


class Trust(NamedTuple):
    """Registries, host and port, that the user calls insecure."""

    insecure: frozenset[tuple[str, int]] = frozenset()

    def may_be_plain(self, url: Url) -> bool:
        """Tell whether a credential may go there without TLS."""
        return is_loopback(url.host) or not self.vouched(url)

    def vouched(self, url: Url) -> bool:
        """Tell whether the certificate has to be right."""
        return (url.host, url.port) not in self.insecure


def insecure(names: Sequence[str]) -> Trust:
    """Return the trust in registries that the user calls insecure, written as in docker's daemon.json.

    Raises UsageError.
    """
    urls = [url for url in map(api, names) if url]
    if len(urls) < len(names):
        raise UsageError("--insecure-registry takes a registry's HOST or HOST:PORT")
    return Trust(frozenset((each.host, each.port) for url in urls for each in (url, plain(url))))


def api(registry: str) -> Optional[Url]:
    """Return where the API of a registry key is, None where no image name can have its host.

    A scheme in the key says nothing: the agent cuts it, and docker asks over TLS. A path is not the API's.
    """
    host = host_of(strip_scheme(registry)).lower()
    if host in HUB_HOSTS:
        host = HUB_API
    return _url("https", host, "/v2/")


def plain(url: Url) -> Url:
    """Return the same place without TLS; a port that was only implied is another one then."""
    port = PORTS["http"] if url.port == PORTS["https"] else url.port
    return url._replace(scheme="http", port=port)


def realm(text: str) -> Optional[Url]:
    """Return where a token server is, None for what is no URL of one, or has a password in it."""
    try:
        parts = urllib.parse.urlsplit(text)
    except ValueError:
        return None
    if parts.scheme not in PORTS or not text.isascii() or not text.isprintable() or " " in text or "@" in parts.netloc:
        return None
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return _url(parts.scheme, parts.netloc.lower(), path)


def refusal(server: Url, registry: Url, trust: Trust) -> Optional[str]:
    """Return why a registry's credential must not be sent to the token server that it names, None if it may."""
    if registry.scheme == "https" and trust.vouched(registry):
        # The registry's own word, which nobody on the way can have changed.
        return None if server.scheme == "https" else f"it names a token server without TLS, {server.authority}"
    is_own = server.host == registry.host or (is_loopback(server.host) and is_loopback(registry.host))
    if not is_own and trust.vouched(server):
        return f"without TLS it names a token server on another host, {server.authority}"
    if server.scheme == "http" and registry.scheme == "https" and trust.vouched(server):
        return f"it names a token server without TLS, {server.authority}"
    return None


def _url(scheme: str, authority: str, path: str) -> Optional[Url]:
    if not is_valid_host(authority):
        return None
    name, _, port = authority.rpartition(":") if authority.rpartition(":")[2].isdigit() else (authority, "", "")
    number = int(port) if port else PORTS[scheme]
    return Url(scheme, name.strip("[]"), number, path) if number else None
