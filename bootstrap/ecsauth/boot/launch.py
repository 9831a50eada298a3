"""Start the agent with the new env-file and wait until it registers, or roll back (steps 7 to 9 of a boot).

A `LaunchMode` starts the agent, by docker or as a service. `Launch` does what is the same for both.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, Callable, NamedTuple, Optional, Protocol

from ecsauth.boot import install, rejection
from ecsauth.boot.agent_log import redacted_log
from ecsauth.boot.health import AgentVerdict, Health, Registration
from ecsauth.boot.install import RollbackTarget
from ecsauth.boot.plan import Unfinished
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
# Seconds to watch the previous agent after a rollback. The real agent exits after about 13 seconds if ECS refuses the
# connection.
_WATCHED = 20.0
# Seconds after which the exit status of an agent in a crash loop is known.
_STATUS_SHOWS = 5.0
_ALL_IS_BACK = "the previous state is restored"
_FILE_IS = {
    RollbackTarget.FILE: "the previous env-file is restored; ",
    RollbackTarget.NOTHING: "",
    RollbackTarget.LOST: "the copy of the previous env-file is missing or damaged, so the env-file is not restored; ",
}


def tell_nobody(_what: str) -> None:
    """Say nothing about what a boot waits for."""


_Look = Callable[[], tuple[AgentVerdict, Optional[Registration]]]


class Terms(NamedTuple):
    """The terms of a launch. `wait` is in seconds; `data` is the env-file, `cluster` the cluster that it names.

    `writes` tells whether the env-file is written before the launch. `undisturbed` returns a context manager that
    delays signals, because a rollback must not be interrupted. `revives` is set to start the last version that
    registered, because no agent runs and another version was rejected or failed: an agent that exists is started with
    the flags that it has, and the rejections stay as they are. `is_candidate` tells that the version is a candidate.
    `tell` gets what the launch waits for next.
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
    is_candidate: bool = False
    tell: Callable[[str], None] = tell_nobody


class LaunchMode(Protocol):
    """One method of starting the agent on this machine, with its plan."""

    @property
    def plan(self) -> Plan:
        """The steps from the present state to the wanted agent."""

    @property
    def fingerprint(self) -> str:
        """A short digest of everything that defines the agent, except the version of the S3 object."""

    @property
    def has_agent(self) -> bool:
        """Whether there is an agent now, which a rollback restores."""

    @property
    def runs(self) -> bool:
        """Whether an agent runs, or docker or the supervisor will restart it."""

    @property
    def is_looping(self) -> bool:
        """Whether the agent has exited and waits for its next start."""

    @property
    def only_queues(self) -> bool:
        """Whether the agent starts only after this run has ended, so that this run cannot see it register."""

    def run(self, command: Command, seconds: float) -> None:
        """Run one command; raise LaunchError if it fails or takes longer."""

    def judge(self) -> tuple[AgentVerdict, Optional[Registration]]:
        """Return the health of the new agent, and its answer on the introspection port."""

    def judge_previous(self) -> AgentVerdict:
        """Return the health of the previous agent after a rollback; PENDING means that it is up."""

    def log(self) -> str:
        """Return the end of the agent's log, which may contain secrets; an empty string if there is no log."""


class FailedAgentError(LaunchError):
    """The agent was started and failed; `verdict` has the reason, `tried` the version that it makes a rejected one."""

    def __init__(self, verdict: AgentVerdict, message: str, *hints: str, log: tuple[str, ...] = ()) -> None:
        super().__init__(message, *hints, log=log)
        self.verdict = verdict
        self.tried: Optional[ObjectFacts] = None


