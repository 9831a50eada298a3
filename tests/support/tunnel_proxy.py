"""An HTTP proxy on loopback that opens every tunnel to one place, whatever was asked for, and notes who asked."""

from __future__ import annotations

import base64
import contextlib
import socket
import threading
from typing import NamedTuple, Optional

from loopback_server import HOST, Log, LoopbackServer, QuietHandler


class Tunnel(NamedTuple):
    """One request for a tunnel."""

    place: str
    headers: dict[str, str]


class TunnelProxy(LoopbackServer):
    """Leads to a port of this machine; refuses with `refusal` if that is set.

    With a `password`, as `user:password`, it refuses whoever does not give that.
    """

    def __init__(self, port: int, refusal: Optional[int] = None, password: Optional[str] = None) -> None:
        self.target = port
        self.refusal = refusal
        self._password = f"Basic {base64.b64encode(password.encode()).decode()}" if password else None
        self.seen: Log[Tunnel] = Log()
        super().__init__(lambda *arguments: _Handler(self, *arguments))

    def refuses(self, password: Optional[str]) -> Optional[int]:
        """Return the status that somebody with that header is refused with, None for who may pass."""
        return 407 if self._password not in (None, password) else self.refusal


class _Handler(QuietHandler):
    def __init__(self, server: TunnelProxy, *arguments: object) -> None:
        self._server = server
        super().__init__(*arguments)  # type: ignore[arg-type]

    def do_CONNECT(self) -> None:  # noqa: N802 - the name is the base class's
        """Open a tunnel, and carry both directions until one side ends."""
        self._server.seen.add(Tunnel(self.path, dict(self.headers)))
        self.close_connection = True
        refusal = self._server.refuses(self.headers.get("Proxy-Authorization"))
        if refusal is not None:
            self.send_response_only(refusal)
            self.end_headers()
            self.wfile.flush()
            return
        with socket.create_connection((HOST, self._server.target)) as there:
            self.send_response_only(200)
            self.end_headers()
            self.wfile.flush()
            back = threading.Thread(target=_carry, args=(there, self.connection))
            back.start()
            _carry(self.connection, there)
            back.join()


def _carry(here: socket.socket, there: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := here.recv(65536):
            there.sendall(data)
    for end in (here, there):
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
