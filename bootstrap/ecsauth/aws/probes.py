"""Probes of S3 for `doctor`: what S3 answers, not what it holds. No body of an object is ever read."""

from __future__ import annotations

import contextlib
import email.utils
import time
from typing import TYPE_CHECKING, Any, Callable, Optional

import botocore
from botocore.exceptions import ClientError

from ecsauth.aws.attempt import Attempt, Operation, at
from ecsauth.aws.errors import translate
from ecsauth.aws.s3 import facts_of, translated, understood
from ecsauth.doctor.remote import BucketAnswers, ObjectAnswers, ProbeAnswer

if TYPE_CHECKING:
    from mypy_boto3_s3.client import S3Client

    from ecsauth.aws_names import S3URI

# What the client of the probes has to be allowed.
OPERATIONS = frozenset({"HeadBucket", "ListObjectsV2", "HeadObject", "GetObject"})
_REGION_HEADER = "x-amz-bucket-region"
_FORBIDDEN = 403
# An empty object has no first byte (RFC 9110, 416): it could be read.
_NO_RANGE = 416


def sdk_version() -> str:
    """Return botocore's version."""
    version: str = botocore.__version__
    return version


class Probes:
    """What S3 says of one object and its bucket to one client; `owner` is the account that has to own the bucket."""

    def __init__(self, client: S3Client, uri: S3URI, owner: str) -> None:
        self._client: Any = client
        self._uri = uri
        self._owner = {"ExpectedBucketOwner": owner}
        self._place = {"Bucket": uri.bucket, "Key": uri.key}
        if uri.version_id:
            self._place["VersionId"] = uri.version_id

    def close(self) -> None:
        """Close the client's connections."""
        self._client.close()

    def bucket(self) -> BucketAnswers:
        """Ask for the bucket; raise UnreachableError, and DeniedError where there are no credentials."""
        owned = self._head_bucket(self._owner)
        if owned.is_ok:
            return BucketAnswers(owned)
        # The answer to a HEAD has no body, and so no reason.
        listing = self._listing()
        anyone = self._head_bucket({}) if listing.status == _FORBIDDEN else None
        return BucketAnswers(owned, listing, anyone)

    def key(self) -> ObjectAnswers:
        """Ask for the object; raise UnreachableError."""
        owned = self._head_object(self._owner)
        if owned.status != _FORBIDDEN:
            return ObjectAnswers(owned, got=None if owned.is_ok else self.got())
        return ObjectAnswers(owned, self._head_object({}), self._listing(), self.got())

    def got(self) -> ProbeAnswer:
        """Ask for the object's first byte, which is decrypted for it, and hang up; raise UnreachableError."""

        def get() -> Any:
            answer = self._client.get_object(**self._place, **self._owner, Range="bytes=0-0")
            answer.pop("Body").close()
            return answer

        found = self._ask(Operation.GET, get)
        return found._replace(status=200, meaning="") if found.status == _NO_RANGE else found

    def _head_bucket(self, owner: dict[str, str]) -> ProbeAnswer:
        return self._ask(Operation.LOOK_AT_BUCKET, lambda: self._client.head_bucket(Bucket=self._uri.bucket, **owner))

    def _head_object(self, owner: dict[str, str]) -> ProbeAnswer:
        return self._ask(Operation.LOOK, lambda: self._client.head_object(**self._place, **owner), facts=True)

    def _listing(self) -> ProbeAnswer:
        return self._ask(
            Operation.LIST,
            lambda: self._client.list_objects_v2(
                Bucket=self._uri.bucket, Prefix=self._uri.key, MaxKeys=1, **self._owner
            ),
        )

    def _ask(self, operation: Operation, call: Callable[[], Any], *, facts: bool = False) -> ProbeAnswer:
        what = at(operation, self._uri)
        with translated(what), understood(what):
            try:
                answer = call()
            except ClientError as fault:
                return _refused(fault, what)
            listed = any(one["Key"] == self._uri.key for one in answer.get("Contents", ()))
            return _answer(answer, facts=facts_of(answer, verified=False) if facts else None, listed=listed)


def _answer(response: Any, **more: Any) -> ProbeAnswer:
    meta = response.get("ResponseMetadata", {})
    headers = meta.get("HTTPHeaders", {})
    return ProbeAnswer(
        int(meta.get("HTTPStatusCode", 0)), region=headers.get(_REGION_HEADER), offset=_offset(headers), **more
    )


def _refused(fault: ClientError, what: Attempt) -> ProbeAnswer:
    """Return a refusal; that S3 denies access is left to whoever compares the answers."""
    response: Any = fault.response
    answer = _answer(response, reason=str(response["Error"].get("Message", "")))
    known = translate(fault, what)
    if answer.status == _FORBIDDEN and known.is_unexplained:
        return answer
    return answer._replace(meaning=known.reason, fix=known.hints[0] if known.hints else "")


def _offset(headers: dict[str, str]) -> Optional[float]:
    """Return by how many seconds this clock is ahead of the answer's date."""
    with contextlib.suppress(TypeError, ValueError):
        return time.time() - email.utils.parsedate_to_datetime(headers.get("date", "")).timestamp()
    return None
