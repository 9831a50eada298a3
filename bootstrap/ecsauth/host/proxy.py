"""Find the proxy for a host by the usual variables, as docker does (golang.org/x/net/http/httpproxy)."""

from __future__ import annotations

import ipaddress
import urllib.parse
from binascii import b2a_base64
from typing import TYPE_CHECKING, NamedTuple, Optional

from ecsauth.registry.keys import is_loopback
from ecsauth.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Mapping

_PORT = 3128
_PORTS = {"http": 80}


class Proxy(NamedTuple):
    """A proxy and its authorization. `host` is empty if the proxy cannot be used; `detail` is the reason."""

    host: str
    port: int = _PORT
    authorization: Optional[Secret] = None
    detail: str = ""


def find(scheme: str, host: str, port: int, environment: Mapping[str, str]) -> Optional[Proxy]:
    """Return the proxy to use, None for none. Variables in capitals take precedence; this machine needs no proxy."""
    text = _variable(environment, f"{scheme.upper()}_PROXY")
    if not text or is_loopback(host) or _is_exempt(host, port, _variable(environment, "NO_PROXY")):
        return None
    try:
        parts = urllib.parse.urlsplit(text if "://" in text else f"http://{text}")
        proxy_port = parts.port or _PORTS.get(parts.scheme, _PORT)
    except ValueError:
        return Proxy("", detail=f"{scheme.upper()}_PROXY is not a URL")
    host_is_clean = parts.netloc.isascii() and parts.netloc.isprintable() and " " not in parts.netloc
    if parts.scheme != "http" or not parts.hostname or not host_is_clean:
        return Proxy("", detail=f"{scheme.upper()}_PROXY is not the URL of an HTTP proxy")
    if parts.username is None:
        return Proxy(parts.hostname, proxy_port)
    pair = f"{urllib.parse.unquote(parts.username)}:{urllib.parse.unquote(parts.password or '')}"
    basic = b2a_base64(pair.encode("utf-8", "surrogateescape"), newline=False).decode("ascii")
    return Proxy(parts.hostname, proxy_port, Secret(f"Basic {basic}"))


def _variable(environment: Mapping[str, str], name: str) -> str:
    return environment.get(name) or environment.get(name.lower()) or ""


def _is_exempt(host: str, port: int, exemptions: str) -> bool:
    return any(_fits(host, port, each.strip().lower()) for each in exemptions.split(","))


def _fits(host: str, port: int, exemption: str) -> bool:
    """Tell whether an entry of NO_PROXY matches: `*`, or an address, network or domain, with or without a port."""
    if exemption == "*":
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        address = None
    name, colon, number = exemption.rpartition(":")
    if colon and number.isdigit() and (name.endswith("]") or ":" not in name):
        if int(number) != port:
            return False
        exemption = name
    exemption = exemption.strip("[]")
    try:
        network = ipaddress.ip_network(exemption, strict=False)
    except ValueError:
        network = None
    if network is not None or address is not None:
        return network is not None and address is not None and address in network
    domain = exemption[1:] if exemption.startswith("*.") else exemption
    if not domain.strip("."):
        return False
    return host.endswith(domain if domain.startswith(".") else f".{domain}") or host == domain
