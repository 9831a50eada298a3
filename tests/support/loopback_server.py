"""An HTTP server for tests: on 127.0.0.1, on a port of its own, and gone when it is stopped.

One that is given another address and network namespace before it starts serves there, out of this process all the
same.

The stand-ins of the metadata service and of S3 are built on it. Every thread and socket that it opens is closed by
`stop`, also in the middle of a request, so that no test waits for another one's client.
"""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import sys
import threading
from http.server import BaseHTTPRequestHandler
from socketserver import BaseRequestHandler, ThreadingTCPServer
from typing import TYPE_CHECKING, Any, Callable, Generic, NamedTuple, Optional, Protocol, TypeVar

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator

    from typing_extensions import Self

HOST = "127.0.0.1"

# No client of these tests is silent for longer than this while it is meant to speak.
CLIENT_TIMEOUT_S = 60.0

Seen = TypeVar("Seen")
Made = TypeVar("Made")


class Log(Generic[Seen]):
    """What a server has seen, in order; safe to read and to wait on while requests come in."""

    def __init__(self) -> None:
        self._seen: list[Seen] = []
        self._changed = threading.Condition()

    def add(self, entry: Seen) -> None:
        """Append an entry and wake whoever waits for it."""
        with self._changed:
            self._seen.append(entry)
            self._changed.notify_all()

    def clear(self) -> None:
        """Forget everything seen so far."""
        with self._changed:
            self._seen.clear()

    def wait_for(self, wanted: Callable[[Seen], bool], timeout_s: float = 60.0) -> Seen:
        """Return the first entry for which `wanted` holds, seen already or still to come.

        Raises AssertionError when none has come within `timeout_s` seconds.
        """

        def found() -> list[Seen]:
            return [entry for entry in self._seen if wanted(entry)]

        with self._changed:
            if not self._changed.wait_for(found, timeout_s):
                raise AssertionError(f"not seen within {timeout_s} s; seen: {self._seen}")
            return found()[0]

    def __iter__(self) -> Iterator[Seen]:
        with self._changed:
            return iter(list(self._seen))

    def __len__(self) -> int:
        return len(self._seen)

    def __repr__(self) -> str:
        return f"Log({list(self)})"


class Answer(NamedTuple):
    """One HTTP response: status, headers in order, body."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""

    def header(self, name: str) -> Optional[str]:
        """Return the value of the header, or None; upper and lower case are the same."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)

    def with_header(self, name: str, value: Optional[str]) -> Answer:
        """Return the same response with the header replaced, or without it when the value is None."""
        others = tuple((key, old) for key, old in self.headers if key.lower() != name.lower())
        return self._replace(headers=others if value is None else (*others, (name, value)))


def answer(status: int, body: bytes = b"", content_type: str = "text/plain", **headers: str) -> Answer:
    """Return a response with a Content-Length; underscores in the names of headers stand for hyphens."""
    named = tuple((name.replace("_", "-"), value) for name, value in headers.items())
    return Answer(status, (("Content-Type", content_type), ("Content-Length", str(len(body))), *named), body)


