"""The conditional put: it overwrites no other push, and it finds its own version if S3's answer was lost."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Callable, NamedTuple, Optional, Protocol, Union

from ecsauth.command_hint import CommandHint
from ecsauth.errors import ConflictError, DeniedError, EcsauthError, UnreachableError
from ecsauth.publish.versions import described

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ecsauth.aws_names import S3URI
    from ecsauth.publish.versions import ObjectVersion, PushMetadata, VersionContent
    from ecsauth.secret import SecretBytes

# Another put that is in progress ends in less than a second. Waits are in seconds.
_TRIES = 5
_FIRST_WAIT = 0.1
# How many versions are searched for our own if an answer was lost and others have pushed since.
_RECENT = 10


class NewVersion(NamedTuple):
    """The content to put and its KMS key. `replaces` is the ETag of the object in the review, None for no object."""

    data: SecretBytes
    kms_key: str
    replaces: Optional[str]
    metadata: PushMetadata
    content_type: str = "text/plain; charset=utf-8"


class RefusedPutError(ConflictError):
    """S3 refused a conditional put. `is_busy`: another write was in progress (409), so a retry can succeed.

    `is_repeated`: an earlier try got no answer and may have succeeded.
    """

    def __init__(self, message: str, *hints: str, is_busy: bool, is_repeated: bool) -> None:
        super().__init__(message, *hints)
        self.is_busy = is_busy
        self.is_repeated = is_repeated


class VersionStore(Protocol):
    """S3 as the operator uses it."""

    def look(self, uri: S3URI) -> Optional[ObjectVersion]:
        """Return the object without its content, None if there is none; raise DeniedError and UnreachableError."""

    def read(self, uri: S3URI, seen: Optional[ObjectVersion] = None) -> VersionContent:
        """Return the object with its content; `seen` saves a request for its metadata if the object is unchanged.

        Raises DeniedError (also if there is no object), InvalidError if it is too large, and UnreachableError.
        """

    def put(self, uri: S3URI, new: NewVersion) -> ObjectVersion:
        """Put the version and return S3's answer; raise RefusedPutError, DeniedError and UnreachableError."""

    def recent(self, uri: S3URI, count: int) -> Sequence[str]:
        """Return the IDs of the latest `count` versions, newest first; raise DeniedError and UnreachableError."""


class Published(NamedTuple):
    """The version that a put made. `is_read_back`: its metadata was read again. `is_superseded`: a newer one exists."""

    version: ObjectVersion
    is_read_back: bool = True
    is_superseded: bool = False


def put(store: VersionStore, uri: S3URI, new: NewVersion, sleep: Callable[[float], None]) -> Published:
    """Put the version unless another push was faster, and read back its metadata.

    Raises ConflictError if another push was faster, with its author and time, or if the store refuses a condition that
    holds. Raises DeniedError and UnreachableError if nothing was put.
    """
    for number in range(_TRIES):
        try:
            return _read_back(store, uri, store.put(uri, new))
        except RefusedPutError as refusal:
            try:
                found = _find_own_or_current(store, uri, new, is_repeated=refusal.is_repeated)
            except EcsauthError:
                # The faster push cannot be identified.
                raise ConflictError(refusal.message, *refusal.hints) from None
            if isinstance(found, Published):
                return found
            is_unchanged = (found.facts.etag if found else None) == new.replaces
            if not refusal.is_busy or not is_unchanged or number == _TRIES - 1:
                if is_unchanged and not refusal.is_busy:
                    raise _no_conditions(uri, new) from None
                raise _conflict(uri, found, refusal, is_unchanged=is_unchanged) from None
        except UnreachableError:
            # The put may have succeeded: only the answer is missing.
            made = _find_unanswered(store, uri, new)
            if made is None:
                raise
            return made
        sleep(_wait(number, new.metadata.nonce or ""))
    raise AssertionError  # the last try returns or raises


def _wait(number: int, nonce: str) -> float:
    """Return the seconds to wait: they double with each try, and differ between two pushes at the same time."""
    share = int(nonce[:4], 16) / 0xFFFF if re.fullmatch("[0-9a-f]{4,}", nonce) else 0.5
    return _FIRST_WAIT * float(2**number) * (0.5 + share)


def _read_back(store: VersionStore, uri: S3URI, answered: ObjectVersion) -> Published:
    """Return the new version as S3 shows it now, or S3's answer to the put if it is denied or unreachable."""
    version = answered.facts.version_id
    try:
        seen = store.look(uri._replace(version_id=version))
    except (DeniedError, UnreachableError):
        return Published(answered, is_read_back=False)
    if seen is not None and seen.facts.etag == answered.facts.etag:
        return Published(seen)
    # In a bucket without versions, the next push overwrites ours.
    if seen is None:
        raise ConflictError(
            f"{uri} was uploaded, but was deleted in the meantime",
            CommandHint("see who deleted it", "ecsauth", "history", uri.object_uri),
        )
    return Published(answered, is_superseded=True)


def _find_own_or_current(
    store: VersionStore, uri: S3URI, new: NewVersion, *, is_repeated: bool
) -> Union[Published, ObjectVersion, None]:
    """Return our own version if a try without an answer succeeded, else the current version."""
    seen = store.look(uri)
    if seen is not None and _is_own(seen, new):
        return Published(seen)
    if is_repeated and (seen.facts.etag if seen else None) != new.replaces:
        return _find_superseded(store, uri, new) or seen
    return seen


def _find_unanswered(store: VersionStore, uri: S3URI, new: NewVersion) -> Optional[Published]:
    """Return the version that an unanswered put made, None if it made none or if that is unknown."""
    try:
        found = _find_own_or_current(store, uri, new, is_repeated=True)
    except EcsauthError:
        return None
    return found if isinstance(found, Published) else None


def _find_superseded(store: VersionStore, uri: S3URI, new: NewVersion) -> Optional[Published]:
    """Return our own version if it is among the latest ones; None also if they may not be listed."""
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
    """Return the error for a store that refuses a condition which holds: a retry would fail too."""
    what, condition = ("is unchanged", "If-Match") if new.replaces else ("does not exist", "If-None-Match")
    return ConflictError(
        f"cannot upload to {uri}: the store rejected the condition {condition}, although the object {what}",
        "use a store that supports conditional writes as Amazon S3 does; without them ecsauth could overwrite another"
        " change",
    )


def _conflict(
    uri: S3URI, now: Optional[ObjectVersion], refusal: RefusedPutError, *, is_unchanged: bool
) -> ConflictError:
    """Return the error that names the faster push and its time, as far as the object's metadata shows them."""
    again = CommandHint("see who changed it, then push again", "ecsauth", "history", uri.object_uri)
    if is_unchanged:
        return ConflictError(refusal.message, *refusal.hints)
    if now is None:
        return ConflictError(f"cannot upload to {uri}: it was deleted in the meantime", again)
    return ConflictError(f"cannot upload to {uri}: the object was changed in the meantime: {described(now)}", again)
