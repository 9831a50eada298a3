"""The version IDs that have the same bytes: a promotion copies a candidate, and a rollback puts an older version again.

The metadata of each version name the older one that it was made from.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ecsauth.errors import DeniedError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ecsauth.aws_names import S3URI
    from ecsauth.fleet.objects import ListingStore
    from ecsauth.fleet.wave import Show
    from ecsauth.publish.versions import ListedVersion

MOST = 200
"""The newest versions of each object that are read, if it takes so many: each is a request."""


class SameBytes(NamedTuple):
    """The versions with the same bytes, also the one that was asked for. `gaps` say why there may be more of them."""

    versions: frozenset[str]
    gaps: tuple[str, ...] = ()


def find(version: str, store: ListingStore, uris: Sequence[S3URI], show: Show) -> SameBytes:
    """Return the versions of these objects that have the bytes of a version; raise UnreachableError.

    Versions that may not be read, or are too many, are a gap.
    """
    links, listed, gaps, cut = _Links(version), [], [], []
    for uri in uris:
        try:
            found = store.versions(uri, MOST + 1)
        except DeniedError as fault:
            gaps.append(fault.message)
            continue
        if len(found) > MOST:
            cut.append(f"only the newest {MOST} versions of {uri} were read")
        listed += [(one, uri) for one in found[:MOST] if not one.is_deletion]
    listed.sort(key=lambda each: -each[0].last_modified)
    for number, (one, uri) in enumerate(listed):
        if links.has_all_since(one.last_modified):
            break
        show("reading which versions have the same bytes", number, len(listed))
        try:
            seen = store.look(uri._replace(version_id=one.version_id))
        except DeniedError as fault:
            # Who may not read one version may not read the others.
            gaps.append(fault.message)
            break
        if seen is not None:
            links.add(one, (seen.metadata.promoted_from, seen.metadata.rolled_back_from))
    if not gaps and not links.are_known:
        gaps += cut
        if not cut and not links.is_known(version):
            where = " or ".join(map(str, uris))
            gaps.append(f"S3 has no version {version} of {where}: it was deleted, or the ID is wrong")
    return SameBytes(links.versions, tuple(gaps))


class _Links:
    """The versions that are linked with one, over any number of steps, as far as they were read."""

    def __init__(self, version: str) -> None:
        self._times: dict[str, int] = {}
        self._neighbours: dict[str, set[str]] = {}
        self._begin = version
        self.versions = frozenset((version,))

    def add(self, one: ListedVersion, sources: tuple[object, ...]) -> None:
        """Take a version, and those that it was made from; None for none."""
        self._times[one.version_id] = one.last_modified
        for source in sources:
            if isinstance(source, str):
                self._neighbours.setdefault(one.version_id, set()).add(source)
                self._neighbours.setdefault(source, set()).add(one.version_id)
        found, waiting = {self._begin}, [self._begin]
        while waiting:
            fresh = self._neighbours.get(waiting.pop(), set()) - found
            found |= fresh
            waiting += fresh
        self.versions = frozenset(found)

    def is_known(self, version: str) -> bool:
        """Tell whether a version was read."""
        return version in self._times

    @property
    def are_known(self) -> bool:
        """Tell whether all linked versions were read."""
        return self.versions <= self._times.keys()

    def has_all_since(self, seconds: int) -> bool:
        """Tell whether all linked versions were read, and are newer than a time: no older one is made from them."""
        return self.are_known and seconds < min(self._times[each] for each in self.versions)
