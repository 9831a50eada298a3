"""The health of the agent: whether this run has started it, and whether it has registered.

The agent serves `/v1/metadata` with a container instance only after it has registered with the cluster
(amazon-ecs-agent, agent/handlers/introspection_server_setup.go).
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, NamedTuple, Optional, Protocol

from ecsauth.boot.agent_state import PLACE
from ecsauth.errors import LaunchError

if TYPE_CHECKING:
    from ecsauth.boot.agent_state import Kept
    from ecsauth.boot.docker_plan import Container

# "Terminal error": the agent asks its supervisor not to restart it (agent/sighandlers/exitcodes).
TERMINAL = 5
CRASH_LOOP = 3


class Registration(NamedTuple):
    """The agent's answer on the introspection port; `container_instance` is None until it has registered."""

    cluster: str
    container_instance: Optional[str]
    agent_version: str


class Agent(Protocol):
    """The agent's introspection API on 127.0.0.1:51678."""

    def registration(self) -> Optional[Registration]:
        """Return the agent's answer, None if it does not answer."""

    def running_tasks(self) -> Optional[int]:
        """Return the number of tasks that the agent runs, None if unknown."""


class Health(Enum):
    """The health of a started agent. QUEUED means that it starts after this run has ended."""

    REGISTERED = "registered"
    QUEUED = "queued"
    PENDING = "pending"
    FAILED = "failed"


class AgentVerdict(NamedTuple):
    """The agent's health and, unless it has registered, the reason.

    If it failed, `final` is true if no restart can help; None means that the exit status is not known yet, because
    docker shows it only between two starts. `seen` is false if the agent is pending and was not seen to run.
    """

    health: Health
    reason: str = ""
    final: Optional[bool] = False
    seen: bool = True

    def is_like(self, other: AgentVerdict) -> bool:
        """Tell whether both agents failed, both with a final cause or both with a transient one."""
        both_failed = self.health is other.health is Health.FAILED
        return both_failed and bool(self.final) == bool(other.final)


def judge(container: Optional[Container], answer: Optional[Registration], cluster: str) -> AgentVerdict:
    """Return the agent's health from its container, its answer (None: no answer) and the wanted cluster.

    An agent that has registered is healthy, even if it was restarted often in the months before.
    """
    if container is None:
        return AgentVerdict(Health.FAILED, "its container no longer exists")
    if not container.running:
        return _exited(container)
    if answer is not None and (answered := by_its_answer(answer, cluster)).health is not Health.PENDING:
        return answered
    if container.exit_code == TERMINAL and container.restart_count:
        return _exited(container)
    if container.restart_count >= CRASH_LOOP:
        return _exits_again(container)
    if container.restarting:
        return AgentVerdict(Health.PENDING, f"it exited with status {container.exit_code}, and docker restarts it")
    return by_its_answer(answer, cluster)


def judge_previous(container: Optional[Container], answer: Optional[Registration], exits: int) -> AgentVerdict:
    """Return the health of the previous agent after it was restarted; `exits` is its restart count at that time.

    PENDING means that it is up. Its cluster is not compared with the env-file's: it was started with another file.
    """
    if container is None:
        return AgentVerdict(Health.FAILED, "its container no longer exists")
    if not container.running:
        return _exited(container)
    if container.restarting or container.restart_count > exits:
        return _exited(container) if container.restarting else _exits_again(container)
    if answer is not None and answer.container_instance is not None:
        return AgentVerdict(Health.REGISTERED)
    return AgentVerdict(Health.PENDING, "it has not registered yet")


def _exited(container: Container) -> AgentVerdict:
    final = container.exit_code == TERMINAL
    word = ", which a restart does not fix" if final else ""
    return AgentVerdict(Health.FAILED, f"it exited with status {container.exit_code}{word}", final)


def _exits_again(container: Container) -> AgentVerdict:
    """Return the verdict on an agent in a crash loop. docker shows the exit status only until the container runs."""
    count = container.restart_count
    often = "it exited once" if count == 1 else f"it exited {count} times"
    if not container.restarting:
        return AgentVerdict(Health.FAILED, often, final=None)
    return AgentVerdict(Health.FAILED, f"{often}, last with status {container.exit_code}")


def by_its_answer(answer: Optional[Registration], cluster: str) -> AgentVerdict:
    """Return the health of a running agent from its answer (None: no answer)."""
    if answer is None:
        return AgentVerdict(Health.PENDING, "it does not answer on 127.0.0.1:51678 yet")
    if not same_cluster(answer.cluster, cluster):
        reason = f"it is in cluster {answer.cluster}, but the env-file has {cluster}"
        return AgentVerdict(Health.FAILED, reason, final=True)
    if answer.container_instance is None:
        return AgentVerdict(Health.PENDING, "it answers, but has not registered yet")
    return AgentVerdict(Health.REGISTERED)


def refuse_another_cluster(running: Optional[Registration], cluster: str, kept: Optional[Kept]) -> None:
    """Raise LaunchError if the running agent, which the plan stops, is in another cluster than the env-file's.

    `kept` is where both agents save their state; None if unknown: then the state is assumed to be saved.
    """
    if running is None or same_cluster(running.cluster, cluster):
        return
    unsure = "" if kept is not None else ", which this agent may have,"
    place = kept.place if kept is not None else PLACE
    raise LaunchError(
        f"the running agent is in cluster {running.cluster}, but the env-file has {cluster}: an agent with saved "
        f"state{unsure} exits if its cluster changes",
        f"replace the instance, or stop the agent, remove {place} and run boot again",
    )


def same_cluster(one: str, other: str) -> bool:
    """Compare two clusters, each given by name or by ARN."""
    return one.rpartition("/")[2] == other.rpartition("/")[2]
