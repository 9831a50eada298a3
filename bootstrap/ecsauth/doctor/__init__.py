"""Find out why an instance does not boot: checks as values, each made of a probe and a judgement of its result.

The checks are in a table, in the order of the report. Each check names the checks that it needs, and the check whose
value its probe takes. The order of execution follows from that. A check whose prerequisite failed is skipped, because
a consequence is not another cause. Each probe has a time limit, and all of them together have one deadline.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Callable, Generic, NamedTuple, Optional, TypeVar, Union, overload

from ecsauth.command_hint import S3URI, CommandHint
from ecsauth.errors import EcsauthError, UnreachableError
from ecsauth.status.judgement import CheckOutcome, Diagnosis, blame, skipped
from ecsauth.timing import Deadline, within

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ecsauth.timing import Clock

# With less time left, in seconds, a probe is not started: its timeout would be blamed on the wrong check.
_SHORTEST = 0.2
_HOLDS = (CheckOutcome.OK, CheckOutcome.WARNING)

Subject = TypeVar("Subject")
Value = TypeVar("Value")
Other = TypeVar("Other")


def _nothing() -> None:
    """Close nothing."""


def _never(_: Any) -> bool:
    """Return False: the needs count for every subject."""
    return False


class ProbeResult(Generic[Value]):
    """The result of a probe: the verdict, and a value for later checks, None if there is none.

    `close` is called after all checks have ended.
    """

    __slots__ = ("close", "value", "verdict")

    def __init__(self, verdict: Diagnosis, value: Optional[Value] = None, close: Callable[[], None] = _nothing) -> None:
        self.verdict = verdict
        self.value = value
        self.close = close


AnyResult = Union[Diagnosis, ProbeResult[Any]]
AnyProbe = Callable[..., AnyResult]
# A probe that returns a value.
Gives = Callable[..., ProbeResult[Value]]


class Check(Generic[Subject]):
    """A row of the table. It names other checks by their probes.

    The probe is called with the subject. The checks in `needs` must have passed, unless `unless` returns True for the
    subject. The check in `takes` must have passed, too, and the probe also gets its value. The checks in `hears` only
    run before: the probe gets their values, None if there is none. No boot depends on a `spare` check: it runs last,
    and it is skipped if its probe raises an error.
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
        """Return the probes of the checks that must run before this one."""
        return (*self.needs, *self.takes, *self.hears)

    def conditions(self, subject: Subject) -> tuple[AnyProbe, ...]:
        """Return the probes of the checks that must have passed."""
        return self.takes if self.unless(subject) else (*self.needs, *self.takes)


class CheckResult(NamedTuple):
    """A check that has ended."""

    check: str
    verdict: Diagnosis


class _Ended(NamedTuple):
    name: str
    result: ProbeResult[Any]


def _tell_nobody(_what: str, _number: int, _of: int) -> None:
    """Say nothing about what the checks wait for."""


def examine(
    checks: Sequence[Check[Subject]],
    subject: Callable[[float], Subject],
    clock: Clock,
    seconds: float,
    tell: Callable[[str, int, int], None] = _tell_nobody,
) -> tuple[CheckResult, ...]:
    """Run the checks one after the other within `seconds`; return their results in the order of the table.

    `subject` is called with the time limit of each probe, in seconds, and returns the subject to pass to it. `tell`
    gets the name of each check before it runs, its number and how many there are.
    """
    deadline = Deadline(clock, seconds)
    verdicts: dict[str, Diagnosis] = {}
    ended: dict[AnyProbe, _Ended] = {}
    with contextlib.ExitStack() as stack:
        for number, check in enumerate(ordered(checks), 1):
            tell(f"checking {check.name}", number, len(checks))
            result = _result(check, subject, ended, deadline.left())
            stack.callback(result.close)
            verdicts[check.name] = result.verdict
            ended[check.probe] = _Ended(check.name, result)
    return tuple(CheckResult(check.name, verdicts[check.name]) for check in checks)


def ordered(checks: Sequence[Check[Subject]]) -> tuple[Check[Subject], ...]:
    """Return the checks in the order of execution: that of the table, but each check after those that it names."""
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
        return ProbeResult(
            skipped(
                "the deadline has passed",
                CommandHint("allow more time", "ecsauth", "doctor", S3URI, "--deadline", "120"),
            )
        )
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
    """Return the name of the check because of which this one is skipped, None if all conditions are met."""
    for probe in conditions:
        name, result = ended[probe]
        if result.verdict.outcome not in _HOLDS or (probe in check.takes and result.value is None):
            # If that check was itself skipped because of another one, the other one is the cause.
            return result.verdict.needs or name
    return None
