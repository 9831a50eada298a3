# ruff: noqa: ARG002 - faults share one interface, and few of them need all of it
"""What can go wrong between a client and S3, as values: for `S3Proxy.inject`.

A fault takes the place of the request's normal course. Each of them may look at the request, forward it or not, change
the response and send it in its own way.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Callable, Optional
from xml.sax.saxutils import escape

from loopback_server import Answer, QuietHandler, answer

if TYPE_CHECKING:
    from threading import Event

    from s3_request import Request

Forward = Callable[[], Answer]

# Longer than any client waits, and an end all the same.
HANG_S = 300.0


class Fault:
    """The normal course: forward the request, send the response. Faults override either half."""

    def respond(self, request: Request, forward: Forward) -> Answer:
        """Return the response; `forward` gets S3's own."""
        return forward()

    def send(self, connection: QuietHandler, response: Answer, stopping: Event) -> None:
        """Send the response. `stopping` is set when the proxy stops, which ends every wait."""
        connection.send_answer(response)


class Reply(Fault):
    """S3 refuses with a status and an error code, as XML; the request is not forwarded."""

    def __init__(self, status: int, code: str, message: str, **headers: str) -> None:
        self.status, self.code, self._message, self._headers = status, code, message, headers

    def respond(self, request: Request, forward: Forward) -> Answer:
        """Return the error document, or its status alone where HTTP allows no body."""
        if self.status == 304:
            named = tuple((name.replace("_", "-"), value) for name, value in self._headers.items())
            return Answer(304, (("ETag", request.headers.get("if-none-match", '"0"')), *named))
        if request.method == "HEAD":
            return answer(self.status, b"", "application/xml", **self._headers)
        return error_document(self.status, self.code, self._message, request.path, **self._headers)


class Headers(Fault):
    """S3 answers, with other headers: a value replaces, None removes."""

    def __init__(self, headers: dict[str, Optional[str]]) -> None:
        self._headers = headers

    def respond(self, request: Request, forward: Forward) -> Answer:
        """Return S3's own response with the headers changed."""
        response = forward()
        for name, value in self._headers.items():
            response = response.with_header(name, value)
        return response


class AlteredBody(Fault):
    """One bit of the body is flipped on the way; length and checksum header stay."""

    def respond(self, request: Request, forward: Forward) -> Answer:
        """Return S3's own response with its last byte changed."""
        response = forward()
        return (
            response._replace(body=response.body[:-1] + bytes([response.body[-1] ^ 1])) if response.body else response
        )


class OtherBody(Fault):
    """The body is another one, with its own length, under the headers of the object."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def respond(self, request: Request, forward: Forward) -> Answer:
        """Return S3's own response with the body exchanged."""
        return forward().with_header("Content-Length", str(len(self._body)))._replace(body=self._body)


class CutBody(Fault):
    """The connection ends after `length` bytes of the body, short of the Content-Length."""

    def __init__(self, length: int) -> None:
        self._length = length

    def send(self, connection: QuietHandler, response: Answer, stopping: Event) -> None:
        """Send the head and a part of the body."""
        connection.send_head(response)
        connection.wfile.write(response.body[: self._length])
        connection.close_connection = True


class SlowDrip(Fault):
    """The body comes a byte at a time with `pause_s` between: no socket timeout ever fires."""

    def __init__(self, pause_s: float) -> None:
        self._pause_s = pause_s

    def send(self, connection: QuietHandler, response: Answer, stopping: Event) -> None:
        """Send the head at once and the body slowly, until the client or the proxy goes away."""
        connection.send_head(response)
        for at in range(len(response.body)):
            connection.wfile.write(response.body[at : at + 1])
            connection.wfile.flush()
            if stopping.wait(self._pause_s):
                break
        connection.close_connection = True


