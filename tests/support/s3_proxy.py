"""A proxy in front of moto's server that makes it behave more like S3, breaks what a test wants broken, and counts.

It adds what moto leaves out (`s3_manners`: the expected bucket owner above all), injects faults (`s3_faults`) and logs
every request, so that a test can say "one GetObject and nothing else". Over HTTPS when given a TLS context.
"""

from __future__ import annotations

import contextlib
import json
from functools import partial
from http import HTTPStatus
from http.client import HTTPConnection
from typing import TYPE_CHECKING, Any, Optional
from urllib.parse import urlsplit

from loopback_server import Answer, Log, LoopbackServer, QuietHandler
from s3_faults import Fault
from s3_manners import mend, refusal
from s3_request import Request, parse
from s3_server import ACCESS_KEY, ACCOUNT, REGION

if TYPE_CHECKING:
    import ssl

UPSTREAM_TIMEOUT_S = 30.0

# Of one connection only, or settled by this proxy itself. Source: RFC 9110, section 7.6.1.
_HOP_BY_HOP = frozenset({"connection", "expect", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"})


class _Injected:
    """A fault, which operation it is for, and how often it is still to happen (None: always)."""

    def __init__(self, fault: Fault, operation: Optional[str], times: Optional[int]) -> None:
        self.fault, self.operation, self.times = fault, operation, times


class S3Proxy(LoopbackServer):
    """The endpoint that a test gives to the program.

    `owner` is the account that owns the buckets, `owners` names another one for some; `regions` says in which region
    a bucket is (requests signed for another get a redirect). `requests` is the log.
    """

    def __init__(
        self, upstream: str, *, owner: str = ACCOUNT, tls: Optional[ssl.SSLContext] = None, port: int = 0
    ) -> None:
        super().__init__(partial(_Handler, self), port=port, tls=tls)
        self._upstream = urlsplit(upstream).netloc
        self._injected: list[_Injected] = []
        self.owner = owner
        self.owners: dict[str, str] = {}
        self.regions: dict[str, str] = {}
        self.requests: Log[Request] = Log()

    @property
    def operations(self) -> list[str]:
        """The operations asked for so far, in order."""
        return [request.operation for request in self.requests]

    def inject(self, fault: Fault, *, operation: Optional[str] = None, times: Optional[int] = None) -> None:
        """Let the fault happen to the next `times` requests (None: all) for the operation (None: any).

        Faults injected earlier go first; one that is used up makes way for the next.
        """
        self._injected.append(_Injected(fault, operation, times))

    def heal(self) -> None:
        """Forget the faults."""
        self._injected.clear()

    def wait_for(self, operation: str, timeout_s: float = 60.0) -> Request:
        """Return the first request for the operation, come or to come; AssertionError after `timeout_s` seconds."""
        return self.requests.wait_for(lambda request: request.operation == operation, timeout_s)

    def fault_for(self, request: Request) -> Fault:
        """Return the fault that happens to this request and count it; the plain `Fault` is none."""
        for injected in self._injected:
            if injected.operation not in (None, request.operation) or injected.times == 0:
                continue
            if injected.times is not None:
                injected.times -= 1
            return injected.fault
        return Fault()

    def course(self, request: Request, target: str, headers: list[tuple[str, str]], body: bytes) -> Answer:
        """Return S3's response to a request that no fault happens to."""
        response = refusal(request, self.owners, self.owner, self.regions)
        if response is None:
            forwarded = self._forward(request.method, target, headers, body)
            response = mend(request, forwarded, partial(self._key_arn, request.region or REGION))
        return response

    def _forward(self, method: str, target: str, headers: list[tuple[str, str]], body: bytes) -> Answer:
        connection = HTTPConnection(self._upstream, timeout=UPSTREAM_TIMEOUT_S)
        with contextlib.closing(connection):
            # skip_host: the signature covers the Host that the client has sent.
            connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
            for name, value in headers:
                if name.lower() not in _HOP_BY_HOP and name.lower() != "content-length":
                    connection.putheader(name, value)
            connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body)
            response = connection.getresponse()
            content = response.read()
            kept = tuple(header for header in response.getheaders() if header[0].lower() not in _HOP_BY_HOP)
        answered = Answer(response.status, kept, content)
        if method == "HEAD" or response.status in (204, 304):
            return answered
        return answered.with_header("Content-Length", str(len(content)))

    def _key_arn(self, region: str, key: str) -> str:
        if key.startswith("arn:") and ":alias/" not in key:
            return key
        # moto finds the service and the region in the scope of the signature, which it does not check.
        scope = f"AWS4-HMAC-SHA256 Credential={ACCESS_KEY}/20260101/{region}/kms/aws4_request"
        headers = {"Host": "kms", "Authorization": scope, "X-Amz-Target": "TrentService.DescribeKey"}
        described = self._forward("POST", "/", list(headers.items()), json.dumps({"KeyId": key}).encode())
        return str(json.loads(described.body)["KeyMetadata"]["Arn"]) if described.status == HTTPStatus.OK else key


class _Handler(QuietHandler):
    """Hands each request to the proxy and logs it."""

    def __init__(self, proxy: S3Proxy, *connection: Any) -> None:
        self._proxy = proxy
        super().__init__(*connection)

    def _serve(self) -> None:
        body = self.read_body()
        headers = list(self.headers.items())
        request = parse(self.command, self.path, {name.lower(): value for name, value in headers}, body)
        fault = self._proxy.fault_for(request)
        self._proxy.requests.add(request)
        response = fault.respond(request, partial(self._proxy.course, request, self.path, headers, body))
        fault.send(self, response, self._proxy.stopping)

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = _serve  # noqa: N815 - the base class's names
