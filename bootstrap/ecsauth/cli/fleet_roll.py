"""`ecsauth fleet roll` and `resume`: a version in waves, and its promotion."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, Optional

from ecsauth.check import approve
from ecsauth.cli import console, fleet_edges, fleet_present, logins, progress, publish
from ecsauth.cli.fleet_present import MOST_NAMED, RollInS3
from ecsauth.cli.inputs import read_path
from ecsauth.errors import ConflictError, DeniedError, EcsauthError, ExitCode, UsageError
from ecsauth.fleet import policy_tag
from ecsauth.fleet.commands import version_parameter
from ecsauth.fleet.history import IN_PROGRESS, RESUMABLE, Candidate, RollState
from ecsauth.fleet.instances import ONLINE
from ecsauth.fleet.roll import Roll, RollTerms, find_unmanaged
from ecsauth.fleet.roll_report import RollOutcome
from ecsauth.fleet.wave import WaveCount
from ecsauth.publish import find_key
from ecsauth.publish import publish as publish_object
from ecsauth.publish.review import CurrentObject, NewContent, Review
from ecsauth.publish.versions import UNVERSIONED

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator, Sequence

    from ecsauth.cli.fleet_edges import FleetConnection
    from ecsauth.fleet.census import Scope
    from ecsauth.fleet.edges import FleetEdges
    from ecsauth.fleet.instances import FleetInstance
    from ecsauth.fleet.roll_report import RollReport
    from ecsauth.publish.versions import ObjectVersion
    from ecsauth.secret import SecretBytes

_STATUSES = {
    RollOutcome.PROMOTED: ExitCode.OK,
    RollOutcome.ROLLED: ExitCode.OK,
    RollOutcome.HALTED: ExitCode.LAUNCH,
    RollOutcome.STOPPED: ExitCode.CONFLICT,
}


def roll(arguments: argparse.Namespace) -> int:
    """Check the file, put the candidate, and roll it out; return 7 if it was halted."""
    fleet_edges.refuse_version(arguments)
    if (arguments.file is None) == (arguments.version is None):
        raise UsageError("fleet roll takes either a FILE or --version V, a version that was released before")
    fleet_edges.collect()
    local = None if arguments.file is None else _checked(read_path(arguments.file), arguments.file, arguments)
    with progress.waiting("looking at the fleet"):
        connection = fleet_edges.connect(arguments)
        edges, present = fleet_present.edges(arguments, connection), fleet_present.present(arguments, connection)
        version_parameter(present.released.version)
        _refuse_second(arguments, present)
        new = local or _older(arguments, connection)
        current = connection.store.read(arguments.uri)
        if current.content == new.data:
            return _unchanged(arguments, present)
        scope = fleet_edges.scope(arguments, connection.store)
        instances = edges.census.take(scope, with_reports=False)
        _refuse_unmanaged(arguments, scope, instances)
        _refuse_untagged(arguments, edges, instances)
        candidate = _put(arguments, connection, new._replace(beside=present.released.version), current.content, present)
        if candidate is None:
            return _not_put(arguments, scope, instances)
        return _run(arguments, edges, candidate, scope)


def resume(arguments: argparse.Namespace) -> int:
    """Go on with the roll of the newest candidate; return 7 if it was halted."""
    fleet_edges.refuse_version(arguments)
    if arguments.no_alarm and arguments.alarm is not None:
        raise UsageError("fleet resume takes --alarm or --no-alarm, not both")
    fleet_edges.collect()
    with progress.waiting("looking at the fleet"):
        connection = fleet_edges.connect(arguments)
        present = fleet_present.present(arguments, connection)
        candidate, standing = present.candidate, present.standing
        if candidate is not None and standing.state is RollState.PROMOTED:
            console.say(f"nothing to do: candidate {candidate.version} is promoted already")
            return fleet_present.show(arguments, _nothing_done("promoted", present.released.version, candidate.version))
        if candidate is None or standing.state not in RESUMABLE:
            raise DeniedError(
                f"there is no roll of {arguments.uri} to resume: its state is {standing.state.value}",
                fleet_edges.command(arguments, "see", "status"),
            )
        if standing.of and standing.of != len(arguments.waves):
            raise UsageError(
                f"the roll has {standing.of} waves, and --waves has {len(arguments.waves)}",
                "give the --waves with which it was begun",
            )
        edges = fleet_present.edges(arguments, connection)
        scope = fleet_edges.scope(arguments, connection.store)
        _keep_alarm(arguments, present)
        return _run(arguments, edges, candidate, scope, ends_halt=standing.state is RollState.HALTED)


def _keep_alarm(arguments: argparse.Namespace, present: RollInS3) -> None:
    """Let a roll that is resumed keep its alarm, unless the command line names one or none."""
    if arguments.alarm is None and present.alarm is not None and not arguments.no_alarm:
        console.say(f"the roll keeps its alarm {present.alarm}; --no-alarm continues without it")
        arguments.alarm = present.alarm
    elif arguments.alarm is None and present.standing.state is RollState.PREPARED and not arguments.no_alarm:
        console.warn("nothing was sent yet, so the alarm of the roll is not known: give --alarm if it has one")


def _checked(data: SecretBytes, name: str, arguments: argparse.Namespace) -> NewContent:
    """Check an env-file as push does; raise InvalidError."""
    findings = approve(data, name)
    if arguments.check_login:
        logins.Gate(refuses=arguments.check_login == "fail").check(data)
    return NewContent(data, name, findings)


def _older(arguments: argparse.Namespace, connection: FleetConnection) -> NewContent:
    """Return the content of a version that was released before, checked."""
    old = arguments.uri._replace(version_id=arguments.version)
    checked = _checked(connection.store.read(old).content, str(old), arguments)
    return checked._replace(origin=arguments.version)


def _refuse_second(arguments: argparse.Namespace, present: RollInS3) -> None:
    """Raise ConflictError while another roll is in progress."""
    if present.candidate is None or present.standing.state not in IN_PROGRESS:
        return
    wave = f", wave {present.standing.wave}/{present.standing.of}" if present.standing.of else ""
    raise ConflictError(
        f"a roll of {arguments.uri} is in progress: candidate {present.candidate.version}, "
        f"{present.standing.state.value}{wave}",
        *fleet_present.ways_on(arguments, present.alarm),
    )


def _refuse_unmanaged(arguments: argparse.Namespace, scope: Scope, instances: Sequence[FleetInstance]) -> None:
    """Raise DeniedError if a roll does not reach all instances; with --skip-unmanaged it leaves them out."""
    if not instances:
        raise DeniedError(f"there is no instance of {scope}", "is it the right one? give --cluster, or --targets")
    unmanaged = find_unmanaged(instances)
    if unmanaged:
        _skip(arguments, scope, instances, unmanaged)
    if not any(each.ping == ONLINE for each in instances):
        raise DeniedError(f"no instance of {scope} is online in Systems Manager: a roll reaches none")


def _skip(
    arguments: argparse.Namespace, scope: Scope, instances: Sequence[FleetInstance], unmanaged: Sequence[str]
) -> None:
    """Raise DeniedError for instances that are not managed, unless they are to be left out."""
    said = f"Systems Manager does not manage {_named(unmanaged)}"
    if len(unmanaged) == len(instances):
        raise DeniedError(
            f"{said}, and no other instance of {scope}: a roll reaches none",
            "without Systems Manager, push the file: instances take it by their timers; or refresh the instances of "
            "the Auto Scaling group",
        )
    if not arguments.skip_unmanaged:
        raise DeniedError(
            f"{said}: a roll does not reach all instances of {scope}",
            "let its agent run there, with the instance policy of iam/; or give --skip-unmanaged: these instances "
            "follow by their timers after the promotion",
        )
    console.warn(f"{said}: left out, they follow by their timers after the promotion")


def _refuse_untagged(arguments: argparse.Namespace, edges: FleetEdges, instances: Sequence[FleetInstance]) -> None:
    """Raise DeniedError if some instances lack the tag that the policy fleet-roll wants, and others have it.

    Systems Manager would refuse each command for one of them. Where no instance has the tag, no policy wants it.
    """
    tag = policy_tag.of(arguments.uri)
    if tag is None:
        return
    try:
        untagged = edges.census.without_tag(instances, tag)
    except DeniedError:
        # The commands tell what is missing.
        return
    if untagged and len(untagged) < sum(1 for each in instances if each.ping is not None):
        raise DeniedError(
            f"a roll reaches no instance without the tag {tag} by the policy fleet-roll, and other instances have it: "
            f"it is missing on {_named(untagged)}",
            *policy_tag.tagging("give it to them", untagged, tag),
        )


def _named(instances: Sequence[str]) -> str:
    more = f" and {len(instances) - MOST_NAMED} more" if len(instances) > MOST_NAMED else ""
    return f"{', '.join(instances[:MOST_NAMED])}{more}"


def _put(
    arguments: argparse.Namespace,
    connection: FleetConnection,
    new: NewContent,
    released: SecretBytes,
    present: RollInS3,
) -> Optional[Candidate]:
    """Put the candidate in place of the one that is `present`; return None if it is declined, or for a dry run.

    Raises ConflictError if there is another one meanwhile.
    """
    services, uri = publish.services(arguments), connection.objects.candidate_uri
    request = publish.request(arguments)._replace(uri=uri)
    key = find_key(request, services, services.env_files.look(arguments.uri))
    # What changes is shown against the released version; what is replaced is the candidate before.
    before = CurrentObject(_seen(arguments, services.env_files.look(uri), present), released)
    progress.tell("putting the candidate")
    report = publish_object(Review(uri, new, before, key, is_unchanged=False), request, services)
    if report.published is None:
        return None
    facts = report.published.version.facts
    if report.published.is_superseded or facts.version_id is None:
        raise ConflictError(f"{uri} has another version already", "another roll was started")
    console.say(f"candidate {facts.version_id} is in S3")
    return Candidate(facts.version_id, facts.last_modified, new.beside)


def _seen(
    arguments: argparse.Namespace, current: Optional[ObjectVersion], present: RollInS3
) -> Optional[ObjectVersion]:
    """Return the current object of the candidate; raise ConflictError if it is not the one of the roll at present.

    The put has the ETag of this object as its condition: it replaces no candidate of which the roll is not known.
    """
    version = current.facts.version_id if current is not None else None
    if version in (None, UNVERSIONED) or (present.candidate is not None and version == present.candidate.version):
        return current
    raise ConflictError(
        f"another roll of {arguments.uri} was started in the meantime: candidate {version}",
        fleet_edges.command(arguments, "see", "status"),
    )


def _not_put(arguments: argparse.Namespace, scope: Scope, instances: Sequence[FleetInstance]) -> int:
    """Report a dry run, or that the operator has declined."""
    if not arguments.dry_run:
        return publish.declined(arguments.uri)
    ends = [share.of(len(instances)) for share in arguments.waves]
    console.say(f"nothing was put or sent: this was a dry run for {len(instances)} instances of {scope}")
    for number, end in enumerate(ends, 1):
        console.say(f"wave {number}/{len(ends)}: {end} instances have the candidate after it")
    counts = [WaveCount(number, len(ends), end) for number, end in enumerate(ends, 1)]
    document = {**_nothing_done("dry run", None), "waves": [_counts(count) for count in counts]}
    return fleet_present.show(arguments, document)


def _unchanged(arguments: argparse.Namespace, present: RollInS3) -> int:
    console.say(f"nothing to do, this is already {arguments.uri}, version {present.released.version}")
    return fleet_present.show(arguments, _nothing_done("unchanged", present.released.version))


def _run(
    arguments: argparse.Namespace,
    edges: FleetEdges,
    candidate: Candidate,
    scope: Scope,
    *,
    ends_halt: bool = False,
) -> int:
    terms = RollTerms(
        uri=arguments.uri,
        candidate=candidate,
        scope=scope,
        waves=arguments.waves,
        limit=arguments.max_errors,
        soak=arguments.soak,
        concurrency=arguments.concurrency,
        alarm=arguments.alarm,
        promotes=not arguments.no_promote,
        ends_halt=ends_halt,
    )
    with _resumable(arguments):
        report = Roll(terms, edges).run()
    for each, reason in report.failed[:MOST_NAMED]:
        console.warn(f"{each}: {reason}")
    if report.missed:
        named = ", ".join(report.missed[:MOST_NAMED])
        console.warn(f"{len(report.missed)} instances were not reached: {named}")
    console.say(_told(report))
    if report.outcome is not RollOutcome.PROMOTED:
        for hint in fleet_present.ways_on(arguments, is_rolled=report.outcome is RollOutcome.ROLLED):
            console.say(f"hint: {hint}")
    fleet_present.show(arguments, _document(report))
    return _STATUSES[report.outcome]


def _told(report: RollReport) -> str:
    if report.outcome is RollOutcome.PROMOTED:
        return f"done: candidate {report.candidate} is released as version {report.released}"
    if report.outcome is RollOutcome.ROLLED:
        return f"done: all waves have candidate {report.candidate}; it is not promoted yet"
    verb = "error: the roll is halted" if report.outcome is RollOutcome.HALTED else "error: the roll was stopped"
    return f"{verb}: {report.reason}; the released version is unchanged"


def _document(report: RollReport) -> dict[str, Any]:
    return {
        "outcome": report.outcome.value,
        "roll": report.roll,
        "candidate": report.candidate,
        "released": report.released,
        "reason": report.reason or None,
        "waves": [_counts(count) for count in report.waves],
        "failed": [{"instance": each, "reason": reason} for each, reason in report.failed],
        "not_reached": list(report.missed),
    }


def _nothing_done(outcome: str, released: Optional[str], candidate: Optional[str] = None) -> dict[str, Any]:
    """Return the document of a command that has sent nothing."""
    return {
        "outcome": outcome,
        "roll": None,
        "candidate": candidate,
        "released": released,
        "reason": None,
        "waves": [],
        "failed": [],
        "not_reached": [],
    }


def _counts(count: WaveCount) -> dict[str, int]:
    return {**count._asdict(), "waiting": count.waiting}


@contextlib.contextmanager
def _resumable(arguments: argparse.Namespace) -> Iterator[None]:
    """Say how to go on after an interrupt or a fault: the roll stays as it is."""
    try:
        yield
    except KeyboardInterrupt:
        console.say("the roll stays as it is: commands that were sent go on, and nothing else is sent")
        for hint in fleet_present.ways_on(arguments):
            console.say(f"hint: {hint}")
        raise
    except EcsauthError as fault:
        fault.hints = (*fault.hints, *fleet_present.ways_on(arguments))
        raise
