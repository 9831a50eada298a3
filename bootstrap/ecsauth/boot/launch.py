"""Starting the agent with the new env-file and seeing it register, or going back (steps 7 to 9 of a boot).

How the agent is started, by docker or as a service, is a `Way`; what has to happen around it is the same for both.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, Callable, NamedTuple, Optional, Protocol

from ecsauth.boot import install, rejection
from ecsauth.boot.agent_log import redacted_log
from ecsauth.boot.health import AgentVerdict, Health, Registration
from ecsauth.boot.install import Past
from ecsauth.errors import EcsauthError, LaunchError
from ecsauth.timing import Clock, Deadline

if TYPE_CHECKING:
    from ecsauth.boot.install import Disk
    from ecsauth.boot.plan import Command, Plan, Step
    from ecsauth.boot.state import State
    from ecsauth.boot.trust import ObjectFacts
    from ecsauth.secret import SecretBytes

_POLL = 0.25
_UNDO = 60.0
# Seconds for which a previous agent is watched: connection refused by ECS ends the real one after about 13.
_WATCHED = 20.0
# Seconds in which an agent that exits again and again shows with which status.
_STATUS_SHOWS = 5.0
_ALL_IS_BACK = "what was there before is back"
_FILE_IS = {
    Past.FILE: "the previous env-file is back; ",
    Past.NOTHING: "",
    Past.LOST: "the kept copy of the previous env-file is gone or damaged, so the env-file stays as it is; ",
}


_Look = Callable[[], tuple[AgentVerdict, Optional[Registration]]]


class Terms(NamedTuple):
    """How the agent is to be started. `wait` is in seconds; `cluster` is the env-file's, whose bytes are `data`.

    `writes` tells whether the env-file is going to be written before. `undisturbed` makes a context in which a signal
    waits: half a way back is none. `revives`: the version registered before and none runs now, while another one is
    rejected or cannot be started; an agent that is there is started as it is, and the rejection stays.
    """

    cluster: str
    wait: float
    data: SecretBytes
    writes: bool
    force: bool = False
    abandon_tasks: bool = False
    rollback_on_timeout: bool = False
    undisturbed: Callable[[], AbstractContextManager[Any]] = nullcontext
    revives: bool = False


class LaunchMode(Protocol):
    """One way of starting the agent on this machine, with a plan for what was found there."""

    @property
    def plan(self) -> Plan:
        """The steps from what is to the wanted agent."""

    @property
    def fingerprint(self) -> str:
        """All that makes the agent except the object's version, in short."""

    @property
    def has_agent(self) -> bool:
        """Whether there is an agent now, which a change that fails goes back to."""

    @property
    def runs(self) -> bool:
        """Whether an agent runs, or is started again by docker or the supervisor without us."""

    @property
    def is_looping(self) -> bool:
        """Whether it has exited and waits for its next start."""

    @property
    def only_queues(self) -> bool:
        """Whether the agent starts only after this run has ended, so that nothing can be verified in it."""

    def run(self, command: Command, seconds: float) -> None:
        """Run one command; raise LaunchError if it fails or takes longer."""

    def judge(self) -> tuple[AgentVerdict, Optional[Registration]]:
        """Return how the agent is that the plan leads to, and what it says of itself."""

    def previous(self) -> AgentVerdict:
        """Return how the previous agent is, after the way back; PENDING: it is up."""

    def log(self) -> str:
        """Return the end of what the agent has written, which may hold secrets; nothing where there is no log."""


class FailedAgentError(LaunchError):
    """The agent was started and failed, as the verdict says."""

    def __init__(self, verdict: AgentVerdict, message: str, *hints: str, log: tuple[str, ...] = ()) -> None:
        super().__init__(message, *hints, log=log)
        self.verdict = verdict


