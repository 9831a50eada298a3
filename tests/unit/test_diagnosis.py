"""How `doctor` examines: in order, within its time, skipping what follows from a cause; and what it concludes."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Optional

import pytest
from ecsauth.core.acceptance import Identity
from ecsauth.core.agent_health import Registration
from ecsauth.core.agent_state import Kept
from ecsauth.core.diagnosis import (
    Check,
    Outcome,
    Verdict,
    blame,
    examine,
    failed,
    instance,
    machine,
    ok,
    skipped,
    warning,
)
from ecsauth.core.diagnosis.instance import OFF, SILENT, Metadata, Offset, Role
from ecsauth.core.diagnosis.machine import GATE, Order, Timer
from ecsauth.core.errors import DeniedError, EcsauthError, LaunchError, LocalError, UnreachableError
from ecsauth.core.observed import Placed, Runs, Way
from ecsauth.edges.clock import SystemClock

if TYPE_CHECKING:
    from collections.abc import Callable

GOOD = b"ECS_CLUSTER=prod\n"
ANSWER = Registration("prod", "arn:aws:ecs:eu-west-1:111122223333:container-instance/prod/1", "v1")
CONTAINER = Runs(Way.CONTAINER, running=True, is_ours=True)
DROP_INS = frozenset({GATE})
CLOUD_FINAL = frozenset({"docker.service", "cloud-final.service"})


def probe(verdict: Verdict) -> Callable[[float], Verdict]:
    """Return a probe that finds this."""
    return lambda _: verdict


def fails(fault: Exception) -> Callable[[float], Verdict]:
    """Return a probe that raises this."""

    def raising(_: float) -> Verdict:
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


def outcomes(*checks: Check, seconds: float = 60.0) -> dict[str, Verdict]:
    """Examine, and return the verdicts by check."""
    found = examine(checks, TickingClock(TICK), seconds)
    return {result.check: result.verdict for result in found}


def test_what_follows_from_a_cause_is_skipped() -> None:
    """A check is carried out where those before it hold, with a warning or not."""
    found = outcomes(
        Check("a", probe(ok("fine"))),
        Check("b", probe(warning("odd")), ("a",)),
        Check("c", probe(failed("broken", "mend it")), ("a", "b")),
        Check("d", probe(ok("never asked")), ("b", "c")),
        Check("e", probe(ok("never asked")), ("d",)),
        Check("f", probe(ok("asked"))),
    )
    assert found["c"] == failed("broken", "mend it")
    assert found["d"] == skipped("needs c")._replace(needs="c")
    assert found["e"] == found["d"]
    assert found["f"] == ok("asked")


def test_a_fault_is_a_failure_with_its_first_hint() -> None:
    """What an edge raises is what the check says."""
    found = outcomes(Check("a", fails(DeniedError("no", "ask", "beg"))), Check("b", fails(DeniedError("no"))))
    assert list(found.values()) == [failed("no", "ask"), failed("no")]


def test_what_no_boot_depends_on_is_no_failure() -> None:
    """A check that is spare is skipped where it cannot be told."""
    found = outcomes(
        Check("a", fails(UnreachableError("no answer")), spare=True), Check("b", probe(ok("fine")), ("a",))
    )
    assert found["a"] == skipped("no answer")
    assert found["b"].outcome is Outcome.SKIPPED


@pytest.mark.parametrize(
    ("fault", "is_root", "outcome"),
    [
        (LocalError("cannot open /x: permission denied"), False, Outcome.SKIPPED),
        (LocalError("cannot open /x: permission denied"), True, Outcome.FAILED),
        (LaunchError("docker says no in other words", "see its journal"), False, Outcome.SKIPPED),
    ],
)
def test_what_only_root_may_see(fault: EcsauthError, is_root: bool, outcome: Outcome) -> None:
    """It is no fault of the machine that somebody else may not look; root is not told to be root."""
    verdict = blame(fault.for_want_of_root(is_root=is_root))
    assert verdict.outcome is outcome
    assert (verdict.fix == "run as root") is (not is_root)


@pytest.mark.parametrize(
    "fault", [LocalError("/x is a symbolic link", "remove it"), LaunchError("the image says: permission denied")]
)
def test_words_decide_nothing(fault: EcsauthError) -> None:
    """Whether root could do it is a fact of the fault, not of its message."""
    assert blame(fault).outcome is Outcome.FAILED


def test_time() -> None:
    """A probe is left alone after its own time, and all together after the deadline."""
    over = threading.Event()

    def slow(_: float) -> Verdict:
        over.wait(60)
        return ok("too late")

    began = time.monotonic()
    checks = (Check("a", slow, seconds=0.1), Check("b", slow), Check("c", probe(ok("fine"))))
    found = outcomes(*checks, seconds=3 * TICK)
    assert time.monotonic() - began < 30
    over.set()
    assert found["a"].said.startswith("no answer within")
    assert found["b"].said.startswith("no answer within")
    assert found["c"] == skipped("there was no time left", "give a longer --deadline")


@pytest.mark.parametrize(
    ("answer", "outcome", "said"),
    [
        (Metadata(200, 401), Outcome.OK, "version 2 only"),
        (Metadata(200, 200), Outcome.WARNING, "version 1 too"),
        (Metadata(403, 401), Outcome.FAILED, "refused a token with 403"),
        (Metadata(404, 200), Outcome.FAILED, "knows no version 2"),
        (Metadata(503), Outcome.FAILED, "failed with 503"),
        (Metadata(SILENT), Outcome.FAILED, "does not answer"),
        (Metadata(OFF), Outcome.FAILED, "switched off by AWS_EC2_METADATA_DISABLED"),
    ],
)
def test_metadata(answer: Metadata, outcome: Outcome, said: str) -> None:
    """Each answer of the metadata service; where it is not needed, a failure is a warning."""
    verdict = instance.metadata(answer)
    assert (verdict.outcome, bool(verdict.fix)) == (outcome, outcome is not Outcome.OK)
    assert said in verdict.said
    spared = instance.metadata(answer, instead="all is given")
    assert spared.outcome is (Outcome.WARNING if outcome is Outcome.FAILED else outcome)


@pytest.mark.parametrize(
    ("role", "outcome", "said"),
    [
        (Role("r", "Success", 100_000 + 7200), Outcome.OK, "r, credentials hold for 2 hours"),
        (Role("r", "Success"), Outcome.OK, "r"),
        (Role("r", "Success", 100_000 - 7200), Outcome.FAILED, "have expired 2 hours ago"),
        (Role("r", "AssumeRoleUnauthorizedAccess"), Outcome.FAILED, "(AssumeRoleUnauthorizedAccess)"),
        (Role(None), Outcome.FAILED, "no role is attached"),
    ],
)
def test_role(role: Role, outcome: Outcome, said: str) -> None:
    """A role with credentials that hold, or why there are none."""
    verdict = instance.role(role, 100_000)
    assert (verdict.outcome, bool(verdict.fix)) == (outcome, outcome is not Outcome.OK)
    assert said in verdict.said


@pytest.mark.parametrize(
    ("given", "identity", "owner", "outcome"),
    [
        ("eu-west-1", None, "111122223333", Outcome.OK),
        (None, Identity("eu-west-1", "111122223333"), "111122223333", Outcome.OK),
        (None, None, "111122223333", Outcome.FAILED),
        ("eu-west-1", None, None, Outcome.FAILED),
    ],
)
def test_region(given: Optional[str], identity: Optional[Identity], owner: Optional[str], outcome: Outcome) -> None:
    """Region and owner are given, or the instance's own."""
    assert instance.region(given, identity, owner).outcome is outcome


