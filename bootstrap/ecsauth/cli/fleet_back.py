"""`ecsauth fleet halt` and `back`: stop a roll, and return to the version before it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Optional

from ecsauth.cli import console, fleet_edges, fleet_present, progress, publish
from ecsauth.cli.fleet_present import MOST_NAMED
from ecsauth.command_hint import CommandHint
from ecsauth.errors import DeniedError, EcsauthError, ExitCode
from ecsauth.fleet.back import Withdrawal
from ecsauth.fleet.commands import STATUS
from ecsauth.fleet.halt import cancel_open, mark_halt
from ecsauth.fleet.history import RESUMABLE, Purpose, RollState, roll_id
from ecsauth.publish import roll_back
from ecsauth.publish.review import PublishOutcome

if TYPE_CHECKING:
    import argparse

    from ecsauth.fleet.history import Candidate


def stop(arguments: argparse.Namespace) -> int:
    """Halt the roll of the newest candidate: nothing begins on another instance."""
    fleet_edges.refuse_version(arguments)
    with progress.waiting("halting the roll"):
        connection = fleet_edges.connect(arguments)
        present = fleet_present.present(arguments, connection)
        if present.candidate is None or present.ledger is None or present.standing.state not in RESUMABLE:
            console.say(f"nothing to halt: the state of the roll is {present.standing.state.value}")
            return fleet_present.show(arguments, {"halted": False, "cancelled": 0})
        # First of all, whatever may be wrong with the documents or the env-file.
        cancelled = cancel_open(connection.commands, present.ledger)
        try:
            edges = fleet_present.edges(arguments, connection, STATUS)
            roll = roll_id(arguments.uri, present.candidate.version)
            mark_halt(edges, present.ledger, roll, lambda: fleet_edges.scope(arguments, connection.store))
        except EcsauthError as fault:
            # A client that rolls sees that its wave was cancelled, and ends; without a wave, only the mark stops it.
            if not any(one.mark and one.mark.purpose is Purpose.WAVE for one in cancelled):
                raise
            console.warn(f"the halt is not marked in the history of commands: {fault.message}")
    console.say(f"halted: {len(cancelled)} commands cancelled; the released version is unchanged")
    for hint in fleet_present.ways_on(arguments, present.alarm):
        console.say(f"hint: {hint}")
    return fleet_present.show(arguments, {"halted": True, "cancelled": len(cancelled)})


def back(arguments: argparse.Namespace) -> int:
    """Withdraw the candidate where it runs; after its promotion, release the version before it again."""
    fleet_edges.refuse_version(arguments)
    fleet_edges.collect()
    with progress.waiting("looking at the fleet"):
        connection = fleet_edges.connect(arguments)
        present = fleet_present.present(arguments, connection)
        candidate, state = present.candidate, present.standing.state
        # To withdraw once more reaches the instances that a first try has missed.
        allowed = (*RESUMABLE, RollState.WITHDRAWN, RollState.PROMOTED)
        if candidate is None or present.ledger is None or state not in allowed:
            raise DeniedError(
                f"there is no candidate of {arguments.uri} to withdraw: the state of the roll is {state.value}",
                CommandHint(
                    "a released version is replaced by", "ecsauth", "rollback", arguments.uri.object_uri, "VERSION"
                ),
            )
        edges = fleet_present.edges(arguments, connection)
        scope = fleet_edges.scope(arguments, connection.store)
        withdrawal = Withdrawal(edges, present.ledger, arguments.uri, candidate, scope)
        if state is RollState.PROMOTED:
            status = _release_again(arguments, candidate)
            if status is not None:
                return status
            result = withdrawal.follow_released()
        elif arguments.dry_run:
            affected = withdrawal.affected()
            console.say(f"nothing was sent: this was a dry run; {len(affected)} instances may have the candidate")
            document = {"dry_run": True, "back": False, "done": [], "failed": [], "not_reached": affected}
            return fleet_present.show(arguments, document)
        else:
            result = withdrawal.withdraw()
    console.say(str(result))
    for each in result.failed[:MOST_NAMED]:
        console.warn(f"{each} did not return")
    fleet_present.show(arguments, {"dry_run": False, "back": not result.failed, **result._asdict()})
    return ExitCode.LAUNCH if result.failed else ExitCode.OK


def _release_again(arguments: argparse.Namespace, candidate: Candidate) -> Optional[int]:
    """Put the version that was released before the candidate; return an exit status if that was not to be done."""
    if candidate.beside is None:
        raise DeniedError(
            "the version before the candidate is not known",
            CommandHint("find it", "ecsauth", "history", arguments.uri.object_uri),
        )
    request = publish.request(arguments)
    report = roll_back(candidate.beside, request, publish.services(arguments))
    if report.outcome in (PublishOutcome.DECLINED, PublishOutcome.DRY_RUN):
        return publish.finish(report, request, arguments.format)
    return None
