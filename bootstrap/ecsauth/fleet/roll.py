"""A roll: the candidate in waves, each watched, then its promotion. All of it can be interrupted and resumed.

Before each wave the roll is derived anew from S3 and from the history of Run Command. So whoever resumes it, and who
was interrupted, see the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Callable, NamedTuple, Optional

from ecsauth import timing
from ecsauth.command_hint import CommandHint
from ecsauth.errors import ConflictError, DeniedError, EcsauthError
from ecsauth.fleet import soak, waves
from ecsauth.fleet.commands import BATCH, BOOT, STATUS, CommandOrder, version_parameter
from ecsauth.fleet.history import (
    Candidate,
    Mark,
    Outcome,
    Purpose,
    RollState,
    by_commands,
    is_rolled,
    is_superseded,
    of_roll,
    roll_id,
)
from ecsauth.fleet.instances import ONLINE
from ecsauth.fleet.ledger import Ledger
from ecsauth.fleet.marks import leave, unseen, why_stopped
from ecsauth.fleet.objects import superseded
from ecsauth.fleet.roll_report import RollOutcome, RollReport
from ecsauth.fleet.wave import SKEW, WaveCount, WaveOrder, WaveResult, WaveRun, ask, description, showing, waited
from ecsauth.fleet.waves import NO_ERRORS, WAVES, Share

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ecsauth.aws_names import S3URI
    from ecsauth.fleet.census import Scope
    from ecsauth.fleet.edges import FleetEdges
    from ecsauth.fleet.history import SentCommand
    from ecsauth.fleet.instances import FleetInstance
    from ecsauth.fleet.soak import Complaint

SOAK = 300.0
CONCURRENCY = Share(10, is_percentage=True)
# An agent that ECS has lost, as at a reboot, is looked at again: so many times, after so many seconds.
_LOOKS, _PAUSE = 4, 20.0
# An instance keeps a candidate for 24 hours (`boot --candidate-for`). One that took it longer ago gets it once more.
_KEPT = 23 * 3600
# One command by tag for all instances has 35 minutes: 5 for its delivery, 30 of the document. A round may take two.
_MOST_ROUNDS = 17


class RollTerms(NamedTuple):
    """What to roll, and how. `soak` is in seconds. `promotes` is False if somebody else promotes.

    `ends_halt`: the roll was halted, and whoever resumes it knows that.
    """

    uri: S3URI
    candidate: Candidate
    scope: Scope
    waves: tuple[Share, ...] = WAVES
    limit: Share = NO_ERRORS
    soak: float = SOAK
    concurrency: Share = CONCURRENCY
    alarm: Optional[str] = None
    promotes: bool = True
    ends_halt: bool = False


class _StoppedError(EcsauthError):
    """Somebody else has stopped the roll."""


class Roll:
    """One run of a roll, from its beginning or from where another run has stopped."""

    def __init__(self, terms: RollTerms, edges: FleetEdges) -> None:
        self._terms = terms
        self._edges = edges
        self._version = version_parameter(terms.candidate.version)
        self._id = roll_id(terms.uri, self._version)
        names = tuple(edges.documents[each].name for each in (BOOT, STATUS))
        self._ledger = Ledger(edges.run, self._id, names, terms.candidate.since)
        self._own: set[str] = set()
        self._counts: list[WaveCount] = []
        self._failed: dict[str, str] = {}
        self._missed: set[str] = set()
        # The last wave that a run before this one has carried out, but not found in order; 0 if there is none.
        self._unseen = 0
        self._began = edges.clock.wall() - SKEW

    def run(self) -> RollReport:
        """Roll to the end, or until it is halted; raise an EcsauthError."""
        try:
            is_rolled = self._adopt()
            if not is_rolled:
                for number in range(1, len(self._terms.waves) + 1):
                    self._refuse_changes()
                    reason = self._carry_out(number)
                    if reason:
                        self._leave(Purpose.HALT)
                        return self._report(RollOutcome.HALTED, f"wave {number}: {reason}")
            self._refuse_changes()
            return self._release(is_rolled=is_rolled)
        except _StoppedError as stop:
            return self._report(RollOutcome.STOPPED, stop.message)

    def _release(self, *, is_rolled: bool) -> RollReport:
        """Promote the candidate, or leave that to another role."""
        if not self._terms.promotes:
            if not is_rolled:
                self._leave(Purpose.ROLLED)
            return self._report(RollOutcome.ROLLED)
        try:
            released = self._edges.objects.promote(self._terms.candidate)
        except DeniedError:
            if not is_rolled:
                self._leave(Purpose.ROLLED)
            raise
        self._edges.tell(f"promoted: version {released.version} of {self._terms.uri} is released")
        return self._report(RollOutcome.PROMOTED)._replace(released=released.version)

    def _carry_out(self, number: int) -> str:
        """Carry out a wave and look at it; return why the roll halts, an empty text if it goes on."""
        result = self._wave(number)
        if result is None:
            return self._soak(number, sorted(self._ledger.done)) if number == self._unseen else ""
        if result.by_other:
            raise _StoppedError(result.halted)
        if result.halted:
            return result.halted
        done, lost = result.ids(Outcome.DONE), result.ids(Outcome.LOST)
        if len(lost) > len(self._ledger.done):
            return f"{_instances(len(lost))} gave no answer in time"
        # Instances that were launched meanwhile have moved others into later waves, so all count that have taken it.
        looked_at = sorted(self._ledger.done) if number == self._unseen else done
        return self._soak(number, looked_at, len(result.ids(Outcome.FAILED)))

    def _adopt(self) -> bool:
        """Wait for the commands that a run before this one has sent, and take their results.

        Return whether that run has carried out all waves, and found them in order.
        """
        commands = self._ledger.refresh()
        self._own = {one.id for one in commands}
        state, reason = by_commands(commands)
        if state is RollState.WITHDRAWN:
            raise _StoppedError("the candidate was withdrawn by another command")
        if state is RollState.HALTED:
            if not self._terms.ends_halt:
                raise _StoppedError(f"it was halted {reason}")
            # From now on a halt finds a roll that is in progress, and no second one can begin.
            self._own.add(self._marked(Purpose.RESUME))
        open_ones = [one.id for one in commands if one.is_open]
        if open_ones:
            self._edges.tell(f"waiting for {len(open_ones)} commands of the roll that run already")
            document, since = self._edges.documents[BOOT].name, self._terms.candidate.since
            waited(self._edges.run, document, since, self._edges.clock, open_ones)
            commands = self._ledger.refresh()
            state, reason = by_commands(commands)
            if state is RollState.HALTED:
                raise _StoppedError(f"it was halted meanwhile {reason}")
        self._unseen = unseen(commands)
        has_rolled = is_rolled(commands, self._edges.clock.wall() - _KEPT)
        if has_rolled:
            self._edges.tell("all waves are in order already: only the promotion is left")
        return has_rolled

    def _refuse_changes(self) -> None:
        """Raise _StoppedError if somebody has stopped this roll, ConflictError if another one is rolled or released."""
        candidate, released = self._edges.objects.candidate(), self._edges.objects.released()
        if candidate is None or candidate.version != self._version:
            raise ConflictError(
                f"{self._terms.uri} has another candidate now: {candidate.version if candidate else 'none'}",
                CommandHint("another roll was started; see", "ecsauth", "fleet", "status", self._terms.uri.object_uri),
            )
        if is_superseded(candidate, released) and released.promoted_from != candidate.version:
            raise superseded(self._terms.uri, candidate, released)
        foreign = self._foreign(self._ledger.refresh())
        reason = why_stopped(foreign) or ("another command continues it" if foreign - {Purpose.RESUME} else "")
        if reason:
            raise _StoppedError(reason)

    def _stopped(self) -> str:
        """Return why somebody has stopped this roll, an empty text if nobody has; it costs one request."""
        marks = self._edges.run.commands(self._edges.documents[STATUS].name, self._began)
        return why_stopped(self._foreign(of_roll(marks, self._id)))

    def _foreign(self, commands: Sequence[SentCommand]) -> set[Purpose]:
        """Return the purposes of the commands of this roll that others have sent since it began."""
        return {one.mark.purpose for one in commands if one.id not in self._own and one.mark is not None}

    def _wave(self, number: int) -> Optional[WaveResult]:
        """Carry out a wave. The result is None if all its instances have the candidate already."""
        terms, edges = self._terms, self._edges
        present = edges.census.take(terms.scope, with_reports=False)
        online = [each.id for each in present if each.ping == ONLINE]
        self._missed = {each.id for each in present} - set(online)
        if not online:
            raise DeniedError(f"no instance of {terms.scope} can be reached by Systems Manager")
        ordered = waves.order(online, self._version)
        members = waves.members(ordered, terms.waves, number)
        has_it = self._ledger.done_since(edges.clock.wall() - _KEPT)
        left = tuple(each for each in members if each not in has_it)
        if not left:
            return None
        self._edges.tell(f"{self._name(number)}: {_instances(len(left))}")
        order = self._order(number, left, is_whole=len(members) == len(present))
        result = self._runner(self._name(number), self._stopped).run(order, left)
        self._ledger.take(edges.clock.wall(), result)
        self._take(number, result, len(left))
        return result

    def _name(self, number: int) -> str:
        return f"wave {number}/{len(self._terms.waves)}"

    def _runner(self, what: str, stopped: Callable[[], str] = lambda: "") -> WaveRun:
        """Return what runs a command on instances, and shows under the name `what` how many have ended."""
        edges = self._edges
        return WaveRun(edges.run, edges.census, edges.clock, showing(what, edges.show), self._own.add, stopped=stopped)

    def _order(self, number: int, instances: Sequence[str], *, is_whole: bool) -> WaveOrder:
        terms = self._terms
        concurrency = max(BATCH, terms.concurrency.of(len(instances)))
        is_in_time = waves.rounds(len(instances), concurrency) <= _MOST_ROUNDS
        by_tag = terms.scope.tag if is_whole and len(instances) > BATCH and is_in_time else None
        template = CommandOrder(
            document=self._edges.documents[BOOT],
            comment=str(Mark(self._id, Purpose.WAVE, number, len(terms.waves))),
            parameters={"Version": self._version},
            tag=by_tag,
            alarm=terms.alarm,
        )
        tolerated = waves.tolerated(terms.limit, len(instances))
        return WaveOrder(template, number, len(terms.waves), tolerated, concurrency)

    def _take(self, number: int, result: WaveResult, size: int) -> None:
        """Record and tell the outcome of a wave."""
        not_reached = (*result.ids(Outcome.UNREACHED), *result.ids(Outcome.LOST))
        done, failed, unreached = len(result.ids(Outcome.DONE)), len(result.ids(Outcome.FAILED)), len(not_reached)
        count = WaveCount(number, len(self._terms.waves), max(size, done + failed + unreached), done, failed, unreached)
        self._counts.append(count)
        for each in result.ids(Outcome.FAILED):
            self._failed[each] = description(result.invocations[each])
        for each in result.ids(Outcome.DONE):
            self._failed.pop(each, None)
        self._missed |= set(not_reached)
        self._edges.tell(str(count))

    def _soak(self, number: int, done: Sequence[str], failed: int = 0) -> str:
        """Wait, then look at the instances of the wave; return why the roll halts, an empty text if it goes on.

        `failed` instances of the wave have not taken the candidate.
        """
        if not done:
            return "no instance has taken the candidate"
        if self._terms.soak:
            watched = timing.in_words(self._terms.soak)
            self._edges.tell(f"{self._name(number)}: watching it for {watched}")
            self._edges.show(f"watching {self._name(number)} for {watched}")
            self._edges.clock.sleep(self._terms.soak)
        found, halted = self._complaints(number, done)
        if halted:
            return halted
        self._failed.update({one.instance: one.reason for one in found})
        if found and len(found) + failed > waves.tolerated(self._terms.limit, len(done) + failed):
            return f"{_instances(len(found))} did not keep the candidate"
        return ""

    def _complaints(self, number: int, instances: Sequence[str]) -> tuple[tuple[Complaint, ...], str]:
        """Return the complaints about a wave, and why the look halts the roll: the alarm is on.

        Instances whose complaint may pass are looked at again for a while.
        """
        found: dict[str, Complaint] = {}
        left = tuple(instances)
        for look in range(_LOOKS):
            if look:
                self._edges.show(f"{self._name(number)}: looking again at {_instances(len(left))}")
                self._edges.clock.sleep(_PAUSE)
            present = self._edges.census.take(self._terms.scope, with_reports=False, of=frozenset(left))
            online = tuple(each.id for each in present if each.ping == ONLINE)
            look_mark = Mark(self._id, Purpose.LOOK, number, len(self._terms.waves))
            status = self._edges.documents[STATUS]
            self._refuse_changes()
            looker = self._runner(f"looking at {self._name(number)}")
            looked = ask(looker, status, str(look_mark), online, self._terms.alarm)
            if looked.by_other:
                raise _StoppedError(f"the look at it was stopped: {looked.halted}")
            if looked.halted:
                return (), looked.halted
            for each in left:
                found.pop(each, None)
            found.update({one.instance: one for one in soak.complaints(present, looked.invocations, self._version)})
            left = tuple(each for each, one in found.items() if one.may_pass)
            if not left:
                break
        return tuple(found.values()), ""

    def _leave(self, purpose: Purpose) -> None:
        """Leave a mark in the history, so that everybody knows how the roll stands."""
        try:
            command = self._marked(purpose)
        except EcsauthError as fault:
            self._edges.tell(f"the mark {purpose.value} is not in the history of commands: {fault.message}")
            return
        self._own.add(command)

    def _marked(self, purpose: Purpose) -> str:
        return leave(self._edges, Mark(self._id, purpose), self._ledger.touched, lambda: self._terms.scope)

    def _report(self, outcome: RollOutcome, reason: str = "") -> RollReport:
        return RollReport(
            outcome,
            self._id,
            self._version,
            tuple(self._counts),
            reason,
            tuple(sorted(self._failed.items())),
            tuple(sorted(self._missed - self._ledger.done)),
        )


def find_unmanaged(instances: Sequence[FleetInstance]) -> tuple[str, ...]:
    """Return the instances that Systems Manager does not manage, so that no roll reaches them."""
    return tuple(each.id for each in instances if not each.is_managed)


def _instances(count: int) -> str:
    return f"{count} instance{'' if count == 1 else 's'}"
