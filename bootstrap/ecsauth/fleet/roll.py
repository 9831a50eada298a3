"""A roll: the candidate in waves, each watched, then its promotion. All of it can be interrupted and resumed.

Before each wave the roll is derived anew from S3 and from the history of Run Command. So whoever resumes it, and who
was interrupted, see the same.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Callable, NamedTuple, Optional, Protocol

from ecsauth import timing
from ecsauth.command_hint import CommandHint
from ecsauth.errors import ConflictError, DeniedError, EcsauthError
from ecsauth.fleet import soak, waves
from ecsauth.fleet.commands import BATCH, BOOT, STATUS, CommandOrder, version_parameter
from ecsauth.fleet.history import Candidate, Mark, Outcome, Purpose, Released, is_superseded, roll_id
from ecsauth.fleet.instances import ONLINE
from ecsauth.fleet.ledger import Ledger
from ecsauth.fleet.objects import superseded
from ecsauth.fleet.wave import WaveCount, WaveOrder, WaveResult, WaveRun, ask, description, showing, waited
from ecsauth.fleet.waves import NO_ERRORS, WAVES, Share

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ecsauth.aws_names import S3URI
    from ecsauth.fleet.census import Census, Scope
    from ecsauth.fleet.commands import DocumentPin, RunCommand
    from ecsauth.fleet.history import SentCommand
    from ecsauth.fleet.instances import FleetInstance
    from ecsauth.fleet.soak import Complaint
    from ecsauth.fleet.wave import Show
    from ecsauth.timing import Clock

SOAK = 300.0
CONCURRENCY = Share(10, is_percentage=True)
# An agent that ECS has lost, as at a reboot, is looked at again: so many times, after so many seconds.
_LOOKS, _PAUSE = 4, 20.0


class RollTerms(NamedTuple):
    """What to roll, and how. `soak` is in seconds. `promotes` is False if somebody else promotes."""

    uri: S3URI
    candidate: Candidate
    scope: Scope
    waves: tuple[Share, ...] = WAVES
    limit: Share = NO_ERRORS
    soak: float = SOAK
    concurrency: Share = CONCURRENCY
    alarm: Optional[str] = None
    promotes: bool = True


class FleetObjects(Protocol):
    """The released object and its candidate."""

    def released(self) -> Released:
        """Return the released version; raise DeniedError and UnreachableError."""

    def candidate(self) -> Optional[Candidate]:
        """Return the newest version of the candidate, None if there is none."""

    def promote(self, candidate: Candidate) -> Released:
        """Make the candidate the released version; raise ConflictError, DeniedError and UnreachableError."""


class FleetEdges(NamedTuple):
    """The connections of a roll. `documents` has the boot and the status document.

    `tell` gets one line for each event. `show` gets what is waited for, at each change: as `progress.tell`.
    """

    census: Census
    run: RunCommand
    objects: FleetObjects
    clock: Clock
    documents: Mapping[str, DocumentPin]
    tell: Callable[[str], None]
    show: Show


class RollOutcome(Enum):
    """The outcome of a roll that did not fail by itself."""

    PROMOTED = "promoted"
    ROLLED = "rolled"
    HALTED = "halted"
    STOPPED = "stopped"


class RollReport(NamedTuple):
    """What became of a roll. `failed` are instance IDs with reasons; `missed` are those that were not reached."""

    outcome: RollOutcome
    roll: str
    candidate: str
    waves: tuple[WaveCount, ...]
    reason: str = ""
    failed: tuple[tuple[str, str], ...] = ()
    missed: tuple[str, ...] = ()
    released: Optional[str] = None


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
        # The wave that a run before this one has carried out, but not found in order; 0 if there is none.
        self._unseen = 0

    def run(self) -> RollReport:
        """Roll to the end, or until it is halted; raise an EcsauthError."""
        self._adopt()
        for number in range(1, len(self._terms.waves) + 1):
            stop = self._refuse_changes()
            if stop:
                return self._report(RollOutcome.STOPPED, stop)
            result, instances = self._wave(number)
            if result is None:
                reason = self._soak(number, self._taken(instances)) if number == self._unseen else ""
            elif result.by_other:
                return self._report(RollOutcome.STOPPED, result.halted)
            elif result.halted:
                reason = result.halted
            else:
                failed = len(result.ids(Outcome.FAILED))
                done = self._taken(instances) if number == self._unseen else result.ids(Outcome.DONE)
                reason = self._soak(number, done, failed)
            if reason:
                self._mark_halt(instances)
                return self._report(RollOutcome.HALTED, f"wave {number}: {reason}")
        stop = self._refuse_changes()
        if stop:
            return self._report(RollOutcome.STOPPED, stop)
        if not self._terms.promotes:
            return self._report(RollOutcome.ROLLED)
        released = self._edges.objects.promote(self._terms.candidate)
        self._edges.tell(f"promoted: version {released.version} of {self._terms.uri} is released")
        return self._report(RollOutcome.PROMOTED)._replace(released=released.version)

    def _adopt(self) -> None:
        """Wait for the commands that a run before this one has sent, and take their results."""
        commands = self._ledger.refresh()
        self._own = {one.id for one in commands}
        open_ones = [one.id for one in commands if one.is_open]
        if open_ones:
            self._edges.tell(f"waiting for {len(open_ones)} commands of the roll that run already")
            document, since = self._edges.documents[BOOT].name, self._terms.candidate.since
            waited(self._edges.run, document, since, self._edges.clock, open_ones)
            commands = self._ledger.refresh()
        self._unseen = unseen(commands)

    def _refuse_changes(self) -> str:
        """Return why somebody has stopped this roll; raise ConflictError if something else is rolled or released."""
        candidate, released = self._edges.objects.candidate(), self._edges.objects.released()
        if candidate is None or candidate.version != self._version:
            raise ConflictError(
                f"{self._terms.uri} has another candidate now: {candidate.version if candidate else 'none'}",
                CommandHint("another roll was started; see", "ecsauth", "fleet", "status", self._terms.uri.object_uri),
            )
        if is_superseded(candidate, released) and released.promoted_from != candidate.version:
            raise superseded(self._terms.uri, candidate, released)
        foreign = [one for one in self._ledger.refresh() if one.id not in self._own]
        purposes = [one.mark.purpose for one in foreign if one.mark is not None]
        if Purpose.HALT in purposes:
            return "it was halted by another command"
        if Purpose.BACK in purposes:
            return "the candidate was withdrawn by another command"
        return "another command continues it" if foreign else ""

    def _wave(self, number: int) -> tuple[Optional[WaveResult], tuple[str, ...]]:
        """Carry out a wave. The result is None if all its instances have the candidate already."""
        terms, edges = self._terms, self._edges
        present = edges.census.take(terms.scope, with_reports=False)
        online = [each.id for each in present if each.ping == ONLINE]
        self._missed = {each.id for each in present} - set(online)
        if not online:
            raise DeniedError(f"no instance of {terms.scope} can be reached by Systems Manager")
        ordered = waves.order(online, self._version)
        members = waves.members(ordered, terms.waves, number)
        left = tuple(each for each in members if each not in self._ledger.done)
        if not left:
            return None, members
        self._edges.tell(f"{self._name(number)}: {_instances(len(left))}")
        order = self._order(number, left, is_whole=len(members) == len(present))
        result = self._runner(self._name(number)).run(order, left)
        self._ledger.take(edges.clock.wall(), result)
        self._take(number, result, len(left))
        return result, members

    def _taken(self, instances: Sequence[str]) -> tuple[str, ...]:
        """Return those of the instances that have taken the candidate, also in a run before this one."""
        done = self._ledger.done
        return tuple(each for each in instances if each in done)

    def _name(self, number: int) -> str:
        return f"wave {number}/{len(self._terms.waves)}"

    def _runner(self, what: str) -> WaveRun:
        """Return what runs a command on instances, and shows under the name `what` how many have ended."""
        edges = self._edges
        return WaveRun(edges.run, edges.census, edges.clock, showing(what, edges.show), self._own.add)

    def _order(self, number: int, instances: Sequence[str], *, is_whole: bool) -> WaveOrder:
        terms = self._terms
        by_tag = terms.scope.tag if is_whole and len(instances) > BATCH else None
        template = CommandOrder(
            document=self._edges.documents[BOOT],
            comment=str(Mark(self._id, Purpose.WAVE, number, len(terms.waves))),
            parameters={"Version": self._version},
            tag=by_tag,
            alarm=terms.alarm,
        )
        tolerated = waves.tolerated(terms.limit, len(instances))
        concurrency = max(BATCH, terms.concurrency.of(len(instances)))
        return WaveOrder(template, number, len(terms.waves), tolerated, concurrency)

    def _take(self, number: int, result: WaveResult, size: int) -> None:
        """Record and tell the outcome of a wave."""
        done, failed, unreached = (len(result.ids(each)) for each in (Outcome.DONE, Outcome.FAILED, Outcome.UNREACHED))
        count = WaveCount(number, len(self._terms.waves), max(size, done + failed + unreached), done, failed, unreached)
        self._counts.append(count)
        for each in result.ids(Outcome.FAILED):
            self._failed[each] = description(result.invocations[each])
        for each in result.ids(Outcome.DONE):
            self._failed.pop(each, None)
        self._missed |= set(result.ids(Outcome.UNREACHED))
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
            looker = self._runner(f"looking at {self._name(number)}")
            looked = ask(looker, status, str(look_mark), online, self._terms.alarm)
            if looked.halted_by_itself:
                return (), looked.halted_by_itself
            for each in left:
                found.pop(each, None)
            found.update({one.instance: one for one in soak.complaints(present, looked.invocations, self._version)})
            left = tuple(each for each, one in found.items() if one.may_pass)
            if not left:
                break
        return tuple(found.values()), ""

    def _mark_halt(self, instances: Sequence[str]) -> None:
        """Leave the mark of a halt in the history, so that nobody takes the roll for one that goes on."""
        try:
            command = mark(self._edges, Mark(self._id, Purpose.HALT), instances)
        except EcsauthError as fault:
            self._edges.tell(f"the halt is not marked in the history of commands: {fault.message}")
            return
        self._own.add(command)

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


def unseen(commands: Sequence[SentCommand]) -> int:
    """Return the last wave if it was not found in order since it was carried out, or since a halt; else 0.

    A client that died, or a halt, may have kept it from being looked at.
    """
    last, taken, looked = 0, 0, 0
    for command in commands:
        mark = command.mark
        if mark is None:
            continue
        if mark.purpose is Purpose.LOOK:
            is_fine = not (command.errors or command.is_open or command.is_cancelled)
            looked = looked + command.targets if is_fine and mark.number == last else 0
        elif mark.purpose is Purpose.WAVE:
            taken = command.completed - command.errors + (taken if mark.number == last else 0)
            last, looked = mark.number, 0
        else:
            looked = 0
    return last if looked < taken else 0


def mark(edges: FleetEdges, which: Mark, instances: Sequence[str]) -> str:
    """Leave a mark in the history of commands: the status document, which changes nothing, on one instance."""
    for each in edges.census.online(instances[:BATCH]):
        order = CommandOrder(edges.documents[STATUS], str(which), {}, instances=(each,))
        return edges.run.send(order)
    raise DeniedError("no instance can be reached by Systems Manager, so the mark has no place")


def find_unmanaged(instances: Sequence[FleetInstance]) -> tuple[str, ...]:
    """Return the instances that Systems Manager does not manage, so that no roll reaches them."""
    return tuple(each.id for each in instances if not each.is_managed)


def _instances(count: int) -> str:
    return f"{count} instance{'' if count == 1 else 's'}"
