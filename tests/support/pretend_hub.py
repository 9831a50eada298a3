"""Docker Hub as far as a login goes: behind a proxy, so that its own name leads to this machine."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from certificates import Certificates
from loopback_server import answer
from odd_registry import OddRegistry, Seen, challenge, welcome
from tunnel_proxy import TunnelProxy

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from odd_registry import Behaviour

NAMES = ("registry-1.docker.io", "auth.docker.io")
_TOKEN = "token-of-the-tests"
_CHALLENGE = 'Bearer realm="https://auth.docker.io/token",service="registry.docker.io"'


@contextlib.contextmanager
def pretend_hub(folder: Path) -> Iterator[dict[str, str]]:
    """Give the variables of the environment that lead there; whoever has a password may pull everything."""
    certificates = Certificates(folder, names=NAMES)
    with OddRegistry(_behave, tls=certificates.server_context()) as hub, TunnelProxy(hub.port) as proxy:
        yield {"HTTPS_PROXY": proxy.url, "SSL_CERT_FILE": str(certificates.ca_file)}


def _behave(seen: Seen) -> Behaviour:
    authorization = seen.authorization or ""
    if seen.path.startswith("/token") and authorization.startswith("Basic "):
        return answer(200, f'{{"token": "{_TOKEN}"}}'.encode(), "application/json")
    return welcome() if authorization == f"Bearer {_TOKEN}" else challenge(_CHALLENGE)
