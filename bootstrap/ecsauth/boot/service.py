"""The agent as a service, run by ecs-init on ECS-optimized AMIs: its state, its plan, its health.

ecs.service is ordered after cloud-final.service, which runs user data. A user data script that waits for the service
would wait for itself. So the service is queued (`--no-block`), and a later run checks that the agent registers.
"""

from __future__ import annotations

import hashlib
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple, Optional, Protocol

from ecsauth import envfile
from ecsauth.boot import agent_state, health
from ecsauth.boot.agent_state import Mount
from ecsauth.boot.health import CRASH_LOOP, TERMINAL, AgentVerdict, Health
from ecsauth.boot.plan import Plan, Step
from ecsauth.errors import LaunchError

if TYPE_CHECKING:
    from ecsauth.boot.agent_state import Kept
    from ecsauth.boot.docker import Engine
    from ecsauth.boot.docker_plan import Container
    from ecsauth.boot.fetch import Accepted
    from ecsauth.boot.health import Agent, Registration
    from ecsauth.boot.launch import Terms
    from ecsauth.boot.plan import Command
    from ecsauth.boot.state import State
    from ecsauth.timing import Clock, Moment

UNIT = "ecs.service"
JOB = "ecs"


class Supervisor(Enum):
    """The supervisor of the machine's services: systemd, or upstart on the first Amazon Linux."""

    SYSTEMD = "systemd"
    UPSTART = "upstart"


class Service(NamedTuple):
    """The agent's service as its supervisor describes it.

    `started` is when its main process last started, in seconds of CLOCK_MONOTONIC; 0 means never. `queued`: a job for
    it waits or runs. `stopping`: its process has ended, and the supervisor has not decided yet what follows. `failed`:
    the supervisor has stopped restarting it. `looping`: it waits between an exit and the next start. `exit_status` is
    the status of the last main process. `booting`: cloud-init, after which the service is ordered, has not ended.
    `held_back`: a condition of the unit, as that of the gate, is not met.
    """

    supervisor: Supervisor
    running: bool
    started: float = 0.0
    enabled: bool = True
    queued: bool = False
    failed: bool = False
    looping: bool = False
    exit_status: int = 0
    restarts: int = 0
    booting: bool = False
    held_back: bool = False
    stopping: bool = False


def has_file(service: Service, installed: Optional[Moment], now: Moment) -> bool:
    """Tell whether the running service has read the env-file: it was started after the file was installed."""
    if not service.running or installed is None:
        return False
    return installed.boot != now.boot or service.started > installed.seconds


def plan(service: Service, *, is_right: bool, previous: bool) -> Plan:
    """Return the steps to a service that has read the env-file; none if `is_right` says that it has.

    `previous` tells whether the service ran before the change: then a rollback restarts it, else it stops it.
    """
    if service.supervisor is Supervisor.UPSTART:
        return _upstart_plan(service, is_right=is_right, previous=previous)
    enable = () if service.enabled else (Step("start the service at each boot", ("systemctl", "enable", UNIT)),)
    back = _systemctl("restart" if previous else "stop")
    if is_right or (service.booting and service.queued and not service.running):
        # The boot of the machine has queued it: it starts after this run and reads the file.
        return Plan(steps=enable, restore=(back,), previous=previous)
    forgive = (
        (Step("clear the failed state of the service", ("systemctl", "reset-failed", UNIT)),) if service.failed else ()
    )
    start = Step(f"{'restart' if service.running else 'start'} the service", _systemctl("restart"))
    return Plan(steps=(*enable, *forgive, start), restore=(back,), previous=previous)


