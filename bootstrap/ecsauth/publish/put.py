"""The conditional put: nobody else's change is lost, and a put whose answer was lost is recognised."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Callable, NamedTuple, Optional, Protocol, Union

from ecsauth.errors import ConflictError, DeniedError, EcsauthError, UnreachableError
from ecsauth.publish.versions import described

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ecsauth.aws_names import S3URI
    from ecsauth.publish.versions import ObjectVersion, PushMetadata, VersionContent
    from ecsauth.secret import SecretBytes

# Somebody else's put that is under way is over in less than a second.
_TRIES = 5
_FIRST_WAIT = 0.1
# So many versions back is looked for one's own, if an answer was lost and others have pushed since.
_RECENT = 10


class NewVersion(NamedTuple):
    """What is to be put, under which key, and in place of what: the ETag that was shown, None for no object."""

    data: SecretBytes
    kms_key: str
    replaces: Optional[str]
    metadata: PushMetadata
    content_type: str = "text/plain; charset=utf-8"


class RefusedPutError(ConflictError):
    """S3 refused a conditional put. `is_busy`: another write was under way (409), so that it may be tried again.

    `is_repeated`: an earlier try got no answer, and may have been carried out.
    """

    def __init__(self, message: str, *hints: str, is_busy: bool, is_repeated: bool) -> None:
        super().__init__(message, *hints)
        self.is_busy = is_busy
        self.is_repeated = is_repeated


class VersionStore(Protocol):
    """S3 as the operator uses it."""

    def look(self, uri: S3URI) -> Optional[ObjectVersion]:
        """Return what is there, None for nothing; raise DeniedError and UnreachableError."""

    def read(self, uri: S3URI, seen: Optional[ObjectVersion] = None) -> VersionContent:
        """Return the object with its content; `seen`, if it is still the same one, saves a request for its metadata.

        Raises DeniedError, if there is no object too, InvalidError for one that is too large, and UnreachableError.
        """

    def put(self, uri: S3URI, new: NewVersion) -> ObjectVersion:
        """Put, and return what S3 answers; raise RefusedPutError, DeniedError and UnreachableError."""

    def recent(self, uri: S3URI, count: int) -> Sequence[str]:
        """Return the IDs of so many versions, newest first; raise DeniedError and UnreachableError."""


class Published(NamedTuple):
    """What a put has made. `is_read_back`: S3 was asked for it once more. `is_superseded`: a newer one is there."""

    version: ObjectVersion
    is_read_back: bool = True
    is_superseded: bool = False


def put(store: VersionStore, uri: S3URI, new: NewVersion, sleep: Callable[[float], None]) -> Published:
    """Put the version, if nobody else was faster, and read back what S3 made of it.

    Raises ConflictError, with who and when, if somebody was, and where the store refuses a condition that holds;
    DeniedError and UnreachableError with nothing put.
    """
    for number in range(_TRIES):
        try:
            return _read_back(store, uri, store.put(uri, new))
        except RefusedPutError as refusal:
            try:
                found = _sought(store, uri, new, is_repeated=refusal.is_repeated)
            except EcsauthError:
                # Who was faster is not to be known then.
                raise ConflictError(refusal.message, *refusal.hints) from None
            if isinstance(found, Published):
                return found
            is_unchanged = (found.facts.etag if found else None) == new.replaces
            if not refusal.is_busy or not is_unchanged or number == _TRIES - 1:
                if is_unchanged and not refusal.is_busy:
                    raise _no_conditions(uri, new) from None
                raise _conflict(uri, found, refusal, is_unchanged=is_unchanged) from None
        except UnreachableError:
            # No answer says nothing about what was done.
            made = _made_after_all(store, uri, new)
            if made is None:
                raise
            return made
        sleep(_wait(number, new.metadata.nonce or ""))
    raise AssertionError  # the last try returns or raises


def _wait(number: int, nonce: str) -> float:
    """Return longer and longer waits, not the same for two who push at once."""
    share = int(nonce[:4], 16) / 0xFFFF if re.fullmatch("[0-9a-f]{4,}", nonce) else 0.5
    return _FIRST_WAIT * float(2**number) * (0.5 + share)


def _read_back(store: VersionStore, uri: S3URI, answered: ObjectVersion) -> Published:
    """Look at the version that was made; who may not look, or gets no answer, has what S3 said to the put."""
    version = answered.facts.version_id
    try:
        seen = store.look(uri._replace(version_id=version))
    except (DeniedError, UnreachableError):
        return Published(answered, is_read_back=False)
    if seen is not None and seen.facts.etag == answered.facts.etag:
        return Published(seen)
    # Without versions somebody's next push takes the place of ours.
    if seen is None:
        raise ConflictError(f"{uri} was put, but is not there any more", "look at who deleted it")
    return Published(answered, is_superseded=True)


def _sought(
    store: VersionStore, uri: S3URI, new: NewVersion, *, is_repeated: bool
) -> Union[Published, ObjectVersion, None]:
    """Return our own version, if a try was carried out after all, else what is there now."""
    seen = store.look(uri)
    if seen is not None and _is_own(seen, new):
        return Published(seen)
    if is_repeated and (seen.facts.etag if seen else None) != new.replaces:
        return _superseded(store, uri, new) or seen
    return seen


def _made_after_all(store: VersionStore, uri: S3URI, new: NewVersion) -> Optional[Published]:
    """Return what an unanswered put has made, None if nothing, or if that cannot be told either."""
    try:
        found = _sought(store, uri, new, is_repeated=True)
    except EcsauthError:
        return None
    return found if isinstance(found, Published) else None


def _superseded(store: VersionStore, uri: S3URI, new: NewVersion) -> Optional[Published]:
    """Return our own version if it is among the latest ones; None too if that may not be seen."""
    try:
        for version in store.recent(uri, _RECENT):
            seen = store.look(uri._replace(version_id=version))
            if seen is not None and _is_own(seen, new):
                return Published(seen, is_superseded=True)
    except (DeniedError, UnreachableError):
        pass
    return None


def _is_own(version: ObjectVersion, new: NewVersion) -> bool:
    return version.metadata.nonce is not None and version.metadata.nonce == new.metadata.nonce


def _no_conditions(uri: S3URI, new: NewVersion) -> ConflictError:
    """Say that the store refuses a condition which holds: it will do so at every try."""
    what, condition = ("it is unchanged", "If-Match") if new.replaces else ("there is no such object", "If-None-Match")
    return ConflictError(
        f"cannot put {uri}: the store refuses the condition {condition}, but {what}",
        "this store does not support conditional writes as Amazon S3 does; ecsauth puts on a condition only, so that"
        " nobody's change is lost: use a store that does",
    )


def _conflict(
    uri: S3URI, now: Optional[ObjectVersion], refusal: RefusedPutError, *, is_unchanged: bool
) -> ConflictError:
    """Say who was faster, and when, as far as the object says so."""
    again = "look at what is there now, then push again"
    if is_unchanged:
        return ConflictError(refusal.message, *refusal.hints)
    if now is None:
        return ConflictError(f"cannot put {uri}: somebody deleted it meanwhile", again)
    return ConflictError(f"cannot put {uri}: somebody else changed it first: {described(now)}", again)
