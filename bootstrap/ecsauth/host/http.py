"""Send requests to registries and their token servers: one request per connection, with limits of time and size.

The standard library's client is used because it does nothing by itself: it follows no redirect, keeps no cookie, reads
no netrc, and finds no proxy. The texts of its exceptions are not shown, because they may quote the request.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import queue
import socket
import ssl
import threading
from typing import TYPE_CHECKING, NamedTuple, Optional, TypeVar, Union

from ecsauth.errors import SCARCE, UnreachableError, no_thread, reason_of
from ecsauth.host import proxy as proxies
from ecsauth.login.endpoints import Failing, NoAnswer, RegistryAnswer
from ecsauth.timing import Deadline, within

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping, Sequence

    from ecsauth.host.proxy import Proxy
    from ecsauth.login.endpoints import Ask, Reply
    from ecsauth.timing import Clock

CERTIFICATES = "/etc/docker/certs.d"
"""Where docker keeps the authorities of single registries (docs.docker.com, "Verify repository client")."""

# The paths that Go searches, for an interpreter whose OpenSSL was built for another path.
_BUNDLES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt")
_AT_ONCE = 8
_LONGEST_BODY = 256 * 1024
_SHORTEST_TRY = 0.1
_PLAIN = {"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "PACKET_LENGTH_TOO_LONG", "RECORD_LAYER_FAILURE", "UNKNOWN_PROTOCOL"}
# X509_V_FLAG_PARTIAL_CHAIN (openssl/x509_vfy.h); the ssl module names it since 3.10.
_PARTIAL_CHAIN = 0x80000
_TUNNEL = "Tunnel connection failed: "

Made = TypeVar("Made")


class _Bug(NamedTuple):
    """The exception that a thread raised."""

    fault: BaseException


class RegistryClient:
    """Carries out dialogues. `seconds` limits each of them, `total` all together."""

    def __init__(
        self,
        clock: Clock,
        seconds: float,
        total: Optional[float] = None,
        *,
        environment: Optional[Mapping[str, str]] = None,
        certificates: str = CERTIFICATES,
    ) -> None:
        self._clock = clock
        self._seconds = seconds
        self._end = None if total is None else Deadline(clock, total)
        self._environment = os.environ if environment is None else environment
        self._contexts = _Contexts(certificates)

    def run(self, dialogues: Sequence[Generator[Ask, Reply, Made]]) -> Iterator[tuple[int, Made]]:
        """Yield the number and result of each dialogue when it ends; a few run at the same time."""
        waiting: queue.SimpleQueue[tuple[int, Generator[Ask, Reply, Made]]] = queue.SimpleQueue()
        ended: queue.SimpleQueue[tuple[int, Union[Made, _Bug]]] = queue.SimpleQueue()
        for entry in enumerate(dialogues):
            waiting.put(entry)

        def work() -> None:
            with contextlib.suppress(queue.Empty):
                while True:
                    number, dialogue = waiting.get_nowait()
                    try:
                        ended.put((number, self.converse(dialogue)))
                    except BaseException as bug:  # noqa: BLE001 - raised again by the caller
                        ended.put((number, _Bug(bug)))

        # Daemon threads: the interpreter would wait for those of a pool when it exits after an interrupt.
        for begun in range(min(_AT_ONCE, len(dialogues))):
            try:
                threading.Thread(target=work, daemon=True).start()
            except RuntimeError as fault:
                # One thread is enough, only slower.
                if not begun:
                    raise no_thread(fault) or fault from None
                break
        for _ in dialogues:
            number, made = ended.get()
            if isinstance(made, _Bug):
                raise made.fault
            yield number, made

    def converse(self, dialogue: Generator[Ask, Reply, Made]) -> Made:
        """Carry out one dialogue and return what it returns."""
        left = self._seconds if self._end is None else min(self._seconds, self._end.left())
        deadline = Deadline(self._clock, left)
        try:
            ask = next(dialogue)
            while True:
                ask = dialogue.send(self._reply(ask, deadline))
        except StopIteration as end:
            made: Made = end.value
            return made

    def _reply(self, ask: Ask, deadline: Deadline) -> Reply:
        left = deadline.left()
        timeout = NoAnswer(Failing.SILENT, f"did not answer completely within {self._seconds:g} s")
        if left < _SHORTEST_TRY:
            return timeout
        exchange = _Exchange(ask, self._environment, self._contexts, left)
        try:
            return within(left, exchange.run, lambda: UnreachableError(timeout.detail))
        except UnreachableError:
            exchange.abandon()
            return timeout


class _Contexts:
    """The TLS contexts, one per registry, with the authorities that docker trusts: the system's and the registry's."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._made: dict[tuple[str, bool], ssl.SSLContext] = {}
        self._lock = threading.Lock()

    def folder(self, registry: str) -> str:
        """Return the directory of a registry's own authorities."""
        return os.path.join(self._folder, registry)

    def get(self, registry: str, *, vouched: bool) -> ssl.SSLContext:
        """Return the context for a registry; raise OSError for a file that cannot be read."""
        with self._lock:
            if (registry, vouched) not in self._made:
                self._made[registry, vouched] = self._make(self.folder(registry), vouched=vouched)
            return self._made[registry, vouched]

    def _make(self, folder: str, *, vouched: bool) -> ssl.SSLContext:
        context = ssl.create_default_context()
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        # Accept the same certificates as docker, which uses Go: trust a certificate in certs.d itself, whether it is an
        # authority's or not; without the extra checks of Python 3.13; match only names of the subject alternative name.
        context.verify_flags = (context.verify_flags & ~ssl.VERIFY_X509_STRICT) | _PARTIAL_CHAIN
        context.hostname_checks_common_name = False
        # As http.client's own context: a server may require a protocol by name.
        context.set_alpn_protocols(["http/1.1"])
        if not vouched:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        known = ssl.get_default_verify_paths()
        if not any((known.cafile, known.capath)):
            for bundle in filter(os.path.exists, _BUNDLES):
                context.load_verify_locations(bundle)
        for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else ():
            path = os.path.join(folder, name)
            if name.endswith(".crt"):
                context.load_verify_locations(path)
            elif name.endswith(".cert"):
                # A key with a password must not make OpenSSL ask for it.
                context.load_cert_chain(path, f"{path[: -len('cert')]}key", password=str)
        return context


