"""Sign and send one request without a body."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, NamedTuple

from ecsauth import __version__
from ecsauth.aws.http_exchange import HttpRequest, exchange
from ecsauth.aws.sigv4 import signed

if TYPE_CHECKING:
    from ecsauth.aws.attempt import Attempt
    from ecsauth.aws.credentials import Signer
    from ecsauth.aws.endpoint import Endpoint
    from ecsauth.aws.http_exchange import HttpResponse


class ServiceRequest(NamedTuple):
    """A request: `place` is REGION/SERVICE, `target` is path and query below the endpoint's path.

    `behind` is the delay of this machine's clock in seconds. `longest` is the size limit of the answer's body.
    """

    method: str
    endpoint: Endpoint
    target: str
    headers: dict[str, str]
    place: str
    longest: int
    behind: float = 0.0


def send(request: ServiceRequest, signer: Signer, what: Attempt) -> HttpResponse:
    """Return the answer, also if it is an error; raise the errors of `exchange`."""
    where, environment = request.endpoint, signer.environment
    target = where.path + request.target
    target = target if target.startswith("/") else f"/{target}"
    now = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(time.time() + request.behind))
    headers = {"host": where.authority, **request.headers}
    headers = signed(f"{request.method} {target}", headers, signer.keys.revealed(), request.place, now)
    # Not signed, because a proxy may add to it.
    headers["user-agent"] = f"ecsauth/{__version__}"
    bundle = environment.get("AWS_CA_BUNDLE") or environment.get("REQUESTS_CA_BUNDLE")
    return exchange(HttpRequest(request.method, where, target, headers, bundle), what, request.longest)
