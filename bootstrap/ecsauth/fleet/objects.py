"""The released object and its candidate in S3: what is there, and the promotion of a candidate."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Callable, NamedTuple, Optional, Protocol

from ecsauth import __version__
from ecsauth.boot import candidate as boot_candidate
from ecsauth.boot.trust import KMS_ENCRYPTIONS
from ecsauth.command_hint import FILE, CommandHint
from ecsauth.errors import ConflictError, DeniedError
from ecsauth.fleet.history import Candidate, Released, is_superseded
from ecsauth.publish.put import NewVersion, VersionStore, put
from ecsauth.publish.versions import UNVERSIONED, PushMetadata
from ecsauth.secret import SecretBytes

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ecsauth.aws_names import S3URI
    from ecsauth.publish.versions import ListedVersion, ObjectVersion

# The versions that are looked at after a promotion: the new one, and the one that it replaced.
_NEIGHBOURS = 5


class ListingStore(VersionStore, Protocol):
    """S3, with a listing of the versions of an object."""

    def versions(self, uri: S3URI, count: int) -> Sequence[ListedVersion]:
        """Return at most `count` versions and delete markers, newest first; raise DeniedError and UnreachableError."""


class ObjectServices(NamedTuple):
    """S3 as a roll uses it. `copier` returns a store whose put copies a version instead of sending content."""

    store: ListingStore
    copier: Callable[[S3URI], VersionStore]
    caller: Callable[[], Optional[str]]
    sleep: Callable[[float], None]


class RollObjects:
    """The released object `uri`, and its candidate."""

    def __init__(self, uri: S3URI, services: ObjectServices) -> None:
        self._uri = uri
        self._services = services

    def released(self) -> Released:
        """Return the released version; raise DeniedError if there is none, or if S3 keeps no versions."""
        found = self._find(self._uri)
        if found is None:
            raise DeniedError(
                f"there is no released version of {self._uri}",
                CommandHint("push the first one", "ecsauth", "push", FILE, self._uri.object_uri),
            )
        version, at, seen = found
        if version == UNVERSIONED:
            raise DeniedError(
                f"the bucket of {self._uri} keeps no versions: a fleet needs them",
                CommandHint(
                    "enable them, and push again",
                    *("aws", "s3api", "put-bucket-versioning", "--bucket", self._uri.bucket),
                    *("--versioning-configuration", "Status=Enabled"),
                ),
            )
        promoted_from = seen.metadata.promoted_from if seen is not None else None
        return Released(version, at, seen.facts.etag if seen is not None else "", promoted_from)

    def candidate(self) -> Optional[Candidate]:
        """Return the newest version of the candidate, None if there is none."""
        found = self._find(self.candidate_uri)
        if found is None or found[0] == UNVERSIONED:
            return None
        version, at, seen = found
        return Candidate(version, at, seen.metadata.beside if seen is not None else None)

    @property
    def candidate_uri(self) -> S3URI:
        """The URI of the candidate."""
        return boot_candidate.uri_of(self._uri, "")._replace(version_id=None)

    def promote(self, candidate: Candidate) -> Released:
        """Copy the candidate onto the released object, and return the new released version.

        Raises ConflictError if another version was released since the candidate was put, DeniedError and
        UnreachableError.
        """
        released = self.released()
        if released.promoted_from == candidate.version:
            return released
        if is_superseded(candidate, released):
            raise superseded(self._uri, candidate, released)
        source = boot_candidate.uri_of(self._uri, candidate.version)
        seen = self._services.store.look(source)
        if seen is None or seen.facts.kms_key is None or seen.facts.encryption not in KMS_ENCRYPTIONS:
            raise DeniedError(f"{source} is not there, or is not encrypted with a KMS key: it is not promoted")
        metadata = PushMetadata(
            self._services.caller(),
            __version__,
            os.urandom(16).hex(),
            # Known also when the candidate is deleted: which version has the same bytes.
            rolled_back_from=seen.metadata.rolled_back_from,
            promoted_from=candidate.version,
        )
        # S3 copies the content: it is not sent.
        new = NewVersion(SecretBytes(b""), seen.facts.kms_key, released.etag, metadata)
        put(self._services.copier(source), self._uri, new, self._services.sleep)
        self._verify(candidate, released)
        return self.released()

    def _find(self, uri: S3URI) -> Optional[tuple[str, int, Optional[ObjectVersion]]]:
        """Return version ID, time and metadata; without the right to read the object there is no metadata."""
        try:
            seen = self._services.store.look(uri)
        except DeniedError:
            listed = next(iter(self._services.store.versions(uri, 1)), None)
            if listed is None or listed.is_deletion:
                return None
            return listed.version_id, listed.last_modified, None
        if seen is None:
            return None
        return seen.facts.version_id or UNVERSIONED, seen.facts.last_modified, seen

    def _verify(self, candidate: Candidate, replaced: Released) -> None:
        """Read the released object back; raise ConflictError or DeniedError.

        A store that ignores the condition of a copy would have overwritten what somebody released meanwhile.
        """
        store = self._services.store
        source = boot_candidate.uri_of(self._uri, candidate.version)
        if store.read(self._uri).content != store.read(source).content:
            raise DeniedError(
                f"{self._uri} was copied from {source}, but S3 gives other bytes back",
                CommandHint("see its versions", "ecsauth", "history", self._uri.object_uri),
            )
        ids = [one.version_id for one in store.versions(self._uri, _NEIGHBOURS)]
        if replaced.version in ids and ids.index(replaced.version) > 1:
            raise ConflictError(
                f"{self._uri} was promoted over version {ids[1]}, which was released in the meantime",
                CommandHint("look at it", "ecsauth", "history", self._uri.object_uri, "--diff"),
            )


def superseded(uri: S3URI, candidate: Candidate, released: Released) -> ConflictError:
    """Return the error for a candidate beside which another version was released."""
    return ConflictError(
        f"candidate {candidate.version} is not promoted: version {released.version} of {uri} was released after it",
        CommandHint("look at it", "ecsauth", "history", uri.object_uri, "--diff"),
        "then roll a new candidate",
    )
