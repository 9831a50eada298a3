"""Is the agent that runs the one that was started, and has it registered?"""

from __future__ import annotations

import pytest

from bootstrap.core import agent_health
from bootstrap.core.agent_container import Container
from bootstrap.core.agent_health import Health, Registration
from bootstrap.core.agent_state import Kept

ARN = "arn:aws:ecs:eu-west-1:111122223333:container-instance/prod/0123456789abcdef"
RUNNING = Container("c1", True, 0, 0, "2026-01-01T00:00:00Z", "on-failure:10", "v1", "plan", Kept("/d"))
REGISTERED = Registration("prod", ARN, "1.105.1")
WAITING = REGISTERED._replace(container_instance=None)


@pytest.mark.parametrize(
    ("container", "answer", "health", "reason"),
    [
        pytest.param(RUNNING, REGISTERED, Health.REGISTERED, "", id="registered"),
        pytest.param(RUNNING._replace(restart_count=2), REGISTERED, Health.REGISTERED, "", id="after two restarts"),
        pytest.param(RUNNING._replace(restart_count=9), REGISTERED, Health.REGISTERED, "", id="restarts of long ago"),
        pytest.param(RUNNING, None, Health.PENDING, "does not answer", id="silent"),
        pytest.param(RUNNING, WAITING, Health.PENDING, "not registered", id="answers, not registered"),
        pytest.param(RUNNING._replace(restart_count=2), None, Health.PENDING, "does not answer", id="two restarts"),
        pytest.param(None, REGISTERED, Health.FAILED, "gone", id="another agent answers"),
        pytest.param(None, None, Health.FAILED, "gone", id="gone"),
        pytest.param(RUNNING._replace(running=False, exit_code=1), None, Health.FAILED, "status 1", id="exited"),
        pytest.param(
            RUNNING._replace(running=False), REGISTERED, Health.FAILED, "status 0", id="exited, other answers"
        ),
        pytest.param(RUNNING._replace(exit_code=5, restart_count=1), None, Health.FAILED, "no restart", id="terminal"),
        pytest.param(RUNNING._replace(restart_count=3), None, Health.FAILED, "exited 3 times", id="crash loop"),
        pytest.param(RUNNING._replace(restart_count=3), WAITING, Health.FAILED, "3 times", id="crash loop, answers"),
        pytest.param(RUNNING, REGISTERED._replace(cluster="test"), Health.FAILED, "in cluster test", id="cluster"),
        pytest.param(RUNNING, WAITING._replace(cluster="test"), Health.FAILED, "in cluster test", id="cluster, early"),
    ],
)
def test_judge(container: Container | None, answer: Registration | None, health: Health, reason: str) -> None:
    """The container comes first, then the cluster, then registration, then the signs that waiting is in vain."""
    verdict = agent_health.judge(container, answer, "prod")
    assert verdict.health is health
    assert reason in verdict.reason
    assert bool(verdict.reason) is (health is not Health.REGISTERED)


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
    assert agent_health.same_cluster(one, other) is answer
