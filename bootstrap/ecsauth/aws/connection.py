"""The faults of a connection to an AWS service, with their messages: names, routes, proxies, TLS."""

from __future__ import annotations

import socket
import ssl
from typing import TYPE_CHECKING

from ecsauth.aws.refusals import KnownFault, told
from ecsauth.errors import FORBIDDEN, SCARCE, DeniedError, EcsauthError, NotYetError, UnreachableError, reason_of

if TYPE_CHECKING:
    from ecsauth.aws.attempt import Attempt

# OpenSSL's reasons for an answer that is not TLS, for an unsupported version, and for a refusal by the peer.
_NOT_TLS = ("WRONG_VERSION", "UNSUPPORTED_PROTOCOL", "RECORD_LAYER", "TLSV1_ALERT", "TLSV13_ALERT", "SSLV3_ALERT")
BROKE = KnownFault(
    UnreachableError, "the connection broke", ("check for a proxy or firewall that interferes with the connection",)
)
ROUTE = "check the route to {service}: {endpoint} or NAT"
NO_CONNECTION = KnownFault(UnreachableError, "no connection in time", (ROUTE,))
NO_ANSWER = KnownFault(UnreachableError, "no answer in time", (ROUTE,))
PROXY_DOWN = KnownFault(UnreachableError, "the proxy does not answer", ("check HTTPS_PROXY and NO_PROXY",))
PROXY_REFUSES = KnownFault(
    UnreachableError,
    "the proxy refuses the connection",
    ("check HTTPS_PROXY, with its user name and password, and NO_PROXY",),
)
# The message of http.client if a proxy answers, but does not open a tunnel; status and reason follow.
_NO_TUNNEL = "Tunnel connection failed"
ALTERED = KnownFault(
    NotYetError, "the received data does not match its checksum", ("check for a proxy that changes the data",)
)
MALFORMED = "the endpoint or a name in it is malformed"


def proxy_fault(*causes: BaseException) -> KnownFault:
    """Return the fault of a proxy that refuses or does not answer; `causes` are an exception and its causes."""
    return PROXY_REFUSES if any(str(cause).startswith(_NO_TUNNEL) for cause in causes) else PROXY_DOWN


def not_connected(causes: tuple[BaseException, ...], host: str, what: Attempt, *, tls: bool) -> EcsauthError:
    """Return the fault: a name that does not resolve, a refused port, no route, or a problem of TLS.

    `causes` are an exception and its causes; `tls` tells whether TLS failed.
    """
    if any(isinstance(cause, socket.gaierror) for cause in causes):
        hint = "check DNS on this machine and the name of the region"
        return KnownFault(UnreachableError, f"the name {host} does not resolve", (hint,)).told(what)
    if any(isinstance(cause, ConnectionRefusedError) for cause in causes):
        hints = ("check AWS_ENDPOINT_URL", ROUTE)
        return KnownFault(UnreachableError, f"{host} refuses the connection", hints).told(what)
    if not tls:
        own = next(
            (reason_of(one) for one in causes if isinstance(one, OSError) and one.errno in SCARCE | FORBIDDEN), ""
        )
        reason = f"no connection to {host}" + (f": {own}" if own else "")
        return KnownFault(UnreachableError, reason, (ROUTE,)).told(what)
    if any(isinstance(cause, (ssl.SSLEOFError, ssl.SSLZeroReturnError)) for cause in causes):
        return BROKE.told(what)
    if any(isinstance(cause, ssl.SSLError) and (cause.reason or "").startswith(_NOT_TLS) for cause in causes):
        return told(DeniedError, what, f"the TLS handshake with {host} failed", *BROKE.hints)
    return told(
        DeniedError,
        what,
        "the TLS certificate cannot be verified",
        "check AWS_CA_BUNDLE: behind a TLS proxy it must name the CA certificate of the proxy",
    )
