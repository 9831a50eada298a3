"""`ecsauth boot`: the main job on the instance."""

from __future__ import annotations

import os
import shlex
from typing import TYPE_CHECKING, Any, Optional

from ecsauth import aws_names, timing
from ecsauth.aws import metadata
from ecsauth.aws.s3_get import InstanceStore
from ecsauth.boot import docker_plan, units
from ecsauth.boot.fetch import Demand
from ecsauth.boot.run import Boot, BootOutcome, Edges, Request
from ecsauth.cli import console, findings, hints, launchers, options, persist, pins, process, progress
from ecsauth.command_hint import S3URI, CommandHint
from ecsauth.envfile import overrides
from ecsauth.errors import DeniedError, EcsauthError, LaunchError, UnreachableError
from ecsauth.finding import Severity
from ecsauth.host.clock import SystemClock
from ecsauth.host.disk import LocalDisk

if TYPE_CHECKING:
    import argparse

    from ecsauth.boot.run import BootReport
    from ecsauth.cli.logins import Gate
    from ecsauth.cli.options import Parser
    from ecsauth.cli.persist import Beside, UnitChange

_ENV_FILE, _STATE_DIRECTORY = options.ENV_FILE, options.STATE_DIRECTORY


def add_arguments(parser: Parser) -> None:
    """Add the command's own arguments."""
    parser.add_argument(
        "uri", metavar="S3URI", type=options.parsed(aws_names.parse), help="s3://bucket/key[?versionId=V]"
    )
    _add_trust(parser.add_argument_group("what has to hold of the object"))
    file = parser.add_argument_group("the env-file")
    file.add_argument("--file", metavar="PATH", default=_ENV_FILE, help=f"where it is installed (default: {_ENV_FILE})")
    file.add_argument(
        "--set", metavar="NAME=VALUE", action="append", default=[], help="set a variable that is no secret"
    )
    file.add_argument("--state-dir", metavar="PATH", default=_STATE_DIRECTORY, help=f"default: {_STATE_DIRECTORY}")
    _add_agent(parser.add_argument_group("the agent"))
    running = parser.add_argument_group("this run")
    seconds = options.parsed(options.seconds)
    running.add_argument("--deadline", metavar="SECONDS", type=seconds, default=120.0, help="for S3 (default: 120)")
    running.add_argument("--wait", metavar="SECONDS", type=seconds, default=60.0, help="for the agent (default: 60)")
    options.add_check_login(running, "a new file is installed")
    running.add_argument(
        "--persist", action="store_true", help="go on at every boot and from a timer, by systemd units"
    )
    running.add_argument("--force", action="store_true", help="start anew, and try a rejected version again")
    running.add_argument(
        "--dry-run", action="store_true", help="fetch, prove and check; print the plan, change nothing"
    )
    options.add_aws(parser)
    options.add_format(parser)


def _add_trust(group: argparse._ArgumentGroup) -> None:
    pins.add_keys(group)
    pins.add_owner_of_instance(group)
    group.add_argument("--allow-older", action="store_true", help="take an object older than the installed one")
    group.add_argument(
        "--max-stale",
        metavar="TIME",
        type=options.parsed(timing.parse),
        help="how long a file is gone on with that S3 cannot confirm, as 12h or 7d (default: for ever)",
    )


def _add_agent(group: argparse._ArgumentGroup) -> None:
    options.add_launch(group, "how it is started (default: auto, as a service where there is one, else by docker)")
    group.add_argument(
        "--image",
        default=docker_plan.IMAGE,
        type=options.parsed(docker_plan.image),
        help=f"default: {docker_plan.IMAGE}",
    )
    group.add_argument("--awsvpc", action="store_true", help="docker: for tasks with network interfaces of their own")
    group.add_argument(
        "--no-host-rules", action="store_true", help="docker: leave out sysctl and iptables, and task roles with them"
    )
    group.add_argument("--abandon-tasks", action="store_true", help="stop an agent whose tasks the new one would lose")
    group.add_argument("--rollback-on-timeout", action="store_true", help="go back if it has not registered in time")


def run(arguments: argparse.Namespace) -> int:
    """Boot; raise an EcsauthError."""
    kept, gate = persist.environment(), launchers.missing_gate(arguments)
    if not arguments.dry_run:
        # Before anything can fail: if the boot fails, the machine must not start the agent by itself.
        launchers.hold_back(arguments)
    boot = Boot(_request(arguments), _edges(arguments), _warn)
    try:
        with progress.waiting("looking at this machine"):
            report, change = _booted(boot, arguments, kept)
    except DeniedError as fault:
        if fault.is_unexplained:
            # `doctor` probes more than a boot does, though S3 may hide the cause from it, too.
            fault.hints = (*fault.hints, CommandHint("look closer", "ecsauth", "doctor", S3URI))
        raise
    _show(report, arguments, persist.beside(change, gate))
    return report.exit_code


def _booted(
    boot: Boot, arguments: argparse.Namespace, kept: tuple[tuple[str, str], ...]
) -> tuple[BootReport, Optional[UnitChange]]:
    """Boot, or rehearse the boot; return the report, and the change of the units."""
    if arguments.dry_run:
        change = persist.plan(arguments, kept) if arguments.persist else None
        return boot.rehearse(), change
    if arguments.persist:
        return _persisting(boot, arguments, kept)
    return boot.run(), None


