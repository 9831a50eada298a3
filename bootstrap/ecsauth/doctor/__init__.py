"""Why does it not work? Checks as values, each made of a probe of the world and a judgement of what it found.

A check whose prerequisite does not hold is skipped: what follows from a cause is not another cause. Every probe is
bounded, and all of them together keep one deadline.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Callable, NamedTuple

from ecsauth.errors import EcsauthError, UnreachableError
from ecsauth.status.judgement import CheckOutcome, Diagnosis, blame, skipped
from ecsauth.timing import Deadline, within

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ecsauth.timing import Clock

# Less than this is no try: it would blame the wrong one for the time.
_SHORTEST = 0.2


class Check(NamedTuple):
    """A check: its probe takes the seconds that are left; `needs` are the checks that have to hold before it.

    Where it is `spare` no boot depends on it: that it cannot be told is no failure.
    """

    name: str
    probe: Callable[[float], Diagnosis]
    needs: tuple[str, ...] = ()
    seconds: float = 5.0
    spare: bool = False


class CheckResult(NamedTuple):
    """A check that has ended."""

    check: str
    verdict: Diagnosis


def examine(checks: Sequence[Check], clock: Clock, seconds: float) -> tuple[CheckResult, ...]:
    """Carry out the checks one after the other within `seconds`, each after those that it needs."""
    deadline = Deadline(clock, seconds)
    verdicts: dict[str, Diagnosis] = {}
    for check in checks:
        verdicts[check.name] = _verdict(check, verdicts, deadline.left())
    return tuple(CheckResult(name, verdict) for name, verdict in verdicts.items())


def _verdict(check: Check, before: dict[str, Diagnosis], left: float) -> Diagnosis:
    holds = (CheckOutcome.OK, CheckOutcome.WARNING)
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
