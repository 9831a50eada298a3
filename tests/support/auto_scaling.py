"""A stand-in of Amazon EC2 Auto Scaling: one group, whose instances wait at a lifecycle hook until they are let in.

As strict as the service where it counts: the request has to be signed, its session token too, by somebody whose keys it
knows, with a clock that is right, for this service and region. Whoever says nothing is not let in: that is the group's
own part, DefaultResult ABANDON. Source: Amazon EC2 Auto Scaling API Reference, CompleteLifecycleAction.
"""

from __future__ import annotations

import calendar
import time
from functools import partial
from typing import TYPE_CHECKING, Any, Optional
from urllib.parse import parse_qs

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from loopback_server import Answer, Log, LoopbackServer, QuietHandler, answer
from s3_server import REGION

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping

SERVICE = "autoscaling"
HOST = f"{SERVICE}.{REGION}.amazonaws.com"
_SKEW_S = 300
_XMLNS = 'xmlns="http://autoscaling.amazonaws.com/doc/2011-01-01/"'


class AutoScaling(LoopbackServer):
    """The service with one group; `waiting` has the instances that wait, `roles` the credentials it knows.

    `requests` is the log of actions; `failures` is how many requests are still to be answered with a 503.
    """

    def __init__(self, group: str, hook: str, *, port: int, tls: Optional[ssl.SSLContext] = None) -> None:
        super().__init__(partial(_Handler, self), port=port, tls=tls)
        self.group, self.hook = group, hook
        self.waiting: set[str] = set()
        self.roles: dict[str, Credentials] = {}
        self.requests: Log[dict[str, str]] = Log()
        self.failures = 0

    def let_in(self, access_key: str, secret_key: str, token: str) -> None:
        """Know the credentials of a role that has the permission."""
        self.roles[access_key] = Credentials(access_key, secret_key, token)

    def respond(self, headers: Mapping[str, str], body: bytes) -> Answer:
        """Return the answer to one POST of the query API; names of headers in lower case."""
        asked = {name: values[0] for name, values in parse_qs(body.decode(), strict_parsing=True).items()}
        self.requests.add(asked)
        if self.failures:
            self.failures -= 1
            return answer(503)
        if not self._is_signed(headers, body):
            return _error(403, "SignatureDoesNotMatch", "The request signature does not match")
        wanted = {"Action": "CompleteLifecycleAction", "Version": "2011-01-01", "AutoScalingGroupName": self.group}
        wanted |= {"LifecycleHookName": self.hook, "LifecycleActionResult": "CONTINUE"}
        instance = asked.pop("InstanceId", "")
        if asked != wanted:
            return _error(400, "ValidationError", "1 validation error detected")
        if instance not in self.waiting:
            return _error(400, "ValidationError", f"No active Lifecycle Action found with instance ID {instance}")
        self.waiting.remove(instance)
        name = "CompleteLifecycleAction"
        return answer(200, f"<{name}Response {_XMLNS}><{name}Result/></{name}Response>".encode(), "text/xml")

    def _is_signed(self, headers: Mapping[str, str], body: bytes) -> bool:
        """Tell whether the SDK would have signed the same request so."""
        said = dict(part.strip().split("=", 1) for part in headers["authorization"].partition(" ")[2].split(","))
        access_key, _, scope = said["Credential"].partition("/")
        signed, now = said["SignedHeaders"].split(";"), headers["x-amz-date"]
        credentials = self.roles.get(access_key)
        age = time.time() - calendar.timegm(time.strptime(now, "%Y%m%dT%H%M%SZ"))
        if credentials is None or abs(age) > _SKEW_S or headers.get("x-amz-security-token") != credentials.token:
            return False
        if not {"host", "x-amz-date", "x-amz-security-token"} <= set(signed) or headers["host"] != HOST:
            return False
        request = AWSRequest("POST", f"https://{HOST}/", data=body, headers={name: headers[name] for name in signed})
        request.context["timestamp"] = now
        signer: Any = SigV4Auth(credentials, SERVICE, REGION)
        text = signer.string_to_sign(request, signer.canonical_request(request))
        made = (signer.credential_scope(request), signer.signature(text, request))
        return (scope, said["Signature"]) == made


class _Handler(QuietHandler):
    """Hands each request to the service."""

    def __init__(self, service: AutoScaling, *connection: Any) -> None:
        self._service = service
        super().__init__(*connection)

    def _serve(self) -> None:
        body = self.read_body()
        self.send_answer(self._service.respond({name.lower(): value for name, value in self.headers.items()}, body))

    do_POST = _serve  # noqa: N815 - the base class's name


def _error(status: int, code: str, message: str) -> Answer:
    error = f"<Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>"
    return answer(status, f"<ErrorResponse {_XMLNS}>{error}</ErrorResponse>".encode(), "text/xml")
