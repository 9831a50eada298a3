"""What of the state of an instance a person must look at: the alarms of `status --alarm`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ecsauth.boot import rejection
from ecsauth.status import report

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ecsauth.status.observed import Observed

DEFAULT_MAX_STALE = 24 * 3600.0


def alarms(seen: Observed, max_stale: float) -> tuple[str, ...]:
    """Return the names of the alarms; an empty tuple if nobody must look.

    `max_stale` is the number of seconds after which a file that S3 has not confirmed is an alarm. What cannot be read
    is an alarm: nobody would see the next one.
    """
    return tuple(_alarms(seen, max_stale))


def _alarms(seen: Observed, max_stale: float) -> Iterator[str]:
    state = seen.state
    if seen.state_unreadable is not None or state is None:
        yield "unreadable"
        return
    if rejection.shown(state, seen.now):
        yield "rejected"
    if state.installed is None or not report.is_as_left(seen.file):
        yield "no-checked-file"
    elif seen.now - max(state.confirmed_at, state.installed.at) > max_stale:
        yield "stale"
    if not state.leaves_agent and (seen.answer is None or seen.answer.container_instance is None):
        yield "not-registered"
