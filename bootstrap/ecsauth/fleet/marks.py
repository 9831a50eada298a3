"""The marks of a roll in the history of commands: leave one, and read what they say of a roll."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Callable

from ecsauth.errors import DeniedError
from ecsauth.fleet.commands import BATCH, STATUS, CommandOrder, GoneError
from ecsauth.fleet.history import Purpose
from ecsauth.fleet.instances import ONLINE
from ecsauth.fleet.waves import batches

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Sequence

    from ecsauth.fleet.census import Scope
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
        else:
            # A look at one instance again must not stand for another one. So after an error all are looked at again.
            is_fine = not (command.errors or command.is_open or command.is_cancelled)
            looked[mark.number] = looked.get(mark.number, 0) + command.targets if is_fine else 0
    return max((number for number, count in taken.items() if looked.get(number, 0) < count), default=0)


def why_stopped(foreign: Container[Purpose]) -> str:
    """Return why somebody else has stopped a roll, by the purposes of commands; an empty text if nobody has."""
    if Purpose.BACK in foreign:
        return "the candidate was withdrawn by another command"
    return "it was halted by another command" if Purpose.HALT in foreign else ""


class _NoPlaceError(DeniedError):
    """No instance takes a mark."""


def leave(edges: FleetEdges, which: Mark, touched: Iterable[str], scope: Callable[[], Scope]) -> str:
    """Leave a mark on an instance that has got a command of the roll; if none can be reached, on any of the scope.

    To list all instances of a large fleet takes a minute. Raises an EcsauthError.
    """
    try:
        return mark(edges, which, sorted(touched))
    except _NoPlaceError:
        present = edges.census.take(scope(), with_reports=False)
        return mark(edges, which, [each.id for each in present if each.ping == ONLINE])


def mark(edges: FleetEdges, which: Mark, instances: Sequence[str]) -> str:
    """Leave a mark in the history of commands: the status document, which changes nothing, on one of the instances."""
    for batch in batches(instances, BATCH):
        for each in edges.census.online(batch):
            order = CommandOrder(edges.documents[STATUS], str(which), {}, instances=(each,))
            # One that has stopped just now does not take it.
            with contextlib.suppress(GoneError):
                return edges.run.send(order)
    raise _NoPlaceError("no instance can be reached by Systems Manager, so the mark has no place")