class _Exchange:
    """One request and its answer, on a separate connection."""

    def __init__(self, ask: Ask, environment: Mapping[str, str], contexts: _Contexts, seconds: float) -> None:
        self._ask = ask
        self._contexts = contexts
        self._seconds = seconds
        self._proxy = proxies.find(ask.url.scheme, ask.url.host, ask.url.port, environment)
        self._connection: Optional[http.client.HTTPConnection] = None
        self._abandoned = threading.Event()

    def run(self) -> Reply:
        """Return the answer, or the reason why there is none; raise nothing."""
        if self._proxy is not None and not self._proxy.host:
            return NoAnswer(Failing.SILENT, f"cannot be reached: {self._proxy.detail}")
        try:
            self._connection = self._connect()
        except OSError as fault:
            if fault.errno in SCARCE and not isinstance(fault, ssl.SSLError):
                return NoAnswer(Failing.SILENT, f"cannot be reached: {reason_of(fault)}")
            folder = self._contexts.folder(self._ask.certificates)
            detail = f"cannot be reached: a certificate or key in {folder} cannot be read"
            return NoAnswer(Failing.UNTRUSTED, detail)
        with contextlib.closing(self._connection):
            try:
                self._connection.connect()
                if self._abandoned.is_set():
                    return self._silence()
                return self._exchange(self._connection)
            except (OSError, http.client.HTTPException, ValueError) as fault:
                return self._failure(fault)

    def abandon(self) -> None:
        """Shut down the connection of a thread that still waits for it."""
        self._abandoned.set()
        # The attribute exists once connected; a thread that is still connecting checks the flag.
        opened = getattr(self._connection, "sock", None)
        if opened is not None:
            with contextlib.suppress(OSError):
                # The method of the base class, because SSLSocket's would remove the TLS object that the thread reads.
                socket.socket.shutdown(opened, socket.SHUT_RDWR)

    def _connect(self) -> http.client.HTTPConnection:
        url, proxy = self._ask.url, self._proxy
        host, port = (proxy.host, proxy.port) if proxy else (url.host, url.port)
        # A name may have several addresses, and the first may not answer.
        timeout = max(self._seconds / 2, _SHORTEST_TRY)
        if url.scheme == "http":
            return http.client.HTTPConnection(host, port, timeout=timeout)
        context = self._contexts.get(self._ask.certificates, vouched=self._ask.vouched)
        connection = http.client.HTTPSConnection(host, port, timeout=timeout, context=context)
        if proxy is not None:
            connection.set_tunnel(url.host, url.port, headers=_authorization(proxy))
        return connection

    def _exchange(self, connection: http.client.HTTPConnection) -> Reply:
        ask, proxy = self._ask, self._proxy
        headers = {"Accept": ask.accept, "User-Agent": "ecsauth", "Connection": "close"}
        target = ask.url.path
        if proxy is not None and ask.url.scheme == "http":
            headers.update(_authorization(proxy))
            headers["Host"] = ask.url.authority
            target = f"http://{ask.url.authority}{target}"
        if ask.authorization is not None:
            headers["Authorization"] = ask.authorization.reveal()
        body = None
        if ask.form is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
            body = ask.form.reveal().encode("ascii")
        connection.request(ask.method, target, body, headers)
        answer = connection.getresponse()
        content = answer.read(_LONGEST_BODY) if ask.wants_body else b""
        return RegistryAnswer(answer.status, tuple(answer.getheaders()), content)

    def _silence(self) -> NoAnswer:
        return NoAnswer(Failing.SILENT, "does not answer")

    def _failure(self, fault: Exception) -> NoAnswer:
        """Return the failure in our own words."""
        if isinstance(fault, ssl.SSLError):
            return _tls_failure(fault)
        if isinstance(fault, socket.gaierror):
            name = "the proxy's name" if self._proxy else f"the name {self._ask.url.host}"
            return NoAnswer(Failing.SILENT, f"is not found: {name} does not resolve")
        if isinstance(fault, (socket.timeout, TimeoutError)):
            return self._silence()
        if isinstance(fault, ConnectionRefusedError):
            return self._broken("refuses the connection") if self._proxy is None else _proxy_refuses("the connection")
        if isinstance(fault, (ConnectionError, http.client.IncompleteRead)):
            return self._broken("closes the connection")
        if isinstance(fault, OSError):
            words = str(fault.args[0]) if fault.args and self._proxy else ""
            if words.startswith(_TUNNEL):
                return _proxy_refuses(f"({words[len(_TUNNEL) :][:3]})")
            return NoAnswer(Failing.SILENT, f"cannot be reached: {os.strerror(fault.errno or 0).lower()}")
        return NoAnswer(Failing.NOT_HTTP, "does not answer with HTTP")

    def _broken(self, detail: str) -> NoAnswer:
        """Return that the connection broke. If the proxy closed it, nothing is known of the server behind it."""
        return NoAnswer(Failing.BROKEN if self._proxy is None else Failing.SILENT, detail)


def _proxy_refuses(what: str) -> NoAnswer:
    return NoAnswer(Failing.SILENT, f"cannot be reached: the proxy refuses {what}")


def _tls_failure(fault: ssl.SSLError) -> NoAnswer:
    if isinstance(fault, ssl.SSLCertVerificationError):
        return NoAnswer(Failing.UNTRUSTED, f"has an invalid certificate: {_lowered(fault.verify_message)}")
    if isinstance(fault, (ssl.SSLEOFError, ssl.SSLZeroReturnError)):
        return NoAnswer(Failing.BROKEN, "closes the connection in the TLS handshake")
    if fault.reason in _PLAIN:
        return NoAnswer(Failing.NOT_TLS, "does not use TLS")
    return NoAnswer(Failing.UNTRUSTED, f"has a TLS error: {(fault.reason or 'no reason').replace('_', ' ').lower()}")


def _lowered(text: str) -> str:
    return f"{text[:1].lower()}{text[1:]}".rstrip(".")


def _authorization(proxy: Proxy) -> dict[str, str]:
    return {"Proxy-Authorization": proxy.authorization.reveal()} if proxy.authorization else {}
