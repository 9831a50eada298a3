"""Which versions have the same bytes, by the metadata of the released object and of the candidate, as a table."""

from __future__ import annotations

from typing import Any, NamedTuple, Optional

import pytest
from ecsauth.aws_names import S3URI
from ecsauth.boot.trust import ObjectFacts
from ecsauth.errors import DeniedError
from ecsauth.fleet import same_bytes
from ecsauth.fleet.same_bytes import MOST, SameBytes
from ecsauth.publish.versions import ListedVersion, ObjectVersion, PushMetadata

RELEASED, CANDIDATE = S3URI("fleet", "prod/ecs.config"), S3URI("fleet", "prod/ecs.config.candidate")


class Row(NamedTuple):
    """A version: which object has it, when it was put, and what it was made from."""

    uri: S3URI
    id: str
    at: int
    promoted_from: Optional[str] = None
    rolled_back_from: Optional[str] = None


# r1 is pushed; c1 is rolled and promoted as r2; r3 is pushed; r4 is a rollback to r2; c2 is a roll of r1.
HISTORY = (
    Row(RELEASED, "r1", 10),
    Row(CANDIDATE, "c1", 20),
    Row(RELEASED, "r2", 20, promoted_from="c1"),
    Row(RELEASED, "r3", 30),
    Row(RELEASED, "r4", 40, rolled_back_from="r2"),
    Row(CANDIDATE, "c2", 50, rolled_back_from="r1"),
)


class Store:
    """S3 with these versions; `denied` may not be listed, or looked at. `looks` are the versions that were read."""

    def __init__(self, rows: tuple[Row, ...], denied: str = "") -> None:
        self._rows, self._denied = rows, denied
        self.looks: list[str] = []

    def versions(self, uri: S3URI, count: int) -> tuple[ListedVersion, ...]:
        """Return the newest versions."""
        if self._denied == "list":
            raise DeniedError(f"cannot list the versions of {uri}")
        found = [ListedVersion(row.id, row.at, is_current=False) for row in reversed(self._rows) if row.uri == uri]
        return tuple(found[:count])

    def look(self, uri: S3URI) -> Optional[ObjectVersion]:
        """Return the metadata of a version."""
        if self._denied == "look":
            raise DeniedError(f"cannot read the metadata of {uri}")
        self.looks.append(str(uri.version_id))
        row = next(row for row in self._rows if row.id == uri.version_id)
        metadata = PushMetadata(promoted_from=row.promoted_from, rolled_back_from=row.rolled_back_from)
        return ObjectVersion(ObjectFacts('"e"', row.at, row.id, "aws:kms", "key"), metadata)


def _find(version: str, store: Any) -> SameBytes:
    return same_bytes.find(version, store, (RELEASED, CANDIDATE), lambda *_, **__: None)


@pytest.mark.parametrize(
    ("version", "same"),
    [
        ("r1", {"r1", "c2"}),
        ("c2", {"r1", "c2"}),
        ("r3", {"r3"}),
        # A promoted version, its candidate and a rollback to it.
        ("r2", {"c1", "r2", "r4"}),
        ("c1", {"c1", "r2", "r4"}),
        ("r4", {"c1", "r2", "r4"}),
    ],
)
def test_versions_with_the_same_bytes(version: str, same: set[str]) -> None:
    """A link is followed in both directions, over any number of steps."""
    assert _find(version, Store(HISTORY)) == SameBytes(frozenset(same))


def test_a_candidate_that_was_deleted_is_still_named() -> None:
    """Instances can have its bytes; the version that was copied from it names it."""
    rows = tuple(row for row in HISTORY if row.id != "c1")
    assert _find("r2", Store(rows)) == SameBytes(frozenset({"c1", "r2", "r4"}))


def test_older_versions_are_not_read() -> None:
    """A version is made from an older one: what is older than all that was found has no other link."""
    store = Store(HISTORY)
    _find("r3", store)
    assert store.looks == ["c2", "r4", "r3"]


@pytest.mark.parametrize(
    ("version", "store", "gap"),
    [
        ("r9", Store(HISTORY), "S3 has no version r9"),
        ("r2", Store(HISTORY, denied="list"), "cannot list"),
        ("r2", Store(HISTORY, denied="look"), "cannot read the metadata"),
        ("r0", Store(tuple(Row(RELEASED, f"r{n}", n) for n in range(MOST + 1))), f"the newest {MOST} versions"),
    ],
)
def test_gaps(version: str, store: Store, gap: str) -> None:
    """If there may be more versions with the same bytes, the reason is known."""
    found = _find(version, store)
    assert version in found.versions
    assert gap in found.gaps[0]


def test_many_versions_are_no_gap() -> None:
    """A recent version is complete, however many older ones there are."""
    rows = tuple(Row(RELEASED, f"r{n}", n) for n in range(MOST + 50))
    assert _find(f"r{MOST}", Store(rows)) == SameBytes(frozenset({f"r{MOST}"}))
