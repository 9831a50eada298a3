"""Is the agent that runs the one that was started, and has it registered?

The agent serves `/v1/metadata` with a container instance only after it has registered with the cluster
(amazon-ecs-agent, agent/handlers/introspection_server_setup.go).
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, NamedTuple, Optional, Protocol

from bootstrap.core.agent_state import PLACE
from bootstrap.core.errors import LaunchError

if TYPE_CHECKING:
    from bootstrap.core.agent_container import Container
    from bootstrap.core.agent_state import Kept

# "Terminal error": the agent asks its supervisor not to start it again (agent/sighandlers/exitcodes).
TERMINAL = 5
CRASH_LOOP = 3


class Registration(NamedTuple):
    """What the agent says of itself; `container_instance` is None until it has registered."""

    cluster: str
    container_instance: Optional[str]
    agent_version: str


class Agent(Protocol):
    """The agent's own answers on 127.0.0.1:51678."""

    def registration(self) -> Optional[Registration]:
        """Return what the agent says of itself, None if it does not answer."""

    def running_tasks(self) -> Optional[int]:
        """Return how many tasks the agent runs, None if it does not say."""


class Health(Enum):
    """Where a started agent stands; queued: it starts when this run has ended."""

    REGISTERED = "registered"
    QUEUED = "queued"
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
    if answer is not None and (answered := by_its_answer(answer, cluster)).health is not Health.PENDING:
        return answered
    if container.exit_code == TERMINAL and container.restart_count:
        return Verdict(Health.FAILED, f"it exited with status {TERMINAL}, which no restart can mend")
    if container.restart_count >= CRASH_LOOP:
        return Verdict(Health.FAILED, f"it exited {container.restart_count} times")
    return by_its_answer(answer, cluster)


def by_its_answer(answer: Optional[Registration], cluster: str) -> Verdict:
    """Return how an agent that runs is, by what it says of itself (None: it does not answer)."""
    if answer is None:
        return Verdict(Health.PENDING, "it does not answer on 127.0.0.1:51678 yet")
    if not same_cluster(answer.cluster, cluster):
        return Verdict(Health.FAILED, f"it is in cluster {answer.cluster}, not in {cluster} as the env-file says")
    if answer.container_instance is None:
        return Verdict(Health.PENDING, "it answers, but has not registered yet")
    return Verdict(Health.REGISTERED)


def refuse_another_cluster(running: Optional[Registration], cluster: str, kept: Optional[Kept]) -> None:
    """Raise LaunchError if the running agent, which is to be stopped, is in another cluster than the env-file's.

    `kept` is where both keep the state; None: nobody knows, so the state is taken to be kept.
    """
    if running is None or same_cluster(running.cluster, cluster):
        return
    state = "its saved state" if kept is not None else "a saved state, which it may have,"
    place = kept.place if kept is not None else PLACE
    raise LaunchError(
        f"the running agent is in cluster {running.cluster}, the env-file says {cluster}: with {state} an "
        "agent that is told another cluster exits",
        f"replace the instance, or stop the agent, remove {place} and boot again",
    )


def same_cluster(one: str, other: str) -> bool:
    """Compare two clusters, each given by name or by ARN."""
    return one.rpartition("/")[2] == other.rpartition("/")[2]
