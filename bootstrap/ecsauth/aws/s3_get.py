"""Get and verify one S3 object, without the SDK, for `boot`."""

from __future__ import annotations

import base64
import hashlib
import re
import time
import zlib
from http import HTTPStatus
from typing import TYPE_CHECKING, Callable, Optional

from ecsauth.aws import credentials
from ecsauth.aws.attempt import Operation, at
from ecsauth.aws.connection import ALTERED
from ecsauth.aws.refusals import foreign, moment, refused
from ecsauth.aws.s3_request import S3Request, SignedS3, refusal_of, target
from ecsauth.boot.fetch import Fetched, Identity
from ecsauth.boot.trust import ObjectFacts
from ecsauth.envfile import LARGEST
from ecsauth.errors import InvalidError, SettlingError, TimeUpError
from ecsauth.secret import SecretBytes
from ecsauth.timing import within

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ecsauth.aws.attempt import Attempt
    from ecsauth.aws.credentials import Signer
    from ecsauth.aws.http_exchange import HttpResponse
    from ecsauth.aws_names import S3URI

# The checksums that the standard library can verify, by their names in S3's headers.
_CHECKSUMS: dict[str, Callable[[bytes], bytes]] = {
    "CRC32": lambda data: zlib.crc32(data).to_bytes(4, "big"),
    "SHA1": lambda data: hashlib.sha1(data, usedforsecurity=False).digest(),
    "SHA256": lambda data: hashlib.sha256(data).digest(),
}


class InstanceStore:
    """S3 as `boot` uses it: one GetObject, with the keys of the environment, of a profile or of the instance's role.

    The keys are searched again for each try, because a role may be late. It passes `warn` each corrected problem.
    """

    def __init__(self, profile: Optional[str] = None, warn: Callable[[str], None] = lambda _: None) -> None:
        self._profile = profile
        self._warn = warn

    def fetch(self, uri: S3URI, identity: Identity, unless: Optional[str], seconds: float) -> Optional[Fetched]:
        """Return the object, or None if its ETag is still `unless`. The account in `identity` must own the bucket.

        Raises DeniedError, InvalidError if the object is larger than any env-file, UsageError, and UnreachableError
        after `seconds` at the latest.
        """
        what = at(Operation.GET, uri)
        end = time.monotonic() + seconds
        signers: list[Signer] = []

        def get() -> Optional[Fetched]:
            # A shorter limit, so that an error of the metadata service is reported instead of the plain timeout.
            signers.append(credentials.find(self._profile, what, 0.9 * (end - time.monotonic())))
            try:
                return got(SignedS3(signers[0], identity.region, self._warn), uri, identity.account, unless)
            except SettlingError as fault:
                fault.patience = credentials.patience(self._profile)
                raise

        return within(seconds, get, lambda: _no_answer(what, seconds) if signers else _no_keys(what, seconds))


def got(s3: SignedS3, uri: S3URI, owner: Optional[str] = None, unless: Optional[str] = None) -> Optional[Fetched]:
    """Return the object, or None if its ETag is still `unless`; raise as `InstanceStore.fetch` does."""
    what = at(Operation.GET, uri)
    headers = {"x-amz-checksum-mode": "ENABLED"}
    if owner:
        headers["x-amz-expected-bucket-owner"] = owner
    if unless:
        headers["if-none-match"] = unless
    answer = s3.ask(S3Request("GET", uri.bucket, target(uri.key, versionId=uri.version_id), headers, LARGEST), what)
    if answer.status == HTTPStatus.NOT_MODIFIED and unless:
        return None
    if answer.status != HTTPStatus.OK:
        raise refused(refusal_of(answer), what)
    if len(answer.body) > LARGEST:
        raise InvalidError(f"{uri} is larger than {LARGEST // 1024} KiB, the limit of an env-file")
    return Fetched(facts_of(answer.headers, what, _verified(answer, what)), SecretBytes(answer.body))


def looked(s3: SignedS3, uri: S3URI, owner: str) -> Optional[ObjectFacts]:
    """Return the metadata of the object, None if there is none; raise DeniedError or UnreachableError."""
    what = at(Operation.LOOK, uri)
    headers = {"x-amz-expected-bucket-owner": owner}
    answer = s3.ask(S3Request("HEAD", uri.bucket, target(uri.key, versionId=uri.version_id), headers), what)
    if answer.status == HTTPStatus.NOT_FOUND:
        return None
    if answer.status != HTTPStatus.OK:
        raise refused(refusal_of(answer), what)
    return facts_of(answer.headers, what)


def facts_of(headers: Mapping[str, str], what: Attempt, checksum: Optional[str] = None) -> ObjectFacts:
    """Return the metadata of the object in an answer's headers; raise UnreachableError if they are not S3's."""
    try:
        return ObjectFacts(
            etag=_plain(headers["etag"]) or "",
            last_modified=int(moment(headers["last-modified"])),
            version_id=_plain(headers.get("x-amz-version-id")),
            encryption=_plain(headers.get("x-amz-server-side-encryption")),
            kms_key=_plain(headers.get("x-amz-server-side-encryption-aws-kms-key-id")),
            checksum=checksum,
        )
    except (KeyError, ValueError):
        raise foreign(what) from None


def _plain(value: Optional[str]) -> Optional[str]:
    """Return a header value that is shown, recorded and sent again; raise ValueError if S3 would not send it."""
    if value is not None and not re.fullmatch(r"[\x20-\x7e]{1,2048}", value):
        raise ValueError
    return value


def _verified(answer: HttpResponse, what: Attempt) -> Optional[str]:
    """Verify the object and return the name of the checksum, None if it has no usable one; raise if it does not match.

    The checksum of a multipart upload, which has a hyphen in it, is made of those of its parts and cannot be verified.
    """
    found = None
    for name, of in _CHECKSUMS.items():
        told = answer.headers.get(f"x-amz-checksum-{name.lower()}")
        if told is None or "-" in told:
            continue
        digest = of(answer.body)
        if told != base64.b64encode(digest).decode():
            raise (ALTERED.told(what) if _is_digest(told, len(digest)) else foreign(what))
        found = found or name
    return found


def _is_digest(text: str, length: int) -> bool:
    try:
        return len(base64.b64decode(text, validate=True)) == length
    except ValueError:
        return False


def _no_keys(what: Attempt, seconds: float) -> TimeUpError:
    return TimeUpError(
        f"cannot {what}: no credentials within {seconds:.0f} s",
        "on EC2: check that the metadata service answers; in a container its hop limit must be 2",
    )


def _no_answer(what: Attempt, seconds: float) -> TimeUpError:
    return TimeUpError(
        f"cannot {what}: no complete answer within {seconds:.0f} s",
        "check DNS and the route to S3: a gateway endpoint or NAT",
    )
