"""Starting the agent with the new env-file and seeing it register, or going back (steps 7 to 9 of a boot).

How the agent is started, by docker or as a service, is a `Way`; what has to happen around it is the same for both.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, Callable, NamedTuple, Optional, Protocol

from bootstrap.core import installation
from bootstrap.core.agent_health import Health, Registration, Verdict
from bootstrap.core.errors import EcsauthError, LaunchError
from bootstrap.core.last_words import last_words
from bootstrap.core.patience import Clock, Deadline
from bootstrap.core.state import Rejected, State

if TYPE_CHECKING:
    from bootstrap.core.installation import Disk
    from bootstrap.core.plan import Command, Plan, Step
    from bootstrap.core.trust import ObjectFacts

_POLL = 0.25
_UNDO = 60.0
# Seconds before an agent that failed, with none of before to go back to, is tried again.
_FIRST_REST, _LONGEST_REST = 600, 6 * 3600


class Terms(NamedTuple):
    """How the agent is to be started. `wait` is in seconds; `cluster` is the env-file's, whose bytes are `data`.

    `writes` tells whether the env-file is going to be written before. `undisturbed` makes a context in which a signal
    waits: half a way back is none.
    """

    cluster: str
    wait: float
    data: bytes
    writes: bool
    force: bool = False
    abandon_tasks: bool = False
    rollback_on_timeout: bool = False
    undisturbed: Callable[[], AbstractContextManager[Any]] = nullcontext

    def __repr__(self) -> str:
        return f"Terms({self.cluster!r}, ***)"


class Way(Protocol):
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
    def only_queues(self) -> bool:
        """Whether the agent starts only after this run has ended, so that nothing can be verified in it."""

    def run(self, command: Command, seconds: float) -> None:
        """Run one command; raise LaunchError if it fails or takes longer."""

    def judge(self) -> tuple[Verdict, Optional[Registration]]:
        """Return how the agent is that the plan leads to, and what it says of itself."""

    def is_back(self) -> bool:
        """Tell whether the agent of before runs, after the way back."""

    def log(self) -> str:
        """Return the end of what the agent has written, which may hold secrets; nothing where there is no log."""


class Launch:
    """Executes a plan. Whatever ends it early, the agent and the env-file of before come back."""

    def __init__(self, way: Way, disk: Disk, clock: Clock, terms: Terms) -> None:
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

    def has_come_up(self) -> bool:
        """Tell whether the wanted agent has registered without a run that saw it: docker goes on starting one."""
        return self.is_done and self._way.judge()[0].health is Health.REGISTERED

    def prepare(self) -> None:
        """Run the steps that change nothing that runs, before the env-file is written; raise LaunchError."""
        for step in self.plan.prepare:
            self._way.run(step.command, step.seconds)

    def execute(self, state: State) -> tuple[Verdict, Optional[Registration]]:
        """Run the plan and wait for the agent; return how it is: registered, or pending and left to itself.

        Raises LaunchError if a command failed or the agent did not come up.
        """
        done: list[Step] = []
        try:
            verdict, registration = self._carry_out(state, done)
        except _FailedAgentError as fault:
            with self._terms.undisturbed():
                raise self._failure(fault, done, state) from None
        except LaunchError as fault:
            with self._terms.undisturbed():
                raise LaunchError(f"{fault.message}; {self._go_back(done, state)}", *fault.hints) from None
        except BaseException:
            self._go_back(done, state)
            raise
        # Outside: once the agent of before is let go there is no way back.
        if verdict.health is Health.REGISTERED:
            self._conclude(state)
        return verdict, registration

    def _failure(self, fault: LaunchError, done: list[Step], state: State) -> LaunchError:
        """Go back, and return the fault that tells of it; the failed agent is asked for its last words before."""
        said, tried = self._last_words(), _on_trial(state)
        which = f" (version {tried.identity})" if tried is not None else ""
        came_back = self._go_back(done, state, rejected=fault.message)
        what = f"the agent did not come up: {fault.message}{which}; {came_back}"
        return LaunchError(what, *fault.hints, log=said)

    def _carry_out(self, state: State, done: list[Step]) -> tuple[Verdict, Optional[Registration]]:
        """Note each step in `done` before it runs: one that fails may have had half of its effect."""
        for step in self.plan.steps:
            done.append(step)
            self._way.run(step.command, step.seconds)
        state = state._replace(applied=state.installed and state.installed.facts)
        self._disk.remember(state)
        if self._way.only_queues:
            return Verdict(Health.QUEUED), None
        verdict, registration = self._wait()
        timed_out = verdict.health is Health.PENDING and self._terms.rollback_on_timeout
        if timed_out or verdict.health is Health.FAILED:
            raise _FailedAgentError(verdict.reason)
        return verdict, registration

    def _wait(self) -> tuple[Verdict, Optional[Registration]]:
        deadline = Deadline(self._clock, self._terms.wait)
        while True:
            verdict, registration = self._way.judge()
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
        has_past = self.plan.previous or installation.has_past(self._disk, state)
        if has_past or rejected is None:
            undo = [command for step in reversed(done) for command in step.undo]
            for command in (*undo, *self.plan.back):
                self._try(command)
        tried = _on_trial(state)
        if has_past:
            state = installation.take_back(self._disk, state, self._clock.moment(), self._restore)
        if rejected is not None and tried is not None:
            state = state._replace(rejected=self._rejected(state.rejected, tried, rejected, final=has_past))
            self._disk.remember(state)
        if not has_past:
            return "there was nothing before to go back to"
        if self.plan.previous and not self._way.is_back():
            return "the env-file of before is back, but the agent of before does not start"
        return "what was there before is back"

    def _rejected(self, before: Optional[Rejected], facts: ObjectFacts, reason: str, *, final: bool) -> Rejected:
        """Return the record of a version that failed.

        With an agent of before back in its place it is not tried again by itself: each try would take a working agent
        away. With none, what stood in the way may pass, and the wait doubles from try to try.
        """
        again = before is not None and facts.is_same_object(before.facts) and before.plan == self.fingerprint
        tries = before.tries + 1 if before is not None and again else 1
        now = self._clock.wall()
        retry_after = None if final else now + min(_LONGEST_REST, _FIRST_REST * 2 ** (tries - 1))
        return Rejected(facts, self.fingerprint, reason, now, tries, retry_after)

    def _last_words(self) -> tuple[str, ...]:
        """Return what the agent wrote last; the log of a service goes back to the one with the file of before."""
        try:
            return last_words(self._way.log(), self._terms.data, self._disk.pre_image() or b"")
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


class _FailedAgentError(LaunchError):
    """The agent was started and failed."""