class QuietHandler(BaseHTTPRequestHandler):
    """Base of the handlers: HTTP/1.1 with keep-alive, nothing on stderr, whole responses in one write."""

    protocol_version = "HTTP/1.1"
    # Headers and body leave in one segment: unbuffered, the client's delayed ACK adds 42 ms to each request.
    wbufsize = -1
    timeout = CLIENT_TIMEOUT_S

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is the base class's
        """Say nothing: tests read the log of the server object."""

    def handle_expect_100(self) -> bool:
        """Tell the client at once to send its body: in the buffer the word would stay until the client gave up."""
        going_on = super().handle_expect_100()
        self.wfile.flush()
        return going_on

    def read_body(self) -> bytes:
        """Return the request's body, whether it was sent with a length or in chunks."""
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            return b"".join(self._chunks())
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _chunks(self) -> Iterator[bytes]:
        while size := int(self._line().split(b";")[0], 16):
            yield self.rfile.read(size)
            self._line()
        while self._line().strip():
            pass

    def _line(self) -> bytes:
        line = self.rfile.readline()
        if not line:
            raise ConnectionError("the client went away in the middle of a chunked body")
        return line

    def send_answer(self, response: Answer) -> None:
        """Send the response; without a Content-Length its end is the end of the connection."""
        self.send_head(response)
        if self.command != "HEAD":
            self.wfile.write(response.body)
        self.wfile.flush()

    def send_head(self, response: Answer) -> None:
        """Send the status line and the headers, exactly those of the response."""
        self.send_response_only(response.status)
        for name, value in response.headers:
            self.send_header(name, value)
        if response.header("Content-Length") is None and response.status not in (204, 304):
            self.send_header("Connection", "close")
        self.end_headers()

    def reset(self) -> None:
        """Break the connection with a RST, as a peer does that has crashed."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        # Not close(): the handler's own files keep the descriptor open, and a FIN would go first.
        os.close(self.connection.detach())
        self.close_connection = True


class _Connections(ThreadingTCPServer):
    """One thread a connection; all of them can be interrupted and are waited for."""

    daemon_threads = False
    allow_reuse_address = True
    request_queue_size = 64

    def __init__(
        self, address: tuple[str, int], handler: Callable[..., BaseRequestHandler], tls: Optional[ssl.SSLContext]
    ) -> None:
        self._tls = tls
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self._open: set[socket.socket] = set()
        self.faults: list[BaseException] = []
        super().__init__(address, handler)

    def get_request(self) -> tuple[socket.socket, Any]:
        """Accept a connection and remember it; the TLS handshake is left to its thread, as it may hang."""
        connection, address = super().get_request()
        connection.settimeout(CLIENT_TIMEOUT_S)
        if self._tls:
            connection = self._tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        self._open.add(connection)
        return connection, address

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Serve one connection."""
        if self._tls:
            request.do_handshake()
        super().finish_request(request, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002 - as the base class
        """Keep what a handler raised, for `stop` to raise again.

        A connection broken by either side (OSError) is what half of the tests are about and no fault of the server.
        """
        fault = sys.exc_info()[1]
        if fault is not None and not isinstance(fault, OSError):
            self.faults.append(fault)

    def close_request(self, request: Any) -> None:
        """Close a connection that its handler is done with."""
        self._open.discard(request)
        super().close_request(request)

    def interrupt(self) -> None:
        """Make every connection that is open end now: its handler reads the end of the stream."""
        for connection in list(self._open):
            with contextlib.suppress(OSError):
                # Of the base class: SSLSocket's own would take the TLS object from under the reading thread.
                socket.socket.shutdown(connection, socket.SHUT_RDWR)


class Network(Protocol):
    """Where a server can listen."""

    def run(self, function: Callable[[], Made]) -> Made:
        """Return what the function returns; the sockets that it opens belong to this network."""


class _Here:
    """The network of this process."""

    def run(self, function: Callable[[], Made]) -> Made:
        """Call the function."""
        return function()


class LoopbackServer:
    """A server that starts, stops and starts again on the same port; a context manager.

    While it is stopped its port refuses connections, which is how a test makes the service unreachable. `host` and
    `network` may be changed while it is stopped.
    """

    def __init__(
        self, handler: Callable[..., BaseRequestHandler], *, port: int = 0, tls: Optional[ssl.SSLContext] = None
    ) -> None:
        self._handler = handler
        self._tls = tls
        self._connections: Optional[_Connections] = None
        self._thread: Optional[threading.Thread] = None
        self.host = HOST
        self.port = port
        self.network: Network = _Here()
        self.stopping = threading.Event()

    @property
    def url(self) -> str:
        """Scheme, address and port, without a slash at the end; known once the server has been started."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self._tls else 'http'}://{host}:{self.port}"

    @property
    def is_serving(self) -> bool:
        """Whether it is started."""
        return self._connections is not None

    def start(self) -> Self:
        """Listen and serve; returns when connections are accepted."""
        self.stopping.clear()
        # Only the listening socket is of the other network: it stays so, and so do the connections that it accepts.
        self._connections = self.network.run(lambda: _Connections((self.host, self.port), self._handler, self._tls))
        self.port = int(self._connections.server_address[1])
        self._thread = threading.Thread(target=self._connections.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()
        return self

    def stop(self) -> None:
        """Close the port and every connection, wait for the threads, raise what a handler has raised, if anything."""
        if self._connections is None or self._thread is None:
            return
        connections, self._connections = self._connections, None
        self.stopping.set()
        connections.shutdown()
        self._thread.join()
        connections.interrupt()
        connections.server_close()
        if connections.faults:
            raise connections.faults[0]

    @contextlib.contextmanager
    def refusing(self) -> Iterator[None]:
        """Refuse every connection inside the `with` block."""
        self.stop()
        try:
            yield
        finally:
            self.start()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()
