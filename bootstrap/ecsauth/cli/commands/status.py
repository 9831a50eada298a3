"""`ecsauth status`: show what is installed and what runs, and whether S3 has the same version."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Optional

from ecsauth import aws_names, timing
from ecsauth.aws import credentials, metadata
from ecsauth.aws.attempt import Operation, at
from ecsauth.aws.s3_get import looked
from ecsauth.aws.s3_request import SignedS3
from ecsauth.boot import rejection
from ecsauth.boot.state import State
from ecsauth.cli import console, hints, instance_report, observe, options, persisted, progress, rows
from ecsauth.cli.rows import Row
from ecsauth.errors import DeniedError, EcsauthError, ExitCode, UnreachableError
from ecsauth.host.clock import SystemClock
from ecsauth.host.disk import LocalDisk
from ecsauth.host.network import Introspection
from ecsauth.status import alarm, report
from ecsauth.status import instance_report as status_report
from ecsauth.status.judgement import CheckOutcome
from ecsauth.status.observed import S3, Observed, Remote, compared
from ecsauth.timing import within

if TYPE_CHECKING:
    import argparse

    from ecsauth.aws_names import S3URI
    from ecsauth.boot.trust import ObjectFacts
    from ecsauth.cli.options import Parser
    from ecsauth.status.report import Topic

# The time limit of the metadata service and S3 together. It is short, because the user waits.
_SECONDS = 15.0


def add_arguments(parser: Parser) -> None:
    """Add the command's own arguments."""
    parser.add_argument("--remote", action="store_true", help="compare with S3, too; the content is not read")
    parser.add_argument(
        "--alarm",
        action="store_true",
        help="exit with 3 only for what a person must look at: a rejected version, a stale or unchecked file, an agent "
        "that has not registered",
    )
    parser.add_argument(
        "--max-stale",
        metavar="TIME",
        type=options.parsed(timing.parse),
        default=alarm.DEFAULT_MAX_STALE,
        help="with --alarm: how long ago S3 may have confirmed the file (default: 24h)",
    )
    options.add_places(parser)
    options.add_aws(parser)
    options.add_format(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print one line per topic, then causes and fixes; return 3 unless all agree."""
    with progress.waiting("asking the agent"):
        seen = _observed(arguments)
    known = hints.known(arguments, seen.state, persisted.uri(arguments.state_dir))
    topics = [one._replace(fix=hints.completed(one.fix, known)) for one in report.topics(seen)]
    odd = [topic for topic in topics if not topic.agrees]
    found = [_row(topic) for topic in topics]
    alarms = alarm.alarms(seen, arguments.max_stale)
    if arguments.format == "json":
        checks = [rows.document(row) for row in found]
        console.show({**_document(seen, odd), "alarms": alarms, "checks": checks, "report": _report(seen, arguments)})
    else:
        rows.show(found)
    return ExitCode.INVALID if (alarms if arguments.alarm else odd) else ExitCode.OK


def _report(seen: Observed, arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the fields of the report that `boot` writes, as they are now."""
    run = instance_report.read(arguments.state_dir)
    return status_report.document(seen.state or State(), seen.on_disk, run)


def _row(topic: Topic) -> Row:
    is_blamed = not topic.agrees and topic.outcome is not CheckOutcome.SKIPPED
    return Row(topic.outcome, topic.name, topic.said, topic.fix, is_blamed)


def _observed(arguments: argparse.Namespace) -> Observed:
    clock, agent = SystemClock(), Introspection()
    state, why = observe.state(LocalDisk(options.ENV_FILE, arguments.state_dir), arguments.state_dir)
    file = observe.place(arguments.file, state)
    installed = state.installed if state is not None else None
    answer = agent.registration()
    return Observed(
        now=clock.wall(),
        moment=clock.moment(),
        file=observe.file(LocalDisk(file, arguments.state_dir), file),
        state=state,
        runs=observe.runs(installed, clock.wall(), clock.moment()),
        answer=answer,
        tasks=agent.running_tasks() if answer is not None else None,
        s3=_s3(state, arguments) if arguments.remote else None,
        state_unreadable=why,
        on_disk=observe.on_disk(LocalDisk(file, arguments.state_dir), state),
    )


def _s3(state: Any, arguments: argparse.Namespace) -> S3:
    """Request the recorded object from S3 as `boot` does, but only its head."""
    if state is None or state.installed is None:
        return S3(Remote.UNKNOWN, reason="" if state is None else "S3 was not queried: no env-file is installed")
    source = state.installed.source
    progress.tell(f"asking S3 about {source.uri}")
    try:
        uri = aws_names.parse(source.uri)
        held = within(_SECONDS, lambda: _head(uri, source.bucket_owner, arguments, state.region), _silence)
    except DeniedError as fault:
        return S3(Remote.DENIED, reason=fault.message)
    except UnreachableError as fault:
        return S3(Remote.UNREACHABLE, reason=fault.message)
    except EcsauthError as fault:
        return S3(Remote.UNKNOWN, reason=fault.message)
    ahead = state.installed.ahead
    return compared(held, state.installed.facts if ahead is None else ahead.released)


def _silence() -> UnreachableError:
    return UnreachableError(f"S3 did not answer within {_SECONDS:.0f} s")


def _head(uri: S3URI, owner: str, arguments: argparse.Namespace, recorded: Optional[str]) -> Optional[ObjectFacts]:
    region = options.region(arguments) or recorded or metadata.MetadataService().identity(_SECONDS).region
    signer = credentials.find(arguments.profile, at(Operation.LOOK, uri), _SECONDS)
    return looked(SignedS3(signer, region), uri, owner)


def _document(seen: Observed, odd: list[Topic]) -> dict[str, Any]:
    s3 = seen.s3
    remote = None
    if s3 is not None:
        facts = s3.facts._asdict() if s3.facts is not None else None
        remote = {"outcome": s3.remote.value, "object": facts, "reason": s3.reason or None}
    return {
        "agree": not odd,
        "installed": _installed(seen),
        "remote": remote,
        "agent": _agent(seen),
        "problems": [
            {"topic": one.name, "outcome": one.outcome.value, "message": one.said, "fix": one.fix} for one in odd
        ],
    }


def _installed(seen: Observed) -> dict[str, Any]:
    placed, state = seen.file.placed, seen.state
    return {
        "env_file": seen.file.path,
        "mode": f"{placed.mode:04o}" if placed is not None else None,
        "owner": placed.owner_name if placed is not None else None,
        "as_left": report.is_as_left(seen.file),
        **_record(state, seen.now),
    }


def _record(state: Any, now: int) -> dict[str, Any]:
    """Return the public part of the state, with null for each unknown value."""
    known: State = state if state is not None else _no_state()
    installed, rejected = known.installed, next(iter(rejection.shown(known, now)), None)
    return {
        "uri": installed.source.uri if installed is not None else None,
        "object": installed.facts._asdict() if installed is not None else None,
        "installed_at": installed.at if installed is not None else None,
        "confirmed_at": known.confirmed_at or None,
        "open_change": known.in_progress.identity if known.in_progress is not None else None,
        "rejected": {**rejected._asdict(), "facts": rejected.facts._asdict()} if rejected is not None else None,
        "failure": known.failure._asdict() if known.failure is not None else None,
    }


def _no_state() -> State:
    return State()


def _agent(seen: Observed) -> dict[str, Any]:
    runs, answer, names = seen.runs, seen.answer, report.differing(seen)
    return {
        "way": runs.way.value if runs.way is not None else None,
        "running": runs.running,
        "since": runs.since,
        "made_from": runs.version or None,
        "has_file": not names if names is not None else runs.has_file,
        "differing": report.names_shown(names) if names is not None else None,
        "registration": answer._asdict() if answer is not None else None,
        "tasks": seen.tasks,
    }
