"""Halt a roll: cancel its commands, and leave a mark that whoever carries it out sees before the next wave."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ecsauth.errors import DeniedError
from ecsauth.fleet.history import Mark, Purpose
from ecsauth.fleet.roll import mark

if TYPE_CHECKING:
    from ecsauth.fleet.census import Scope
    from ecsauth.fleet.ledger import Ledger
    from ecsauth.fleet.roll import FleetEdges


def halt(edges: FleetEdges, ledger: Ledger, roll: str, scope: Scope) -> int:
    """Halt the roll and return the number of cancelled commands; raise an EcsauthError."""
    cancelled = cancel_open(edges, ledger)
    # One that has the candidate takes the mark at once: to list all instances of a large fleet takes a minute.
    instances = sorted(ledger.touched) or sorted(each.id for each in edges.census.take(scope, with_reports=False))
    try:
        mark(edges, Mark(roll, Purpose.HALT), instances)
    except DeniedError:
        if not cancelled:
            raise
    return cancelled


def cancel_open(edges: FleetEdges, ledger: Ledger) -> int:
    """Cancel the commands of the roll that have not ended, and return their number."""
    open_ones = [one for one in ledger.refresh() if one.is_open]
    for one in open_ones:
        edges.run.cancel(one.id)
    return len(open_ones)
