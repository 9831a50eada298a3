"""Clocks, deadlines, the waits between tries, and durations in words."""

from __future__ import annotations

import random
import re
import threading
from typing import Callable, NamedTuple, Optional, Protocol, TypeVar

from ecsauth.errors import (
    EcsauthError,
    NotYetError,
    SettlingError,
    TimeUpError,
    UnreachableError,
    UsageError,
    no_thread,
)

_FIRST_WAIT = 0.5
_LONGEST_WAIT = 8.0
# A denial settles within seconds or never: short waits, so that the end of its time is not spent asleep.
_LONGEST_WAIT_SETTLING = 2.0
# Less than this is no try: it would only hide the reason why the one before failed.
_SHORTEST_TRY = 0.5

Result = TypeVar("Result")


class Moment(NamedTuple):
    """A point in time that no change of the clock moves: seconds of CLOCK_MONOTONIC within one boot of the machine."""

    boot: str
    seconds: float


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
    """A point in time that a whole step has to keep; `met` is the last fault that was waited for in it."""

    def __init__(self, clock: Clock, seconds: float) -> None:
        self._clock = clock
        self._end = clock.now() + seconds
        self.met: Optional[EcsauthError] = None

    def left(self) -> float:
        """Return the seconds that are left, 0 when there are none."""
        return max(0.0, self._end - self._clock.now())


class _Trying(threading.local):
    """What the action of this thread has met with so far, and goes on after; None where nobody asks."""

    met: Optional[list[EcsauthError]] = None


_trying = _Trying()


def note(fault: EcsauthError) -> None:
    """Note a fault after which an action goes on by itself: it is told if the action does not end in time."""
    if _trying.met is not None:
        _trying.met.append(fault)


def within(seconds: float, action: Callable[[], Result], silence: Callable[[], UnreachableError]) -> Result:
    """Return what `action` returns, or raise what `silence` says of it after `seconds`.

    Name resolution and an answer that drips escape the timeouts of sockets; a thread that is left behind does not
    escape this one. What the action has noted on the way is told with its silence. Raises LocalError where the system
    starts no thread.
    """
    outcome: list[Result] = []
    faults: list[BaseException] = []
    met: list[EcsauthError] = []

    def run() -> None:
        _trying.met = met
        try:
            outcome.append(action())
        except BaseException as fault:  # noqa: BLE001 - raised again by the caller
            faults.append(fault)

    thread = threading.Thread(target=run, daemon=True)
    try:
        thread.start()
    except RuntimeError as fault:
        raise no_thread(fault) or fault from None
    thread.join(seconds)
    if faults:
        raise faults[0]
    if not outcome:
        raise _after(met, silence())
    return outcome[0]


def _after(met: list[EcsauthError], silence: UnreachableError) -> UnreachableError:
    """Return the silence with the last fault before it, and how many there were."""
    if met:
        times = f"{len(met)} faults before that, the last" if len(met) > 1 else "before that"
        silence.add(f"{times}: {met[-1].reason}")
        silence.hints = tuple(dict.fromkeys((*met[-1].hints, *silence.hints)))
        silence.has_met = True
    return silence


def persist(action: Callable[[float], Result], clock: Clock, deadline: Deadline) -> Result:
    """Call `action(seconds left)` until it succeeds, fails for good, or the deadline passes.

    What may pass by itself is raised as UnreachableError or NotYetError. When the next wait would not fit, the last one
    is raised on with how often and how long it was tried, or the one before if the last try was only cut short; the
    one before may be of an earlier step within the same deadline. SettlingError has a shorter time of its own, which
    begins with the first one. The waits double up to 8 s, each cut by up to half at random so that a fleet that boots
    together does not knock together.
    """
    began, longest, tries = clock.now(), _FIRST_WAIT, 0
    settling: Optional[Deadline] = None
    reason: Optional[EcsauthError] = None
    while True:
        try:
            return action(deadline.left())
        except (UnreachableError, NotYetError, SettlingError) as fault:
            tries += 1
            if reason is None or not _is_cut_short(fault):
                reason = fault
            left = deadline.left()
            if isinstance(fault, SettlingError):
                if settling is None:
                    began, longest, settling = clock.now(), _FIRST_WAIT, Deadline(clock, fault.patience)
                    tries = 1
                left, longest = min(left, settling.left()), min(longest, _LONGEST_WAIT_SETTLING)
            wait = longest * random.uniform(0.5, 1.0)  # noqa: S311 - spreads load, keeps no secret
            if wait + _SHORTEST_TRY > left:
                if tries > 1:
                    reason.add(f"tried {tries} times in {max(1.0, clock.now() - began):.0f} s")
                raise _after_earlier(deadline, reason) from None
            if not _is_cut_short(fault):
                deadline.met = fault
        clock.sleep(wait)
        longest = min(_LONGEST_WAIT, longest * 2)


def _is_cut_short(fault: EcsauthError) -> bool:
    """Tell whether a try ended without having found anything out."""
    return isinstance(fault, TimeUpError) and not fault.has_met


def _after_earlier(deadline: Deadline, reason: EcsauthError) -> EcsauthError:
    """Return a reason that says only that time was up with what an earlier step had used the time for."""
    if _is_cut_short(reason) and deadline.met is not None:
        reason.add(f"before that: {deadline.met.message}")
    return reason


_UNITS = ((86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second"))
_LONGEST = 3650 * 86_400


def in_words(seconds: float) -> str:
    """Return a span in its largest fitting unit, as `3 hours`."""
    whole = max(0, int(seconds))
    size, name = next((unit for unit in _UNITS if whole >= 2 * unit[0]), _UNITS[-1])
    count = whole // size
    return f"{count} {name}{'' if count == 1 else 's'}"


def parse(text: str) -> float:
    """Return the seconds that `90`, `90s`, `15m`, `12h` or `7d` stands for; raise UsageError for anything else."""
    match = re.fullmatch(r"([0-9]{1,9})([smhd]?)", text)
    sizes = {name[0]: size for size, name in _UNITS}
    seconds = int(match[1]) * sizes[match[2] or "s"] if match else 0
    if not 0 < seconds <= _LONGEST:
        raise UsageError("takes a span of time, as 90s, 15m, 12h or 7d")
    return float(seconds)
