"""Why does it not work? Checks as values, each made of a probe of the world and a judgement of what it found.

A check whose prerequisite does not hold is skipped: what follows from a cause is not another cause. Every probe is
bounded, and all of them together keep one deadline.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Callable, NamedTuple

from ecsauth.core.errors import EcsauthError, UnreachableError
from ecsauth.core.patience import Deadline, within

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ecsauth.core.patience import Clock

# Less than this is no try: it would blame the wrong one for the time.
_SHORTEST = 0.2


class Outcome(str, Enum):
    """How a check ended; skipped: it could not be told."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    SKIPPED = "skipped"


class Verdict(NamedTuple):
    """What a check found, in one line, and the fix where there is something to fix.

    `needs` names the check that has to hold before one that was skipped for it.
    """

    outcome: Outcome
    said: str
    fix: str = ""
    needs: str = ""


class Check(NamedTuple):
    """A check: its probe takes the seconds that are left; `needs` are the checks that have to hold before it.

    Where it is `spare` no boot depends on it: that it cannot be told is no failure.
    """

    name: str
    probe: Callable[[float], Verdict]
    needs: tuple[str, ...] = ()
    seconds: float = 5.0
    spare: bool = False


class Result(NamedTuple):
    """A check that has ended."""

    check: str
    verdict: Verdict


def ok(said: str) -> Verdict:
    """Return that it is well."""
    return Verdict(Outcome.OK, said)


def warning(said: str, fix: str = "") -> Verdict:
    """Return that it works, and that something should be done all the same."""
    return Verdict(Outcome.WARNING, said, fix)


def failed(said: str, fix: str = "") -> Verdict:
    """Return that it does not work."""
    return Verdict(Outcome.FAILED, said, fix)


def skipped(said: str, fix: str = "") -> Verdict:
    """Return that it could not be told."""
    return Verdict(Outcome.SKIPPED, said, fix)


def blame(fault: EcsauthError) -> Verdict:
    """Return what a fault says; what only root may look at is no fault of the machine."""
    return (skipped if fault.needs_root else failed)(fault.message, fault.hints[0] if fault.hints else "")


def examine(checks: Sequence[Check], clock: Clock, seconds: float) -> tuple[Result, ...]:
    """Carry out the checks one after the other within `seconds`, each after those that it needs."""
    deadline = Deadline(clock, seconds)
    verdicts: dict[str, Verdict] = {}
    for check in checks:
        verdicts[check.name] = _verdict(check, verdicts, deadline.left())
    return tuple(Result(name, verdict) for name, verdict in verdicts.items())


def _verdict(check: Check, before: dict[str, Verdict], left: float) -> Verdict:
    holds = (Outcome.OK, Outcome.WARNING)
    unmet = next((name for name in check.needs if before[name].outcome not in holds), None)
    if unmet is not None:
        # That one may itself have been skipped for want of another, which is the cause.
        cause = before[unmet].needs or unmet
        return skipped(f"needs {cause}")._replace(needs=cause)
    if left < _SHORTEST:
        return skipped("there was no time left", "give a longer --deadline")
    seconds = min(left, check.seconds)
    try:
        return within(
            seconds, lambda: check.probe(seconds), lambda: UnreachableError(f"no answer within {seconds:.0f} s")
        )
    except EcsauthError as fault:
        return skipped(fault.message) if check.spare else blame(fault)
