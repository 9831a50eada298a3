"""Send one request over HTTP or HTTPS and return its answer: with a size limit, through the web proxy if there is one.

A connection is used once. http.client and ssl implement the protocols.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import os
import re
import socket
import ssl
import urllib.parse
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, NamedTuple, Optional, cast

from ecsauth.aws.bounded_answer import BoundedAnswer
from ecsauth.aws.connection import BROKE, MALFORMED, NO_ANSWER, NO_CONNECTION, not_connected, proxy_fault
from ecsauth.aws.refusals import told
from ecsauth.errors import UsageError

if TYPE_CHECKING:
    from ecsauth.aws.attempt import Attempt
    from ecsauth.aws.endpoint import Endpoint

# Seconds: for each address of a name, and for each read.
_CONNECT, _READ = 5, 20
_CHUNK = 64 * 1024
# The files of trusted authorities on Amazon Linux, Fedora and Red Hat; Debian; SUSE; Alpine.
_AUTHORITIES = (
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)


class HttpRequest(NamedTuple):
    """A request: `target` is path and query as sent; `headers` have names in lower case and include `host`.

    `bundle` is a file with the authorities to trust, None for the system's.
    """

    method: str
    endpoint: Endpoint
    target: str
    headers: dict[str, str]
    bundle: Optional[str] = None

    def __repr__(self) -> str:
        return f"HttpRequest({self.method} {self.target}, ***)"


class HttpResponse(NamedTuple):
    """An answer: the names of `headers` are in lower case; of a repeated header the first one is kept."""

    status: int
    headers: dict[str, str]
    body: bytes

    def __repr__(self) -> str:
        return f"HttpResponse({self.status}, ***)"


class _Proxy(NamedTuple):
    """A web proxy, and the headers to send to it."""

    host: str
    port: int
    headers: dict[str, str]


def exchange(request: HttpRequest, what: Attempt, longest: int) -> HttpResponse:
    """Send the request and return the answer, with `longest` + 1 bytes of its body at most.

    Raises UnreachableError, DeniedError if the TLS certificate cannot be verified, and UsageError if the proxy's URL is
    invalid. There is no limit of the total time: the caller has a deadline.
    """
    proxy = _proxy(request.endpoint, what)
    with contextlib.ExitStack() as opened:
        connection = opened.enter_context(contextlib.closing(_connection(request, proxy, what)))
        connection.response_class = _closed_by(opened)
        _connect(connection, request.endpoint, what, is_by_proxy=proxy is not None)
        try:
            _send(connection, request, proxy)
            return _answer(connection, longest)
        except socket.timeout:
            raise NO_ANSWER.told(what) from None
        except ssl.SSLError as fault:
            raise not_connected((fault,), request.endpoint.host, what, tls=True) from None
        except (OSError, http.client.HTTPException):
            raise BROKE.told(what) from None
        except ValueError:
            # The text of the exception contains the character that cannot be sent.
            raise told(UsageError, what, "the request contains an invalid character") from None


def _closed_by(opened: contextlib.ExitStack) -> type[BoundedAnswer]:
    """Return what reads an answer, and is closed with the connection.

    Some versions of http.client leave the answer of a proxy that refuses open, and with it the socket.
    """

    def answer(*arguments: Any, **more: Any) -> BoundedAnswer:
        return opened.enter_context(contextlib.closing(BoundedAnswer(*arguments, **more)))

    return cast("type[BoundedAnswer]", answer)


def _send(connection: http.client.HTTPConnection, request: HttpRequest, proxy: Optional[_Proxy]) -> None:
    target, headers = request.target, request.headers
    if proxy is not None and request.endpoint.scheme == "http":
        target, headers = f"http://{request.endpoint.authority}{target}", {**headers, **proxy.headers}
    connection.request(request.method, target, headers=headers)


def _answer(connection: http.client.HTTPConnection, longest: int) -> HttpResponse:
    with contextlib.closing(connection.getresponse()) as answer:
        body = _read(answer, longest)
        named: dict[str, str] = {}
        for name, value in answer.getheaders():
            named.setdefault(name.lower(), value.strip())
        return HttpResponse(answer.status, named, body)


def _read(answer: http.client.HTTPResponse, longest: int) -> bytes:
    data = bytearray()
    while len(data) <= longest and (chunk := answer.read(min(_CHUNK, longest + 1 - len(data)))):
        data += chunk
    if len(data) <= longest and not _is_whole(answer):
        raise http.client.IncompleteRead(b"")
    return bytes(data)


def _is_whole(answer: http.client.HTTPResponse) -> bool:
    """Tell whether the answer is complete. A read with a limit does not raise an error for an incomplete one.

    An object without a length may be incomplete, so it is refused. A refusal is accepted without one.
    """
    if answer.length is None:
        return answer.chunked or answer.status != HTTPStatus.OK
    return answer.length == 0


def _connection(request: HttpRequest, proxy: Optional[_Proxy], what: Attempt) -> http.client.HTTPConnection:
    endpoint = request.endpoint
    host, port = (proxy.host, proxy.port) if proxy else (endpoint.host, endpoint.port)
    if endpoint.scheme == "http":
        connection = http.client.HTTPConnection(host, port, timeout=_CONNECT)
    else:
        connection = http.client.HTTPSConnection(host, port, timeout=_CONNECT, context=_tls(request, what))
        if proxy is not None:
            connection.set_tunnel(endpoint.host, endpoint.port, proxy.headers)
    return connection


def _connect(connection: http.client.HTTPConnection, endpoint: Endpoint, what: Attempt, *, is_by_proxy: bool) -> None:
    try:
        connection.connect()
        connection.sock.settimeout(_READ)
    except ssl.SSLError as fault:
        raise not_connected((fault,), endpoint.host, what, tls=True) from None
    except socket.timeout:
        raise NO_CONNECTION.told(what) from None
    except ConnectionResetError:
        raise BROKE.told(what) from None
    except (OSError, http.client.HTTPException) as fault:
        if is_by_proxy:
            raise proxy_fault(fault).told(what) from None
        raise not_connected((fault,), endpoint.host, what, tls=False) from None
    except ValueError:
        # The resolver raises this for an invalid host name, as one with an empty label.
        raise told(UsageError, what, MALFORMED) from None


def _tls(request: HttpRequest, what: Attempt) -> ssl.SSLContext:
    """Return the TLS context that verifies the server."""
    try:
        context = ssl.create_default_context(cafile=request.bundle or authorities())
    except OSError as fault:
        raise not_connected((fault,), request.endpoint.host, what, tls=True) from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def authorities() -> Optional[str]:
    """Return the system's file of authorities, None if it is not found."""
    return next((path for path in _AUTHORITIES if os.path.isfile(path)), None)


