"""How long a version is left alone whose agent did not come up.

The agent exits with 5 when it is sure that no restart can help; only that is final. Every other exit may be an outage
of ECS: connection refused and a denial end the agent with 1, as a bad file does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Optional

from ecsauth.boot.state import Rejected

if TYPE_CHECKING:
    from ecsauth.boot.trust import ObjectFacts

# Seconds before a rejected version is tried again: the pause doubles from try to try.
FIRST_PAUSE, LONGEST_PAUSE = 600, 6 * 3600
# The pause has reached its longest by then.
_MOST_DOUBLINGS = 10


def rejected(
    before: Optional[Rejected], facts: ObjectFacts, plan: str, reason: str, now: int, *, final: bool
) -> Rejected:
    """Return the record of a version that failed at `now`, in seconds since the epoch; `before` is the last record."""
    again = before is not None and facts.is_same_object(before.facts) and before.plan == plan
    tries = before.tries + 1 if before is not None and again else 1
    pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** max(0, min(tries - 1, _MOST_DOUBLINGS)))
    return Rejected(facts, plan, reason, now, tries, None if final else now + pause, final)


def seconds_left(record: Rejected, now: int) -> Optional[int]:
    """Return the seconds before the version is tried again by itself, 0: it is due, None: it is not tried.

    A clock that went backwards makes no pause longer: a record from the future is due, and so is one that names a
    time after the longest pause. A record without a time that is not final is an older ecsauth's, which took every
    exit for final: it is due too.
    """
    if record.final:
        return None
    if record.retry_after is None or now < record.at:
        return 0
    left = record.retry_after - now
    return left if 0 < left <= LONGEST_PAUSE else 0
