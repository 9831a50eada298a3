"""What the commands of one roll did on each instance, read from the history of Run Command."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ecsauth.fleet.commands import all_of
from ecsauth.fleet.history import Outcome, Purpose, is_settled, of_roll

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ecsauth.fleet.commands import RunCommand
    from ecsauth.fleet.history import Invocation, SentCommand
    from ecsauth.fleet.wave import WaveResult


_RAN = (Outcome.DONE, Outcome.FAILED)
_MAY_HAVE_RUN = (Outcome.CANCELLED, Outcome.LOST)


class _Entry(NamedTuple):
    at: float
    outcome: Outcome


class Ledger:
    """The results of one roll. Those of a command that has ended are read once, when they are complete.

    `since` is when the candidate was put, in seconds since the epoch: no command of the roll is older.
    """

    def __init__(self, run: RunCommand, roll: str, documents: Sequence[str], since: int) -> None:
        self._run = run
        self._roll = roll
        self._documents = documents
        self._since = since
        self._read: set[str] = set()
        self._entries: dict[str, _Entry] = {}

    def refresh(self) -> tuple[SentCommand, ...]:
        """Return the commands of the roll, oldest first, and read the results of those that have ended."""
        commands = of_roll(all_of(self._run, self._documents, self._since), self._roll)
        for command in commands:
            mark = command.mark
            if mark is None or mark.purpose is not Purpose.WAVE or command.is_open or command.id in self._read:
                continue
            found = tuple(self._run.invocations(command.id))
            self.add(command.at, found)
            if is_settled(command, found):
                self._read.add(command.id)
        return commands

    def take(self, at: float, result: WaveResult) -> None:
        """Take the results of a wave, so that they are not read again."""
        self._read.update(result.commands)
        self.add(at, result.invocations.values())

    def add(self, at: float, invocations: Iterable[Invocation]) -> None:
        """Take the results of a command that was sent at a time. Where it did not run, earlier results stay."""
        for one in invocations:
            before = self._entries.get(one.instance)
            ran = one.outcome in _RAN
            may_have_run = one.outcome in _MAY_HAVE_RUN and before is not None and before.outcome not in _RAN
            waited = before is not None and before.outcome is Outcome.WAITING and before.at == at
            if before is None or waited or may_have_run or (ran and before.at <= at):
                self._entries[one.instance] = _Entry(at, one.outcome)

    @property
    def done(self) -> frozenset[str]:
        """The instances on which the last command that ran was successful."""
        return self._with(Outcome.DONE)

    def done_since(self, at: float) -> frozenset[str]:
        """Return those on which it was successful at a time or later, in seconds since the epoch."""
        return frozenset(each for each in self.done if self._entries[each].at >= at)

    @property
    def failed(self) -> frozenset[str]:
        """The instances on which the last command that ran failed."""
        return self._with(Outcome.FAILED)

    @property
    def touched(self) -> frozenset[str]:
        """The instances that may have the candidate: a command ran there, or may have run."""
        return frozenset(self._entries) - self._with(Outcome.NOT_RUN) - self._with(Outcome.UNREACHED)

    def _with(self, outcome: Outcome) -> frozenset[str]:
        return frozenset(each for each, entry in self._entries.items() if entry.outcome is outcome)
