"""The agent as a service: the steps to one that has read the env-file, and how it is judged."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

import pytest
from ecsauth.boot import service as boot_service
from ecsauth.boot.health import Health
from ecsauth.boot.service import Service, Supervisor
from ecsauth.timing import Moment

if TYPE_CHECKING:
    from ecsauth.boot.plan import Plan

STOPPED = Service(Supervisor.SYSTEMD, running=False)
RUNNING = Service(Supervisor.SYSTEMD, running=True, started=100.0)
AGAIN = RUNNING._replace(started=200.0)
JOB = Service(Supervisor.UPSTART, running=True, started=100.0)

START = "systemctl --no-block restart ecs.service"
STOP = "systemctl --no-block stop ecs.service"
ENABLE = "systemctl enable ecs.service"
FORGIVE = "systemctl reset-failed ecs.service"
UP_STOP, UP_START = "initctl stop ecs", "initctl start --no-wait ecs"


def commands(plan: Plan) -> list[str]:
    """Return the plan's commands as a shell would take them."""
    return [shlex.join(step.command) for step in plan.steps]


@pytest.mark.parametrize(
    ("service", "is_right", "steps"),
    [
        pytest.param(RUNNING, True, [], id="has read the file"),
        pytest.param(RUNNING, False, [START], id="runs with another file"),
        pytest.param(STOPPED, False, [START], id="stopped"),
        pytest.param(STOPPED._replace(failed=True), False, [FORGIVE, START], id="failed"),
        pytest.param(STOPPED._replace(enabled=False), False, [ENABLE, START], id="not enabled"),
        pytest.param(RUNNING._replace(enabled=False), True, [ENABLE], id="has read the file, not enabled"),
        pytest.param(STOPPED._replace(booting=True), False, [START], id="booting, nobody has queued it"),
        pytest.param(STOPPED._replace(booting=True, queued=True), False, [], id="booting, queued by the boot itself"),
        pytest.param(STOPPED._replace(booting=True, queued=True, enabled=False), False, [ENABLE], id="queued only"),
        pytest.param(RUNNING._replace(booting=True), False, [START], id="booting, runs already"),
        pytest.param(JOB, True, [], id="upstart, has read the file"),
        pytest.param(JOB, False, [UP_STOP, UP_START], id="upstart, runs with another file"),
        pytest.param(JOB._replace(running=False), False, [UP_START], id="upstart, stopped"),
    ],
)
def test_steps(service: Service, is_right: bool, steps: list[str]) -> None:
    """Nothing is started that runs as it should, or that the boot of the machine is about to start by itself."""
    assert commands(boot_service.plan(service, is_right=is_right, previous=False)) == steps


@pytest.mark.parametrize("service", [RUNNING, STOPPED, STOPPED._replace(booting=True, failed=True), JOB])
def test_nothing_waits_for_the_service(service: Service) -> None:
    """Whatever starts or stops the service only queues that: in user data it would wait for itself."""
    plan = boot_service.plan(service, is_right=False, previous=True)
    jobs = [command for command in (*(step.command for step in plan.steps), *plan.restore) if "restart" in command]
    assert all("--no-block" in command for command in jobs)


@pytest.mark.parametrize(
    ("service", "previous", "restore"),
    [
        (RUNNING, True, [START]),
        (STOPPED, False, [STOP]),
        (JOB, True, [UP_STOP, UP_START]),
        (JOB._replace(running=False), False, [UP_STOP]),
    ],
)
def test_way_back(service: Service, previous: bool, restore: list[str]) -> None:
    """With the file of before in its place again, a service that ran starts again, and one that did not is stopped."""
    plan = boot_service.plan(service, is_right=False, previous=previous)
    assert [shlex.join(command) for command in plan.restore] == restore
    assert plan.previous is previous


