"""Starting the agent with the new env-file and seeing it register, or going back (steps 7 to 9 of a boot)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Optional, Protocol

from bootstrap.core import agent_container, agent_health, installation
from bootstrap.core.agent_container import Step
from bootstrap.core.agent_health import Health, Registration, Verdict
from bootstrap.core.errors import LaunchError
from bootstrap.core.patience import Clock, Deadline
from bootstrap.core.state import Rejected, State

if TYPE_CHECKING:
    from bootstrap.core.agent_container import Command, Container, Plan, Wanted
    from bootstrap.core.installation import Disk

_POLL = 0.25
_UNDO = 60.0
_FORGET = Step("remove the agent that a finished run had parked", ("docker", "rm", "--force", agent_container.PARKED))


class Engine(NamedTuple):
    """What docker shows before anything is changed."""

    has_image: bool
    agent: Optional[Container]
    parked: Optional[Container]


class Launcher(Protocol):
    """docker, and the agent's own answers on 127.0.0.1:51678."""

    def look(self, image: str) -> Engine:
        """Return what docker shows; raise LaunchError if it is absent or does not answer."""

    def agent(self) -> Optional[Container]:
        """Return the agent's container, None if there is none."""

    def run(self, command: Command, seconds: float) -> None:
        """Run one command of a plan; raise LaunchError if it fails or takes longer."""

    def registration(self) -> Optional[Registration]:
        """Return what the agent says of itself, None if it does not answer."""

    def running_tasks(self) -> Optional[int]:
        """Return how many tasks the agent runs, None if it does not say."""


class Terms(NamedTuple):
    """How the agent is to be started. `wait` is in seconds; `cluster` is the env-file's."""

    wanted: Wanted
    cluster: str
    wait: float
    force: bool = False
    abandon_tasks: bool = False
    rollback_on_timeout: bool = False


def make_plan(launcher: Launcher, terms: Terms, state: State) -> Plan:
    """Return the steps to the wanted agent; `state` is what was recorded before this run.

    Raises LaunchError if docker is not fit, or an agent would be stopped that must not be.
    """
    engine = launcher.look(terms.wanted.image)
    outlived = _is_outlived(engine, state)
    plan = agent_container.plan(
        terms.wanted,
        engine.agent,
        None if outlived else engine.parked,
        has_image=engine.has_image,
        force=terms.force,
        unverified=_is_unverified(engine, state) or (engine.agent is not None and engine.agent.auto_remove),
    )
    if outlived:
        plan = plan._replace(prepare=(*plan.prepare, _FORGET))
    if plan.stops is not None:
        _refuse_to_stop(plan.stops, launcher, terms)
    return plan


def _is_unverified(engine: Engine, state: State) -> bool:
    """Tell whether the agent was started by a change that is still open: file and agent of before belong together."""
    if state.in_progress is None or engine.agent is None or not engine.agent.version:
        return False
    known = state.verified.identity if state.verified is not None else None
    return engine.parked is not None or engine.agent.version != known


def _is_outlived(engine: Engine, state: State) -> bool:
    """Tell whether a run that was killed at its very end has left the predecessor of an agent that it saw register.

    It has to go before the next change is opened: beside it, in an open change, that agent would count as one on
    trial. A parked one of the same version may be what a trial of another image goes back to.
    """
    if state.in_progress is not None or state.verified is None or engine.agent is None or engine.parked is None:
        return False
    return engine.agent.version == state.verified.identity != engine.parked.version


def _refuse_to_stop(agent: Container, launcher: Launcher, terms: Terms) -> None:
    registration = launcher.registration()
    if registration is not None and not agent_health.same_cluster(registration.cluster, terms.cluster):
        raise LaunchError(
            f"the running agent is in cluster {registration.cluster}, the env-file says {terms.cluster}: with its "
            "saved state an agent that is told another cluster exits",
            "replace the instance, or stop the agent, remove /var/lib/ecs/data and boot again",
        )
    if agent.auto_remove and not terms.force:
        raise LaunchError(
            "the running agent was started with --rm: once stopped it is gone, and there is no way back",
            "stop it yourself, or give --force",
        )
    if agent.has_data_dir or terms.abandon_tasks:
        return
    tasks = launcher.running_tasks()
    if tasks is None or tasks > 0:
        running = "may have tasks" if tasks is None else f"has {tasks} task{'s' if tasks > 1 else ''}"
        raise LaunchError(
            f"the running agent keeps no state (ECS_DATADIR is not set) and {running}: stopping it would lose them",
            "stop the tasks first, or give --abandon-tasks",
        )


