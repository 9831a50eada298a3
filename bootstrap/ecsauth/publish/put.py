"""The versions of an object, newest first, as a bucket's listing tells them."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Callable, NamedTuple, Optional, Protocol, Union

from ecsauth.errors import ConflictError, DeniedError, EcsauthError, UnreachableError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ecsauth.aws_names import S3URI
    from ecsauth.boot.trust import ObjectFacts

# Amazon S3 User Guide, "Versioning": what was put while the bucket was not versioned.
UNVERSIONED = "null"


class Edition(NamedTuple):
    """One line of the listing: a version, or a delete marker, which has no content."""

    version_id: str
    last_modified: int
    is_current: bool
    is_deletion: bool = False
    size: int = 0


def merged(versions: Sequence[Edition], deletions: Sequence[Edition]) -> tuple[Edition, ...]:
    """Return both in one order, newest first; each of them comes in that order.

    S3 tells them in two lists, by whole seconds: a version and a delete marker of the same second stand as they were
    probably made, the version first, unless it is the current one.
    """
    left, others, found = list(versions), list(deletions), []
    while left and others:
        one, other = left[0], others[0]
        is_first = (one.is_current, one.last_modified) > (other.is_current, other.last_modified)
        found.append(left.pop(0) if is_first else others.pop(0))
    return (*found, *left, *others)


def is_unversioned(editions: Sequence[Edition]) -> bool:
    """Tell whether the bucket has kept no versions of the object so far."""
    return all(edition.version_id == UNVERSIONED for edition in editions)


# Names of user-defined metadata; S3 sends them as x-amz-meta-….
_BY, _PROGRAM, _NONCE, _ORIGIN = (
    "ecsauth-pushed-by",
    "ecsauth-version",
    "ecsauth-nonce",
    "ecsauth-rolled-back-from",
)
# An ARN of IAM or STS, a version: what stands there may have been written by anybody who may put.
_PLAIN = r"[\x21-\x7e]{1,1024}"
# Somebody else's put that is under way is over in less than a second.
_TRIES = 5
_FIRST_WAIT = 0.1
# So many versions back is looked for one's own, if an answer was lost and others have pushed since.
_RECENT = 10


class Mark(NamedTuple):
    """What ecsauth notes in the metadata of an object: who says to have put it, with what. Nothing of the content."""

    by: Optional[str] = None
    program: Optional[str] = None
    nonce: Optional[str] = None
    rolled_back_from: Optional[str] = None

    def metadata(self) -> dict[str, str]:
        """Return the mark as S3 keeps it."""
        names = (_BY, _PROGRAM, _NONCE, _ORIGIN)
        return {name: text for name, text in zip(names, self) if text}


def mark_of(metadata: dict[str, str]) -> Mark:
    """Return the mark in an object's metadata; what cannot be one is left out."""
    texts = (metadata.get(name, "") for name in (_BY, _PROGRAM, _NONCE, _ORIGIN))
    return Mark(*(text if re.fullmatch(_PLAIN, text) else None for text in texts))


class Held(NamedTuple):
    """One version of an object as S3 describes it, without its content."""

    facts: ObjectFacts
    mark: Mark
    size: int = 0


class NewVersion(NamedTuple):
    """What is to be put, under which key, and in place of what: the ETag that was shown, None for no object."""

    data: bytes
    kms_key: str
    replaces: Optional[str]
    mark: Mark
    content_type: str = "text/plain; charset=utf-8"

    def __repr__(self) -> str:
        return f"Draft(***, {self.kms_key!r}, {self.replaces!r}, {self.mark!r})"


class RefusedPutError(ConflictError):
    """S3 refused a conditional put. `is_busy`: another write was under way (409), so that it may be tried again.

    `is_repeated`: an earlier try got no answer, and may have been carried out.
    """

    def __init__(self, message: str, *hints: str, is_busy: bool, is_repeated: bool) -> None:
        super().__init__(message, *hints)
        self.is_busy = is_busy
        self.is_repeated = is_repeated


class VersionStore(Protocol):
    """The object's place in S3."""

    def look(self, uri: S3URI) -> Optional[Held]:
        """Return what is there, None for nothing; raise DeniedError and UnreachableError."""

    def put(self, uri: S3URI, draft: NewVersion) -> Held:
        """Put, and return what S3 answers; raise RefusedPutError, DeniedError and UnreachableError."""

    def recent(self, uri: S3URI, count: int) -> Sequence[str]:
        """Return the IDs of so many versions, newest first; raise DeniedError and UnreachableError."""


class Published(NamedTuple):
    """What a put has made. `is_read_back`: S3 was asked for it once more. `is_superseded`: a newer one is there."""

    held: Held
    is_read_back: bool = True
    is_superseded: bool = False