def judge(service: Service, before: Service) -> AgentVerdict:
    """Return the health of a service that this run starts, from its state now and its state `before`.

    PENDING without a reason means that it runs, and that the agent's own answer decides.
    """
    if service.failed:
        return _exited(service, "the service failed")
    if service.looping and service.restarts >= CRASH_LOOP:
        said = f"the service exited {service.restarts} times, last with {service.exit_status}"
        return AgentVerdict(Health.FAILED, said, final=service.exit_status == TERMINAL)
    if service.running:
        is_old = before.running and service.started == before.started
        return AgentVerdict(Health.PENDING, "the service has not restarted yet" if is_old else "")
    if service.queued or service.looping:
        return AgentVerdict(Health.PENDING, "the service is about to start")
    if service.stopping:
        return AgentVerdict(Health.PENDING, f"the service is stopping: it exited with status {service.exit_status}")
    if service.held_back:
        return AgentVerdict(Health.FAILED, "the service does not start: a condition of its unit is not met")
    return _exited(service, "the service has stopped")


def judge_previous(service: Service, before: Service) -> AgentVerdict:
    """Return the health of a service that a rollback restarts; `before` is its state when it failed.

    PENDING without a reason means that it runs, and that the agent's own answer decides.
    """
    if service.failed:
        return _exited(service, "the service failed")
    if service.looping:
        said = f"the service exited with status {service.exit_status}, and systemd restarts it"
        return AgentVerdict(Health.FAILED, said, final=service.exit_status == TERMINAL)
    return judge(service, before)


def _exited(service: Service, what: str) -> AgentVerdict:
    final = service.exit_status == TERMINAL
    word = ", which a restart does not fix" if final else ""
    return AgentVerdict(Health.FAILED, f"{what}: it exited with status {service.exit_status}{word}", final)


def _upstart_plan(service: Service, *, is_right: bool, previous: bool) -> Plan:
    """Return the plan for upstart: stop and start, as AWS documents for that AMI.

    upstart's restart does not read the job's files again.
    """
    stop, start = ("initctl", "stop", JOB), ("initctl", "start", "--no-wait", JOB)
    restore: tuple[Command, ...] = (stop, start) if previous else (stop,)
    if is_right:
        return Plan(restore=restore, previous=previous)
    stopping = (Step("stop the service", stop),) if service.running else ()
    return Plan(steps=(*stopping, Step("start the service", start)), restore=restore, previous=previous)


def _systemctl(verb: str) -> Command:
    return ("systemctl", "--no-block", verb, UNIT)


# The state directory of the agent in the container that ecs-init creates.
_DIRECTORY = "/data"


class Supervision(Protocol):
    """systemd or upstart."""

    def look(self) -> Service:
        """Return the state of the agent's service; raise LaunchError if the supervisor does not answer."""

    def run(self, command: Command, seconds: float) -> None:
        """Run one command of a plan; raise LaunchError if it fails or takes longer."""

    def log(self) -> str:
        """Return the end of the service's log."""


class ServiceStarter:
    """Starts the agent as a service."""

    def __init__(self, supervision: Supervision, agent: Agent, engine: Engine, clock: Clock) -> None:
        self._supervision = supervision
        self._agent = agent
        self._engine = engine
        self._clock = clock

    def launch_mode(self, accepted: Accepted, terms: Terms, state: State) -> ServiceMode:
        """Inspect the service and plan the launch; raise LaunchError."""
        settings, now = accepted.source.settings, self._clock.moment()
        return ServiceMode(self._supervision, self._agent, self._engine, terms, settings=settings, state=state, now=now)


