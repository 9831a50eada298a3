"""The steps of a boot: fetch, verify, validate and install the env-file, start the agent, wait until it registers.

This module does no input or output itself. It calls protocols; each is declared beside the code that uses it.
A boot can run any number of times. If nothing has changed, it changes nothing.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, Callable, NamedTuple, Optional, Protocol

from ecsauth import envfile, timing
from ecsauth.boot import candidate, fallback, install, promotion, rejection, restart
from ecsauth.boot.fetch import Intake
from ecsauth.boot.health import Health
from ecsauth.boot.install import RollbackTarget
from ecsauth.boot.launch import Launch, Terms, tell_nobody
from ecsauth.boot.outcome import BootOutcome, BootReport
from ecsauth.boot.state import PRIVATE, Failure
from ecsauth.errors import DeniedError, EcsauthError, InvalidError, LaunchError, LocalError, UnreachableError
from ecsauth.timing import Clock, Deadline

if TYPE_CHECKING:
    from ecsauth.boot.fetch import Accepted, Demand, Instance, Store
    from ecsauth.boot.health import Registration
    from ecsauth.boot.install import Disk
    from ecsauth.boot.launch import LaunchMode
    from ecsauth.boot.plan import Plan, Unfinished
    from ecsauth.boot.state import State

# Seconds to wait for an agent that is only restarted.
_REVIVAL = 30.0


class Starter(Protocol):
    """How the agent is started on this machine: by docker, or as a service."""

    def launch_mode(self, accepted: Accepted, terms: Terms, state: State) -> LaunchMode:
        """Inspect the machine and plan the launch.

        Raises LaunchError if the machine is not fit, or if the running agent must not be stopped.
        """


class Logins(Protocol):
    """Test the credentials of an env-file at their registries."""

    def check(self, data: bytes) -> None:
        """Return if the registries accept the credentials, or if a warning is enough.

        Raises DeniedError or UnreachableError.
        """


class Edges(NamedTuple):
    """The connections to the outside. `starter` is None if ecsauth starts no agent, `logins` if it tests no login."""

    instance: Instance
    store: Store
    disk: Disk
    starter: Optional[Starter]
    clock: Clock
    logins: Optional[Logins] = None


class Request(NamedTuple):
    """The options of this boot. `deadline` (for the lock and S3) and `wait` (for the agent) are in seconds.

    `undisturbed` returns a context manager that delays signals. `forget_previous` removes the previous env-file after
    the new one is verified. `tell` gets what the boot waits for next.
    """

    demand: Demand
    deadline: float = 120.0
    wait: float = 60.0
    abandon_tasks: bool = False
    rollback_on_timeout: bool = False
    undisturbed: Callable[[], AbstractContextManager[Any]] = nullcontext
    forget_previous: bool = False
    tell: Callable[[str], None] = tell_nobody


class Boot:
    """One run. It passes `warn` each problem that does not stop the run."""

    def __init__(self, request: Request, edges: Edges, warn: Callable[[str], None]) -> None:
        self._request = request
        self._edges = edges
        self._warn = warn
        self._deadline = Deadline(edges.clock, request.deadline)
        self._steps: list[tuple[str, float]] = []
        self._lap_began = edges.clock.now()
        self._was_watched = False
        self._is_promoted = False
        self._unfinished: tuple[Unfinished, ...] = ()

    @property
    def steps(self) -> tuple[tuple[str, float], ...]:
        """The finished steps, as (name, seconds), also of a run that failed."""
        return tuple(self._steps)

    def run(self) -> BootReport:
        """Bring the instance to the version in S3. If that fails, restore the previous state and raise EcsauthError."""
        edges = self._edges
        self._request.tell("waiting for other runs of ecsauth")
        with edges.disk.locked(self._deadline.left()):
            damage = edges.disk.mend_record()
            if damage is not None:
                self._warn(damage)
            try:
                report = self._converge()
                return report._replace(forgotten=self._forget()) if self._request.forget_previous else report
            except EcsauthError as fault:
                if isinstance(fault, LaunchError):
                    restart.revive(fault, edges.disk, edges.clock, self._relaunch, was_watched=self._was_watched)
                self._record(fault)
                if isinstance(fault, (DeniedError, InvalidError)):
                    fault.hints = (self._consequence(), *fault.hints)
                raise

    def rehearse(self) -> BootReport:
        """Fetch, verify, validate and plan, but change nothing."""
        state = self._edges.disk.state()
        state, accepted = self._promoted(state, self._obtain(state))
        launch = self._launch(accepted, state)
        self._log_in(accepted)
        plan = launch.plan if launch is not None else None
        if plan is not None and plan.steps:
            return self._report(BootOutcome.STARTED, accepted, plan)
        return self._report(self._without_start(accepted), accepted, plan)

    def _converge(self) -> BootReport:
        edges = self._edges
        if edges.disk.env_file() != edges.disk.verified_copy():
            # The env-file was edited, removed or restored from before ecsauth: the gate must not open for it.
            edges.disk.mark(checked=False)
        state = edges.disk.state()
        state, accepted = self._promoted(state, self._obtain(state))
        if self._request.demand.withdraw:
            # Recorded before anything changes: if this run fails or is killed, the next one returns as well.
            state = candidate.withdrawn(state, self._request.demand.uri, edges.clock.wall())
            state = rejection.after_withdrawal(state, accepted.facts)
            edges.disk.remember(state)
        if accepted.stale_for is None:
            state = fallback.confirmed(state, accepted, edges.clock.wall())
        leaves = edges.starter is None and _has_left_agent(state)
        state = state._replace(failure=None, leaves_agent=leaves, region=self._request.demand.region)
        launch = self._launch(accepted, state)
        state = self._unless_rejected(accepted, state, launch)
        self._log_in(accepted)
        if launch is not None:
            launch.prepare()
            self._lap("prepare")
        if accepted.is_new:
            # If this run starts no agent, close the change at once, unless a later run starts one for it.
            close = launch is None and state.verified is None
            agent = launch.has_agent if launch is not None else state.verified is not None
            before = state.installed
            state = install.install(edges.disk, state, accepted, edges.clock, agent=agent, close=close)
            accepted = accepted._replace(is_new=state.installed != before)
            self._lap("install")
        if launch is not None:
            return self._start(launch, state, accepted)
        edges.disk.remember(state)
        return self._report(self._without_start(accepted), accepted)

    def _promoted(self, state: State, accepted: Accepted) -> tuple[State, Accepted]:
        """Return the new state if the candidate became the released version, or got another end, else the old one."""
        installed = state.installed
        if not accepted.is_new and installed is not None and installed.ahead != accepted.ahead:
            return state._replace(installed=installed._replace(ahead=accepted.ahead)), accepted
        promoted = None if self._request.demand.force else promotion.promoted(self._edges.disk, state, accepted)
        if promoted is None:
            return state, accepted
        self._is_promoted = True
        return promoted, accepted._replace(is_new=False)

    def _without_start(self, accepted: Accepted) -> BootOutcome:
        """Return the outcome if no agent was started."""
        if self._is_promoted:
            return BootOutcome.PROMOTED
        return BootOutcome.INSTALLED if accepted.is_new else BootOutcome.UNCHANGED

    def _obtain(self, state: State) -> Accepted:
        """Return the env-file from S3, or the last verified file if S3 is unreachable."""
        edges, demand = self._edges, self._request.demand
        intake = Intake(
            demand, edges.instance, edges.store, edges.clock, warn=self._warn, lap=self._lap, tell=self._request.tell
        )
        present, verified = edges.disk.env_file(), edges.disk.verified_copy()
        if edges.disk.env_file_mode() != PRIVATE:
            # Its permissions were changed. Treat that like an edit, and install the file again.
            verified = None
        try:
            return intake.obtain(state, present, verified, self._deadline)
        except UnreachableError as fault:
            self._lap("fetch")
            if demand.candidate is not None or demand.withdraw:
                # The last verified file is not what was requested.
                raise
            accepted = fallback.last_verified(fault, demand, edges.disk, state, edges.clock.wall())
            ago = timing.in_words(accepted.stale_for or 0)
            self._warn(f"{fault.message}: boot uses the last verified file, which S3 confirmed {ago} ago")
            return accepted

    def _launch(self, accepted: Accepted, state: State, *, revives: bool = False) -> Optional[Launch]:
        edges, request = self._edges, self._request
        if edges.starter is None:
            return None
        terms = Terms(
            cluster=envfile.docker(accepted.data).cluster(),
            wait=min(request.wait, _REVIVAL) if revives else request.wait,
            data=accepted.data,
            writes=accepted.is_new and install.already_installed(edges.disk, state, accepted) is None,
            force=request.demand.force and not revives,
            abandon_tasks=request.abandon_tasks,
            rollback_on_timeout=request.rollback_on_timeout,
            undisturbed=request.undisturbed,
            revives=revives,
            is_candidate=accepted.ahead is not None,
            tell=request.tell,
        )
        return Launch(edges.starter.launch_mode(accepted, terms, state), edges.disk, edges.clock, terms)

    def _relaunch(self, accepted: Accepted, state: State) -> Optional[Launch]:
        return self._launch(accepted, state, revives=True)

    def _log_in(self, accepted: Accepted) -> None:
        """Test new credentials at their registries.

        Those of the last verified file were tested when it was installed, and now the network may be down.
        """
        if self._edges.logins is not None and accepted.is_new and accepted.stale_for is None:
            self._edges.logins.check(accepted.data)
            self._lap("login")

    def _unless_rejected(self, accepted: Accepted, state: State, launch: Optional[Launch]) -> State:
        """Raise LaunchError for a rejected version, unless the agent would now be made in another way.

        If its agent has registered in the meantime, return the state without the rejection. The pause protects a
        running agent: if no agent runs and no other version can be started, the rejected version is tried again.
        """
        rejected = rejection.of(state, accepted.facts)
        if rejected is None or self._request.demand.force:
            return state
        if launch is not None and rejected.plan not in ("", launch.fingerprint):
            return state
        health = launch.now().health if launch is not None else Health.FAILED
        if health is not Health.FAILED:
            return rejection.without(state, accepted.facts) if health is Health.REGISTERED else state
        left = rejection.seconds_left(rejected, self._edges.clock.wall())
        if left == 0 or (launch is not None and not self._has_other(launch, state)):
            return state
        who = rejection.retrier(state, rejected)
        when = "" if left is None else f"; {who} retries it after {timing.in_words(left)}"
        raise LaunchError(
            f"version {rejected.facts.identity} is rejected, because the agent did not come up: "
            f"{rejected.reason}{when}",
            rejection.retry(rejected, is_candidate=accepted.ahead is not None),
        )

    def _has_other(self, launch: Launch, state: State) -> bool:
        """Tell whether an agent runs, or can be started, without the rejected version.

        Return False for an open change that replaced a file: it must be completed, because the run that was killed in
        it may have stopped the agent.
        """
        if install.rollback_target(self._edges.disk, state) is RollbackTarget.FILE:
            return False
        return launch.runs or fallback.registered(self._edges.disk, state, self._edges.clock.wall()) is not None

    def _start(self, launch: Launch, state: State, accepted: Accepted) -> BootReport:
        if launch.is_done and accepted.facts.is_same_object(state.verified):
            self._edges.disk.remember(install.closed(state._replace(applied=accepted.facts)))
            return self._report(self._without_start(accepted), accepted, launch.plan)
        self._was_watched = True
        verdict, registration = launch.execute(state)
        self._lap("start")
        self._unfinished = launch.unfinished
        return self._report(_OUTCOMES[verdict.health], accepted, launch.plan, registration, verdict.reason)

    def _forget(self) -> bool:
        """Remove the previous env-file if the installed one is verified; return whether nothing is left of it.

        The container of the previous agent counts, too: it has the previous environment.
        """
        disk = self._edges.disk
        state = disk.state()
        installed = state.installed
        if state.in_progress is not None or installed is None:
            return False
        if self._edges.starter is not None and not installed.facts.is_same_object(state.verified):
            return False
        disk.forget_previous()
        disk.remember(state._replace(pre_image_of=None))
        return not self._unfinished

    def _consequence(self) -> str:
        """Say what this failure means for the instance."""
        try:
            has_file = self._edges.disk.state().installed is not None
        except LocalError:
            has_file = False
        if has_file:
            return f"the installed env-file {'is' if self._edges.starter is None else 'and the agent are'} unchanged"
        what = "an agent has no env-file" if self._edges.starter is None else "boot does not start an agent"
        return f"no validated env-file was ever installed on this instance, so {what}"

    def _record(self, fault: EcsauthError) -> None:
        """Record the failure of this run, for `status`."""
        disk = self._edges.disk
        try:
            failure = Failure(self._edges.clock.wall(), int(fault.exit_code), fault.message)
            disk.remember(disk.state()._replace(failure=failure))
        except LocalError:
            # Either the fault itself reports that the disk is not writable, or the fault matters more.
            return

    def _report(
        self,
        outcome: BootOutcome,
        accepted: Accepted,
        plan: Optional[Plan] = None,
        registration: Optional[Registration] = None,
        reason: str = "",
    ) -> BootReport:
        steps = tuple(self._steps)
        return BootReport(outcome, accepted, plan, steps, registration, reason, unfinished=self._unfinished)

    def _lap(self, name: str) -> None:
        now = self._edges.clock.now()
        self._steps.append((name, now - self._lap_began))
        self._lap_began = now


def _has_left_agent(state: State) -> bool:
    """Tell whether no run so far has started an agent: the unit that only fetches the env-file starts none."""
    started = (state.applied, state.verified, state.in_progress, state.rejected, state.rejected_candidate)
    return state.leaves_agent or not any(started)


_OUTCOMES = {
    Health.REGISTERED: BootOutcome.STARTED,
    Health.QUEUED: BootOutcome.QUEUED,
    Health.PENDING: BootOutcome.PENDING,
}
