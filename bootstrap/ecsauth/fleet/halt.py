"""Halt a roll: cancel its commands, and leave a mark that whoever carries it out sees before the next wave."""

from __future__ import annotations

from typing import TYPE_CHECKING, Callable

from ecsauth.fleet.history import Mark, Purpose
from ecsauth.fleet.marks import leave

if TYPE_CHECKING:
    from ecsauth.fleet.census import Scope
    from ecsauth.fleet.commands import RunCommand
    from ecsauth.fleet.edges import FleetEdges
    from ecsauth.fleet.history import SentCommand
    from ecsauth.fleet.ledger import Ledger


def cancel_open(run: RunCommand, ledger: Ledger) -> tuple[SentCommand, ...]:
    """Cancel the commands of the roll that have not ended, and return them."""
    open_ones = tuple(one for one in ledger.refresh() if one.is_open)
    for one in open_ones:
        run.cancel(one.id)
    return open_ones


def mark_halt(edges: FleetEdges, ledger: Ledger, roll: str, scope: Callable[[], Scope]) -> None:
    """Leave the mark; raise an EcsauthError. `scope` is asked only if no instance that has got a command is left."""
    leave(edges, Mark(roll, Purpose.HALT), ledger.touched, scope)