class Launch:
    """Executes a plan. Whatever ends it early, the agent and the env-file of before come back."""

    def __init__(self, launcher: Launcher, disk: Disk, clock: Clock, terms: Terms, plan: Plan) -> None:
        self.plan = plan
        self._launcher = launcher
        self._disk = disk
        self._clock = clock
        self._terms = terms

    @property
    def is_done(self) -> bool:
        """Tell whether the wanted agent runs and nothing is left over from an earlier run."""
        return not self.plan.steps and not self.plan.finish

    def prepare(self) -> None:
        """Run the steps that change nothing that runs, before the env-file is written; raise LaunchError."""
        for step in self.plan.prepare:
            self._launcher.run(step.command, step.seconds)

    def execute(self, state: State) -> tuple[Verdict, Optional[Registration]]:
        """Run the plan and wait for the agent; return how it is: registered, or pending and left to itself.

        Raises LaunchError if a command failed or the agent did not come up.
        """
        done: list[Step] = []
        try:
            verdict, registration = self._carry_out(state, done)
        except _FailedAgentError as fault:
            came_back = self._go_back(done, state, rejected=fault.message)
            raise LaunchError(f"the agent did not come up: {fault.message}; {came_back}", *fault.hints) from None
        except LaunchError as fault:
            raise LaunchError(f"{fault.message}; {self._go_back(done, state)}", *fault.hints) from None
        except BaseException:
            self._go_back(done, state)
            raise
        # Outside: once the agent of before is let go there is no way back.
        if verdict.health is Health.REGISTERED:
            self._conclude(state)
        return verdict, registration

    def _carry_out(self, state: State, done: list[Step]) -> tuple[Verdict, Optional[Registration]]:
        """Note each step in `done` before it runs: one that fails may have had half of its effect."""
        for step in self.plan.steps:
            done.append(step)
            self._launcher.run(step.command, step.seconds)
        state = state._replace(applied=state.installed and state.installed.facts)
        self._disk.remember(state)
        verdict, registration = self._wait()
        timed_out = verdict.health is Health.PENDING and self._terms.rollback_on_timeout
        if timed_out or verdict.health is Health.FAILED:
            raise _FailedAgentError(verdict.reason)
        return verdict, registration

    def _wait(self) -> tuple[Verdict, Optional[Registration]]:
        deadline = Deadline(self._clock, self._terms.wait)
        while True:
            registration = self._launcher.registration()
            agent = self._launcher.agent()
            ours = agent if agent_container.is_right(agent, self._terms.wanted) else None
            verdict = agent_health.judge(ours, registration, self._terms.cluster)
            if verdict.health is not Health.PENDING or not deadline.left():
                return verdict, registration
            self._clock.sleep(min(_POLL, deadline.left()))

    def _conclude(self, state: State) -> None:
        """Only a registered agent's predecessor is let go: a pending one may still fail.

        Recorded first: an agent whose predecessor has gone must never count as one on trial.
        """
        facts = state.installed and state.installed.facts
        self._disk.remember(installation.closed(state._replace(applied=facts, verified=facts, rejected=None)))
        for step in self.plan.finish:
            self._try(step.command)

    def _go_back(self, done: list[Step], state: State, rejected: Optional[str] = None) -> str:
        """Undo in reverse order, and say what is now; `rejected` is the reason why a started agent failed.

        With nothing to go back to, an agent that was started stays, as evidence; one that could not be is removed.
        """
        has_past = self.plan.previous or (state.in_progress is not None and self._disk.pre_image() is not None)
        if has_past or rejected is None:
            undo = [command for step in reversed(done) for command in step.undo]
            for command in (*undo, *self.plan.back):
                self._try(command)
        tried = state.in_progress
        if has_past:
            state = installation.take_back(self._disk, state)
        if rejected is not None and tried is not None:
            state = state._replace(rejected=Rejected(tried, rejected, self._clock.wall()))
            self._disk.remember(state)
        if not has_past:
            return "there was nothing before to go back to"
        if self.plan.stops is not None and not self._runs():
            return "the env-file of before is back, but the agent of before does not start: see docker logs ecs-agent"
        return "what was there before is back"

    def _runs(self) -> bool:
        try:
            agent = self._launcher.agent()
        except LaunchError:
            return False
        return agent is not None and agent.running

    def _try(self, command: Command) -> None:
        """Going back, or tidying up, must not stop at a command that has nothing to do any more."""
        try:
            self._launcher.run(command, _UNDO)
        except LaunchError:
            return


class _FailedAgentError(LaunchError):
    """The agent was started and failed."""
