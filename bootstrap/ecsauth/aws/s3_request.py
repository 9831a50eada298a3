"""Signed requests to S3 from an instance, with the standard library alone.

A boot needs only one GetObject, so it does not load the SDK. docs/security.md says how this code is verified.
"""

from __future__ import annotations

import random
import time
from http import HTTPStatus
from typing import TYPE_CHECKING, Callable, NamedTuple, Optional
from urllib.parse import quote

from ecsauth.aws import endpoint
from ecsauth.aws.refusals import TOO_SKEWED, clock, refused, told
from ecsauth.aws.signed_request import ServiceRequest, send
from ecsauth.errors import EcsauthError, UnreachableError, UsageError
from ecsauth.timing import note

if TYPE_CHECKING:
    from ecsauth.aws.attempt import Attempt
    from ecsauth.aws.credentials import Signer
    from ecsauth.aws.http_exchange import HttpResponse
    from ecsauth.aws.refusals import ServiceRefusal

_ELSEWHERE = (HTTPStatus.MOVED_PERMANENTLY, HTTPStatus.FOUND, HTTPStatus.TEMPORARY_REDIRECT)
_OF_ANOTHER_REGION = ("AuthorizationHeaderMalformed", "PermanentRedirect", "IllegalLocationConstraintException")
# Much larger than any error document, or a page of a listing with one key.
_LONGEST_DOCUMENT = 64 * 1024
# Maximum of the seconds between a transient error and the second try.
_PAUSE = 1.0


class S3Request(NamedTuple):
    """A request to a bucket: `target` is the quoted path after its name; `longest` is the size limit of the body."""

    method: str
    bucket: str
    target: str
    headers: dict[str, str]
    longest: int = 0


def target(key: str = "", **query: Optional[str]) -> str:
    """Return the path of a key ("" for the bucket itself), with the given query parameters."""
    pairs = [f"{name}={quote(value, safe='')}" for name, value in query.items() if value is not None]
    path = f"/{quote(key, safe='/~')}" if key else ""
    return path + ("?" + "&".join(pairs) if pairs else "")


class SignedS3:
    """S3 in one region, with the keys of a signer. It passes `warn` each problem that it has corrected."""

    def __init__(self, signer: Signer, region: str, warn: Callable[[str], None] = lambda _: None) -> None:
        self._signer = signer
        self._region = region
        self._warn = warn
        self._behind = 0.0

    def ask(self, request: S3Request, what: Attempt) -> HttpResponse:
        """Return the answer, also if it is an error.

        A redirect to another region is followed once, a wrong clock is corrected once, and a transient error is retried
        once. Raises UnreachableError, DeniedError and UsageError.
        """
        try:
            answer = self._in_place(request, what)
        except UnreachableError as fault:
            passing: EcsauthError = fault
        else:
            if answer.status < HTTPStatus.BAD_REQUEST or not refusal_of(answer).is_passing:
                return answer
            passing = refused(refusal_of(answer), what)
        note(passing)
        time.sleep(random.uniform(0, _PAUSE))  # noqa: S311 - spreads load, keeps no secret
        return self._in_place(request, what)

    def _in_place(self, request: S3Request, what: Attempt) -> HttpResponse:
        """Return the answer from the bucket's region, with the time of the request corrected."""
        behind: Optional[float] = None
        is_followed = False
        while True:
            answer = self._send(request, what)
            if answer.status < HTTPStatus.MULTIPLE_CHOICES or answer.status == HTTPStatus.NOT_MODIFIED:
                break
            refusal = refusal_of(answer)
            region = self._other_region(request, refusal)
            if region is not None and not is_followed:
                self._region, is_followed = region, True
            elif refusal.code == TOO_SKEWED and refusal.behind is not None and behind is None:
                self._behind = behind = refusal.behind
            else:
                break
        if behind is not None and answer.status < HTTPStatus.BAD_REQUEST:
            self._warn(f"{clock(behind)}: the request was signed with the time of S3; start chronyd")
        return answer

    def _other_region(self, request: S3Request, refusal: ServiceRefusal) -> Optional[str]:
        """Return the region that a refusal names, None if it names none or the one of the request."""
        is_elsewhere = refusal.status in _ELSEWHERE or refusal.code in _OF_ANOTHER_REGION
        # The answer to a HEAD request has no document with a code.
        is_elsewhere |= request.method == "HEAD" and refusal.status == HTTPStatus.BAD_REQUEST
        return refusal.region if is_elsewhere and refusal.region != self._region else None

    def _send(self, request: S3Request, what: Attempt) -> HttpResponse:
        try:
            where = endpoint.s3(self._region, request.bucket, self._signer.environment)
        except UsageError as fault:
            raise told(UsageError, what, fault.reason, *fault.hints) from None
        place, longest = f"{self._region}/s3", max(request.longest, _LONGEST_DOCUMENT)
        asked = ServiceRequest(request.method, where, request.target, request.headers, place, longest, self._behind)
        return send(asked, self._signer, what)


def refusal_of(answer: HttpResponse) -> ServiceRefusal:
    """Return the refusal in an error answer."""
    # Imported here: parsing XML takes some milliseconds to load, and most answers need none.
    from ecsauth.aws import error_document

    return error_document.refusal_of(answer)
