"""Which instances are in which wave, and how many errors a wave may have.

The order of the instances follows from the SHA-256 of instance ID and version. So it is the same after a resume, and
another one for each version.
"""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, NamedTuple, Optional

from ecsauth.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

# "wave 99/99" has to fit into the comment of a command.
_MOST_WAVES = 20
_WHOLE = 100


class Share(NamedTuple):
    """A number of instances, or a percentage of all."""

    number: int
    is_percentage: bool = False

    def of(self, total: int) -> int:
        """Return the number of instances out of a total; a share of a percentage is rounded up."""
        return min(total, -(-total * self.number // _WHOLE) if self.is_percentage else self.number)

    def __str__(self) -> str:
        return f"{self.number}{'%' if self.is_percentage else ''}"


WAVES = (Share(1), Share(10, is_percentage=True), Share(_WHOLE, is_percentage=True))
NO_ERRORS = Share(0)


def parse_waves(text: str) -> tuple[Share, ...]:
    """Return waves such as `1,10%,100%`: so many instances have the candidate after each. Raise UsageError."""
    found = tuple(_share(word) for word in text.split(","))
    if not 0 < len(found) <= _MOST_WAVES or None in found:
        raise UsageError("takes numbers and percentages, as 1,10%,100%")
    waves = tuple(share for share in found if share is not None)
    if any(share.number == 0 for share in waves):
        raise UsageError("has an empty wave", "give each wave at least one instance, as 1,10%,100%")
    if waves[-1] != Share(_WHOLE, is_percentage=True):
        raise UsageError("has no wave for all instances", "let the last wave be 100%")
    for kind in (False, True):
        numbers = [share.number for share in waves if share.is_percentage is kind]
        if numbers != sorted(set(numbers)):
            raise UsageError("has a wave that is not larger than the one before", "write them in order, as 1,10%,100%")
    return waves


def parse_errors(text: str) -> Share:
    """Return the tolerated errors, as `0`, `3` or `10%`; raise UsageError."""
    found = _share(text)
    if found is None:
        raise UsageError("takes a number or a percentage, as 0, 3 or 10%")
    return found


def _share(text: str) -> Optional[Share]:
    match = re.fullmatch(r"([0-9]{1,6})(%?)", text.strip())
    if match is None or (match[2] and int(match[1]) > _WHOLE):
        return None
    return Share(int(match[1]), bool(match[2]))


def tolerated(limit: Share, size: int) -> int:
    """Return how many errors a wave of this size may have and go on: one more halts it.

    As Run Command counts (User Guide, "Using targets and rate controls"): 0 halts at the first error, 3 at the fourth;
    10% of 50 halts at the fifth.
    """
    if not limit.is_percentage:
        return limit.number
    return max(0, limit.of(size) - 1)


def order(instances: Iterable[str], version: str) -> tuple[str, ...]:
    """Return instance IDs in the order in which they get a version."""
    return tuple(sorted(set(instances), key=lambda each: (_rank(each, version), each)))


def _rank(instance: str, version: str) -> str:
    return hashlib.sha256(f"{instance}\n{version}".encode()).hexdigest()


def members(ordered: Sequence[str], waves: Sequence[Share], number: int) -> tuple[str, ...]:
    """Return the instances of a wave, counted from 1, with those of all waves before it."""
    ends = [share.of(len(ordered)) for share in waves[:number]]
    return tuple(ordered[: max(ends, default=0)])


def rounds(size: int, concurrency: int) -> int:
    """Return after how many rounds a command has run on all instances: Run Command begins with one, then two, four, ….

    Source: Systems Manager User Guide, "Using targets and rate controls".
    """
    count, left, at_once = 0, size, 1
    while left > 0:
        left -= min(at_once, concurrency)
        at_once *= 2
        count += 1
    return count


def batches(instances: Sequence[str], size: int) -> tuple[tuple[str, ...], ...]:
    """Return the instances in groups of at most `size`."""
    return tuple(tuple(instances[at : at + size]) for at in range(0, len(instances), size))
