"""One request without a body, signed and sent."""

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
    """What a service is asked: `place` is REGION/SERVICE, `target` path and query below the endpoint's own path.

    `behind` are the seconds by which this machine's clock is. Of the body of the answer `longest` bytes count.
    """

    method: str
    endpoint: Endpoint
    target: str
    headers: dict[str, str]
    place: str
    longest: int
    behind: float = 0.0


def send(request: ServiceRequest, signer: Signer, what: Attempt) -> HttpResponse:
    """Return the answer, a refusal too; raise what `exchange` raises."""
    where, environment = request.endpoint, signer.environment
    target = where.path + request.target
    target = target if target.startswith("/") else f"/{target}"
    now = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(time.time() + request.behind))
    headers = {"host": where.authority, **request.headers}
    headers = signed(f"{request.method} {target}", headers, signer.keys.revealed(), request.place, now)
    # Not signed: what forwards the request may add to it.
    headers["user-agent"] = f"ecsauth/{__version__}"
    bundle = environment.get("AWS_CA_BUNDLE") or environment.get("REQUESTS_CA_BUNDLE")
    return exchange(HttpRequest(request.method, where, target, headers, bundle), what, request.longest)
