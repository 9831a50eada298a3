"""The roll of the newest candidate: how it stands, and how one goes on from there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Optional

from ecsauth.cli import console, fleet_edges
from ecsauth.errors import ExitCode
from ecsauth.fleet.commands import BOOT, STATUS
from ecsauth.fleet.history import Candidate, Released, Standing, alarm_of, derive, roll_id
from ecsauth.fleet.ledger import Ledger
from ecsauth.fleet.roll import CONCURRENCY, SOAK
from ecsauth.fleet.waves import NO_ERRORS, WAVES

if TYPE_CHECKING:
    import argparse

    from ecsauth.cli.fleet_edges import FleetConnection
    from ecsauth.command_hint import CommandHint
    from ecsauth.fleet.edges import FleetEdges

MOST_NAMED = 10
"""Instance IDs in a message."""


class RollInS3(NamedTuple):
    """The roll of the newest candidate as it is now; no `ledger` if there is no candidate.

    `alarm` is the one that its commands were sent with.
    """

    candidate: Optional[Candidate]
    released: Released
    standing: Standing
    ledger: Optional[Ledger]
    alarm: Optional[str] = None


def edges(arguments: argparse.Namespace, connection: FleetConnection, *kinds: str) -> FleetEdges:
    """Return the edges with pinned documents; raise DeniedError if one is not the one of this ecsauth."""
    documents = fleet_edges.pinned(arguments, connection.commands, kinds or (BOOT, STATUS))
    return connection.edges._replace(documents=documents)


def present(arguments: argparse.Namespace, connection: FleetConnection) -> RollInS3:
    """Return the roll of the newest candidate, derived from S3 and from the history of commands."""
    released, candidate, now = (
        connection.objects.released(),
        connection.objects.candidate(),
        connection.edges.clock.wall(),
    )
    if candidate is None:
        return RollInS3(None, released, derive(None, released, (), now), None)
    names = [connection.edges.documents[kind].name for kind in (BOOT, STATUS)]
    found = Ledger(connection.edges.run, roll_id(arguments.uri, candidate.version), names, candidate.since)
    commands = found.refresh()
    return RollInS3(candidate, released, derive(candidate, released, commands, now), found, alarm_of(commands))


def show(arguments: argparse.Namespace, document: dict[str, Any]) -> int:
    """Write the result for programs, if JSON is wanted, and return the status of a success."""
    if arguments.format == "json":
        console.show({"uri": str(arguments.uri), **document})
    return ExitCode.OK


def ways_on(
    arguments: argparse.Namespace, alarm: Optional[str] = None, *, is_rolled: bool = False
) -> tuple[CommandHint, ...]:
    """Return the hints for a roll that stays as it is; `alarm` is the one that its commands have.

    `is_rolled`: only the promotion is left.
    """
    given = {**vars(arguments), "alarm": alarm or getattr(arguments, "alarm", None)}
    options = (
        ("--waves", "waves", WAVES, lambda each: ",".join(map(str, each))),
        ("--max-errors", "max_errors", NO_ERRORS, str),
        ("--soak", "soak", SOAK, lambda each: f"{each:.0f}"),
        ("--concurrency", "concurrency", CONCURRENCY, str),
        ("--alarm", "alarm", None, str),
    )
    words = [
        word
        for option, name, default, written in options
        if given.get(name, default) != default
        for word in (option, written(given[name]))
    ]
    words += ["--no-alarm"] if given.get("no_alarm") else []
    words += ["--no-promote"] if given.get("no_promote") and not is_rolled else []
    return (
        fleet_edges.command(arguments, "promote it" if is_rolled else "continue", "resume", *words),
        fleet_edges.command(arguments, "stop it", "halt"),
        fleet_edges.command(arguments, "return to the version before the roll", "back"),
    )
