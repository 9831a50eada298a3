"""The agent as a container that docker runs: inspect the machine and plan the launch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Callable, NamedTuple, Optional, Protocol

from ecsauth import envfile
from ecsauth.boot import docker_plan, health
from ecsauth.boot.agent_state import VARIABLES
from ecsauth.boot.docker_plan import WantedContainer
from ecsauth.boot.health import AgentVerdict, Health
from ecsauth.boot.plan import Step
from ecsauth.command_hint import S3URI, CommandHint
from ecsauth.errors import LaunchError

if TYPE_CHECKING:
    from ecsauth.boot.agent_state import Kept
    from ecsauth.boot.docker_plan import Container
    from ecsauth.boot.fetch import Accepted
    from ecsauth.boot.health import Agent, Registration
    from ecsauth.boot.launch import Terms
    from ecsauth.boot.plan import Command, Plan
    from ecsauth.boot.state import State
    from ecsauth.envfile import Reading

_REMOVE_SET_ASIDE = Step(
    "remove the previous agent of an earlier run", ("docker", "rm", "--force", docker_plan.PREVIOUS_NAME)
)


class Found(NamedTuple):
    """What docker shows before this run changes anything."""

    has_image: bool
    agent: Optional[Container]
    set_aside: Optional[Container]


class Engine(Protocol):
    """docker."""

    def look(self, image: str) -> Found:
        """Return what docker shows; raise LaunchError if it is absent or does not answer."""

    def agent(self) -> Optional[Container]:
        """Return the agent's container, None if there is none."""

    def run(self, command: Command, seconds: float) -> None:
        """Run one command of a plan; raise LaunchError if it fails or takes longer."""

    def log(self) -> str:
        """Return the end of the agent's log."""


class ContainerStarter:
    """Starts the agent by docker from an image. `rules` returns the steps that the host needs, None: it needs none.

    `absent` are those of `docker_plan.LIBRARY_DIRECTORIES` that this machine does not have.
    """

    def __init__(
        self,
        engine: Engine,
        agent: Agent,
        image: str,
        *,
        awsvpc: bool = False,
        absent: frozenset[str] = frozenset(),
        rules: Optional[Callable[[Reading], tuple[Step, ...]]] = None,
    ) -> None:
        self._engine = engine
        self._agent = agent
        self._image = image
        self._awsvpc = awsvpc
        self._absent = absent
        self._rules = rules

    def launch_mode(self, accepted: Accepted, terms: Terms, state: State) -> ContainerMode:
        """Inspect docker and plan the launch; raise LaunchError."""
        reading = envfile.docker(accepted.data)
        variables = {name: value.reveal() for name, value in reading.environment().items() if name in VARIABLES}
        wanted = WantedContainer(
            image=self._image,
            env_file=accepted.source.env_file,
            version=accepted.facts.identity,
            same_as=state.other_label(accepted.facts),
            names=frozenset(reading.environment()),
            settings=accepted.source.settings,
            awsvpc=self._awsvpc,
            absent=self._absent,
            kept=docker_plan.kept(variables, awsvpc=self._awsvpc),
        )
        steps = self._rules(reading) if self._rules is not None else ()
        return ContainerMode(self._engine, self._agent, wanted, terms, state, prepare=steps)


