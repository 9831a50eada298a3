"""Is the agent that runs the one that was started, and has it registered?

The agent serves `/v1/metadata` with a container instance only after it has registered with the cluster
(amazon-ecs-agent, agent/handlers/introspection_server_setup.go).
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, NamedTuple, Optional

if TYPE_CHECKING:
    from bootstrap.core.agent_container import Container

# "Terminal error": the agent asks its supervisor not to start it again (agent/sighandlers/exitcodes).
_TERMINAL = 5
_CRASH_LOOP = 3


class Registration(NamedTuple):
    """What the agent says of itself; `container_instance` is None until it has registered."""

    cluster: str
    container_instance: Optional[str]
    agent_version: str


class Health(Enum):
    """Where a started agent stands."""

    REGISTERED = "registered"
    PENDING = "pending"
    FAILED = "failed"


class Verdict(NamedTuple):
    """The agent's health and, unless it is registered, why."""

    health: Health
    reason: str = ""


def judge(container: Optional[Container], answer: Optional[Registration], cluster: str) -> Verdict:
    """Return how the agent is, from its container now, its answer (None: it does not answer) and its cluster.

    One that has registered is well, however often it was restarted in the months before.
    """
    if container is None:
        return Verdict(Health.FAILED, "its container is gone")
    if not container.running:
        return Verdict(Health.FAILED, f"it exited with status {container.exit_code}")
    if answer is not None and not same_cluster(answer.cluster, cluster):
        return Verdict(Health.FAILED, f"it is in cluster {answer.cluster}, not in {cluster} as the env-file says")
    if answer is not None and answer.container_instance is not None:
        return Verdict(Health.REGISTERED)
    if container.exit_code == _TERMINAL and container.restart_count:
        return Verdict(Health.FAILED, f"it exited with status {_TERMINAL}, which no restart can mend")
    if container.restart_count >= _CRASH_LOOP:
        return Verdict(Health.FAILED, f"it exited {container.restart_count} times")
    if answer is None:
        return Verdict(Health.PENDING, "it does not answer on 127.0.0.1:51678 yet")
    return Verdict(Health.PENDING, "it answers, but has not registered yet")


def same_cluster(one: str, other: str) -> bool:
    """Compare two clusters, each given by name or by ARN."""
    return one.rpartition("/")[2] == other.rpartition("/")[2]