@pytest.mark.parametrize(
    ("seconds", "outcome", "said"),
    [
        (0.4, Outcome.OK, "agrees with S3"),
        (-4.9, Outcome.OK, "agrees with S3"),
        (6, Outcome.WARNING, "6 seconds ahead of S3"),
        (-300, Outcome.WARNING, "5 minutes behind S3"),
        (301, Outcome.FAILED, "5 minutes ahead of S3"),
        (-86_400 * 365, Outcome.FAILED, "365 days behind S3"),
    ],
)
def test_clock(seconds: float, outcome: Outcome, said: str) -> None:
    """Some seconds are odd, some minutes too many; the first measurement is the best one."""
    verdict = instance.time((Offset(seconds, "S3"), Offset(9999, "the metadata service")))
    assert (verdict.outcome, verdict.said) == (outcome, said)


def test_clock_without_an_answer() -> None:
    """Where nobody told the time nothing can be said."""
    assert instance.time(()).outcome is Outcome.SKIPPED


@pytest.mark.parametrize(
    ("verdict", "outcome"),
    [
        (machine.python((3, 9, 1)), Outcome.OK),
        (machine.python((3, 14, 0)), Outcome.OK),
        (machine.python((3, 8, 20)), Outcome.FAILED),
        (machine.sdk("1.36.0"), Outcome.OK),
        (machine.sdk("1.44.5"), Outcome.OK),
        (machine.sdk("1.35.99"), Outcome.FAILED),
        (machine.sdk(None), Outcome.FAILED),
        (machine.file("/f", Placed(0o600, 0), GOOD, installed=True), Outcome.OK),
        (machine.file("/f", Placed(0o644, 0), GOOD, installed=True), Outcome.FAILED),
        (machine.file("/f", Placed(0o600, 0), b"no assignment\n", installed=True), Outcome.FAILED),
        (machine.file("/f", Placed(0o600, 0), GOOD, installed=True, verified=GOOD), Outcome.OK),
        (machine.file("/f", Placed(0o600, 0), GOOD, installed=True, verified=b"ECS_CLUSTER=x\n"), Outcome.WARNING),
        (machine.file("/f", None, None, installed=True), Outcome.FAILED),
        (machine.file("/f", None, None, installed=False), Outcome.WARNING),
        (machine.agent(CONTAINER, ANSWER, "prod", installed=True), Outcome.OK),
        (machine.agent(CONTAINER, ANSWER, None, installed=True), Outcome.OK),
        (machine.agent(CONTAINER, ANSWER, "other", installed=True), Outcome.FAILED),
        (machine.agent(CONTAINER, ANSWER._replace(container_instance=None), "prod", installed=True), Outcome.WARNING),
        (machine.agent(CONTAINER, None, "prod", installed=True), Outcome.FAILED),
        (machine.agent(CONTAINER._replace(running=False), None, "prod", installed=True), Outcome.FAILED),
        (machine.agent(Runs(Way.SERVICE), None, "prod", installed=False), Outcome.WARNING),
        (machine.agent(Runs(None), None, "prod", installed=True), Outcome.FAILED),
        (machine.agent(Runs(None), None, None, installed=False), Outcome.WARNING),
        (machine.agent(Runs(None), ANSWER, "prod", installed=True), Outcome.OK),
        (machine.ordering(Order(CLOUD_FINAL, DROP_INS, is_marked=True)), Outcome.OK),
        (machine.ordering(Order(CLOUD_FINAL, DROP_INS, is_marked=None)), Outcome.OK),
        (machine.ordering(Order(frozenset(), DROP_INS, is_marked=True)), Outcome.OK),
        (machine.ordering(Order(CLOUD_FINAL, DROP_INS, is_marked=False)), Outcome.WARNING),
        (machine.ordering(Order(CLOUD_FINAL, frozenset({"/etc/x.conf"}), is_marked=True)), Outcome.WARNING),
        (machine.timer(Timer(loaded=True, active=True, next_run="Thu 2026-11-26 15:00:00 UTC")), Outcome.OK),
        (machine.timer(Timer(loaded=True, active=False)), Outcome.FAILED),
        (machine.timer(Timer(loaded=False, active=False)), Outcome.WARNING),
        (machine.timer(None), Outcome.SKIPPED),
    ],
)
def test_machine(verdict: Verdict, outcome: Outcome) -> None:
    """What is wrong with this machine is told with its fix; what is well needs none."""
    assert verdict.outcome is outcome
    assert verdict.said
    assert bool(verdict.fix) is (outcome in (Outcome.WARNING, Outcome.FAILED))
    assert not verdict.said.endswith(".")


@pytest.mark.parametrize(
    ("kept", "fix"),
    [
        (None, "replace the instance: with its saved state"),
        (Kept("/var/lib/ecs/data"), "replace the instance: with its saved state"),
        (
            Kept("", "ECS_DATADIR is not set"),
            "the agent keeps no state (ECS_DATADIR is not set), so it takes another cluster: ecsauth boot S3URI",
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
        (b"ECS_CLUSTER=prod\n", "1 finding: A301, no registry credentials"),
        (b"\n", "1 error: F102, the file sets no variable"),
        (b"ECS_CLUSTER = prod\n", "1 error: F115 in line 1, ECS_CLUSTER: white space between the name and its ="),
        (b"ECS_LOGLEVL=debug\n", "3 findings: A301, V201, V212"),
    ],
)
def test_findings_are_named(data: bytes, said: str) -> None:
    """What is counted is named by its code, and one alone by its line and its message."""
    assert said in machine.file("/f", Placed(0o600, 0), data, installed=True).said
