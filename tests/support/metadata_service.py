"""A strict stand-in of the instance metadata service, version 2 only.

Strict where Amazon's is: no answer without a token, so that a client which falls back to version 1 is caught (401);
no token without a lifetime of 1 to 21,600 s (400) or for a request that a proxy has forwarded (403). Source: Amazon
EC2 User Guide, "Use the Instance Metadata Service to access instance metadata".

Also a program: `python tests/support/metadata_service.py [--port N] [--region R] …` prints its address and serves
until it is told to stop.
"""

from __future__ import annotations

import argparse
import json
import secrets
import time
from enum import Enum
from functools import partial
from typing import Any, Callable, NamedTuple, Optional

from loopback_server import Answer, Log, LoopbackServer, QuietHandler, answer
from service_program import serve_until_told

TTL_HEADER = "X-aws-ec2-metadata-token-ttl-seconds"
TOKEN_HEADER = "X-aws-ec2-metadata-token"
LONGEST_TTL_S = 21_600
ROLE_PATH = "/latest/meta-data/iam/security-credentials/"

# Longer than any client waits, and an end all the same.
SILENCE_S = 300.0


class Behaviour(str, Enum):
    """What the service does with requests.

    healthy: answers.
    no-role: answers, but no role is attached to the instance (404), or its credentials are not there yet.
    role-pending: names the role, whose credentials are an empty document yet.
    role-failed: answers for the role with a code other than Success, as while the role cannot be assumed.
    token-forbidden: 403 for every token, as where the endpoint is switched off for the instance.
    token-absent: 404 for every token, as where something that knows version 1 only answers.
    silent: accepts connections and never answers, as behind a hop limit that is too low.
    slow: answers, `delay_s` late.
    drip: answers a byte at a time with `pause_s` between: no socket timeout ever fires.
    reset: breaks each connection with a RST instead of an answer.
    cut: ends each connection in the middle of the answer's body.
    broken: 500 for everything.
    unavailable: 503 for everything.
    foreign: gives tokens, and the page of a portal for every document.
    """

    HEALTHY = "healthy"
    NO_ROLE = "no-role"
    ROLE_PENDING = "role-pending"
    ROLE_FAILED = "role-failed"
    TOKEN_FORBIDDEN = "token-forbidden"
    TOKEN_ABSENT = "token-absent"
    SILENT = "silent"
    SLOW = "slow"
    DRIP = "drip"
    RESET = "reset"
    CUT = "cut"
    BROKEN = "broken"
    UNAVAILABLE = "unavailable"
    FOREIGN = "foreign"


_FAILURES = {Behaviour.BROKEN: 500, Behaviour.UNAVAILABLE: 503}


class Request(NamedTuple):
    """One request as it came in: header names in lower case, tokens left out; `status` is None for silence.

    `with_token` says whether it showed one, which every GET of version 2 does.
    """

    method: str
    path: str
    headers: dict[str, str]
    status: Optional[int]
    with_token: bool = False


class Instance(NamedTuple):
    """Who the instance is, as the service tells it."""

    region: str = "eu-central-1"
    account: str = "123456789012"
    instance_id: str = "i-0123456789abcdef0"
    role: str = "ecsInstanceRole"
    access_key: str = "ASIAINSTANCEROLE0001"
    secret_key: str = "instance-role-secret-key"
    session_token: str = "instance-role-session-token"
    lifetime_s: int = 6 * 3600

    def document(self) -> dict[str, object]:
        """Return the instance identity document."""
        return {
            "accountId": self.account,
            "architecture": "x86_64",
            "availabilityZone": f"{self.region}a",
            "billingProducts": None,
            "devpayProductCodes": None,
            "imageId": "ami-0123456789abcdef0",
            "instanceId": self.instance_id,
            "instanceType": "m7i.large",
            "kernelId": None,
            "marketplaceProductCodes": None,
            "pendingTime": _stamp(time.time() - 60),
            "privateIp": "10.0.0.10",
            "ramdiskId": None,
            "region": self.region,
            "version": "2017-09-30",
        }

    def credentials(self) -> dict[str, object]:
        """Return the role's credentials; a negative `lifetime_s` makes them expired ones."""
        return {
            "Code": "Success",
            "LastUpdated": _stamp(time.time()),
            "Type": "AWS-HMAC",
            "AccessKeyId": self.access_key,
            "SecretAccessKey": self.secret_key,
            "Token": self.session_token,
            "Expiration": _stamp(time.time() + self.lifetime_s),
        }


