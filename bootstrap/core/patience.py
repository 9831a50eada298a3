"""How long to try: capped, jittered waits within one deadline."""

from __future__ import annotations

import random
import threading
from typing import TYPE_CHECKING, Callable, Optional, Protocol, TypeVar

from bootstrap.core.errors import EcsauthError, NotYetError, SettlingError, TimeUpError, UnreachableError

if TYPE_CHECKING:
    from bootstrap.core.state import Moment

_FIRST_WAIT = 0.5
_LONGEST_WAIT = 8.0
# A denial settles within seconds or never: short waits, so that the end of its time is not spent asleep.
_LONGEST_WAIT_SETTLING = 2.0
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


def within(seconds: float, action: Callable[[], Result], silence: Callable[[], UnreachableError]) -> Result:
    """Return what `action` returns, or raise what `silence` says of it after `seconds`.

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
        raise silence()
    return outcome[0]


def persist(action: Callable[[float], Result], clock: Clock, deadline: Deadline) -> Result:
    """Call `action(seconds left)` until it succeeds, fails for good, or the deadline passes.

    What may pass by itself is raised as UnreachableError or NotYetError. When the next wait would not fit, the last one
    is raised on with how long it was tried, or the one before if the last try was only cut short. SettlingError has a
    shorter time of its own, which begins with the first one. The waits double up to 8 s, each cut by up to half at
    random so that a fleet that boots together does not knock together.
    """
    began, longest = clock.now(), _FIRST_WAIT
    settling: Optional[Deadline] = None
    reason: Optional[EcsauthError] = None
    while True:
        try:
            return action(deadline.left())
        except (UnreachableError, NotYetError, SettlingError) as fault:
            if reason is None or not isinstance(fault, TimeUpError):
                reason = fault
            left = deadline.left()
            if isinstance(fault, SettlingError):
                if settling is None:
                    began, longest, settling = clock.now(), _FIRST_WAIT, Deadline(clock, fault.patience)
                left, longest = min(left, settling.left()), min(longest, _LONGEST_WAIT_SETTLING)
            wait = longest * random.uniform(0.5, 1.0)  # noqa: S311 - spreads load, keeps no secret
            if wait + _SHORTEST_TRY > left:
                if longest > _FIRST_WAIT:
                    reason.add(f"tried for {max(1.0, clock.now() - began):.0f} s")
                raise reason from None
        clock.sleep(wait)
        longest = min(_LONGEST_WAIT, longest * 2)
