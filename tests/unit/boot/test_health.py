"""Is the agent that runs the one that was started, and has it registered?"""

from __future__ import annotations

import pytest
from ecsauth.boot import health as boot_health
from ecsauth.boot.agent_state import Kept
from ecsauth.boot.docker_plan import Container
from ecsauth.boot.health import AgentVerdict, Health, Registration

ARN = "arn:aws:ecs:eu-west-1:111122223333:container-instance/prod/0123456789abcdef"
RUNNING = Container("c1", True, 0, 0, "2026-01-01T00:00:00Z", "on-failure:10", "v1", "plan", Kept("/d"))
REGISTERED = Registration("prod", ARN, "1.105.1")
WAITING = REGISTERED._replace(container_instance=None)
LOOPING = RUNNING._replace(exit_code=1, restart_count=3, restarting=True)
TERMINAL = LOOPING._replace(exit_code=5, restart_count=1)


@pytest.mark.parametrize(
    ("container", "answer", "health", "reason"),
    [
        pytest.param(RUNNING, REGISTERED, Health.REGISTERED, "", id="registered"),
        pytest.param(RUNNING._replace(restart_count=2), REGISTERED, Health.REGISTERED, "", id="after two restarts"),
        pytest.param(RUNNING._replace(restart_count=9), REGISTERED, Health.REGISTERED, "", id="restarts of long ago"),
        pytest.param(RUNNING, None, Health.PENDING, "does not answer", id="silent"),
        pytest.param(RUNNING, WAITING, Health.PENDING, "not registered", id="answers, not registered"),
        pytest.param(RUNNING._replace(restart_count=2), None, Health.PENDING, "does not answer", id="two restarts"),
        pytest.param(None, REGISTERED, Health.FAILED, "no longer exists", id="another agent answers"),
        pytest.param(None, None, Health.FAILED, "no longer exists", id="gone"),
        pytest.param(RUNNING._replace(running=False, exit_code=1), None, Health.FAILED, "status 1", id="exited"),
        pytest.param(
            RUNNING._replace(running=False), REGISTERED, Health.FAILED, "status 0", id="exited, other answers"
        ),
        pytest.param(
            RUNNING._replace(exit_code=5, restart_count=1), None, Health.FAILED, "a restart does not fix", id="terminal"
        ),
        pytest.param(RUNNING._replace(restart_count=3), None, Health.FAILED, "exited 3 times", id="crash loop"),
        pytest.param(RUNNING._replace(restart_count=3), WAITING, Health.FAILED, "3 times", id="crash loop, answers"),
        pytest.param(LOOPING._replace(restart_count=1), None, Health.PENDING, "restarts it", id="between two starts"),
        pytest.param(LOOPING, None, Health.FAILED, "3 times, last with status 1", id="crash loop, between two starts"),
        pytest.param(RUNNING, REGISTERED._replace(cluster="test"), Health.FAILED, "in cluster test", id="cluster"),
        pytest.param(RUNNING, WAITING._replace(cluster="test"), Health.FAILED, "in cluster test", id="cluster, early"),
    ],
)
def test_judge(container: Container | None, answer: Registration | None, health: Health, reason: str) -> None:
    """The container comes first, then the cluster, then registration, then the signs that waiting is in vain."""
    verdict = boot_health.judge(container, answer, "prod")
    assert verdict.health is health
    assert reason in verdict.reason
    assert bool(verdict.reason) is (health is not Health.REGISTERED)


@pytest.mark.parametrize(
    ("container", "answer", "final"),
    [
        pytest.param(LOOPING, None, False, id="exits with 1 again and again"),
        pytest.param(LOOPING._replace(running=False), None, False, id="given up by docker"),
        pytest.param(RUNNING._replace(restart_count=3), None, None, id="exits again and again, runs just now"),
        pytest.param(None, None, False, id="gone"),
        pytest.param(TERMINAL, None, True, id="exits with 5"),
        pytest.param(TERMINAL._replace(running=False), None, True, id="has exited with 5"),
        pytest.param(RUNNING, REGISTERED._replace(cluster="test"), True, id="has joined another cluster"),
    ],
)
def test_what_is_final(container: Container | None, answer: Registration | None, final: bool | None) -> None:
    """Only an agent that says so itself, by exit status 5, and one in another cluster cannot be helped by a restart."""
    verdict = boot_health.judge(container, answer, "prod")
    assert (verdict.health, verdict.final) == (Health.FAILED, final)


@pytest.mark.parametrize(
    ("container", "answer", "health", "reason"),
    [
        pytest.param(RUNNING, REGISTERED, Health.REGISTERED, "", id="registered"),
        pytest.param(RUNNING, REGISTERED._replace(cluster="own"), Health.REGISTERED, "", id="in a cluster of its own"),
        pytest.param(RUNNING._replace(restart_count=2), REGISTERED, Health.REGISTERED, "", id="exits of long ago"),
        pytest.param(RUNNING, None, Health.PENDING, "not registered", id="up"),
        pytest.param(RUNNING, WAITING, Health.PENDING, "not registered", id="up and answers"),
        pytest.param(LOOPING, None, Health.FAILED, "it exited with status 1", id="waits for its next start"),
        pytest.param(RUNNING._replace(restart_count=3), None, Health.FAILED, "exited 3 times", id="has exited since"),
        pytest.param(LOOPING._replace(running=False), None, Health.FAILED, "status 1", id="stopped"),
        pytest.param(None, None, Health.FAILED, "no longer exists", id="gone"),
    ],
)
def test_previous(container: Container | None, answer: Registration | None, health: Health, reason: str) -> None:
    """A previous agent is up that has not exited since it was put back; one exit is enough to say otherwise."""
    verdict = boot_health.judge_previous(container, answer, exits=2)
    assert verdict.health is health
    assert reason in verdict.reason


def test_failing_alike() -> None:
    """Two agents fail alike where both exits may pass, or none of them."""
    outage, unknown = AgentVerdict(Health.FAILED, "1"), AgentVerdict(Health.FAILED, "?", final=None)
    final, up = AgentVerdict(Health.FAILED, "5", final=True), AgentVerdict(Health.PENDING)
    assert outage.is_like(unknown)
    assert final.is_like(final)
    assert not final.is_like(outage)
    assert not up.is_like(outage)
    assert not outage.is_like(up)


@pytest.mark.parametrize(
    ("one", "other", "answer"),
    [
        ("prod", "prod", True),
        ("arn:aws:ecs:eu-west-1:111122223333:cluster/prod", "prod", True),
        ("prod", "arn:aws:ecs:eu-west-1:111122223333:cluster/prod", True),
        ("prod", "Prod", False),
        ("prod", "prod2", False),
        ("arn:aws:ecs:eu-west-1:111122223333:cluster/prod", "test", False),
    ],
)
def test_same_cluster(one: str, other: str, answer: bool) -> None:
    """The agent may name its cluster by ARN where the env-file has the name, and the other way round."""
    assert boot_health.same_cluster(one, other) is answer
