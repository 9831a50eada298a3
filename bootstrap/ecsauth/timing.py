"""Clocks, deadlines, retries with waits, and durations in words. All times are in seconds."""

from __future__ import annotations

import _thread
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
# A new role or policy takes effect within seconds or not at all: short waits leave time for a last try.
_LONGEST_WAIT_SETTLING = 2.0
# A shorter try would only time out, and hide why the previous one failed.
_SHORTEST_TRY = 0.5

Result = TypeVar("Result")


class Moment(NamedTuple):
    """A point in time that does not depend on the wall clock: CLOCK_MONOTONIC, and the ID of the machine's boot."""

    boot: str
    seconds: float


class Clock(Protocol):
    """Time, in seconds."""

    def now(self) -> float:
        """Return the monotonic time."""

    def wall(self) -> int:
        """Return the seconds since the epoch."""

    def sleep(self, seconds: float) -> None:
        """Wait."""

    def moment(self) -> Moment:
        """Return the current point in time within this boot of the machine."""


class Deadline:
    """The deadline of a whole step; `met` is the last fault after which the step was retried."""

    def __init__(self, clock: Clock, seconds: float) -> None:
        self._clock = clock
        self._end = clock.now() + seconds
        self.met: Optional[EcsauthError] = None

    def left(self) -> float:
        """Return the remaining seconds, 0 after the deadline."""
        return max(0.0, self._end - self._clock.now())


class _RecordedFaults(threading.local):
    """The faults after which the action of this thread went on; None outside of `within`."""

    met: Optional[list[EcsauthError]] = None


_recorded = _RecordedFaults()


def note(fault: EcsauthError) -> None:
    """Record a fault after which the action goes on; `within` reports it if the action does not end in time."""
    if _recorded.met is not None:
        _recorded.met.append(fault)


def within(seconds: float, action: Callable[[], Result], make_error: Callable[[], UnreachableError]) -> Result:
    """Return the result of `action`, or raise the error of `make_error` after `seconds`.

    The action runs in a thread, because name resolution and a slow answer are not limited by the timeouts of sockets.
    After the timeout the thread is abandoned. The error has the faults that the action recorded with `note`. Raises
    LocalError if the system starts no thread.
    """
    outcome: list[Result] = []
    faults: list[BaseException] = []
    met: list[EcsauthError] = []
    ended = threading.Event()

    def run() -> None:
        _recorded.met = met
        try:
            outcome.append(action())
        except BaseException as fault:  # noqa: BLE001 - raised again by the caller
            faults.append(fault)
        finally:
            ended.set()

    # Not threading.Thread: its `start` waits without a limit for a thread that gets no memory for its first step.
    try:
        _thread.start_new_thread(run, ())
    except RuntimeError as fault:
        raise no_thread(fault) or fault from None
    ended.wait(seconds)
    if faults:
        raise faults[0]
    if not outcome:
        raise _add_recorded(make_error(), met)
    return outcome[0]


def _add_recorded(error: UnreachableError, met: list[EcsauthError]) -> UnreachableError:
    """Add the last recorded fault, and the number of faults, to the timeout error."""
    if met:
        times = f"{len(met)} errors before that, the last" if len(met) > 1 else "before that"
        error.add(f"{times}: {met[-1].reason}")
        error.hints = tuple(dict.fromkeys((*met[-1].hints, *error.hints)))
        error.has_met = True
    return error


def persist(action: Callable[[float], Result], clock: Clock, deadline: Deadline) -> Result:
    """Call `action(seconds left)` until it succeeds, raises a permanent error, or the deadline passes.

    UnreachableError and NotYetError are transient and retried. If there is no time for another wait, the last error is
    raised, with the number of tries and their duration; if the last try was only cut short, the error before it,
    which may be from an earlier step of the same deadline. SettlingError is retried for its own, shorter time, which
    begins with the first one. The waits double up to 8 s; each is shortened by up to half at random, so that a fleet
    that boots at the same time does not send its requests at the same time.
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
    """Tell whether a try timed out without any other fault."""
    return isinstance(fault, TimeUpError) and not fault.has_met


def _after_earlier(deadline: Deadline, reason: EcsauthError) -> EcsauthError:
    """Add the fault of an earlier step to an error that is only a timeout."""
    if _is_cut_short(reason) and deadline.met is not None:
        reason.add(f"before that: {deadline.met.message}")
    return reason


_UNITS = ((86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second"))
_LONGEST = 3650 * 86_400


def in_words(seconds: float) -> str:
    """Return a duration in its largest fitting unit, as `3 hours`."""
    whole = max(0, int(seconds))
    size, name = next((unit for unit in _UNITS if whole >= 2 * unit[0]), _UNITS[-1])
    count = whole // size
    return f"{count} {name}{'' if count == 1 else 's'}"


def parse(text: str) -> float:
    """Return the seconds of a duration such as `90`, `90s`, `15m`, `12h` or `7d`; raise UsageError if it is none."""
    match = re.fullmatch(r"([0-9]{1,9})([smhd]?)", text)
    sizes = {name[0]: size for size, name in _UNITS}
    seconds = int(match[1]) * sizes[match[2] or "s"] if match else 0
    if not 0 < seconds <= _LONGEST:
        raise UsageError("must be a duration, such as 90s, 15m, 12h or 7d")
    return float(seconds)
