"""Versions and delete markers in one order."""

from __future__ import annotations

import pytest
from ecsauth.publish.put import Edition, is_unversioned, merged


def edition(name: str, seconds: int, *, current: bool = False) -> Edition:
    """Return a version, or a delete marker if its name begins so."""
    return Edition(name, seconds, current, is_deletion=name.startswith("deleted"))


@pytest.mark.parametrize(
    ("versions", "deletions", "order"),
    [
        ([], [], ""),
        ([edition("b", 2, current=True), edition("a", 1)], [], "b a"),
        ([edition("b", 3, current=True), edition("a", 1)], [edition("deleted", 2)], "b deleted a"),
        ([edition("a", 1)], [edition("deleted2", 3, current=True), edition("deleted1", 2)], "deleted2 deleted1 a"),
        ([edition("a", 1)], [edition("deleted", 1, current=True)], "deleted a"),
        ([edition("a", 1, current=True)], [edition("deleted", 1)], "a deleted"),
        ([edition("b", 1), edition("a", 1)], [edition("deleted", 1, current=True)], "deleted b a"),
        ([edition("c", 9, current=True), edition("a", 1)], [edition("deleted", 1)], "c deleted a"),
    ],
)
def test_order(versions: list[Edition], deletions: list[Edition], order: str) -> None:
    """Newest first; what is current comes before all else of its second."""
    assert " ".join(one.version_id for one in merged(versions, deletions)) == order


def test_unversioned() -> None:
    """A bucket that never had versions has one, with no ID of its own."""
    assert is_unversioned([edition("null", 1)])
    assert not is_unversioned([edition("a", 2), edition("null", 1)])