@pytest.mark.parametrize(
    ("service", "before", "health", "reason"),
    [
        pytest.param(AGAIN, RUNNING, Health.PENDING, "", id="started anew: its answer counts"),
        pytest.param(AGAIN._replace(restarts=9), RUNNING, Health.PENDING, "", id="runs, after restarts of long ago"),
        pytest.param(RUNNING, RUNNING, Health.PENDING, "not restarted yet", id="the old one still runs"),
        pytest.param(RUNNING._replace(running=False, queued=True), RUNNING, Health.PENDING, "about", id="stopping"),
        pytest.param(STOPPED._replace(queued=True), STOPPED, Health.PENDING, "about to start", id="queued"),
        pytest.param(STOPPED._replace(looping=True, exit_status=1), STOPPED, Health.PENDING, "about", id="once down"),
        pytest.param(
            STOPPED._replace(looping=True, exit_status=1, restarts=3), STOPPED, Health.FAILED, "3 times", id="loop"
        ),
        pytest.param(
            STOPPED._replace(failed=True, exit_status=5),
            STOPPED,
            Health.FAILED,
            "a restart does not fix",
            id="terminal",
        ),
        pytest.param(STOPPED._replace(failed=True, exit_status=1), RUNNING, Health.FAILED, "status 1", id="failed"),
        pytest.param(STOPPED._replace(stopping=True, exit_status=1), RUNNING, Health.PENDING, "status 1", id="ending"),
        pytest.param(STOPPED._replace(held_back=True), STOPPED, Health.FAILED, "does not start", id="held back"),
        pytest.param(STOPPED, STOPPED, Health.FAILED, "has stopped: it exited with status 0", id="by somebody"),
    ],
)
def test_judge(service: Service, before: Service, health: Health, reason: str) -> None:
    """A service counts as started only by a start that came after; then the agent's own answer decides."""
    verdict = boot_service.judge(service, before)
    assert verdict.health is health
    assert reason in verdict.reason
    assert bool(verdict.reason) is bool(reason)


@pytest.mark.parametrize(
    ("service", "health", "final"),
    [
        pytest.param(AGAIN, Health.PENDING, False, id="started anew: its answer counts"),
        pytest.param(RUNNING, Health.PENDING, False, id="the failed one still runs"),
        pytest.param(STOPPED._replace(queued=True), Health.PENDING, False, id="queued"),
        pytest.param(
            STOPPED._replace(looping=True, exit_status=1), Health.FAILED, False, id="waits for its next start"
        ),
        pytest.param(STOPPED._replace(looping=True, exit_status=5), Health.FAILED, True, id="the same, after a 5"),
        pytest.param(STOPPED._replace(failed=True, exit_status=1), Health.FAILED, False, id="failed"),
        pytest.param(STOPPED._replace(failed=True, exit_status=5), Health.FAILED, True, id="failed for good"),
        pytest.param(STOPPED, Health.FAILED, False, id="stopped"),
    ],
)
def test_previous(service: Service, health: Health, final: bool) -> None:
    """A service that was told to start with the previous file does not stay up if it exits once."""
    verdict = boot_service.judge_previous(service, RUNNING)
    assert (verdict.health, verdict.final) == (health, final)


@pytest.mark.parametrize(("status", "final"), [(1, False), (5, True)])
@pytest.mark.parametrize(
    "service", [STOPPED._replace(failed=True), STOPPED._replace(looping=True, restarts=3), STOPPED]
)
def test_what_is_final(service: Service, status: int, final: bool) -> None:
    """Of a service only exit status 5 says that no restart helps."""
    verdict = boot_service.judge(service._replace(exit_status=status), STOPPED)
    assert (verdict.health, verdict.final) == (Health.FAILED, final)


NOW = Moment("this boot", 500.0)


@pytest.mark.parametrize(
    ("service", "installed", "answer"),
    [
        pytest.param(RUNNING, Moment("this boot", 99.0), True, id="started after the file was there"),
        pytest.param(RUNNING, Moment("this boot", 101.0), False, id="started before"),
        pytest.param(RUNNING, Moment("last boot", 9000.0), True, id="installed before the machine was started"),
        pytest.param(STOPPED, Moment("this boot", 99.0), False, id="does not run"),
        pytest.param(RUNNING, None, False, id="not known when the file was installed"),
    ],
)
def test_has_file(service: Service, installed: Moment | None, answer: bool) -> None:
    """A service reads the env-file when it is started, and never again; no change of the clock deceives."""
    assert boot_service.has_file(service, installed, NOW) is answer
