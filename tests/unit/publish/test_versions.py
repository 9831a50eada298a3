"""Versions and delete markers in one order."""

from __future__ import annotations

import pytest
from ecsauth.publish.versions import ListedVersion, is_unversioned, merged


def listed(name: str, seconds: int, *, current: bool = False) -> ListedVersion:
    """Return a version, or a delete marker if its name begins so."""
    return ListedVersion(name, seconds, current, is_deletion=name.startswith("deleted"))


@pytest.mark.parametrize(
    ("versions", "deletions", "order"),
    [
        ([], [], ""),
        ([listed("b", 2, current=True), listed("a", 1)], [], "b a"),
        ([listed("b", 3, current=True), listed("a", 1)], [listed("deleted", 2)], "b deleted a"),
        ([listed("a", 1)], [listed("deleted2", 3, current=True), listed("deleted1", 2)], "deleted2 deleted1 a"),
        ([listed("a", 1)], [listed("deleted", 1, current=True)], "deleted a"),
        ([listed("a", 1, current=True)], [listed("deleted", 1)], "a deleted"),
        ([listed("b", 1), listed("a", 1)], [listed("deleted", 1, current=True)], "deleted b a"),
        ([listed("c", 9, current=True), listed("a", 1)], [listed("deleted", 1)], "c deleted a"),
    ],
)
def test_order(versions: list[ListedVersion], deletions: list[ListedVersion], order: str) -> None:
    """Newest first; what is current comes before all else of its second."""
    assert " ".join(one.version_id for one in merged(versions, deletions)) == order


def test_unversioned() -> None:
    """A bucket that never had versions has one, with no ID of its own."""
    assert is_unversioned([listed("null", 1)])
    assert not is_unversioned([listed("a", 2), listed("null", 1)])
