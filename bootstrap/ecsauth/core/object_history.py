"""The versions of an object, newest first, as a bucket's listing tells them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

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
