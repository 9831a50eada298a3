"""A server on loopback that answers as a test says, well or badly, and notes what it was sent."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Callable, NamedTuple, Optional, Union

from loopback_server import Answer, Log, LoopbackServer, QuietHandler, answer

if TYPE_CHECKING:
    import ssl

PAUSE_S = 0.05


class Seen(NamedTuple):
    """One request."""

    method: str
    path: str
    authorization: Optional[str]


class Odd(Enum):
    """What a server does instead of answering."""

    HANG = "says nothing"
    DRIP = "says one letter of a header after the other"
    DRIP_BODY = "says one letter of a body after the other"
    ENDLESS = "says a body without end"
    ENDLESS_HEADERS = "says headers without end"
    CUT = "ends in the middle of a body"
    RESET = "breaks the connection"
    NO_HTTP = "speaks another protocol"


Behaviour = Union[Answer, Odd]


class OddRegistry(LoopbackServer):
    """Behaves as `script` says of each request."""

    def __init__(self, script: Callable[[Seen], Behaviour], *, tls: Optional[ssl.SSLContext] = None) -> None:
        self.script = script
        self.seen: Log[Seen] = Log()
        super().__init__(lambda *arguments: _Handler(self, *arguments), tls=tls)

    @property
    def name(self) -> str:
        """The registry's name in an image."""
        return f"{self.host}:{self.port}"


def challenge(text: str) -> Answer:
    """Return an answer that asks for a login."""
    return answer(401, b"{}", "application/json", WWW_Authenticate=text)


def welcome() -> Answer:
    """Return the answer of a registry to somebody it knows."""
    return answer(200, b"{}", "application/json", Docker_Distribution_Api_Version="registry/2.0")


class _Handler(QuietHandler):
    def __init__(self, server: OddRegistry, *arguments: object) -> None:
        self._server = server
        super().__init__(*arguments)  # type: ignore[arg-type]

    def do_GET(self) -> None:  # noqa: N802 - the name is the base class's
        """Behave."""
        seen = Seen(self.command, self.path, self.headers.get("Authorization"))
        self._server.seen.add(seen)
        behaviour = self._server.script(seen)
        if isinstance(behaviour, Answer):
            self.send_answer(behaviour)
        else:
            _MISBEHAVIOURS[behaviour](self)

    do_HEAD = do_POST = do_GET  # noqa: N815 - the base class's names

    def hang(self) -> None:
        """Wait until the client goes, or the server stops."""
        self.rfile.read(1)
        self.close_connection = True

    def drip(self) -> None:
        """Say a header that never ends."""
        self._say_for_ever(b"HTTP/1.1 200 OK\r\nX: ", b"x", PAUSE_S)

    def drip_body(self) -> None:
        """Say a body that never ends, slowly."""
        self._say_for_ever(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n", b"x", PAUSE_S)

    def endless(self) -> None:
        """Say a body that never ends."""
        self._say_for_ever(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n", b"x" * 65536, 0)

    def endless_headers(self) -> None:
        """Say headers that never end."""
        self._say_for_ever(b"HTTP/1.1 200 OK\r\n", b"X: x\r\n" * 1000, 0)

    def cut(self) -> None:
        """Promise more than is said."""
        self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")
        self.close_connection = True

    def no_http(self) -> None:
        """Say something else."""
        self.wfile.write(b"220 mail.example.com ESMTP\r\n")
        self.close_connection = True

    def _say_for_ever(self, head: bytes, more: bytes, pause_s: float) -> None:
        """Write until the client is gone, which is an OSError."""
        self.wfile.write(head)
        while not self._server.stopping.wait(pause_s):
            self.wfile.write(more)
            self.wfile.flush()
        self.close_connection = True


_MISBEHAVIOURS: dict[Odd, Callable[[_Handler], None]] = {
    Odd.HANG: _Handler.hang,
    Odd.DRIP: _Handler.drip,
    Odd.DRIP_BODY: _Handler.drip_body,
    Odd.ENDLESS: _Handler.endless,
    Odd.ENDLESS_HEADERS: _Handler.endless_headers,
    Odd.CUT: _Handler.cut,
    Odd.RESET: _Handler.reset,
    Odd.NO_HTTP: _Handler.no_http,
}
