"""How `doctor` examines: in order, within its time, skipping what follows from a cause; and what it concludes."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Optional

import pytest
from ecsauth.boot.agent_state import Kept
from ecsauth.boot.health import Registration
from ecsauth.doctor import Check, ProbeResult, examine, machine
from ecsauth.doctor.machine import GATE, OFF, SILENT, Metadata, Offset, Role, ServiceOrdering, Timer
from ecsauth.errors import DeniedError, EcsauthError, LaunchError, LocalError, UnreachableError
from ecsauth.host.clock import SystemClock
from ecsauth.status.judgement import CheckOutcome, Diagnosis, blame, failed, ok, skipped, warning
from ecsauth.status.observed import Placed, Runs, RunsAs

if TYPE_CHECKING:
    from collections.abc import Callable

GOOD = b"ECS_CLUSTER=prod\n"
ANSWER = Registration("prod", "arn:aws:ecs:eu-west-1:111122223333:container-instance/prod/1", "v1")
CONTAINER = Runs(RunsAs.CONTAINER, running=True, is_ours=True)
DROP_INS = frozenset({GATE})
CLOUD_FINAL = frozenset({"docker.service", "cloud-final.service"})


def probe(verdict: Diagnosis) -> Callable[[float], Diagnosis]:
    """Return a probe that finds this."""
    return lambda _: verdict


def fails(fault: Exception) -> Callable[[float], Diagnosis]:
    """Return a probe that raises this."""

    def raising(_: float) -> Diagnosis:
        raise fault

    return raising


class TickingClock(SystemClock):
    """A clock that is so much later at each look at it."""

    def __init__(self, tick: float) -> None:
        self._time, self._tick = 0.0, tick

    def now(self) -> float:
        """Return a monotonic reading."""
        self._time += self._tick
        return self._time


# So long a check takes by that clock: no test is near the end of its time unless it means to be.
TICK = 0.25


def outcomes(*checks: Check[float], seconds: float = 60.0) -> dict[str, Diagnosis]:
    """Examine, and return the verdicts by check."""
    found = examine(checks, lambda bounded: bounded, TickingClock(TICK), seconds)
    return {result.check: result.verdict for result in found}


def test_what_is_waited_for_is_told() -> None:
    """Each check is named before it runs, with how many there are, in the order in which they run."""
    told: list[tuple[str, int, int]] = []
    first, second = Check("first", probe(ok("good"))), Check("second", probe(failed("bad")))
    examine((first, second), lambda bounded: bounded, TickingClock(TICK), 60.0, lambda *what: told.append(what))
    assert told == [("checking first", 1, 2), ("checking second", 2, 2)]


def test_what_follows_from_a_cause_is_skipped() -> None:
    """A check is carried out where those before it hold, with a warning or not."""
    a, b, c, d = probe(ok("fine")), probe(warning("odd")), probe(failed("broken", "mend it")), probe(ok("never asked"))
    found = outcomes(
        Check("a", a),
        Check("b", b, needs=(a,)),
        Check("c", c, needs=(a, b)),
        Check("d", d, needs=(b, c)),
        Check("e", probe(ok("never asked")), needs=(d,)),
        Check("f", probe(ok("asked"))),
    )
    assert found["c"] == failed("broken", "mend it")
    assert found["d"] == skipped("needs c")._replace(needs="c")
    assert found["e"] == found["d"]
    assert found["f"] == ok("asked")


def test_needs_that_do_not_count() -> None:
    """A check whose `unless` speaks of what is examined is carried out after those that it needs, hold or not."""
    a = probe(failed("broken"))
    found = outcomes(
        Check("a", a),
        Check("b", probe(ok("asked")), needs=(a,), unless=lambda seconds: seconds > 0),
        Check("c", probe(ok("never asked")), needs=(a,), unless=lambda seconds: seconds < 0),
    )
    assert found["b"] == ok("asked")
    assert found["c"].outcome is CheckOutcome.SKIPPED


def test_table_is_in_the_order_of_the_results() -> None:
    """Checks are reported as in the table, and carried out each after those that it names, what is spare last."""
    asked: list[str] = []

    def notes(name: str) -> Callable[[float], Diagnosis]:
        def noting(_: float) -> Diagnosis:
            asked.append(name)
            return ok(name)

        return noting

    last, a, b, c = map(notes, ("last", "a", "b", "c"))
    table = (Check("last", last, spare=True), Check("c", c, needs=(b,)), Check("b", b, needs=(a,)), Check("a", a))
    assert list(outcomes(*table)) == ["last", "c", "b", "a"]
    assert asked == ["a", "b", "c", "last"]


def valued(verdict: Diagnosis, value: Optional[str]) -> Callable[[float], ProbeResult[str]]:
    """Return a probe that finds this, and leaves the value."""
    return lambda _: ProbeResult(verdict, value)


@pytest.mark.parametrize(
    ("verdict", "value", "taken"),
    [
        (ok("fine"), "a value", ok("a value")),
        (warning("odd"), "a value", ok("a value")),
        (failed("broken"), "a value", skipped("needs a")._replace(needs="a")),
        (ok("fine"), None, skipped("needs a")._replace(needs="a")),
    ],
)
def test_value_of_a_check_that_holds(verdict: Diagnosis, value: Optional[str], taken: Diagnosis) -> None:
    """A probe gets the value of the check that it takes; where that does not hold, or has none, it is not asked."""
    a = valued(verdict, value)
    found = outcomes(Check("b", lambda _, of_a: ok(of_a), takes=a), Check("a", a))
    assert found["b"] == taken


def test_values_of_checks_that_need_not_hold() -> None:
    """A probe hears what those before it found out, None of one that ended with a fault."""
    a = valued(failed("broken"), "a value")

    def b(_: float) -> ProbeResult[str]:
        raise DeniedError("no")

    found = outcomes(Check("c", lambda _, *values: ok(repr(values)), hears=(a, b)), Check("a", a), Check("b", b))
    assert found["c"] == ok("('a value', None)")


def test_what_a_probe_leaves_is_closed_at_the_end() -> None:
    """What a value stands on is closed once, after all checks."""
    seen: list[str] = []

    def a(_: float) -> ProbeResult[str]:
        return ProbeResult(ok("open"), "a value", lambda: seen.append("closed"))

    def b(_: float, value: str) -> Diagnosis:
        seen.append(value)
        return ok("used")

    outcomes(Check("a", a), Check("b", b, takes=a))
    assert seen == ["a value", "closed"]


def test_a_fault_is_a_failure_with_its_first_hint() -> None:
    """What an edge raises is what the check says."""
    found = outcomes(Check("a", fails(DeniedError("no", "ask", "beg"))), Check("b", fails(DeniedError("no"))))
    assert list(found.values()) == [failed("no", "ask"), failed("no")]


def test_what_no_boot_depends_on_is_no_failure() -> None:
    """A check that is spare is skipped where it cannot be told."""
    a = fails(UnreachableError("no answer"))
    found = outcomes(Check("a", a, spare=True), Check("b", probe(ok("fine")), needs=(a,)))
    assert found["a"] == skipped("no answer")
    assert found["b"].outcome is CheckOutcome.SKIPPED


@pytest.mark.parametrize(
    ("fault", "is_root", "outcome"),
    [
        (LocalError("cannot open /x: permission denied"), False, CheckOutcome.SKIPPED),
        (LocalError("cannot open /x: permission denied"), True, CheckOutcome.FAILED),
        (LaunchError("docker says no in other words", "see its journal"), False, CheckOutcome.SKIPPED),
    ],
)
def test_what_only_root_may_see(fault: EcsauthError, is_root: bool, outcome: CheckOutcome) -> None:
    """It is no fault of the machine that somebody else may not look; root is not told to be root."""
    verdict = blame(fault.for_want_of_root(is_root=is_root))
    assert verdict.outcome is outcome
    assert (verdict.fix == "run as root") is (not is_root)


@pytest.mark.parametrize(
    "fault", [LocalError("/x is a symbolic link", "remove it"), LaunchError("the image says: permission denied")]
)
def test_words_decide_nothing(fault: EcsauthError) -> None:
    """Whether root could do it is a fact of the fault, not of its message."""
    assert blame(fault).outcome is CheckOutcome.FAILED


def test_time() -> None:
    """A probe is left alone after its own time, and all together after the deadline."""
    over = threading.Event()

    def slow(_: float) -> Diagnosis:
        over.wait(60)
        return ok("too late")

    began = time.monotonic()
    checks = (Check("a", slow, seconds=0.1), Check("b", slow), Check("c", probe(ok("fine"))))
    found = outcomes(*checks, seconds=3 * TICK)
    assert time.monotonic() - began < 30
    over.set()
    assert found["a"].said.startswith("no answer within")
    assert found["b"].said.startswith("no answer within")
    assert found["c"] == skipped("the deadline has passed", "allow more time: ecsauth doctor S3URI --deadline 120")


@pytest.mark.parametrize(
    ("answer", "outcome", "said"),
    [
        (Metadata(200, 401), CheckOutcome.OK, "only with IMDSv2"),
        (Metadata(200, 200), CheckOutcome.WARNING, "also with IMDSv1"),
        (Metadata(403, 401), CheckOutcome.FAILED, "refuses a token with 403"),
        (Metadata(404, 200), CheckOutcome.FAILED, "does not support IMDSv2"),
        (Metadata(503), CheckOutcome.FAILED, "failed with 503"),
        (Metadata(SILENT), CheckOutcome.FAILED, "does not answer"),
        (Metadata(OFF), CheckOutcome.FAILED, "switched off by AWS_EC2_METADATA_DISABLED"),
    ],
)
def test_metadata(answer: Metadata, outcome: CheckOutcome, said: str) -> None:
    """Each answer of the metadata service; where it is not needed, a failure is a warning."""
    verdict = machine.metadata(answer)
    assert (verdict.outcome, bool(verdict.fix)) == (outcome, outcome is not CheckOutcome.OK)
    assert said in verdict.said
    spared = machine.metadata(answer, instead="all is given")
    assert spared.outcome is (CheckOutcome.WARNING if outcome is CheckOutcome.FAILED else outcome)


@pytest.mark.parametrize(
    ("role", "outcome", "said"),
    [
        (Role("r", "Success", 100_000 + 7200), CheckOutcome.OK, "r, credentials valid for 2 hours"),
        (Role("r", "Success"), CheckOutcome.OK, "r"),
        (Role("r", "Success", 100_000 - 7200), CheckOutcome.FAILED, "expired 2 hours ago"),
        (Role("r", "AssumeRoleUnauthorizedAccess"), CheckOutcome.FAILED, "(AssumeRoleUnauthorizedAccess)"),
        (Role(None), CheckOutcome.FAILED, "no role is attached"),
    ],
)
def test_role(role: Role, outcome: CheckOutcome, said: str) -> None:
    """A role with credentials that hold, or why there are none."""
    verdict = machine.role(role, 100_000)
    assert (verdict.outcome, bool(verdict.fix)) == (outcome, outcome is not CheckOutcome.OK)
    assert said in verdict.said


@pytest.mark.parametrize(
    ("region", "owner", "outcome"),
    [
        ("eu-west-1", "111122223333", CheckOutcome.OK),
        (None, "111122223333", CheckOutcome.FAILED),
        ("eu-west-1", None, CheckOutcome.FAILED),
    ],
)
def test_region(region: Optional[str], owner: Optional[str], outcome: CheckOutcome) -> None:
    """Both have to be known."""
    assert machine.region(region, owner).outcome is outcome


@pytest.mark.parametrize(
    ("seconds", "outcome", "said"),
    [
        (0.4, CheckOutcome.OK, "agrees with S3"),
        (-4.9, CheckOutcome.OK, "agrees with S3"),
        (6, CheckOutcome.WARNING, "6 seconds ahead of S3"),
        (-300, CheckOutcome.WARNING, "5 minutes behind S3"),
        (301, CheckOutcome.FAILED, "5 minutes ahead of S3"),
        (-86_400 * 365, CheckOutcome.FAILED, "365 days behind S3"),
    ],
)
def test_clock(seconds: float, outcome: CheckOutcome, said: str) -> None:
    """Some seconds are odd, some minutes too many; the first measurement is the best one."""
    verdict = machine.time((Offset(seconds, "S3"), Offset(9999, "the metadata service")))
    assert (verdict.outcome, verdict.said) == (outcome, said)


def test_clock_without_an_answer() -> None:
    """Where nobody told the time nothing can be said."""
    assert machine.time(()).outcome is CheckOutcome.SKIPPED


@pytest.mark.parametrize(
    ("verdict", "outcome"),
    [
        (machine.python((3, 9, 1)), CheckOutcome.OK),
        (machine.python((3, 14, 0)), CheckOutcome.OK),
        (machine.python((3, 8, 20)), CheckOutcome.FAILED),
        (machine.file("/f", Placed(0o600, 0), GOOD, installed=True), CheckOutcome.OK),
        (machine.file("/f", Placed(0o644, 0), GOOD, installed=True), CheckOutcome.FAILED),
        (machine.file("/f", Placed(0o600, 0), b"no assignment\n", installed=True), CheckOutcome.FAILED),
        (machine.file("/f", Placed(0o600, 0), GOOD, installed=True, verified=GOOD), CheckOutcome.OK),
        (machine.file("/f", Placed(0o600, 0), GOOD, installed=True, verified=b"ECS_CLUSTER=x\n"), CheckOutcome.WARNING),
        (machine.file("/f", None, None, installed=True), CheckOutcome.FAILED),
        (machine.file("/f", None, None, installed=False), CheckOutcome.WARNING),
        (machine.agent(CONTAINER, ANSWER, "prod", installed=True), CheckOutcome.OK),
        (machine.agent(CONTAINER, ANSWER, None, installed=True), CheckOutcome.OK),
        (machine.agent(CONTAINER, ANSWER, "other", installed=True), CheckOutcome.FAILED),
        (
            machine.agent(CONTAINER, ANSWER._replace(container_instance=None), "prod", installed=True),
            CheckOutcome.WARNING,
        ),
        (machine.agent(CONTAINER, None, "prod", installed=True), CheckOutcome.FAILED),
        (machine.agent(CONTAINER._replace(running=False), None, "prod", installed=True), CheckOutcome.FAILED),
        (machine.agent(Runs(RunsAs.SERVICE), None, "prod", installed=False), CheckOutcome.WARNING),
        (machine.agent(Runs(None), None, "prod", installed=True), CheckOutcome.FAILED),
        (machine.agent(Runs(None), None, None, installed=False), CheckOutcome.WARNING),
        (machine.agent(Runs(None), ANSWER, "prod", installed=True), CheckOutcome.OK),
        (machine.ordering(ServiceOrdering(CLOUD_FINAL, DROP_INS, is_marked=True)), CheckOutcome.OK),
        (machine.ordering(ServiceOrdering(CLOUD_FINAL, DROP_INS, is_marked=None)), CheckOutcome.OK),
        (machine.ordering(ServiceOrdering(frozenset(), DROP_INS, is_marked=True)), CheckOutcome.OK),
        (machine.ordering(ServiceOrdering(CLOUD_FINAL, DROP_INS, is_marked=False)), CheckOutcome.WARNING),
        (
            machine.ordering(ServiceOrdering(CLOUD_FINAL, frozenset({"/etc/x.conf"}), is_marked=True)),
            CheckOutcome.WARNING,
        ),
        (machine.timer(Timer(loaded=True, active=True, next_run="Thu 2026-11-26 15:00:00 UTC")), CheckOutcome.OK),
        (machine.timer(Timer(loaded=True, active=False)), CheckOutcome.FAILED),
        (machine.timer(Timer(loaded=False, active=False)), CheckOutcome.WARNING),
        (machine.timer(None), CheckOutcome.SKIPPED),
    ],
)
def test_machine(verdict: Diagnosis, outcome: CheckOutcome) -> None:
    """What is wrong with this machine is told with its fix; what is well needs none."""
    assert verdict.outcome is outcome
    assert verdict.said
    assert bool(verdict.fix) is (outcome in (CheckOutcome.WARNING, CheckOutcome.FAILED))
    assert not verdict.said.endswith(".")


@pytest.mark.parametrize(
    ("kept", "fix"),
    [
        (None, "replace the instance: an agent with saved state"),
        (Kept("/var/lib/ecs/data"), "replace the instance: an agent with saved state"),
        (
            Kept("", "ECS_DATADIR is not set"),
            "the agent saves no state (ECS_DATADIR is not set), so it can change its cluster: ecsauth boot S3URI",
        ),
    ],
)
def test_agent_in_another_cluster(kept: Kept | None, fix: str) -> None:
    """Only an agent with a saved state, or one of which that is not known, costs the instance."""
    found = machine.agent(CONTAINER._replace(kept=kept), ANSWER, "other", installed=True)
    assert found.fix.startswith(fix)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"ECS_CLUSTER=prod\n", "1 finding: A301, the file has no registry credentials"),
        (b"\n", "1 error: F102, the file sets no variable"),
        (
            b"ECS_CLUSTER = prod\n",
            "1 error: F115 in line 1, ECS_CLUSTER: the line has white space between the name and its =",
        ),
        (b"ECS_LOGLEVL=debug\n", "3 findings: A301, V201, V212"),
    ],
)
def test_findings_are_named(data: bytes, said: str) -> None:
    """What is counted is named by its code, and one alone by its line and its message."""
    assert said in machine.file("/f", Placed(0o600, 0), data, installed=True).said