def publish(shelf: VersionStore, uri: S3URI, draft: NewVersion, sleep: Callable[[float], None]) -> Published:
    """Put the draft, if nobody else was faster, and read back what S3 made of it.

    Raises ConflictError, with who and when, if somebody was, and where the store refuses a condition that holds;
    DeniedError and UnreachableError with nothing put.
    """
    for number in range(_TRIES):
        try:
            return _read_back(shelf, uri, shelf.put(uri, draft))
        except RefusedPutError as refusal:
            try:
                found = _sought(shelf, uri, draft, is_repeated=refusal.is_repeated)
            except EcsauthError:
                # Who was faster is not to be known then.
                raise ConflictError(refusal.message, *refusal.hints) from None
            if isinstance(found, Published):
                return found
            is_unchanged = (found.facts.etag if found else None) == draft.replaces
            if not refusal.is_busy or not is_unchanged or number == _TRIES - 1:
                if is_unchanged and not refusal.is_busy:
                    raise _no_conditions(uri, draft) from None
                raise _conflict(uri, found, refusal, is_unchanged=is_unchanged) from None
        except UnreachableError:
            # No answer says nothing about what was done.
            made = _made_after_all(shelf, uri, draft)
            if made is None:
                raise
            return made
        sleep(_wait(number, draft.mark.nonce or ""))
    raise AssertionError  # the last try returns or raises


def _wait(number: int, nonce: str) -> float:
    """Return longer and longer waits, not the same for two who push at once."""
    share = int(nonce[:4], 16) / 0xFFFF if re.fullmatch("[0-9a-f]{4,}", nonce) else 0.5
    return _FIRST_WAIT * float(2**number) * (0.5 + share)


def _read_back(shelf: VersionStore, uri: S3URI, answered: Held) -> Published:
    """Look at the version that was made; who may not look, or gets no answer, has what S3 said to the put."""
    version = answered.facts.version_id
    try:
        seen = shelf.look(uri._replace(version_id=version))
    except (DeniedError, UnreachableError):
        return Published(answered, is_read_back=False)
    if seen is not None and seen.facts.etag == answered.facts.etag:
        return Published(seen)
    # Without versions somebody's next push takes the place of ours.
    if seen is None:
        raise ConflictError(f"{uri} was put, but is not there any more", "look at who deleted it")
    return Published(answered, is_superseded=True)


def _sought(shelf: VersionStore, uri: S3URI, draft: NewVersion, *, is_repeated: bool) -> Union[Published, Held, None]:
    """Return our own version, if a try was carried out after all, else what is there now."""
    seen = shelf.look(uri)
    if seen is not None and _is_own(seen, draft):
        return Published(seen)
    if is_repeated and (seen.facts.etag if seen else None) != draft.replaces:
        return _superseded(shelf, uri, draft) or seen
    return seen


def _made_after_all(shelf: VersionStore, uri: S3URI, draft: NewVersion) -> Optional[Published]:
    """Return what an unanswered put has made, None if nothing, or if that cannot be told either."""
    try:
        found = _sought(shelf, uri, draft, is_repeated=True)
    except EcsauthError:
        return None
    return found if isinstance(found, Published) else None


def _superseded(shelf: VersionStore, uri: S3URI, draft: NewVersion) -> Optional[Published]:
    """Return our own version if it is among the latest ones; None too if that may not be seen."""
    try:
        for version in shelf.recent(uri, _RECENT):
            seen = shelf.look(uri._replace(version_id=version))
            if seen is not None and _is_own(seen, draft):
                return Published(seen, is_superseded=True)
    except (DeniedError, UnreachableError):
        pass
    return None


def _is_own(held: Held, draft: NewVersion) -> bool:
    return held.mark.nonce is not None and held.mark.nonce == draft.mark.nonce


def _no_conditions(uri: S3URI, draft: NewVersion) -> ConflictError:
    """Say that the store refuses a condition which holds: it will do so at every try."""
    what, condition = (
        ("it is unchanged", "If-Match") if draft.replaces else ("there is no such object", "If-None-Match")
    )
    return ConflictError(
        f"cannot put {uri}: the store refuses the condition {condition}, but {what}",
        "this store does not support conditional writes as Amazon S3 does; ecsauth puts on a condition only, so that"
        " nobody's change is lost: use a store that does",
    )


def _conflict(uri: S3URI, now: Optional[Held], refusal: RefusedPutError, *, is_unchanged: bool) -> ConflictError:
    """Say who was faster, and when, as far as the object says so."""
    again = "look at what is there now, then push again"
    if is_unchanged:
        return ConflictError(refusal.message, *refusal.hints)
    if now is None:
        return ConflictError(f"cannot put {uri}: somebody deleted it meanwhile", again)
    return ConflictError(f"cannot put {uri}: somebody else changed it first: {described(now)}", again)


def described(held: Held) -> str:
    """Return version, when and who, as `version V, 2026-11-26T15:00:00Z, by ARN (as it says)`."""
    version = held.facts.version_id
    parts = [f"version {version}"] if version else []
    return ", ".join((*parts, moment(held.facts.last_modified), author(held.mark)))


def author(mark: Mark) -> str:
    """Return who says to have put an object."""
    if mark.by:
        return f"by {mark.by}"
    return "by somebody with ecsauth" if mark.nonce else "by somebody without ecsauth"


def moment(seconds: int) -> str:
    """Return a point in time, RFC 3339."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
