"""The servers of a registry: their addresses, their answers, and which of them may get a credential.

A credential is sent only to the registry and to the token server that it names, and only over TLS with a trusted
certificate. Exceptions are this machine, and registries that the user names, as with docker's `insecure-registries`.
"""

from __future__ import annotations

import re
import urllib.parse
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple, Optional, Union

from ecsauth.errors import UsageError
from ecsauth.registry.keys import HUB_HOSTS, host_of, is_loopback, is_valid_host, strip_scheme

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from ecsauth.secret import Secret

_WORD = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_SCHEME = re.compile(rf"({_WORD})(?=[ \t,]|$)")
_PARAMETER = re.compile(rf'({_WORD})[ \t]*=[ \t]*(?:({_WORD})|"((?:[^"\\]|\\.)*)")(?=[ \t]*(?:,|$))')
_TOKEN68 = re.compile(r"[0-9A-Za-z._~+/-]+=*(?=[ \t]*(?:,|$))")
_BLANKS = re.compile(r"[ \t]*")
_COMMAS = re.compile(r"[ \t,]*")


class Challenge(NamedTuple):
    """One challenge of a server; the scheme and the names of parameters are in lower case."""

    scheme: str
    parameters: tuple[tuple[str, str], ...] = ()

    def get(self, name: str) -> str:
        """Return a parameter, empty if there is none with this name."""
        return dict(self.parameters).get(name, "")


def parse(values: Iterable[str]) -> tuple[Challenge, ...]:
    """Return the challenges of all header values, in order; leave out one that repeats a parameter (ambiguous)."""
    return tuple(challenge for value in values for challenge in _challenges(value) if _is_clear(challenge))


def _is_clear(challenge: Challenge) -> bool:
    return len(dict(challenge.parameters)) == len(challenge.parameters)


def _challenges(value: str) -> Iterator[Challenge]:
    place = _skip(_COMMAS, value, 0)
    while place < len(value):
        scheme = _SCHEME.match(value, place)
        if scheme is None:
            return
        place = _skip(_BLANKS, value, scheme.end())
        parameters: list[tuple[str, str]] = []
        while True:
            parameter = _PARAMETER.match(value, place)
            if parameter is None:
                break
            parameters.append((parameter[1].lower(), _text(parameter)))
            place = _skip(_COMMAS, value, parameter.end())
        if not parameters:
            letters = _TOKEN68.match(value, place) if place > scheme.end() else None
            place = letters.end() if letters else place
            if place < len(value) and value[place] not in " \t,":
                return
            place = _skip(_COMMAS, value, place)
        yield Challenge(scheme[1].lower(), tuple(parameters))


def _text(parameter: re.Match[str]) -> str:
    quoted: Optional[str] = parameter[3]
    return parameter[2] if quoted is None else re.sub(r"\\(.)", r"\1", quoted)


def _skip(letters: re.Pattern[str], value: str, place: int) -> int:
    match = letters.match(value, place)
    return match.end() if match else place


class Url(NamedTuple):
    """The URL of a request. `host` is in lower case and without brackets; `path` includes the query."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        """Host and port, as in a registry's name: without the port that the scheme implies."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS[self.scheme] else f"{host}:{self.port}"


PORTS = {"https": 443, "http": 80}


class Ask(NamedTuple):
    """One request. No redirect is followed. `certificates` is the host whose own authorities are trusted too.

    If `vouched` is false, the server's certificate is not verified: only for a registry that the user calls insecure.
    """

    method: str
    url: Url
    certificates: str
    vouched: bool = True
    authorization: Optional[Secret] = None
    form: Optional[Secret] = None
    accept: str = "application/json"
    wants_body: bool = False


class RegistryAnswer(NamedTuple):
    """The answer of a server. The body is empty unless requested, cut at a limit, and never shown."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""

    def header(self, name: str) -> str:
        """Return the first value of a header, empty if there is none."""
        return next(iter(self.headers_of(name)), "")

    def headers_of(self, name: str) -> tuple[str, ...]:
        """Return all values of a header."""
        return tuple(value for key, value in self.headers if key.lower() == name.lower())

    def __repr__(self) -> str:
        return f"Answer({self.status}, ***)"


class Failing(Enum):
    """Why there is no answer."""

    SILENT = "silent"  # no name, no route, no time left, a proxy in the way
    BROKEN = "broken"  # refuses or breaks the connection
    NOT_TLS = "not-tls"
    UNTRUSTED = "untrusted"  # TLS with an invalid certificate
    NOT_HTTP = "not-http"


class NoAnswer(NamedTuple):
    """No answer; `detail` continues a sentence that begins with the server, as `refuses the connection`."""

    kind: Failing
    detail: str


Reply = Union[RegistryAnswer, NoAnswer]


HUB_API = "registry-1.docker.io"
"""The host of Docker Hub's API (moby registry/config.go, DefaultV2Registry)."""


class Trust(NamedTuple):
    """Registries, host and port, that the user calls insecure."""

    insecure: frozenset[tuple[str, int]] = frozenset()

    def may_be_plain(self, url: Url) -> bool:
        """Tell whether a credential may be sent to this URL without TLS."""
        return is_loopback(url.host) or not self.vouched(url)

    def vouched(self, url: Url) -> bool:
        """Tell whether the server's certificate has to be valid."""
        return (url.host, url.port) not in self.insecure


def insecure(names: Sequence[str]) -> Trust:
    """Return the trust with these insecure registries, written as in docker's daemon.json.

    Raises UsageError for a text that is not a registry.
    """
    urls = [url for url in map(api, names) if url]
    if len(urls) < len(names):
        raise UsageError("--insecure-registry must be the HOST or HOST:PORT of a registry")
    return Trust(frozenset((each.host, each.port) for url in urls for each in (url, plain(url))))


def api(registry: str) -> Optional[Url]:
    """Return the URL of the API for a registry key, None if no image name can have its host.

    A scheme in the key has no effect: the agent cuts it, and docker uses TLS. A path is not part of the API's URL.
    """
    host = host_of(strip_scheme(registry)).lower()
    if host in HUB_HOSTS:
        host = HUB_API
    return _url("https", host, "/v2/")


def plain(url: Url) -> Url:
    """Return the same URL without TLS; the default port changes with the scheme."""
    port = PORTS["http"] if url.port == PORTS["https"] else url.port
    return url._replace(scheme="http", port=port)


def realm(text: str) -> Optional[Url]:
    """Return the URL of a token server, None if the text is not a valid URL or has user information."""
    try:
        parts = urllib.parse.urlsplit(text)
    except ValueError:
        return None
    if parts.scheme not in PORTS or not text.isascii() or not text.isprintable() or " " in text or "@" in parts.netloc:
        return None
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return _url(parts.scheme, parts.netloc.lower(), path)


def refusal(server: Url, registry: Url, trust: Trust) -> Optional[str]:
    """Return why a registry's credential must not be sent to its token server, None if it may."""
    if registry.scheme == "https" and trust.vouched(registry):
        # The registry itself named the token server: TLS protects its answer from changes.
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