def _persisting(
    boot: Boot, arguments: argparse.Namespace, kept: tuple[tuple[str, str], ...]
) -> tuple[BootReport, UnitChange]:
    """Install the units, boot, and start the units, even if the boot fails: the timer retries it."""
    change = persist.plan(arguments, kept)
    persist.install(change)
    try:
        report = boot.run()
    except EcsauthError as fault:
        try:
            persist.start(change.wanted.again if isinstance(fault, UnreachableError) else change.wanted.start)
        except LaunchError as trouble:
            # The fault of the boot is more important.
            _warn(f"the units do not start: {trouble.message}")
        raise
    persist.start(change.wanted.again if report.outcome is BootOutcome.QUEUED else change.wanted.start)
    return report, change


def _request(arguments: argparse.Namespace) -> Request:
    demand = Demand(
        uri=arguments.uri,
        kms_keys=tuple(dict.fromkeys(arguments.kms_key)),
        env_file=os.path.abspath(arguments.file),
        region=options.region(arguments),
        bucket_owner=arguments.bucket_owner,
        settings=tuple(overrides.setting(text) for text in arguments.set),
        allow_older=arguments.allow_older,
        force=arguments.force,
        max_stale=arguments.max_stale,
    )
    return Request(
        demand=demand,
        deadline=arguments.deadline,
        wait=arguments.wait,
        abandon_tasks=arguments.abandon_tasks,
        rollback_on_timeout=arguments.rollback_on_timeout,
        undisturbed=process.undisturbed,
        tell=progress.tell,
    )


def _edges(arguments: argparse.Namespace) -> Edges:
    return Edges(
        instance=metadata.MetadataService(),
        store=InstanceStore(arguments.profile, _warn),
        disk=LocalDisk(arguments.file, arguments.state_dir),
        starter=launchers.starter(arguments),
        clock=SystemClock(),
        logins=_logins(arguments),
    )


def _logins(arguments: argparse.Namespace) -> Optional[Gate]:
    if not arguments.check_login:
        return None
    # Imported here: logins need a dozen modules, and few boots test them.
    from ecsauth.cli import logins

    return logins.Gate(refuses=arguments.check_login == "fail")


def _warn(text: str) -> None:
    console.warn(text)


def _show(report: BootReport, arguments: argparse.Namespace, beside: Beside) -> None:
    """Report the result: as JSON for programs, in one line for people; in a rehearsal also the plan."""
    if arguments.format == "json":
        console.show(_document(report, beside, dry_run=arguments.dry_run))
        return
    # `push` has shown the notes already. If every boot of a fleet repeated them, they would hide the warnings.
    findings.tell(findings.of(report.accepted.findings, Severity.WARNING), str(arguments.uri))
    facts = report.accepted.facts
    steps = ", ".join(f"{name} {seconds:.2f} s" for name, seconds in report.steps)
    if arguments.dry_run:
        for line in (*beside.before, *_plan_lines(report, arguments), *beside.after):
            console.say(f"would {line}")
    pending = "warning: " if report.reason else ""
    console.say(f"{pending}{arguments.uri} version {facts.identity}: {_outcome(report, arguments)} ({steps})")
    if report.reason:
        look = CommandHint("the agent stays as it is; run the same command to look again, or", "ecsauth", "status")
        console.say(f"hint: {hints.completed(look, hints.known(arguments))}")
    if report.outcome is BootOutcome.QUEUED and arguments.persist:
        console.say(f"hint: {units.VERIFY} then sees it register: journalctl -u {units.VERIFY}")
    elif report.outcome is BootOutcome.QUEUED:
        console.say("hint: run the same command after the start to see it register, or give --persist")


def _outcome(report: BootReport, arguments: argparse.Namespace) -> str:
    """Return the result as text."""
    if arguments.dry_run:
        return "nothing to do" if report.outcome is BootOutcome.UNCHANGED else "nothing was changed"
    if report.outcome is BootOutcome.UNCHANGED:
        return "nothing has changed" if report.accepted.stale_for is None else "it stays, as S3 could not be asked"
    if report.outcome is BootOutcome.INSTALLED:
        return f"installed as {arguments.file}"
    if report.outcome is BootOutcome.QUEUED:
        return f"installed as {arguments.file}; the service starts when cloud-init has ended"
    if report.outcome is BootOutcome.PENDING:
        return f"installed and started, but not registered within {arguments.wait:.0f} s: {report.reason}"
    who = report.registration
    if who is None:
        return "agent started"
    version = f", {who.agent_version}" if who.agent_version else ""
    return f"agent registered in cluster {who.cluster} as {who.container_instance}{version}"


def _plan_lines(report: BootReport, arguments: argparse.Namespace) -> list[str]:
    lines = [f"install {arguments.file}, 0600"] if report.accepted.is_new else []
    if report.plan is not None:
        steps = (*report.plan.prepare, *report.plan.steps, *report.plan.finish)
        lines += [f"{step.why}: {shlex.join(step.command)}" for step in steps]
    return lines


def _document(report: BootReport, beside: Beside, *, dry_run: bool) -> dict[str, Any]:
    facts, who, plan = report.accepted.facts, report.registration, report.plan
    steps = (*plan.prepare, *plan.steps, *plan.finish) if plan else ()
    commands = [*beside.commands, *(step.command for step in steps)]
    return {
        "outcome": report.outcome.value,
        "dry_run": dry_run,
        "status": int(report.exit_code),
        "uri": report.accepted.source.uri,
        "env_file": report.accepted.source.env_file,
        "object": facts._asdict(),
        "installed": report.accepted.is_new,
        "stale_for": report.accepted.stale_for,
        "agent": who._asdict() if who else None,
        "reason": report.reason or None,
        "units": list(beside.units),
        "commands": commands,
        "steps": [{"name": name, "seconds": round(seconds, 3)} for name, seconds in report.steps],
        "findings": findings.document(report.accepted.findings, report.accepted.source.uri)["findings"],
    }
