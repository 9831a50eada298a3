"""`ecsauth fleet status`, `holders` and `doctor`: what runs where. They change nothing."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any, NamedTuple, Optional

from ecsauth.cli import console, fleet_edges, progress
from ecsauth.cli.console import printable
from ecsauth.errors import DeniedError, ExitCode, UsageError
from ecsauth.fleet import answers, groups, same_bytes
from ecsauth.fleet.commands import BOOT, DOCTOR, STATUS, all_of
from ecsauth.fleet.groups import Group, Placement, Wanted
from ecsauth.fleet.history import IN_PROGRESS, RESUMABLE, RollState, Standing, derive, of_roll, roll_id
from ecsauth.fleet.holders import holders
from ecsauth.fleet.instances import ONLINE
from ecsauth.fleet.wave import WaveRun, ask
from ecsauth.host.clock import SystemClock

if TYPE_CHECKING:
    import argparse

    from ecsauth.cli.fleet_edges import FleetConnection
    from ecsauth.fleet.census import Scope
    from ecsauth.fleet.history import Candidate, Released
    from ecsauth.fleet.holders import Holder
    from ecsauth.fleet.instances import FleetInstance

# Seconds between two looks of --watch.
_EVERY = 30.0


class FleetView(NamedTuple):
    """What is released, the roll of the newest candidate, and each instance with its group."""

    scope: Scope
    released: Released
    candidate: Optional[Candidate]
    standing: Optional[Standing]
    placed: tuple[tuple[FleetInstance, Placement], ...]

    @property
    def is_current(self) -> bool:
        """Tell whether there are instances, and all are current."""
        return bool(self.placed) and all(place.group is Group.CURRENT for _, place in self.placed)

    def counts(self) -> dict[str, int]:
        """Return the number of instances in each group."""
        return groups.counts(place.group for _, place in self.placed)


def status(arguments: argparse.Namespace) -> int:
    """Show the groups of the instances; return 3 unless all are current."""
    fleet_edges.refuse_version(arguments)
    if arguments.watch and arguments.format == "json":
        raise UsageError("--watch is for people: programs run fleet status --format json again")
    fleet_edges.collect()
    with progress.waiting("looking at the fleet"):
        connection = fleet_edges.connect(arguments)
        scope = fleet_edges.scope(arguments, connection.store)
        view = _view(arguments, connection, scope)
    before: dict[str, int] = {}
    while arguments.watch and not view.is_current:
        if view.counts() != before:
            before = view.counts()
            console.say(_summary(view))
        with progress.waiting(f"waiting: {_summary(view)}"):
            SystemClock().sleep(_EVERY)
            view = _view(arguments, connection, scope)
    if arguments.format == "json":
        console.show(_document(arguments, view))
    else:
        sys.stdout.write("".join(f"{printable(line)}\n" for line in _lines(view)))
    return ExitCode.OK if view.is_current else ExitCode.INVALID


def _view(arguments: argparse.Namespace, connection: FleetConnection, scope: Scope) -> FleetView:
    objects = connection.objects
    released, candidate = objects.released(), objects.candidate()
    standing = _standing(arguments, connection, candidate, released)
    instances = connection.edges.census.take(scope, with_reports=not arguments.now)
    if arguments.now:
        instances = asked(arguments, connection, instances)
    is_open = standing is None or standing.state in RESUMABLE
    wanted = Wanted(
        uri=arguments.uri.object_uri,
        released=released.version,
        now=connection.edges.clock.wall(),
        candidate=candidate.version if candidate is not None and is_open else None,
        same=released.promoted_from,
    )
    placed = tuple((each, groups.place(each, wanted)) for each in instances)
    return FleetView(scope, released, candidate, standing, placed)


def _standing(
    arguments: argparse.Namespace, connection: FleetConnection, candidate: Optional[Candidate], released: Released
) -> Optional[Standing]:
    """Return the state of the roll, None if the history of commands may not be read."""
    now = connection.edges.clock.wall()
    if candidate is None:
        return derive(candidate, released, (), now)
    try:
        documents = [connection.edges.documents[kind].name for kind in (BOOT, STATUS)]
        sent = all_of(connection.edges.run, documents, candidate.since)
    except DeniedError as fault:
        console.warn(f"the state of the roll is not known: {fault.message}")
        return None
    return derive(candidate, released, of_roll(sent, roll_id(arguments.uri, candidate.version)), now)


def asked(
    arguments: argparse.Namespace, connection: FleetConnection, instances: tuple[FleetInstance, ...]
) -> tuple[FleetInstance, ...]:
    """Return the instances with the reports that they give now."""
    edges = connection.edges
    document = fleet_edges.pinned(arguments, connection.commands, (STATUS,))[STATUS]
    online = tuple(each.id for each in instances if each.ping == ONLINE)
    run = WaveRun(edges.run, edges.census, edges.clock, _show_asking, lambda _: None)
    found = ask(run, document, "ecsauth: status", online).invocations
    return tuple(
        each._replace(report=answers.parse(found[each.id].output).report if each.id in found else None)
        for each in instances
    )


def _show_asking(count: Any) -> None:
    progress.tell("asking the instances", count.done + count.failed, count.size)


def _summary(view: FleetView) -> str:
    found = ", ".join(f"{count} {group}" for group, count in view.counts().items() if count)
    return f"{len(view.placed)} instances: {found}" if view.placed else "no instance"


def _lines(view: FleetView) -> list[str]:
    lines = [f"released  {view.released.version}"]
    roll = view.standing
    if view.candidate is not None and (roll is None or roll.state is not RollState.NONE):
        wave = f", wave {roll.wave}/{roll.of}" if roll is not None and roll.of else ""
        state = roll.state.value if roll is not None else "not known"
        reason = f": {roll.reason}" if roll is not None and roll.reason else ""
        lines.append(f"candidate {view.candidate.version}, {state}{wave}{reason}")
    lines.append(f"instances {len(view.placed)} of {view.scope}")
    lines += [f"  {group:14} {count:6}" for group, count in view.counts().items() if count]
    for group in Group:
        if group is Group.CURRENT:
            continue
        lines += [
            f"{each.id:19}  {group.value:14}  {place.reason}" for each, place in view.placed if place.group is group
        ]
    return lines


def _document(arguments: argparse.Namespace, view: FleetView) -> dict[str, Any]:
    return {
        "uri": str(arguments.uri),
        "current": view.is_current,
        "released": view.released.version,
        "candidate": view.candidate.version if view.candidate is not None else None,
        "roll": standing_document(arguments, view.candidate, view.standing),
        "instances": len(view.placed),
        "groups": view.counts(),
        "not_current": [
            {**fleet_edges.described(each), "group": place.group.value, "reason": place.reason}
            for each, place in view.placed
            if place.group is not Group.CURRENT
        ],
    }


def standing_document(
    arguments: argparse.Namespace, candidate: Optional[Candidate], standing: Optional[Standing]
) -> Optional[dict[str, Any]]:
    """Return the state of a roll for programs, None if there is no candidate, or if it is not known."""
    if candidate is None or standing is None:
        return None
    return {
        "id": roll_id(arguments.uri, candidate.version),
        "state": standing.state.value,
        "in_progress": standing.state in IN_PROGRESS,
        "wave": standing.wave or None,
        "waves": standing.of or None,
        "reason": standing.reason or None,
    }


def show_holders(arguments: argparse.Namespace) -> int:
    """Show which instances still have the bytes of a version; return 3 if one has, or may have."""
    fleet_edges.refuse_version(arguments)
    fleet_edges.collect()
    with progress.waiting("looking at the fleet"):
        connection = fleet_edges.connect(arguments)
        scope = fleet_edges.scope(arguments, connection.store)
        instances = connection.edges.census.take(scope, with_reports=not arguments.now)
        if arguments.now:
            instances = asked(arguments, connection, instances)
        uris = (arguments.uri, connection.objects.candidate_uri)
        same = same_bytes.find(arguments.version, connection.store, uris, progress.tell)
    found, others = holders(instances, same.versions), sorted(same.versions - {arguments.version})
    for gap in same.gaps:
        console.warn(f"other versions may have the same bytes: {gap}")
    if arguments.format == "json":
        console.show(
            {
                "uri": str(arguments.uri),
                "version": arguments.version,
                "same_bytes": others,
                "complete": not same.gaps,
                "instances": len(instances),
                "holders": [_holder(one) for one in found],
            }
        )
    else:
        certain = sum(1 for one in found if one.is_certain)
        lines = [f"{one.instance.id:19}  {'holds' if one.is_certain else 'unknown':7}  {one.reason}" for one in found]
        sys.stdout.write("".join(f"{printable(line)}\n" for line in lines))
        sys.stdout.flush()
        unknown = len(found) - certain
        if others:
            console.say(f"versions with the same bytes: {', '.join(others)}")
        console.say(
            f"version {arguments.version}: held by {certain} of {len(instances)} instances, unknown of {unknown}"
        )
    return ExitCode.INVALID if found or same.gaps else ExitCode.OK


def _holder(holder: Holder) -> dict[str, Any]:
    return {"instance": holder.instance.id, "certain": holder.is_certain, "reason": holder.reason}


def doctor(arguments: argparse.Namespace) -> int:
    """Run doctor on instances and show what it says; return 3 unless all are healthy."""
    fleet_edges.collect()
    instances = tuple(dict.fromkeys(arguments.instance))
    with progress.waiting("asking Systems Manager about the instances"):
        census, run = fleet_edges.systems_manager(arguments)
        document = fleet_edges.pinned(arguments, run, (DOCTOR,))[DOCTOR]
        online = census.online(instances)
        if not online:
            raise DeniedError(
                f"Systems Manager does not reach {', '.join(instances)}",
                "does its agent run there, and may its role use Systems Manager?",
            )
        wave = WaveRun(run, census, SystemClock(), _show_asking, lambda _: None)
        found = ask(wave, document, "ecsauth: doctor", online).invocations
    results = [
        {
            "instance": each,
            "reached": each in found and found[each].code is not None,
            "status": found[each].code if each in found else None,
            "output": found[each].output if each in found else "",
        }
        for each in instances
    ]
    if arguments.format == "json":
        console.show({"instances": results})
    else:
        sys.stdout.write("".join(_told(one) for one in results))
    return ExitCode.OK if all(one["status"] == ExitCode.OK for one in results) else ExitCode.INVALID


def _told(result: dict[str, Any]) -> str:
    lines = str(result["output"]).splitlines() if result["reached"] else ["Systems Manager does not reach it"]
    return "".join(f"{printable(line)}\n" for line in (f"{result['instance']}:", *(f"  {line}" for line in lines)))
