"""How long to try: capped, jittered waits within one deadline."""

from __future__ import annotations

import random
import threading
from typing import TYPE_CHECKING, Callable, Protocol, TypeVar

from bootstrap.core.errors import NotYetError, UnreachableError

if TYPE_CHECKING:
    from bootstrap.core.state import Moment

_FIRST_WAIT = 0.5
_LONGEST_WAIT = 8.0
# Less than this is no try: it would only hide the reason why the one before failed.
_SHORTEST_TRY = 0.5

Result = TypeVar("Result")


class Clock(Protocol):
    """Time, in seconds."""

    def now(self) -> float:
        """Return a monotonic reading."""

    def wall(self) -> int:
        """Return seconds since the epoch."""

    def sleep(self, seconds: float) -> None:
        """Wait."""

    def moment(self) -> Moment:
        """Return the point in time that it is now, within this boot of the machine."""


class Deadline:
    """A point in time that a whole step has to keep."""

    def __init__(self, clock: Clock, seconds: float) -> None:
        self._clock = clock
        self._end = clock.now() + seconds

    def left(self) -> float:
        """Return the seconds that are left, 0 when there are none."""
        return max(0.0, self._end - self._clock.now())


def within(seconds: float, action: Callable[[], Result], silence: UnreachableError) -> Result:
    """Return what `action` returns, or raise `silence` after `seconds`.

    Name resolution and an answer that drips escape the timeouts of sockets; a thread that is left behind does not
    escape this one.
    """
    outcome: list[Result] = []
    faults: list[BaseException] = []

    def run() -> None:
        try:
            outcome.append(action())
        except BaseException as fault:  # noqa: BLE001 - raised again by the caller
            faults.append(fault)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    if faults:
        raise faults[0]
    if not outcome:
        raise silence
    return outcome[0]


def persist(action: Callable[[float], Result], clock: Clock, deadline: Deadline) -> Result:
    """Call `action(seconds left)` until it succeeds, fails for good, or the deadline passes.

    What may pass by itself is raised as UnreachableError or NotYetError; the last one is raised on
    when the next wait would not fit. The waits double up to 8 s, each cut by up to half at random so that
    a fleet that boots together does not knock together.
    """
    longest = _FIRST_WAIT
    while True:
        try:
            return action(deadline.left())
        except (UnreachableError, NotYetError):
            wait = longest * random.uniform(0.5, 1.0)  # noqa: S311 - spreads load, keeps no secret
            if wait + _SHORTEST_TRY > deadline.left():
                raise
        clock.sleep(wait)
        longest = min(_LONGEST_WAIT, longest * 2)
