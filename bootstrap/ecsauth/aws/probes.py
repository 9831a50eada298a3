"""Probes of S3 for `doctor`: the status of S3's answers. The body of an object is never read."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from ecsauth.aws import error_document
from ecsauth.aws.attempt import Operation, at
from ecsauth.aws.refusals import foreign, refused
from ecsauth.aws.s3_get import facts_of
from ecsauth.aws.s3_request import S3Request, target
from ecsauth.doctor.remote import BucketAnswers, ObjectAnswers, ProbeAnswer

if TYPE_CHECKING:
    from ecsauth.aws.attempt import Attempt
    from ecsauth.aws.http_exchange import HttpResponse
    from ecsauth.aws.s3_request import SignedS3
    from ecsauth.aws_names import S3URI


class Probes:
    """The probes of one object and its bucket; `owner` is the account that must own the bucket."""

    def __init__(self, s3: SignedS3, uri: S3URI, owner: str) -> None:
        self._s3 = s3
        self._uri = uri
        self._owner = {"x-amz-expected-bucket-owner": owner}
        self._object = target(uri.key, versionId=uri.version_id)

    def bucket(self) -> BucketAnswers:
        """Probe the bucket; raise UnreachableError, or DeniedError if the TLS certificate cannot be verified."""
        owned = self._head_bucket(self._owner)
        if owned.is_ok:
            return BucketAnswers(owned)
        # The answer to a HEAD request has no body, so it contains no reason.
        listing = self._listing()
        anyone = self._head_bucket({}) if listing.status == HTTPStatus.FORBIDDEN else None
        return BucketAnswers(owned, listing, anyone)

    def key(self) -> ObjectAnswers:
        """Probe the object; raise UnreachableError."""
        owned = self._head_object(self._owner)
        if owned.status != HTTPStatus.FORBIDDEN:
            return ObjectAnswers(owned, got=None if owned.is_ok else self.got())
        return ObjectAnswers(owned, self._head_object({}), self._listing(), self.got())

    def got(self) -> ProbeAnswer:
        """Request the object's first byte, for which S3 must decrypt it; raise UnreachableError."""
        found = self._ask(Operation.GET, "GET", self._object, {**self._owner, "range": "bytes=0-0"})
        # An empty object has no first byte (RFC 9110, 416), but it could be read.
        is_empty = found.status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE
        return found._replace(status=HTTPStatus.OK.value, meaning="") if is_empty else found

    def _head_bucket(self, owner: dict[str, str]) -> ProbeAnswer:
        return self._ask(Operation.LOOK_AT_BUCKET, "HEAD", target(), owner)

    def _head_object(self, owner: dict[str, str]) -> ProbeAnswer:
        return self._ask(Operation.LOOK, "HEAD", self._object, owner)

    def _listing(self) -> ProbeAnswer:
        query = {"list-type": "2", "max-keys": "1", "prefix": self._uri.key}
        return self._ask(Operation.LIST, "GET", target(**query), self._owner)

    def _ask(self, operation: Operation, method: str, asked: str, headers: dict[str, str]) -> ProbeAnswer:
        what = at(operation, self._uri)
        answer = self._s3.ask(S3Request(method, self._uri.bucket, asked, headers), what)
        if answer.status >= HTTPStatus.MULTIPLE_CHOICES:
            return _refused(answer, what)
        found = _answer(answer)
        if operation is Operation.LOOK:
            return found._replace(facts=facts_of(answer.headers, what))
        if operation is Operation.LIST:
            return found._replace(listed=self._uri.key in _keys(answer, what))
        return found


def _answer(answer: HttpResponse) -> ProbeAnswer:
    told = error_document.refusal_of(answer)
    offset = -told.behind if told.behind is not None else None
    return ProbeAnswer(answer.status, region=told.region, offset=offset)


def _refused(answer: HttpResponse, what: Attempt) -> ProbeAnswer:
    """Return a refusal. The meaning of a denial is left to the judgement, which compares all answers."""
    refusal = error_document.refusal_of(answer)
    known, found = refused(refusal, what), _answer(answer)._replace(reason=refusal.message)
    if answer.status == HTTPStatus.FORBIDDEN and known.is_unexplained:
        return found
    return found._replace(meaning=known.reason, fix=known.hints[0] if known.hints else "")


def _keys(answer: HttpResponse, what: Attempt) -> tuple[str, ...]:
    """Return the keys in a listing; raise UnreachableError if the answer is not a listing."""
    root = error_document.parsed(answer.body)
    if root is None or not root.tag.endswith("ListBucketResult"):
        raise foreign(what)
    return tuple(element.text or "" for element in root.iter() if element.tag.endswith("}Key") or element.tag == "Key")
