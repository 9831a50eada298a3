"""Why does it not work? Checks as values, each made of a probe of the world and a judgement of what it found.

The checks stand in a table, in the order in which they are reported. Each says which others it needs, and whose value
its probe is called with; the order in which they are carried out follows from that. A check whose prerequisite does not
hold is skipped: what follows from a cause is not another cause. Every probe is bounded, and all of them together keep
one deadline.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Callable, Generic, NamedTuple, Optional, TypeVar, Union, overload

from ecsauth.errors import EcsauthError, UnreachableError
from ecsauth.status.judgement import CheckOutcome, Diagnosis, blame, skipped
from ecsauth.timing import Deadline, within

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ecsauth.timing import Clock

# Less than this is no try: it would blame the wrong one for the time.
_SHORTEST = 0.2
_HOLDS = (CheckOutcome.OK, CheckOutcome.WARNING)

Subject = TypeVar("Subject")
Value = TypeVar("Value")
Other = TypeVar("Other")


def _nothing() -> None:
    """Close nothing."""


def _never(_: Any) -> bool:
    """Say that the needs count, whatever is examined."""
    return False


class ProbeResult(Generic[Value]):
    """What a probe found: the verdict, and a value for the checks after it, None where there is none.

    `close` is called when all checks have ended.
    """

    __slots__ = ("close", "value", "verdict")

    def __init__(self, verdict: Diagnosis, value: Optional[Value] = None, close: Callable[[], None] = _nothing) -> None:
        self.verdict = verdict
        self.value = value
        self.close = close


AnyResult = Union[Diagnosis, ProbeResult[Any]]
AnyProbe = Callable[..., AnyResult]
# A probe that leaves a value.
Gives = Callable[..., ProbeResult[Value]]


class Check(Generic[Subject]):
    """A row of the table; it names other checks by their probes.

    The probe is called with what is examined. The checks in `needs` have to hold before it, unless `unless` says of
    what is examined that they do not count. So has the one that it `takes`, and the probe gets the value of that too.
    Those that it `hears` only come before it: the probe gets their values, None where there is none. Where the check
    is `spare` no boot depends on it: it comes last, and that it cannot be told is no failure.
    """

    @overload
    def __init__(
        self,
        name: str,
        probe: Callable[[Subject], AnyResult],
        *,
        needs: tuple[AnyProbe, ...] = (),
        unless: Callable[[Subject], bool] = _never,
        seconds: float = 5.0,
        spare: bool = False,
    ) -> None: ...

    @overload
    def __init__(
        self,
        name: str,
        probe: Callable[[Subject, Value], AnyResult],
        *,
        needs: tuple[AnyProbe, ...] = (),
        unless: Callable[[Subject], bool] = _never,
        takes: Gives[Value],
        seconds: float = 5.0,
        spare: bool = False,
    ) -> None: ...

    @overload
    def __init__(
        self,
        name: str,
        probe: Callable[[Subject, Optional[Value], Optional[Other]], AnyResult],
        *,
        hears: tuple[Gives[Value], Gives[Other]],
        seconds: float = 5.0,
        spare: bool = False,
    ) -> None: ...

    def __init__(
        self,
        name: str,
        probe: AnyProbe,
        *,
        needs: tuple[AnyProbe, ...] = (),
        unless: Callable[[Subject], bool] = _never,
        takes: Optional[AnyProbe] = None,
        hears: tuple[AnyProbe, ...] = (),
        seconds: float = 5.0,
        spare: bool = False,
    ) -> None:
        self.name = name
        self.probe = probe
        self.needs = needs
        self.unless = unless
        self.takes = () if takes is None else (takes,)
        self.hears = hears
        self.seconds = seconds
        self.spare = spare

    def comes_after(self) -> tuple[AnyProbe, ...]:
        """Return the probes of the checks before it."""
        return (*self.needs, *self.takes, *self.hears)

    def conditions(self, subject: Subject) -> tuple[AnyProbe, ...]:
        """Return the probes of the checks that have to hold."""
        return self.takes if self.unless(subject) else (*self.needs, *self.takes)


class CheckResult(NamedTuple):
    """A check that has ended."""

    check: str
    verdict: Diagnosis


class _Ended(NamedTuple):
    name: str
    result: ProbeResult[Any]


def examine(
    checks: Sequence[Check[Subject]], subject: Callable[[float], Subject], clock: Clock, seconds: float
) -> tuple[CheckResult, ...]:
    """Carry out the checks one after the other within `seconds`; return their results in the order of the table.

    `subject` returns what is examined, as a probe is given it that may take so many seconds.
    """
    deadline = Deadline(clock, seconds)
    verdicts: dict[str, Diagnosis] = {}
    ended: dict[AnyProbe, _Ended] = {}
    with contextlib.ExitStack() as stack:
        for check in ordered(checks):
            result = _result(check, subject, ended, deadline.left())
            stack.callback(result.close)
            verdicts[check.name] = result.verdict
            ended[check.probe] = _Ended(check.name, result)
    return tuple(CheckResult(check.name, verdicts[check.name]) for check in checks)


def ordered(checks: Sequence[Check[Subject]]) -> tuple[Check[Subject], ...]:
    """Return the checks as they are carried out: in the order of the table, but each after those that it names."""
    by_probe = {check.probe: check for check in checks}
    found: dict[str, Check[Subject]] = {}

    def add(check: Check[Subject]) -> None:
        for probe in check.comes_after():
            add(by_probe[probe])
        found.setdefault(check.name, check)

    for check in sorted(checks, key=lambda check: check.spare):
        add(check)
    return tuple(found.values())


def _result(
    check: Check[Subject], subject: Callable[[float], Subject], ended: Mapping[AnyProbe, _Ended], left: float
) -> ProbeResult[Any]:
    seconds = min(left, check.seconds)
    examined = subject(seconds)
    cause = _cause(check, check.conditions(examined), ended)
    if cause is not None:
        return ProbeResult(skipped(f"needs {cause}")._replace(needs=cause))
    if left < _SHORTEST:
        return ProbeResult(skipped("there was no time left", "give a longer --deadline"))
    values = [ended[probe].result.value for probe in (*check.takes, *check.hears)]
    try:
        found = within(
            seconds,
            lambda: check.probe(examined, *values),
            lambda: UnreachableError(f"no answer within {seconds:.0f} s"),
        )
    except EcsauthError as fault:
        return ProbeResult(skipped(fault.message) if check.spare else blame(fault))
    return ProbeResult(found) if isinstance(found, Diagnosis) else found


def _cause(check: Check[Subject], conditions: tuple[AnyProbe, ...], ended: Mapping[AnyProbe, _Ended]) -> Optional[str]:
    """Return the name of the check that keeps this one from being carried out, None where all of them hold."""
    for probe in conditions:
        name, result = ended[probe]
        if result.verdict.outcome not in _HOLDS or (probe in check.takes and result.value is None):
            # That one may itself have been skipped for want of another, which is the cause.
            return result.verdict.needs or name
    return None
