"""The way back: withdraw a candidate where it runs, or let the instances follow a version that is released again."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ecsauth.fleet.commands import BATCH, BOOT, WITHDRAW, CommandOrder
from ecsauth.fleet.halt import cancel_open
from ecsauth.fleet.history import Mark, Outcome, Purpose, roll_id
from ecsauth.fleet.instances import ONLINE
from ecsauth.fleet.marks import mark
from ecsauth.fleet.wave import WaveOrder, WaveRun, showing, waited

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ecsauth.aws_names import S3URI
    from ecsauth.fleet.census import Scope
    from ecsauth.fleet.edges import FleetEdges
    from ecsauth.fleet.history import Candidate
    from ecsauth.fleet.instances import FleetInstance
    from ecsauth.fleet.ledger import Ledger


class BackReport(NamedTuple):
    """The instances that went back, those that failed to, and those that were not reached."""

    done: tuple[str, ...]
    failed: tuple[str, ...]
    not_reached: tuple[str, ...]

    def __str__(self) -> str:
        if not (self.done or self.failed or self.not_reached):
            return "no instance had the candidate; it is withdrawn"
        missed = f", {len(self.not_reached)} not reached: they follow by their timers" if self.not_reached else ""
        return f"back: {len(self.done)} instances done, {len(self.failed)} failed{missed}"


class Withdrawal:
    """Takes a candidate back from the instances of a scope."""

    def __init__(self, edges: FleetEdges, ledger: Ledger, uri: S3URI, candidate: Candidate, scope: Scope) -> None:
        self._edges = edges
        self._ledger = ledger
        self._candidate = candidate
        self._scope = scope
        self._mark = Mark(roll_id(uri, candidate.version), Purpose.BACK)

    def affected(self) -> tuple[str, ...]:
        """Return the instances that may have the candidate, without changing anything."""
        self._ledger.refresh()
        return tuple(each.id for each in self._edges.census.take(self._scope) if self._may_have(each))

    def withdraw(self) -> BackReport:
        """Cancel the roll, and let each instance that may have the candidate return to the released version."""
        edges = self._edges
        cancel_open(edges.run, self._ledger)
        # The mark comes first: nobody goes on with the roll meanwhile.
        present = edges.census.take(self._scope)
        mark(edges, self._mark, [each.id for each in present if each.ping == ONLINE])
        # Where a command runs already it goes on, so that the instance has the candidate only after it.
        self._await_open()
        sent: set[str] = set()
        reports = []
        # Whoever rolls may not have seen the mark yet, and send one more command.
        for _ in range(2):
            left = [each for each in present if each.id not in sent and self._may_have(each)]
            reports.append(self._send(left))
            sent.update(each.id for each in left)
            self._await_open()
        return _together(reports)

    def _await_open(self) -> None:
        """Wait for the commands of the roll that have not ended, and take their results."""
        edges = self._edges
        open_ones = [one.id for one in self._ledger.refresh() if one.is_open]
        waited(edges.run, edges.documents[BOOT].name, self._candidate.since, edges.clock, open_ones)
        self._ledger.refresh()

    def follow_released(self) -> BackReport:
        """Let all instances take the released version now, instead of at the next run of their timers.

        An instance that does not know yet that its candidate was promoted leaves it; any other one boots as usual.
        """
        return self._send(self._edges.census.take(self._scope, with_reports=False))

    def _may_have(self, instance: FleetInstance) -> bool:
        report = instance.report
        return instance.id in self._ledger.touched or (report is not None and report.ahead == self._candidate.version)

    def _send(self, instances: Sequence[FleetInstance]) -> BackReport:
        edges = self._edges
        online = tuple(each.id for each in instances if each.ping == ONLINE)
        offline = {each.id for each in instances} - set(online)
        template = CommandOrder(edges.documents[BOOT], str(self._mark), {"Version": WITHDRAW})
        # An instance that fails must not keep the others from going back.
        order = WaveOrder(template, 1, 1, tolerated=len(online), concurrency=max(BATCH, len(online) // 10))
        run = WaveRun(edges.run, edges.census, edges.clock, showing("returning", edges.show), lambda _: None)
        result = run.run(order, online)
        missed = offline.union(*map(result.ids, (Outcome.UNREACHED, Outcome.LOST, Outcome.NOT_RUN, Outcome.CANCELLED)))
        return BackReport(result.ids(Outcome.DONE), result.ids(Outcome.FAILED), tuple(sorted(missed)))


def _together(reports: Sequence[BackReport]) -> BackReport:
    return BackReport(*(tuple(sorted({each for report in reports for each in report[at]})) for at in range(3)))