class ContainerMode:
    """The launch mode that starts the agent as a container by docker.

    `prepare` are the steps that the host needs before the agent starts. `state` is the state before this run.
    Raises LaunchError if docker is not fit, or if the plan stops an agent that must not be stopped.
    """

    def __init__(
        self,
        engine: Engine,
        agent: Agent,
        wanted: WantedContainer,
        terms: Terms,
        state: State,
        *,
        prepare: tuple[Step, ...] = (),
    ) -> None:
        self._engine = engine
        self._agent = agent
        self._wanted = wanted
        self._cluster = terms.cluster
        self._revives = terms.revives
        self._exits: Optional[int] = None
        found = engine.look(wanted.image)
        self.has_agent = found.agent is not None or found.set_aside is not None
        self.runs = found.agent is not None and found.agent.running
        self.is_looping = found.agent is not None and found.agent.restarting
        self.fingerprint = docker_plan.fingerprint(wanted)
        self.only_queues = False
        if terms.revives and found.agent is not None:
            plan = docker_plan.start_again(found.agent)
        else:
            plan = _plan(found, wanted, state, force=terms.force)
        self.plan = plan._replace(prepare=(*plan.prepare, *prepare))
        for running in (found.agent, found.set_aside):
            if running is not None and running.container_id == plan.stops:
                _refuse_to_stop(running, wanted, agent, terms)

    def run(self, command: Command, seconds: float) -> None:
        """Run one command; raise LaunchError if it fails or takes longer."""
        self._engine.run(command, seconds)

    def judge(self) -> tuple[AgentVerdict, Optional[Registration]]:
        """Return the health of the wanted container, and the agent's answer."""
        registration = self._agent.registration()
        agent = self._engine.agent()
        # An agent that is only started again counts, whatever version and flags it has.
        ours = agent if self._revives or docker_plan.is_right(agent, self._wanted) else None
        return health.judge(ours, registration, self._cluster), registration

    def judge_previous(self) -> AgentVerdict:
        """Return the health of the previous agent after a rollback."""
        registration = self._agent.registration()
        try:
            agent = self._engine.agent()
        except LaunchError as fault:
            return AgentVerdict(Health.PENDING, fault.message, seen=False)
        if self._exits is None:
            self._exits = agent.restart_count if agent is not None else 0
        return health.judge_previous(agent, registration, self._exits)

    def log(self) -> str:
        """Return the end of the agent's log."""
        return self._engine.log()


def _plan(found: Found, wanted: WantedContainer, state: State, *, force: bool) -> Plan:
    leftover = _is_leftover(found, state)
    plan = docker_plan.plan(
        wanted,
        found.agent,
        None if leftover else found.set_aside,
        has_image=found.has_image,
        force=force,
        unverified=_is_unverified(found, state) or (found.agent is not None and found.agent.auto_remove),
    )
    return plan._replace(prepare=(*plan.prepare, _REMOVE_SET_ASIDE)) if leftover else plan


def _is_unverified(found: Found, state: State) -> bool:
    """Tell whether the open change has started this agent. Then a rollback must restore the agent before it."""
    if state.in_progress is None or found.agent is None or not found.agent.version:
        return False
    return found.set_aside is not None or found.agent.version not in state.agent_labels


def _is_leftover(found: Found, state: State) -> bool:
    """Tell whether the agent has registered and a run that was killed at its end did not remove the previous one.

    The previous agent must be removed before the next change is opened: beside it, in an open change, the running
    agent would count as unverified. If both have the same version, the previous one is kept: a change of the image may
    be in progress, and its rollback restores that agent.
    """
    if state.in_progress is not None or state.verified is None or found.agent is None or found.set_aside is None:
        return False
    return found.agent.version in state.agent_labels and found.set_aside.version not in state.agent_labels


def _refuse_to_stop(container: Container, wanted: WantedContainer, agent: Agent, terms: Terms) -> None:
    keeps_on = container.kept.is_found_by(wanted.kept)
    if keeps_on:
        health.refuse_another_cluster(agent.registration(), terms.cluster, container.kept)
    if container.auto_remove and not terms.force:
        raise LaunchError(
            "the running agent was started with --rm: if it stops, docker deletes it, and a rollback cannot restore it",
            CommandHint("stop the agent yourself, or replace it anyway", "ecsauth", "boot", S3URI, "--force"),
        )
    if keeps_on or terms.abandon_tasks:
        return
    tasks = agent.running_tasks()
    if tasks is None or tasks > 0:
        running = "may have tasks" if tasks is None else f"has {tasks} task{'s' if tasks > 1 else ''}"
        raise LaunchError(
            f"{_why_lost(container.kept, wanted.kept)} {running}: stopping it would lose them",
            CommandHint("stop the tasks first, or lose them", "ecsauth", "boot", S3URI, "--abandon-tasks"),
        )


def _why_lost(kept: Kept, wanted: Kept) -> str:
    """Return the first half of the message: why the wanted agent does not find the state of the running one."""
    if kept.lack:
        return f"the running agent saves no state ({kept.lack}) and"
    if wanted.lack:
        return f"with this env-file the new agent saves no state ({wanted.lack}), and the running agent"
    return f"the running agent saves its state in {kept.place}, the new agent in {wanted.place}, and the running agent"
