"""The agent as a service of the machine: what is found, and the plan for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Optional, Protocol

from ecsauth.core import agent_health, agent_service, agent_state, readers
from ecsauth.core.agent_health import Health, Verdict
from ecsauth.core.agent_state import Mount
from ecsauth.core.errors import LaunchError

if TYPE_CHECKING:
    from ecsauth.core.acceptance import Accepted
    from ecsauth.core.agent_container import Container
    from ecsauth.core.agent_health import Agent, Registration
    from ecsauth.core.agent_service import Service
    from ecsauth.core.agent_state import Kept
    from ecsauth.core.container_way import Engine
    from ecsauth.core.launch import Terms
    from ecsauth.core.patience import Clock
    from ecsauth.core.plan import Command
    from ecsauth.core.state import Moment, State

# The agent's own directory in the container that ecs-init makes.
_DIRECTORY = "/data"


class Supervision(Protocol):
    """systemd or upstart."""

    def look(self) -> Service:
        """Return what the supervisor shows of the agent's service; raise LaunchError if it does not answer."""

    def run(self, command: Command, seconds: float) -> None:
        """Run one command of a plan; raise LaunchError if it fails or takes longer."""

    def log(self) -> str:
        """Return the end of what the service has written."""


class ServiceStarter:
    """Starts the agent as a service."""

    def __init__(self, supervision: Supervision, agent: Agent, engine: Engine, clock: Clock) -> None:
        self._supervision = supervision
        self._agent = agent
        self._engine = engine
        self._clock = clock

    def way(self, accepted: Accepted, terms: Terms, state: State) -> ServiceWay:
        """Look at the service and plan; raise LaunchError."""
        settings, now = accepted.source.settings, self._clock.moment()
        return ServiceWay(self._supervision, self._agent, self._engine, terms, settings=settings, state=state, now=now)


class ServiceWay:
    """The way to a service that has read the env-file.

    `settings` are the `--set` assignments; `state` is what was recorded before this run; `engine` may not answer.
    Raises LaunchError if the agent is in another cluster than the env-file's, and may have saved that.
    """

    def __init__(
        self,
        supervision: Supervision,
        agent: Agent,
        engine: Engine,
        terms: Terms,
        *,
        settings: tuple[str, ...],
        state: State,
        now: Moment,
    ) -> None:
        self.fingerprint = _fingerprint(settings)
        self._supervision = supervision
        self._agent = agent
        self._cluster = terms.cluster
        self._engine = engine
        service = supervision.look()
        installed = state.installed.moment if state.installed is not None else None
        is_right = not terms.writes and not terms.force and agent_service.has_file(service, installed, now)
        self.has_agent = service.running
        self.runs = service.running or service.queued or service.looping
        self.is_looping = service.looping
        self.only_queues = service.booting and not is_right
        # One that has stopped in an outage of ECS, and registered before, has to run after the way back as well.
        ran = service.running if state.in_progress is None else state.agent_before
        previous = ran or state.verified is not None
        self.plan = agent_service.plan(service, is_right=is_right, previous=previous)
        # A service that has read the file already is judged by what it is, not by whether it starts anew.
        self._before = service._replace(started=0.0, running=False) if is_right else service
        old = self._running() if service.running and not is_right else None
        self._old_container = old.container_id if old is not None else None
        self._containers: set[str] = set()
        self._last = service
        self._of_failed: Optional[set[str]] = None
        kept = old.kept if old is not None else None
        wanted = _kept(terms.data)
        if service.running and not is_right and (not wanted.lack if kept is None else kept.is_found_by(wanted)):
            agent_health.refuse_another_cluster(agent.registration(), terms.cluster, kept)

    def run(self, command: Command, seconds: float) -> None:
        """Run one command; raise LaunchError if it fails or takes longer."""
        self._supervision.run(command, seconds)

    def judge(self) -> tuple[Verdict, Optional[Registration]]:
        """Return how the service is, and what the agent says of itself once it is the one that was started."""
        self._last = self._supervision.look()
        verdict = agent_service.judge(self._last, self._before)
        if verdict.health is not Health.PENDING or verdict.reason:
            return verdict, None
        container = self._container()
        if container is not None and container == self._old_container:
            return verdict._replace(reason="the container of the agent of before still runs"), None
        registration = self._agent.registration()
        verdict = agent_health.by_its_answer(registration, self._cluster)
        return self._unless_looping(verdict, container), registration

    def _unless_looping(self, verdict: Verdict, container: Optional[str]) -> Verdict:
        """ecs-init itself starts an agent that exits again, each time in a new container; the service stays active."""
        if container is not None:
            self._containers.add(container)
        exits = len(self._containers) - 1
        if verdict.health is Health.PENDING and exits >= agent_health.CRASH_LOOP:
            return verdict._replace(health=Health.FAILED, reason=f"it exited {exits} times")
        return verdict

    def previous(self) -> Verdict:
        """Return how the service is that was told to start with the previous file, and the agent in it."""
        if self.only_queues:
            return Verdict(Health.QUEUED)
        if self._of_failed is None:
            self._of_failed, self._containers = {*self._containers, self._old_container or ""}, set()
        try:
            verdict = agent_service.previous(self._supervision.look(), self._last)
        except LaunchError as fault:
            return Verdict(Health.PENDING, fault.message, seen=False)
        if verdict.health is not Health.PENDING or verdict.reason:
            return verdict._replace(seen=False)
        container = self._container()
        if container is not None and container not in self._of_failed:
            self._containers.add(container)
        if len(self._containers) > 1:
            return Verdict(Health.FAILED, "the agent exited, and the service starts it again")
        registration = self._agent.registration()
        if registration is not None and registration.container_instance is not None:
            return Verdict(Health.REGISTERED)
        return Verdict(Health.PENDING, "the agent has not registered yet")

    def log(self) -> str:
        """Return the end of what the service has written."""
        try:
            return self._engine.log() + self._supervision.log()
        except LaunchError:
            return self._supervision.log()

    def _container(self) -> Optional[str]:
        """Return the ID of the agent's container, of which ecs-init makes a new one at each start; None: unknown."""
        running = self._running()
        return running.container_id if running is not None else None

    def _running(self) -> Optional[Container]:
        """Return the agent's container that runs; None: unknown."""
        try:
            agent = self._engine.agent()
        except LaunchError:
            return None
        return agent if agent is not None and agent.running else None


def _kept(env_file: bytes) -> Kept:
    """Return where an agent keeps its state that ecs-init starts with the file (ecs-init, docker/docker.go)."""
    given = {name: value.reveal() for name, value in readers.ecs_init(env_file).environment().items()}
    mounts = [Mount(agent_state.PLACE, _DIRECTORY)]
    return agent_state.kept({agent_state.DIRECTORY: _DIRECTORY, **given}, mounts)


def _fingerprint(settings: tuple[str, ...]) -> str:
    """Return what makes the agent except the object's version: the `--set` assignments, in short."""
    import hashlib

    return "service:" + hashlib.sha256("\0".join(settings).encode("utf-8", "surrogateescape")).hexdigest()[:16]
