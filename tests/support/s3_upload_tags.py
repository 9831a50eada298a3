"""S3 in which each upload has an ETag of its own, as under SSE-KMS; moto's is the MD5 of the content, always.

It makes a difference where the same content is put again, as by a rollback: a client that has the earlier upload must
not be told that nothing has changed. Source: Amazon S3 API Reference, "Object": an ETag under SSE-KMS is no digest of
the data.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Optional

from loopback_server import Answer
from s3_faults import error_document
from s3_proxy import S3Proxy

if TYPE_CHECKING:
    from s3_request import Request

_CONDITIONS = ("if-match", "if-none-match")
_VERSION = "x-amz-version-id"
_TAG_IN_COPY = re.compile(rb"<ETag>[^<]*</ETag>")
Headers = list[tuple[str, str]]


class UploadTagsProxy(S3Proxy):
    """The proxy, with such ETags for every object that has a version."""

    def course(self, request: Request, target: str, headers: Headers, body: bytes) -> Answer:
        """Return S3's response to a request that no fault happens to."""
        if not request.key or request.operation not in ("GetObject", "HeadObject", "PutObject"):
            return super().course(request, target, headers, body)
        plain = [(name, value) for name, value in headers if name.lower() not in _CONDITIONS]
        if request.method == "PUT":
            return self._put(request, target, headers, body)
        response = _tagged(super().course(request, target, plain, body))
        if response.header("ETag") is not None and response.header("ETag") == request.headers.get("if-none-match"):
            kept = tuple(one for one in response.headers if one[0].lower() in ("etag", "last-modified"))
            return Answer(304, kept)
        return response

    def _put(self, request: Request, target: str, headers: Headers, body: bytes) -> Answer:
        """Put or copy; a condition on an ETag is decided here, one on an absent object by moto."""
        wanted = request.headers.get("if-match")
        if wanted is not None:
            seen = self._tag(request, headers)
            if seen != wanted:
                text = "At least one of the pre-conditions you specified did not hold"
                return error_document(412, "PreconditionFailed", text, request.path)
            headers = [(name, value) for name, value in headers if name.lower() != "if-match"]
        return _tagged(super().course(request, target, headers, body))

    def _tag(self, request: Request, headers: Headers) -> Optional[str]:
        signed = [(name, value) for name, value in headers if name.lower() in ("host", "authorization")]
        look = request._replace(method="HEAD", operation="HeadObject", headers={})
        return _tagged(super().course(look, request.path, signed, b"")).header("ETag")


def _tagged(response: Answer) -> Answer:
    version = response.header(_VERSION)
    if response.status != 200 or version in (None, "null"):
        return response
    tag = f'"{hashlib.md5(str(version).encode(), usedforsecurity=False).hexdigest()}"'
    if response.header("ETag") is not None:
        response = response.with_header("ETag", tag)
    if b"<CopyObjectResult" in response.body:
        body = _TAG_IN_COPY.sub(b"<ETag>" + tag.encode() + b"</ETag>", response.body)
        return response._replace(body=body).with_header("Content-Length", str(len(body)))
    return response
