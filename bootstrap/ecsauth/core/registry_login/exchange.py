"""What is asked of a server, and what comes back: an answer, or the reason why there is none."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, NamedTuple, Optional, Union

if TYPE_CHECKING:
    from ecsauth.core.secret import Secret


class Url(NamedTuple):
    """Where a server is asked. `host` is in lower case and without brackets; `path` has the query in it."""

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
    """One request. No redirect is followed. `certificates` is the host whose own authorities count as well.

    With `vouched` false the server's certificate is not verified: only for a registry that the user calls insecure.
    """

    method: str
    url: Url
    certificates: str
    vouched: bool = True
    authorization: Optional[Secret] = None
    form: Optional[Secret] = None
    accept: str = "application/json"
    wants_body: bool = False


class Answer(NamedTuple):
    """What a server has said. A body, where it is wanted at all, is cut at a limit; it is never shown."""

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
    UNTRUSTED = "untrusted"  # TLS, but not with who it should be
    NOT_HTTP = "not-http"


class Failure(NamedTuple):
    """No answer; `detail` goes on a sentence that begins with the server, as `refuses the connection`."""

    kind: Failing
    detail: str


Reply = Union[Answer, Failure]
