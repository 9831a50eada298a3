"""The story of a boot: fetch the env-file, prove it, check it, install it, start the agent, see it register.

Nothing here touches the world: the story is told over protocols, each beside the code that uses it. It may be
told any number of times; where nothing has changed, nothing is done.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Callable, NamedTuple, Optional

from bootstrap.core import agent_container, installation, readers
from bootstrap.core.acceptance import Intake
from bootstrap.core.agent_container import Wanted
from bootstrap.core.agent_health import Health
from bootstrap.core.errors import ExitCode
from bootstrap.core.launch import Launch, Terms, make_plan
from bootstrap.core.patience import Clock, Deadline
from bootstrap.core.state import PRIVATE

if TYPE_CHECKING:
    from bootstrap.core.acceptance import Accepted, Demand, Instance, Store
    from bootstrap.core.agent_container import Plan
    from bootstrap.core.agent_health import Registration
    from bootstrap.core.installation import Disk
    from bootstrap.core.launch import Launcher
    from bootstrap.core.state import State

# What the agent joins when nobody tells it a cluster (amazon-ecs-agent, agent/config/config.go).
DEFAULT_CLUSTER = "default"


class Edges(NamedTuple):
    """The world. `launcher` is None where starting the agent is not ecsauth's business."""

    instance: Instance
    store: Store
    disk: Disk
    launcher: Optional[Launcher]
    clock: Clock


class Request(NamedTuple):
    """What the instance was told to do. `deadline` (for the lock and S3) and `wait` are in seconds."""

    demand: Demand
    image: str = agent_container.IMAGE
    deadline: float = 120.0
    wait: float = 60.0
    abandon_tasks: bool = False
    rollback_on_timeout: bool = False


class Outcome(str, Enum):
    """How a boot ended that did not fail."""

    UNCHANGED = "unchanged"
    INSTALLED = "installed"
    STARTED = "started"
    PENDING = "pending"


class Report(NamedTuple):
    """What was done, or in a rehearsal would be. `steps` are (name, seconds) in the order of the run."""

    outcome: Outcome
    accepted: Accepted
    plan: Optional[Plan]
    steps: tuple[tuple[str, float], ...]
    registration: Optional[Registration] = None
    reason: str = ""

    @property
    def exit_code(self) -> ExitCode:
        """An agent that has not registered in time is not a success, though it stays."""
        return ExitCode.LAUNCH if self.outcome is Outcome.PENDING else ExitCode.OK


class Boot:
    """One run. `warn` takes what the operator should know although the run goes on."""

    def __init__(self, request: Request, edges: Edges, warn: Callable[[str], None]) -> None:
        self._request = request
        self._edges = edges
        self._warn = warn
        self._deadline = Deadline(edges.clock, request.deadline)
        self._steps: list[tuple[str, float]] = []
        self._lap_began = edges.clock.now()

    def run(self) -> Report:
        """Bring the instance to what S3 holds; raise an EcsauthError, with what was before back, if that fails."""
        edges = self._edges
        with edges.disk.locked(self._deadline.left()):
            state = edges.disk.state()
            accepted = self._obtain(state)
            launch = self._launch(accepted, state)
            if launch is not None:
                launch.prepare()
                self._lap("prepare")
            if accepted.is_new:
                now = edges.clock.wall()
                state = installation.install(edges.disk, state, accepted, now, close=launch is None)
                self._lap("install")
            if launch is None:
                edges.disk.remember(installation.closed(state))
                return self._report(Outcome.INSTALLED if accepted.is_new else Outcome.UNCHANGED, accepted)
            return self._start(launch, state, accepted)

    def rehearse(self) -> Report:
        """Fetch, prove, check and plan, and change nothing."""
        state = self._edges.disk.state()
        accepted = self._obtain(state)
        launch = self._launch(accepted, state)
        if launch is not None and launch.plan.steps:
            return self._report(Outcome.STARTED, accepted, launch.plan)
        return self._report(Outcome.INSTALLED if accepted.is_new else Outcome.UNCHANGED, accepted)

    def _obtain(self, state: State) -> Accepted:
        edges = self._edges
        intake = Intake(self._request.demand, edges.instance, edges.store, edges.clock, warn=self._warn, lap=self._lap)
        standing, verified = edges.disk.env_file(), edges.disk.verified_copy()
        if edges.disk.env_file_mode() != PRIVATE:
            # Somebody opened it to others: as good as edited, and to be installed anew.
            verified = None
        return intake.obtain(state, standing, verified, self._deadline)

    def _terms(self, accepted: Accepted) -> Terms:
        demand, request = self._request.demand, self._request
        environment = readers.docker(accepted.data).environment()
        cluster = environment.get("ECS_CLUSTER")
        wanted = Wanted(
            image=request.image,
            env_file=demand.env_file,
            version=accepted.facts.identity,
            names=frozenset(environment),
            settings=accepted.source.settings,
        )
        return Terms(
            wanted=wanted,
            cluster=(cluster.reveal() if cluster else "") or DEFAULT_CLUSTER,
            wait=request.wait,
            force=demand.force,
            abandon_tasks=request.abandon_tasks,
            rollback_on_timeout=request.rollback_on_timeout,
        )

    def _launch(self, accepted: Accepted, state: State) -> Optional[Launch]:
        launcher = self._edges.launcher
        if launcher is None:
            return None
        terms = self._terms(accepted)
        return Launch(launcher, self._edges.disk, self._edges.clock, terms, make_plan(launcher, terms, state))

    def _start(self, launch: Launch, state: State, accepted: Accepted) -> Report:
        if launch.is_done and accepted.facts.is_same_object(state.verified):
            self._edges.disk.remember(installation.closed(state._replace(applied=accepted.facts)))
            outcome = Outcome.INSTALLED if accepted.is_new else Outcome.UNCHANGED
            return self._report(outcome, accepted, launch.plan)
        verdict, registration = launch.execute(state)
        self._lap("start")
        outcome = Outcome.STARTED if verdict.health is Health.REGISTERED else Outcome.PENDING
        return self._report(outcome, accepted, launch.plan, registration, verdict.reason)

    def _report(
        self,
        outcome: Outcome,
        accepted: Accepted,
        plan: Optional[Plan] = None,
        registration: Optional[Registration] = None,
        reason: str = "",
    ) -> Report:
        return Report(outcome, accepted, plan, tuple(self._steps), registration, reason)

    def _lap(self, name: str) -> None:
        now = self._edges.clock.now()
        self._steps.append((name, now - self._lap_began))
        self._lap_began = now