class Launch:
    """Executes a plan. Whatever ends it early, the agent and the env-file of before come back."""

    def __init__(self, way: LaunchMode, disk: Disk, clock: Clock, terms: Terms) -> None:
        self.plan = way.plan
        self._way = way
        self._disk = disk
        self._clock = clock
        self._terms = terms

    @property
    def is_done(self) -> bool:
        """Tell whether the wanted agent runs and nothing is left over from an earlier run."""
        return not self.plan.steps and not self.plan.finish

    @property
    def has_agent(self) -> bool:
        """Tell whether there is an agent now, which a change that fails goes back to."""
        return self._way.has_agent

    @property
    def fingerprint(self) -> str:
        """Return all that makes the agent except the object's version, in short."""
        return self._way.fingerprint

    @property
    def runs(self) -> bool:
        """Tell whether an agent runs, or is started again by docker or the supervisor without us."""
        return self._way.runs

    @property
    def is_up(self) -> bool:
        """Tell whether an agent runs that does not just wait for its next start."""
        return self._way.runs and not self._way.is_looping

    def now(self) -> AgentVerdict:
        """Return how the wanted agent is without a run that saw it: docker goes on starting one."""
        return self._way.judge()[0] if self.is_done else AgentVerdict(Health.FAILED, "it does not run")

    def prepare(self) -> None:
        """Run the steps that change nothing that runs, before the env-file is written; raise LaunchError."""
        for step in self.plan.prepare:
            self._way.run(step.command, step.seconds)

    def execute(self, state: State) -> tuple[AgentVerdict, Optional[Registration]]:
        """Run the plan and wait for the agent; return how it is: registered, or pending and left to itself.

        Raises LaunchError if a command failed, FailedAgentError if the agent did not come up.
        """
        done: list[Step] = []
        try:
            verdict, registration = self._carry_out(state, done)
        except FailedAgentError as fault:
            raise self._failure(fault, done, state) from None
        except LaunchError as fault:
            with self._terms.undisturbed():
                past = self._past(state)
                self._go_back(done, state)
            raise LaunchError(f"{fault.message}; {self._told(past, self._watch())}", *fault.hints) from None
        except BaseException:
            self._go_back(done, state)
            raise
        # Outside: once the agent of before is let go there is no way back.
        if verdict.health is Health.REGISTERED:
            self._conclude(state)
        return verdict, registration

    def _failure(self, fault: FailedAgentError, done: list[Step], state: State) -> FailedAgentError:
        """Go back, and return the fault that tells of it; the failed agent is asked for its last words before."""
        tried, past = _on_trial(state), self._past(state)
        which = f" (version {tried.identity})" if tried is not None else ""
        with self._terms.undisturbed():
            said = self._failed_agent_log()
            state = self._go_back(done, state, fault.verdict)
        previous = self._watch()
        told = self._told(past, previous)
        if tried is None and past is Past.NOTHING and not self.plan.previous:
            told = "it registered with this version before, so the version is not rejected"
        elif tried is not None and previous is not None and clears(self._disk, state, fault.verdict, previous):
            told += ": it fails like the new one, so the version is not rejected"
        what = f"the agent did not come up: {fault.message}{which}; {told}"
        return FailedAgentError(fault.verdict, what, *fault.hints, log=said)

    def _carry_out(self, state: State, done: list[Step]) -> tuple[AgentVerdict, Optional[Registration]]:
        """Note each step in `done` before it runs: one that fails may have had half of its effect."""
        for step in self.plan.steps:
            done.append(step)
            self._way.run(step.command, step.seconds)
        state = state._replace(applied=state.installed and state.installed.facts)
        self._disk.remember(state)
        if self._way.only_queues:
            return AgentVerdict(Health.QUEUED), None
        verdict, registration = self._wait(self._way.judge, self._terms.wait)
        timed_out = verdict.health is Health.PENDING and self._terms.rollback_on_timeout
        if timed_out or verdict.health is Health.FAILED:
            raise FailedAgentError(verdict._replace(health=Health.FAILED), verdict.reason)
        return verdict, registration

    def _watch(self) -> Optional[AgentVerdict]:
        """Return how the previous agent is, None where there was none; one that registers need not be watched."""
        if not self.plan.previous:
            return None
        return self._wait(lambda: (self._way.previous(), None), _WATCHED)[0]

    def _wait(self, look: _Look, seconds: float) -> tuple[AgentVerdict, Optional[Registration]]:
        """Look until the agent has registered or failed; whether it failed for good is worth some seconds more."""
        verdict, registration = self._poll(look, seconds, _is_pending)
        return self._poll(look, _STATUS_SHOWS, _hides_status) if _hides_status(verdict) else (verdict, registration)

    def _poll(
        self, look: _Look, seconds: float, goes_on: Callable[[AgentVerdict], bool]
    ) -> tuple[AgentVerdict, Optional[Registration]]:
        deadline = Deadline(self._clock, seconds)
        while True:
            verdict, registration = look()
            if not goes_on(verdict) or not deadline.left():
                return verdict, registration
            self._clock.sleep(min(_POLL, deadline.left()))

    def _conclude(self, state: State) -> None:
        """Only a registered agent's predecessor is let go: a pending one may still fail.

        Recorded first: an agent whose predecessor has gone must never count as one on trial.
        """
        facts = state.installed and state.installed.facts
        rejected = state.rejected if self._terms.revives else None
        self._disk.remember(install.closed(state._replace(applied=facts, verified=facts, rejected=rejected)))
        for step in self.plan.finish:
            self._try(step.command)

    def _past(self, state: State) -> Past:
        return install.past(self._disk, state)

    def _go_back(self, done: list[Step], state: State, failed: Optional[AgentVerdict] = None) -> State:
        """Undo in reverse order and return what is recorded; `failed` tells how a started agent failed.

        With nothing to go back to, an agent that was started stays, as evidence; one that could not be is removed.
        """
        has_past = self.plan.previous or self._past(state) is Past.FILE
        if has_past or failed is None:
            undo = [command for step in reversed(done) for command in step.undo]
            for command in (*undo, *self.plan.back):
                self._try(command)
        tried = _on_trial(state)
        if has_past:
            state = install.take_back(self._disk, state, self._clock.moment(), self._restore)
        if failed is None or tried is None:
            return state
        # With no agent to go back to nothing is final: another try takes none away.
        final, now = bool(failed.final) and has_past, self._clock.wall()
        record = rejection.rejected(state.rejected, tried, self.fingerprint, failed.reason, now, final=final)
        state = state._replace(rejected=record)
        self._disk.remember(state)
        return state

    def _told(self, past: Past, previous: Optional[AgentVerdict]) -> str:
        """Say what there is after the way back; what was there before is back only where its agent has stayed up."""
        file = _FILE_IS[past]
        if previous is None:
            return {Past.LOST: file.rstrip("; "), Past.NOTHING: "there was nothing before to go back to"}.get(
                past, _ALL_IS_BACK
            )
        if previous.health is Health.FAILED:
            return f"{file}the previous agent does not stay up: {previous.reason}"
        if not previous.seen:
            return f"{file}the previous agent was not seen to run: {previous.reason}"
        if previous.health is Health.QUEUED:
            return f"{file}the service is queued"
        back = f"{file}the previous agent is back" if past is Past.LOST else _ALL_IS_BACK
        return back if previous.health is Health.REGISTERED else f"{back}, but {previous.reason}"

    def _failed_agent_log(self) -> tuple[str, ...]:
        """Return what the agent wrote last; the log of a service goes back to the one with the file of before."""
        try:
            return redacted_log(self._way.log(), self._terms.data, self._disk.pre_image() or b"")
        except EcsauthError:
            return ()

    def _restore(self) -> None:
        for command in self.plan.restore:
            self._try(command)

    def _try(self, command: Command) -> None:
        """Going back, or tidying up, must not stop at a command that has nothing to do any more."""
        try:
            self._way.run(command, _UNDO)
        except LaunchError:
            return


def _on_trial(state: State) -> Optional[ObjectFacts]:
    """Return the version that no agent has registered with yet, None if one has."""
    if state.in_progress is not None:
        return state.in_progress
    installed = state.installed and state.installed.facts
    return None if installed is None or installed.is_same_object(state.verified) else installed


def clears(disk: Disk, state: State, failed: AgentVerdict, previous: AgentVerdict) -> bool:
    """Tell whether the previous agent fails like the new one, and forget then that the new version was rejected.

    The version is not to blame, and a pause would keep it from the machine when ECS is well again.
    """
    if state.rejected is None or not previous.is_like(failed):
        return False
    disk.remember(state._replace(rejected=None))
    return True


def _is_pending(verdict: AgentVerdict) -> bool:
    return verdict.health is Health.PENDING


def _hides_status(verdict: AgentVerdict) -> bool:
    return verdict.health is Health.FAILED and verdict.final is None
