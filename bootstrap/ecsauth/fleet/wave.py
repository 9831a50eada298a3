"""One wave: send the commands, follow them, count the errors over all of them, and stop after too many."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Callable, NamedTuple, Optional, Protocol

from ecsauth.errors import EcsauthError, UnreachableError
from ecsauth.fleet.commands import BATCH, CommandOrder, GoneError
from ecsauth.fleet.history import Invocation, Outcome, is_settled
from ecsauth.fleet.waves import batches

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ecsauth.fleet.census import Census
    from ecsauth.fleet.commands import DocumentPin, RunCommand
    from ecsauth.fleet.history import SentCommand
    from ecsauth.timing import Clock

# Seconds between two looks at the commands: short at first, when a single instance is waited for.
_POLLS = (1.0, 2.0, 3.0, 5.0)
# Seconds in which a command must get further: the time for its delivery, and the one of the document.
_LONGEST = 3600.0
# Seconds in which the results of a command that has ended become complete.
_SETTLING = 60.0
SKEW = 300
"""The clocks of this machine and of Systems Manager may differ by so many seconds."""


class WaveCount(NamedTuple):
    """How many instances of a wave have which outcome."""

    number: int
    of: int
    size: int
    done: int = 0
    failed: int = 0
    unreached: int = 0

    @property
    def waiting(self) -> int:
        """The instances without an outcome yet."""
        return max(0, self.size - self.done - self.failed - self.unreached)

    @property
    def rest(self) -> str:
        """The instances that are not done, in words."""
        unreached = f", {self.unreached} not reached" if self.unreached else ""
        return f", {self.failed} failed{unreached}, {self.waiting} waiting"

    def __str__(self) -> str:
        return f"wave {self.number}/{self.of}: {self.done} done{self.rest}"


class Show(Protocol):
    """Shows what is waited for, and how much of how many is done."""

    def __call__(self, what: str, number: int = 0, of: int = 0, more: str = "") -> None:
        """Show it instead of what was shown before."""


def showing(what: str, show: Show) -> Callable[[WaveCount], None]:
    """Return what shows the counts of a command under a name."""
    return lambda count: show(what, count.done, count.size, count.rest)


class WaveOrder(NamedTuple):
    """The command of a wave without its instances, and its limits.

    `tolerated` errors do not stop it. At most `concurrency` instances run it at once. `with_output`: what the program
    says is wanted.
    """

    template: CommandOrder
    number: int
    of: int
    tolerated: int
    concurrency: int
    with_output: bool = False


class WaveResult(NamedTuple):
    """What became of a wave. `halted` is why it was stopped; `by_other` tells that somebody else has stopped it."""

    invocations: dict[str, Invocation]
    halted: str = ""
    by_other: bool = False
    commands: tuple[str, ...] = ()

    def ids(self, outcome: Outcome) -> tuple[str, ...]:
        """Return the instances with an outcome, sorted."""
        return tuple(sorted(each for each, one in self.invocations.items() if one.outcome is outcome))


class WaveRun:
    """Carries out one wave. `show` gets the counts after each look; `sent` gets the ID of each command.

    `stopped` is asked before each command but the first: it returns why somebody else has stopped the roll, or an empty
    text.
    """

    def __init__(
        self,
        run: RunCommand,
        census: Census,
        clock: Clock,
        show: Callable[[WaveCount], None],
        sent: Callable[[str], None],
        *,
        stopped: Callable[[], str] = lambda: "",
    ) -> None:
        self._run = run
        self._census = census
        self._clock = clock
        self._show = show
        self._sent = sent
        self._stopped = stopped
        self._open: dict[str, _Progress] = {}
        self._closed: list[str] = []
        self._asked: set[str] = set()
        self._is_complete = True
        self._found: dict[str, Invocation] = {}
        self._halted = ""
        self._by_other = False

    def run(self, order: WaveOrder, instances: Sequence[str]) -> WaveResult:
        """Bring the instances of a wave to the version; raise UnreachableError and DeniedError."""
        since = self._clock.wall() - SKEW
        waiting = [instances] if order.template.tag is not None else [*batches(instances, BATCH)]
        window = max(1, order.concurrency // BATCH)
        looks = 0
        while (waiting and not self._halted) or self._open:
            while waiting and len(self._open) < window and not self._is_stopped():
                self._asked.update(waiting[0])
                self._send(order, waiting.pop(0))
            if self._open:
                self._clock.sleep(_POLLS[min(looks, len(_POLLS) - 1)])
                looks += 1
                self._look(order, since, len(instances))
        self._take_unknown(is_by_tag=order.template.tag is not None)
        if not self._halted and self._failed(()) > order.tolerated:
            self._halted = _too_many(self._failed(()), order.tolerated)
        self._show(self._count(order, len(instances), ()))
        return WaveResult(self._found, self._halted, self._by_other, tuple(self._closed))

    def _is_stopped(self) -> bool:
        """Tell whether nothing may be sent any more. A halt between two commands cancels none, so it is looked for."""
        if not self._halted and self._asked:
            self._halted = self._stopped()
            self._by_other = bool(self._halted)
        return bool(self._halted)

    def _take_unknown(self, *, is_by_tag: bool) -> None:
        """Count an instance of which there is no result as failed; after a halt its command may have been cancelled.

        A command by tag reaches the instances of its moment: one that is gone by then was not meant.
        """
        known = {each for each, one in self._found.items() if one.outcome is not Outcome.WAITING}
        outcome = Outcome.UNREACHED if is_by_tag and self._is_complete else Outcome.FAILED
        outcome = Outcome.CANCELLED if self._halted else outcome
        self._found.update({each: Invocation(each, outcome) for each in self._asked - known})

    def _send(self, order: WaveOrder, batch: Sequence[str]) -> None:
        """Send the command to a batch; an instance that is gone meanwhile was not reached."""
        template = order.template
        left = max(0, order.tolerated - self._failed(()))
        tag = template.tag
        while batch:
            try:
                command = self._run.send(
                    template._replace(
                        instances=() if tag is not None else tuple(batch),
                        concurrency=order.concurrency if tag is not None else min(order.concurrency, BATCH),
                        max_errors=left,
                    )
                )
            except GoneError:
                online = self._census.online(batch)
                if len(online) == len(batch):
                    raise
                lost = set(batch) - set(online)
                self._found.update({each: Invocation(each, Outcome.UNREACHED) for each in lost})
                batch = online
            else:
                self._sent(command)
                self._open[command] = _Progress(0, self._clock.now())
                return

    def _look(self, order: WaveOrder, since: int, size: int) -> None:
        listed = {one.id: one for one in self._run.commands(order.template.document.name, since)}
        for command, before in list(self._open.items()):
            self._open[command] = before.after(listed.get(command), self._clock.now())
            if command in listed and not listed[command].is_open:
                self._see_end(listed[command])
                self._close(listed[command], with_output=order.with_output)
            elif self._clock.now() - self._open[command].at > _LONGEST:
                raise _late(command)
        running = [listed[each] for each in self._open if each in listed]
        self._show(self._count(order, size, running))
        if not self._halted and self._failed(running) > order.tolerated:
            self._halted = _too_many(self._failed(running), order.tolerated)
        if self._halted:
            self._cancel(running)

    def _close(self, command: SentCommand, *, with_output: bool) -> None:
        """Take the results of a command that has ended, once they are complete or it has ended long ago."""
        found = tuple(self._run.invocations(command.id, with_output=with_output))
        is_complete = is_settled(command, found)
        if not is_complete and self._clock.now() - self._open[command.id].ended_at < _SETTLING:
            return
        self._is_complete = self._is_complete and is_complete
        del self._open[command.id]
        self._closed.append(command.id)
        self._found.update({one.instance: one for one in found})

    def _see_end(self, command: SentCommand) -> None:
        """Halt if an alarm or somebody else has cancelled the command, before its results are complete."""
        if command.is_cancelled and not self._halted:
            by_alarm = f"alarm {', '.join(command.alarms)} stopped it"
            self._halted = by_alarm if command.alarms else "its command was cancelled"
            self._by_other = not command.alarms

    def _cancel(self, running: Sequence[SentCommand]) -> None:
        for command in running:
            if not command.is_cancelled:
                try:
                    self._run.cancel(command.id)
                except EcsauthError:
                    # It may have ended meanwhile. Its own limit of errors holds, too.
                    continue

    def _failed(self, running: Sequence[SentCommand]) -> int:
        ended = sum(1 for one in self._found.values() if one.outcome is Outcome.FAILED)
        return ended + sum(command.errors for command in running)

    def _count(self, order: WaveOrder, size: int, running: Sequence[SentCommand]) -> WaveCount:
        outcomes = [one.outcome for one in self._found.values()]
        done = outcomes.count(Outcome.DONE) + sum(max(0, one.completed - one.errors) for one in running)
        # A command by tag may reach more instances than were known.
        ended = sum(1 for one in outcomes if one not in (Outcome.NOT_RUN, Outcome.CANCELLED))
        size = max(size, ended + sum(one.targets for one in running))
        unreached = outcomes.count(Outcome.UNREACHED) + outcomes.count(Outcome.LOST)
        return WaveCount(order.number, order.of, size, done, self._failed(running), unreached)


class _Progress(NamedTuple):
    """How many instances a command has done, since when, and when it was first seen as ended."""

    completed: int
    at: float
    ended_at: float = math.inf

    def after(self, command: Optional[SentCommand], now: float) -> _Progress:
        """Return the progress after a look at the command."""
        if command is None:
            return self
        moved = self if command.completed == self.completed else _Progress(command.completed, now, self.ended_at)
        return moved if command.is_open else moved._replace(ended_at=min(now, moved.ended_at))


def _late(command: str) -> UnreachableError:
    return UnreachableError(f"command {command} has not got further for {_LONGEST / 60:.0f} minutes")


def _too_many(failed: int, tolerated: int) -> str:
    return f"{failed} instance{'s' if failed > 1 else ''} failed, and {tolerated or 'none'} may"


def ask(
    run: WaveRun, document: DocumentPin, comment: str, instances: Sequence[str], alarm: Optional[str] = None
) -> WaveResult:
    """Run a document that changes nothing on instances, and return what they answer; `alarm` stops it."""
    concurrency = max(BATCH, len(instances) // 10)
    template = CommandOrder(document, comment, {}, alarm=alarm)
    return run.run(WaveOrder(template, 1, 1, len(instances), concurrency, with_output=True), instances)


def waited(run: RunCommand, document: str, since: int, clock: Clock, commands: Sequence[str]) -> None:
    """Wait until these commands, which somebody else has sent, have ended; raise UnreachableError."""
    looks, left = 0, {each: _Progress(0, clock.now()) for each in commands}
    while left:
        open_ones = {one.id: one for one in run.commands(document, since) if one.is_open}
        left = {each: before.after(open_ones[each], clock.now()) for each, before in left.items() if each in open_ones}
        for each, progress in left.items():
            if clock.now() - progress.at > _LONGEST:
                raise _late(each)
        if left:
            clock.sleep(_POLLS[min(looks, len(_POLLS) - 1)])
            looks += 1


def description(result: Optional[Invocation]) -> str:
    """Return why an instance failed, in words."""
    if result is None or result.code is None:
        return "its command gave no result in time"
    return f"its boot ended with exit status {result.code}"
