"""The marks of a roll in the history of commands: leave one, and read what they say of a roll."""

from __future__ import annotations

from typing import TYPE_CHECKING, Optional

from ecsauth.errors import DeniedError
from ecsauth.fleet.commands import BATCH, STATUS, CommandOrder, GoneError
from ecsauth.fleet.history import Purpose, RollState, by_commands

if TYPE_CHECKING:
    from collections.abc import Container, Sequence

    from ecsauth.fleet.edges import FleetEdges
    from ecsauth.fleet.history import Mark, SentCommand


def unseen(commands: Sequence[SentCommand]) -> int:
    """Return the last wave that was not found in order since it was carried out, or since a halt; 0 if all were.

    A client that died, or a halt, may have kept it from being looked at.
    """
    taken: dict[int, int] = {}
    looked: dict[int, int] = {}
    for command in commands:
        mark = command.mark
        if mark is None:
            continue
        if mark.purpose is Purpose.WAVE:
            taken[mark.number] = taken.get(mark.number, 0) + command.completed - command.errors
            looked[mark.number] = 0
        elif mark.purpose is not Purpose.LOOK:
            looked.clear()
        elif not (command.is_open or command.is_cancelled):
            looked[mark.number] = looked.get(mark.number, 0) + command.targets - command.errors
    return max((number for number, count in taken.items() if looked.get(number, 0) < count), default=0)


def is_halted(commands: Sequence[SentCommand]) -> bool:
    """Tell whether a roll was halted, and nobody has gone on with it since; oldest first."""
    return by_commands(commands)[0] is RollState.HALTED


def why_stopped(foreign: Container[Purpose]) -> str:
    """Return why somebody else has stopped a roll, by the purposes of commands; an empty text if nobody has."""
    if Purpose.BACK in foreign:
        return "the candidate was withdrawn by another command"
    return "it was halted by another command" if Purpose.HALT in foreign else ""


def mark(edges: FleetEdges, which: Mark, instances: Sequence[str]) -> str:
    """Leave a mark in the history of commands: the status document, which changes nothing, on one instance."""
    gone: Optional[GoneError] = None
    for each in edges.census.online(instances[:BATCH]):
        order = CommandOrder(edges.documents[STATUS], str(which), {}, instances=(each,))
        try:
            return edges.run.send(order)
        except GoneError as fault:
            gone = fault
    raise gone or DeniedError("no instance can be reached by Systems Manager, so the mark has no place")