def _proxy(endpoint: Endpoint, what: Attempt) -> Optional[_Proxy]:
    """Return the proxy in the environment for an endpoint, None if there is none; raise UsageError."""
    if not any(name.lower() == f"{endpoint.scheme}_proxy" for name in os.environ):
        return None
    # Imported here: it takes some milliseconds, and most machines have no proxy.
    from urllib.request import getproxies, proxy_bypass

    url = getproxies().get(endpoint.scheme)
    if not url or proxy_bypass(endpoint.authority):
        return None
    try:
        return _parsed(url)
    except ValueError:
        reason = f"the proxy in {endpoint.scheme.upper()}_PROXY is malformed, or its scheme is not http"
        raise told(UsageError, what, reason, "write it as http://HOST:PORT") from None


def _parsed(url: str) -> _Proxy:
    """Parse the URL of a proxy, which may have no scheme; raise ValueError."""
    parts = urllib.parse.urlsplit(url if "://" in url else f"http://{url}")
    if parts.scheme != "http" or not re.fullmatch(r"[A-Za-z0-9._:-]+", parts.hostname or ""):
        raise ValueError
    return _Proxy(parts.hostname or "", parts.port or 80, _authorization(parts))


def _authorization(parts: urllib.parse.SplitResult) -> dict[str, str]:
    if parts.username is None:
        return {}
    pair = f"{urllib.parse.unquote(parts.username)}:{urllib.parse.unquote(parts.password or '')}"
    return {"Proxy-Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}