class ServiceMode:
    """The launch mode that starts the agent as a service.

    `settings` are the `--set` assignments, `state` is the state before this run. `engine` need not answer.
    Raises LaunchError if the agent is in another cluster than the env-file's and may have saved that cluster.
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
        is_right = not terms.writes and not terms.force and has_file(service, installed, now)
        self.has_agent = service.running
        self.runs = service.running or service.queued or service.looping
        self.is_looping = service.looping
        self.only_queues = service.booting and not is_right
        # An agent that registered before, and stopped in an outage of ECS, must also run after a rollback.
        ran = service.running if state.in_progress is None else state.agent_before
        previous = ran or state.verified is not None
        self.plan = plan(service, is_right=is_right, previous=previous)
        # A service that has read the file already need not restart: judge it by its present state.
        self._before = service._replace(started=0.0, running=False) if is_right else service
        old = self._running() if service.running and not is_right else None
        self._old_container = old.container_id if old is not None else None
        self._containers: set[str] = set()
        self._last = service
        self._of_failed: Optional[set[str]] = None
        kept = old.kept if old is not None else None
        wanted = _kept(terms.data)
        if service.running and not is_right and (not wanted.lack if kept is None else kept.is_found_by(wanted)):
            health.refuse_another_cluster(agent.registration(), terms.cluster, kept)

    def run(self, command: Command, seconds: float) -> None:
        """Run one command; raise LaunchError if it fails or takes longer."""
        self._supervision.run(command, seconds)

    def judge(self) -> tuple[AgentVerdict, Optional[Registration]]:
        """Return the health of the service and, once it has restarted, the agent's answer."""
        self._last = self._supervision.look()
        verdict = judge(self._last, self._before)
        if verdict.health is not Health.PENDING or verdict.reason:
            return verdict, None
        container = self._container()
        if container is not None and container == self._old_container:
            return verdict._replace(reason="the container of the previous agent still runs"), None
        registration = self._agent.registration()
        verdict = health.by_its_answer(registration, self._cluster)
        return self._unless_looping(verdict, container), registration

    def _unless_looping(self, verdict: AgentVerdict, container: Optional[str]) -> AgentVerdict:
        """Return FAILED for an agent in a crash loop.

        ecs-init restarts an agent that exits, each time in a new container, while the service stays active.
        """
        if container is not None:
            self._containers.add(container)
        exits = len(self._containers) - 1
        if verdict.health is Health.PENDING and exits >= health.CRASH_LOOP:
            return verdict._replace(health=Health.FAILED, reason=f"it exited {exits} times")
        return verdict

    def judge_previous(self) -> AgentVerdict:
        """Return the health of the service after a rollback, and of the agent in it."""
        if self.only_queues:
            return AgentVerdict(Health.QUEUED)
        if self._of_failed is None:
            self._of_failed, self._containers = {*self._containers, self._old_container or ""}, set()
        try:
            verdict = judge_previous(self._supervision.look(), self._last)
        except LaunchError as fault:
            return AgentVerdict(Health.PENDING, fault.message, seen=False)
        if verdict.health is not Health.PENDING or verdict.reason:
            return verdict._replace(seen=False)
        container = self._container()
        if container is not None and container not in self._of_failed:
            self._containers.add(container)
        if len(self._containers) > 1:
            return AgentVerdict(Health.FAILED, "the agent exited, and the service restarts it")
        registration = self._agent.registration()
        if registration is not None and registration.container_instance is not None:
            return AgentVerdict(Health.REGISTERED)
        return AgentVerdict(Health.PENDING, "the agent has not registered yet")

    def log(self) -> str:
        """Return the end of the log of the agent and of its service."""
        try:
            return self._engine.log() + self._supervision.log()
        except LaunchError:
            return self._supervision.log()

    def _container(self) -> Optional[str]:
        """Return the ID of the agent's container, None if unknown. ecs-init creates a new container at each start."""
        running = self._running()
        return running.container_id if running is not None else None

    def _running(self) -> Optional[Container]:
        """Return the agent's running container, None if unknown."""
        try:
            agent = self._engine.agent()
        except LaunchError:
            return None
        return agent if agent is not None and agent.running else None


def _kept(env_file: bytes) -> Kept:
    """Return where the agent that ecs-init starts with this env-file saves its state (ecs-init, docker/docker.go)."""
    given = {name: value.reveal() for name, value in envfile.ecs_init(env_file).environment().items()}
    mounts = [Mount(agent_state.PLACE, _DIRECTORY)]
    return agent_state.kept({agent_state.DIRECTORY: _DIRECTORY, **given}, mounts)


def _fingerprint(settings: tuple[str, ...]) -> str:
    """Return a short digest of what defines the agent, except the version of the S3 object: the `--set` assignments."""
    return "service:" + hashlib.sha256("\0".join(settings).encode("utf-8", "surrogateescape")).hexdigest()[:16]