class Launch:
    """Executes a plan. If anything interrupts it, it restores the previous agent and the previous env-file.

    `unfinished` are the steps after the registration that failed: the next run tries them again.
    """

    def __init__(self, mode: LaunchMode, disk: Disk, clock: Clock, terms: Terms) -> None:
        self.plan = mode.plan
        self.unfinished: tuple[Unfinished, ...] = ()
        self._mode = mode
        self._disk = disk
        self._clock = clock
        self._terms = terms

    @property
    def is_done(self) -> bool:
        """Tell whether the wanted agent runs and nothing is left over from an earlier run."""
        return not self.plan.steps and not self.plan.finish

    @property
    def has_agent(self) -> bool:
        """Tell whether there is an agent now, which a rollback restores."""
        return self._mode.has_agent

    @property
    def fingerprint(self) -> str:
        """Return a short digest of everything that defines the agent, except the version of the S3 object."""
        return self._mode.fingerprint

    @property
    def runs(self) -> bool:
        """Tell whether an agent runs, or docker or the supervisor will restart it."""
        return self._mode.runs

    @property
    def is_up(self) -> bool:
        """Tell whether an agent runs and does not wait for its next start."""
        return self._mode.runs and not self._mode.is_looping

    def now(self) -> AgentVerdict:
        """Return the health of the wanted agent before the plan runs: docker may have restarted it in between."""
        return self._mode.judge()[0] if self.is_done else AgentVerdict(Health.FAILED, "it does not run")

    def prepare(self) -> None:
        """Run the steps that do not change a running agent, before the env-file is written; raise LaunchError."""
        for step in self.plan.prepare:
            self._terms.tell(step.why)
            self._mode.run(step.command, step.seconds)

    def execute(self, state: State) -> tuple[AgentVerdict, Optional[Registration]]:
        """Run the plan and wait for the agent. Return its health: registered, queued, or pending and left running.

        Raises LaunchError if a command failed, FailedAgentError if the agent did not come up.
        """
        done: list[Step] = []
        try:
            verdict, registration = self._carry_out(state, done)
        except FailedAgentError as fault:
            raise self._failure(fault, done, state) from None
        except LaunchError as fault:
            with self._terms.undisturbed():
                target = self._rollback_target(state)
                self._roll_back(done, state)
            raise LaunchError(f"{fault.message}; {self._result(target, self._watch())}", *fault.hints) from None
        except BaseException:
            self._roll_back(done, state)
            raise
        # Outside the try block: once the previous agent is removed, no rollback is possible.
        if verdict.health is Health.REGISTERED:
            self._conclude(state)
        return verdict, registration

    def _failure(self, fault: FailedAgentError, done: list[Step], state: State) -> FailedAgentError:
        """Read the log of the failed agent, roll back, and return the fault that reports both."""
        tried, target = self._tried(state), self._rollback_target(state)
        which = f" (version {tried.identity})" if tried is not None else ""
        with self._terms.undisturbed():
            said = self._failed_agent_log()
            state = self._roll_back(done, state, fault.verdict)
        previous = self._watch()
        told = self._result(target, previous)
        if tried is None and target is RollbackTarget.NOTHING and not self.plan.previous:
            told = "an agent registered with this version before, so the version is not rejected"
        elif previous is not None and rejection.clears(self._disk, state, tried, fault.verdict, previous):
            told += ": it fails like the new agent, so the version is not rejected"
        what = f"the agent did not come up: {fault.message}{which}; {told}"
        failure = FailedAgentError(fault.verdict, what, *fault.hints, log=said)
        failure.tried = tried
        return failure

    def _carry_out(self, state: State, done: list[Step]) -> tuple[AgentVerdict, Optional[Registration]]:
        """Run the steps and wait for the agent.

        Each step is added to `done` before it runs, because a step that fails may have had half of its effect.
        """
        for step in self.plan.steps:
            done.append(step)
            self._terms.tell(step.why)
            self._mode.run(step.command, step.seconds)
        state = state._replace(applied=state.installed and state.installed.facts)
        self._disk.remember(state)
        if self._mode.only_queues:
            return AgentVerdict(Health.QUEUED), None
        self._terms.tell(f"waiting for the agent to register in cluster {self._terms.cluster}")
        verdict, registration = self._wait(self._mode.judge, self._terms.wait)
        timed_out = verdict.health is Health.PENDING and self._terms.rollback_on_timeout
        if timed_out or verdict.health is Health.FAILED:
            raise FailedAgentError(verdict._replace(health=Health.FAILED), verdict.reason)
        return verdict, registration

    def _watch(self) -> Optional[AgentVerdict]:
        """Wait for the previous agent and return its health, None if there was none."""
        if not self.plan.previous:
            return None
        self._terms.tell("watching the previous agent")
        return self._wait(lambda: (self._mode.judge_previous(), None), _WATCHED)[0]

    def _wait(self, look: _Look, seconds: float) -> tuple[AgentVerdict, Optional[Registration]]:
        """Poll until the agent has registered or failed; wait some seconds more for the exit status of a failed one."""
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
        """Record that the new agent has registered, and remove the previous one. A pending agent may still fail.

        The record is written first: after the previous agent is gone, the new one must never count as unverified.
        """
        facts = state.installed and state.installed.facts
        is_first = facts is not None and not facts.is_same_object(state.verified)
        label = state.other_label(facts) if facts is not None else None
        state = state._replace(applied=facts, verified=facts, agent_label=label)
        if not self._terms.revives:
            state = rejection.after_registration(state, is_candidate=self._terms.is_candidate, is_first=is_first)
        self._disk.remember(install.closed(state))
        failures = ((step, self._try(step.command)) for step in self.plan.finish)
        self.unfinished = tuple(Unfinished(step, fault.message) for step, fault in failures if fault is not None)

    def _rollback_target(self, state: State) -> RollbackTarget:
        return install.rollback_target(self._disk, state)

    def _roll_back(self, done: list[Step], state: State, failed: Optional[AgentVerdict] = None) -> State:
        """Undo the steps in reverse order, and return the recorded state; `failed` is the verdict on a started agent.

        If there is nothing to roll back to, an agent that started is kept as evidence; one that did not is removed.
        """
        has_target = self.plan.previous or self._rollback_target(state) is RollbackTarget.FILE
        if has_target or failed is None:
            undo = [command for step in reversed(done) for command in step.undo]
            for command in (*undo, *self.plan.back):
                self._try(command)
        tried = self._tried(state)
        if has_target:
            state = install.roll_back(self._disk, state, self._clock.moment(), self._restore)
        if failed is None or tried is None:
            return state
        # Without a previous agent no rejection is final: another try cannot stop a working agent.
        final, now = bool(failed.final) and has_target, self._clock.wall()
        before = rejection.of(state, tried)
        record = rejection.rejected(before, tried, self.fingerprint, failed.reason, now, final=final)
        state = rejection.recorded(state, record, is_candidate=self._terms.is_candidate)
        self._disk.remember(state)
        return state

    def _tried(self, state: State) -> Optional[ObjectFacts]:
        """Return the version that a failure makes a rejected one, None if an agent has registered with it before."""
        return None if self._terms.revives else rejection.unverified_version(state)

    def _result(self, target: RollbackTarget, previous: Optional[AgentVerdict]) -> str:
        """Describe the result of the rollback. It counts as complete only if the previous agent has stayed up."""
        file = _FILE_IS[target]
        if previous is None:
            return {
                RollbackTarget.LOST: file.rstrip("; "),
                RollbackTarget.NOTHING: "there is no previous version to roll back to",
            }.get(target, _ALL_IS_BACK)
        if previous.health is Health.FAILED:
            return f"{file}the previous agent does not stay up: {previous.reason}"
        if not previous.seen:
            return f"{file}the state of the previous agent is unknown: {previous.reason}"
        if previous.health is Health.QUEUED:
            return f"{file}the start of the service is queued"
        back = f"{file}the previous agent is restored" if target is RollbackTarget.LOST else _ALL_IS_BACK
        return (
            back
            if previous.health is Health.REGISTERED
            else f"{back}; the previous agent is pending: {previous.reason}"
        )

    def _failed_agent_log(self) -> tuple[str, ...]:
        """Return the end of the failed agent's log, masked.

        The log of a service may reach back to the previous agent, so the values of both env-files are masked.
        """
        try:
            return redacted_log(self._mode.log(), self._terms.data, self._disk.pre_image() or b"")
        except EcsauthError:
            return ()

    def _restore(self) -> None:
        for command in self.plan.restore:
            self._try(command)

    def _try(self, command: Command) -> Optional[LaunchError]:
        """Run a command of a rollback or of a cleanup and return its failure: it may have nothing left to do."""
        try:
            self._mode.run(command, _UNDO)
        except LaunchError as fault:
            return fault
        return None


def _is_pending(verdict: AgentVerdict) -> bool:
    return verdict.health is Health.PENDING


def _hides_status(verdict: AgentVerdict) -> bool:
    return verdict.health is Health.FAILED and verdict.final is None