class Endless(Fault):
    """A body without a Content-Length that does not end, up to `limit` bytes."""

    def __init__(self, limit: int = 64 * 1024 * 1024) -> None:
        self._limit = limit

    def send(self, connection: QuietHandler, response: Answer, stopping: Event) -> None:
        """Send the head without a length, then comment lines until the client goes away."""
        connection.send_head(response.with_header("Content-Length", None))
        block = b"# more\n" * 4096
        for _ in range(self._limit // len(block)):
            if stopping.is_set():
                break
            connection.wfile.write(block)
        connection.close_connection = True


class Late(Fault):
    """The response comes `delay_s` late."""

    def __init__(self, delay_s: float) -> None:
        self._delay_s = delay_s

    def send(self, connection: QuietHandler, response: Answer, stopping: Event) -> None:
        """Wait, then send."""
        stopping.wait(self._delay_s)
        connection.send_answer(response)


class _NoAnswer(Fault):
    """Base of the faults that never forward."""

    def respond(self, request: Request, forward: Forward) -> Answer:
        """Return a response that is not sent."""
        return Answer(0)


class Hang(_NoAnswer):
    """The request is taken and never answered."""

    def send(self, connection: QuietHandler, response: Answer, stopping: Event) -> None:
        """Wait for the client to give up."""
        stopping.wait(HANG_S)
        connection.close_connection = True


class Reset(_NoAnswer):
    """The connection is broken with a RST instead of a response."""

    def send(self, connection: QuietHandler, response: Answer, stopping: Event) -> None:
        """Break the connection."""
        connection.reset()


class Closed(_NoAnswer):
    """The connection is closed in order, without a byte of a response."""

    def send(self, connection: QuietHandler, response: Answer, stopping: Event) -> None:
        """Close the connection."""
        connection.close_connection = True


class Document(Fault):
    """S3 answers with a document of the test's, whatever is there."""

    def __init__(self, body: bytes, content_type: str = "application/json") -> None:
        self._body, self._content_type = body, content_type

    def respond(self, request: Request, forward: Forward) -> Answer:
        """Return the document."""
        return answer(200, self._body, self._content_type)


class Page(Fault):
    """Something on the way, a portal or a proxy, answers with a page of its own, whatever is asked for."""

    def __init__(self, status: int = 200, body: bytes = b"<html><body>please sign in<br></body></html>") -> None:
        self.status, self.code, self._body = status, "page", body

    def respond(self, request: Request, forward: Forward) -> Answer:
        """Return the page."""
        return answer(self.status, b"" if request.method == "HEAD" else self._body, "text/html; charset=utf-8")


class LostAnswer(Fault):
    """The request is carried out, and the connection is broken instead of the answer."""

    def send(self, connection: QuietHandler, response: Answer, stopping: Event) -> None:
        """Break the connection."""
        connection.reset()


def error_document(status: int, code: str, message: str, resource: str = "", **headers: str) -> Answer:
    """Return an error as S3 sends it; underscores in the names of headers stand for hyphens."""
    text = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<Error><Code>{escape(code)}</Code><Message>{escape(message)}</Message>"
        f"<Resource>{escape(resource)}</Resource><RequestId>{time.monotonic_ns():016X}</RequestId></Error>"
    )
    return answer(status, text.encode(), "application/xml", **headers)


def moved_to(region: str) -> Reply:
    """Return S3's answer in the wrong region: the right one is named in a header."""
    message = "The bucket you are attempting to access must be addressed using the specified endpoint."
    return Reply(301, "PermanentRedirect", message, x_amz_bucket_region=region)


def kms_denied(key: str, action: str = "kms:Decrypt") -> Reply:
    """Return S3's answer where the caller may read the object but not use its key."""
    message = (
        "User: arn:aws:sts::123456789012:assumed-role/ecsInstanceRole/i-0123456789abcdef0 is not authorized to "
        f"perform: {action} on resource: {key} because no identity-based policy allows the {action} action"
    )
    return Reply(403, "AccessDenied", message)


def tls_only(bucket: str) -> Document:
    """Return the policy that denies everybody requests without TLS; moto, told to keep it, would deny all requests."""
    statement = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    return Document(json.dumps({"Version": "2012-10-17", "Statement": [statement]}).encode())


class TlsOnlyEverywhere(Fault):
    """The policy of each bucket is that."""

    def respond(self, request: Request, forward: Forward) -> Answer:
        """Return the policy of the bucket that is asked for."""
        return tls_only(request.bucket).respond(request, forward)


# Status, code and text of Amazon S3 API Reference, "Error responses"; those of KMS as S3 passes them on.
ACCESS_DENIED = Reply(403, "AccessDenied", "Access Denied")
NO_SUCH_KEY = Reply(404, "NoSuchKey", "The specified key does not exist.")
NO_SUCH_BUCKET = Reply(404, "NoSuchBucket", "The specified bucket does not exist")
NO_SUCH_VERSION = Reply(404, "NoSuchVersion", "The specified version does not exist.")
NOT_MODIFIED = Reply(304, "NotModified", "Not Modified")
DELETED = Reply(404, "NoSuchKey", "The specified key does not exist.", x_amz_delete_marker="true")
DELETE_MARKER = Reply(405, "MethodNotAllowed", "The specified method is not allowed against this resource.")
PRECONDITION_FAILED = Reply(412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold")
CONDITIONAL_CONFLICT = Reply(
    409, "ConditionalRequestConflict", "The conditional request cannot succeed due to a conflicting operation."
)
EXPIRED_TOKEN = Reply(400, "ExpiredToken", "The provided token has expired.")
INVALID_ACCESS_KEY = Reply(
    403, "InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records."
)
TIME_TOO_SKEWED = Reply(
    403, "RequestTimeTooSkewed", "The difference between the request time and the current time is too large."
)
INTERNAL_ERROR = Reply(500, "InternalError", "We encountered an internal error. Please try again.")
SLOW_DOWN = Reply(503, "SlowDown", "Please reduce your request rate.")
SLOW_DOWN_KMS = Reply(503, "SlowDown", "Please reduce your request rate for operations involving AWS KMS.")
KMS_THROTTLED = Reply(400, "KMS.ThrottlingException", "You have exceeded the rate at which you may call KMS.")
KMS_DISABLED = Reply(400, "KMS.DisabledException", "The request was rejected because the KMS key is disabled.")
KMS_NOT_FOUND = Reply(400, "KMS.NotFoundException", "The key does not exist.")
KMS_KEY_USAGE = Reply(400, "KMS.InvalidKeyUsageException", "The key usage is not ENCRYPT_DECRYPT.")
KMS_ASYMMETRIC = Reply(400, "KMS.UnsupportedOperationException", "The operation is not supported for this key.")