class MetadataService(LoopbackServer):
    """The service of one instance; `instance`, `behaviour`, `delay_s` and `pause_s` may be changed while it runs.

    `requests` is the log. Stopped, it refuses connections.
    """

    def __init__(self, instance: Optional[Instance] = None, *, port: int = 0) -> None:
        super().__init__(partial(_Handler, self), port=port)
        self.instance = instance or Instance()
        self.behaviour = Behaviour.HEALTHY
        self.delay_s, self.pause_s = 60.0, 0.3
        self.requests: Log[Request] = Log()
        self._left: Optional[int] = None
        self._tokens: dict[str, float] = {}

    def become(self, behaviour: Behaviour, *, requests: Optional[int] = None) -> None:
        """Behave so from now on, or for the next `requests` requests only and healthy after them."""
        self.behaviour, self._left = behaviour, requests

    def expire_tokens(self) -> None:
        """Forget every token handed out so far: the next request with one gets 401."""
        self._tokens.clear()

    @property
    def paths(self) -> list[str]:
        """Method and path of every request so far, in order."""
        return [f"{request.method} {request.path}" for request in self.requests]

    def respond(self, method: str, path: str, header: Callable[[str], Optional[str]]) -> Optional[Answer]:
        """Return the response to one request; None means none, ever."""
        behaviour = self._next_behaviour()
        if behaviour is Behaviour.SILENT:
            return None
        if behaviour in _FAILURES:
            return _error(_FAILURES[behaviour])
        if behaviour is Behaviour.SLOW:
            self.stopping.wait(self.delay_s)
        if method == "PUT":
            return self._token(path, header, behaviour)
        if method != "GET":
            return _error(405)
        if self._tokens.get(header(TOKEN_HEADER) or "", 0.0) <= time.monotonic():
            return _error(401)
        return self._document(path, behaviour)

    def _next_behaviour(self) -> Behaviour:
        behaviour = self.behaviour
        if self._left is not None:
            self._left -= 1
            if self._left <= 0:
                self.become(Behaviour.HEALTHY)
        return behaviour

    def _token(self, path: str, header: Callable[[str], Optional[str]], behaviour: Behaviour) -> Answer:
        if path != "/latest/api/token":
            return _error(405)
        if header("X-Forwarded-For") is not None or behaviour is Behaviour.TOKEN_FORBIDDEN:
            return _error(403)
        if behaviour is Behaviour.TOKEN_ABSENT:
            return _error(404)
        lifetime = header(TTL_HEADER) or ""
        if not (lifetime.isascii() and lifetime.isdigit() and 1 <= int(lifetime) <= LONGEST_TTL_S):
            return _error(400)
        token = secrets.token_urlsafe(40)
        self._tokens[token] = time.monotonic() + int(lifetime)
        return answer(200, token.encode(), **{TTL_HEADER: lifetime})

    def _document(self, path: str, behaviour: Behaviour) -> Answer:
        if behaviour is Behaviour.FOREIGN:
            return answer(200, b"<html><title>sign in</title></html>", "text/html")
        if path.startswith(ROLE_PATH) or path == ROLE_PATH.rstrip("/"):
            return self._role(path, behaviour)
        instance = self.instance
        texts = {
            "/latest/meta-data/instance-id": instance.instance_id,
            "/latest/meta-data/placement/region": instance.region,
            "/latest/meta-data/placement/availability-zone": f"{instance.region}a",
            "/latest/meta-data/services/domain": "amazonaws.com",
            "/latest/meta-data/services/partition": "aws",
        }
        if path == "/latest/dynamic/instance-identity/document":
            return _json(instance.document())
        return answer(200, texts[path].encode()) if path in texts else _error(404)

    def _role(self, path: str, behaviour: Behaviour) -> Answer:
        role = self.instance.role
        if behaviour is Behaviour.NO_ROLE or path not in (ROLE_PATH, ROLE_PATH.rstrip("/"), ROLE_PATH + role):
            return _error(404)
        if path != ROLE_PATH + role:
            return answer(200, role.encode())
        if behaviour is Behaviour.ROLE_PENDING:
            return answer(200)
        if behaviour is Behaviour.ROLE_FAILED:
            message = "EC2 cannot assume the role. Please see documentation at the EC2 User Guide."
            return _json(
                {"Code": "AssumeRoleUnauthorizedAccess", "Message": message, "LastUpdated": _stamp(time.time())}
            )
        return _json(self.instance.credentials())


class _Handler(QuietHandler):
    """Hands each request to the service and logs it."""

    def __init__(self, service: MetadataService, *connection: Any) -> None:
        self._service = service
        super().__init__(*connection)

    def version_string(self) -> str:
        """Name the server as Amazon's does."""
        return "EC2ws"

    def _serve(self) -> None:
        self.read_body()
        behaviour = self._service.behaviour
        response = self._service.respond(self.command, self.path, self.headers.get)
        headers = {name.lower(): value for name, value in self.headers.items() if name.lower() != TOKEN_HEADER.lower()}
        status, with_token = response.status if response else None, self.headers.get(TOKEN_HEADER) is not None
        self._service.requests.add(Request(self.command, self.path, headers, status, with_token))
        self._send(response, behaviour)

    def _send(self, response: Optional[Answer], behaviour: Behaviour) -> None:
        if response is None:
            self._service.stopping.wait(SILENCE_S)
            self.close_connection = True
        elif behaviour is Behaviour.RESET:
            self.reset()
        elif behaviour is Behaviour.CUT:
            self.send_head(response)
            self.wfile.write(response.body[: len(response.body) // 2])
            self.close_connection = True
        elif behaviour is Behaviour.DRIP:
            self._drip(response)
        else:
            self.send_answer(response)

    def _drip(self, response: Answer) -> None:
        self.send_head(response)
        for at in range(len(response.body)):
            self.wfile.write(response.body[at : at + 1])
            self.wfile.flush()
            if self._service.stopping.wait(self._service.pause_s):
                break
        self.close_connection = True

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = _serve  # noqa: N815 - the base class's names


def _stamp(moment: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(moment))


def _json(content: dict[str, object]) -> Answer:
    return answer(200, json.dumps(content, indent=2).encode())


def _error(status: int) -> Answer:
    return answer(status, f"{status}\n".encode(), "text/html")


def main() -> None:
    """Serve one instance's metadata until told to stop."""
    parser = argparse.ArgumentParser(description=main.__doc__, allow_abbrev=False)
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1; 0 takes a free one")
    parser.add_argument("--region", default=Instance().region)
    parser.add_argument("--account", default=Instance().account)
    parser.add_argument("--stop-at-eof", action="store_true", help="stop when standard input ends")
    options = parser.parse_args()
    service = MetadataService(Instance(region=options.region, account=options.account), port=options.port)
    serve_until_told(service, stop_at_eof=options.stop_at_eof)


if __name__ == "__main__":
    main()
