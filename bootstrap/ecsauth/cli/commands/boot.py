"""`ecsauth boot`: the main job on the instance."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Optional

from ecsauth import aws_names, timing
from ecsauth.aws import metadata
from ecsauth.aws.s3_get import InstanceStore
from ecsauth.boot import docker_plan
from ecsauth.boot.candidate import DEFAULT_SECONDS
from ecsauth.boot.fetch import Demand
from ecsauth.boot.outcome import BootOutcome
from ecsauth.boot.run import Boot, Edges, Request
from ecsauth.cli import (
    boot_output,
    console,
    hints,
    instance_report,
    launchers,
    options,
    persist,
    persisted,
    pins,
    process,
    progress,
)
from ecsauth.command_hint import S3URI, CommandHint
from ecsauth.envfile import overrides
from ecsauth.errors import DeniedError, EcsauthError, LaunchError, LocalError, UnreachableError, UsageError
from ecsauth.host.clock import SystemClock
from ecsauth.host.disk import LocalDisk

if TYPE_CHECKING:
    import argparse

    from ecsauth.boot.outcome import BootReport
    from ecsauth.cli.logins import Gate
    from ecsauth.cli.options import Parser
    from ecsauth.cli.persist import UnitChange

_ENV_FILE, _STATE_DIRECTORY = options.ENV_FILE, options.STATE_DIRECTORY


def add_arguments(parser: Parser) -> None:
    """Add the command's own arguments."""
    parser.add_argument(
        "uri", metavar="S3URI", nargs="?", type=options.parsed(aws_names.parse), help="s3://bucket/key[?versionId=V]"
    )
    _add_trust(parser.add_argument_group("conditions on the object"))
    _add_candidate(parser.add_argument_group("a candidate, beside the released object"))
    file = parser.add_argument_group("the env-file")
    file.add_argument("--file", metavar="PATH", default=_ENV_FILE, help=f"path of the env-file (default: {_ENV_FILE})")
    file.add_argument(
        "--set", metavar="NAME=VALUE", action="append", default=[], help="set a variable that is not secret"
    )
    file.add_argument("--state-dir", metavar="PATH", default=_STATE_DIRECTORY, help=f"default: {_STATE_DIRECTORY}")
    _add_agent(parser.add_argument_group("the agent"))
    running = parser.add_argument_group("this run")
    seconds = options.parsed(options.seconds)
    running.add_argument(
        "--deadline", metavar="SECONDS", type=seconds, default=120.0, help="time limit for S3 (default: 120)"
    )
    running.add_argument(
        "--wait", metavar="SECONDS", type=seconds, default=60.0, help="time limit for the agent (default: 60)"
    )
    options.add_check_login(running, "a new file is installed")
    running.add_argument(
        "--persist", action="store_true", help="run again at every boot and from a timer, by systemd units"
    )
    running.add_argument("--as-persisted", action="store_true", help="take all arguments that boot --persist has kept")
    running.add_argument(
        "--forget-previous", action="store_true", help="remove the previous env-file once the new one is verified"
    )
    running.add_argument("--force", action="store_true", help="restart the agent, and retry a rejected version")
    running.add_argument(
        "--dry-run", action="store_true", help="fetch, verify and validate; print the plan, change nothing"
    )
    running.add_argument(
        "--log-format",
        choices=("text", "json"),
        default="text",
        help="json: one more line on standard error, to count by",
    )
    options.add_aws(parser)
    options.add_format(parser)


def _add_trust(group: argparse._ArgumentGroup) -> None:
    pins.add_keys(group, required=False)
    pins.add_owner_of_instance(group)
    group.add_argument("--allow-older", action="store_true", help="accept an object older than the installed version")
    group.add_argument(
        "--max-stale",
        metavar="TIME",
        type=options.parsed(timing.parse),
        help="maximum age of the last verified file if S3 is unreachable, such as 12h or 7d (default: no limit)",
    )


def _add_candidate(group: argparse._ArgumentGroup) -> None:
    one = group.add_mutually_exclusive_group()
    one.add_argument(
        "--candidate",
        metavar="VERSION",
        type=options.parsed(aws_names.version_id),
        help="take this version of S3URI.candidate, until S3URI has a new version",
    )
    one.add_argument("--withdraw", action="store_true", help="return from a candidate to the released version")
    group.add_argument(
        "--candidate-for",
        metavar="TIME",
        type=options.parsed(timing.parse),
        default=DEFAULT_SECONDS,
        help="return by itself after this time (default: 24h)",
    )


def _add_agent(group: argparse._ArgumentGroup) -> None:
    options.add_launch(group, "how to start the agent (default: auto: as a service if there is one, else by docker)")
    group.add_argument(
        "--image",
        default=docker_plan.IMAGE,
        type=options.parsed(docker_plan.image),
        help=f"default: {docker_plan.IMAGE}",
    )
    group.add_argument("--awsvpc", action="store_true", help="docker: for tasks that have their own network interfaces")
    group.add_argument(
        "--no-host-rules",
        action="store_true",
        help="docker: do not change sysctl and iptables; then task roles do not work",
    )
    group.add_argument(
        "--abandon-tasks", action="store_true", help="stop an agent even if the new agent loses its tasks"
    )
    group.add_argument(
        "--rollback-on-timeout", action="store_true", help="roll back if the agent has not registered in time"
    )


def run(arguments: argparse.Namespace) -> int:
    """Boot; raise an EcsauthError."""
    try:
        if arguments.as_persisted:
            arguments = persisted.resolved(arguments, add_arguments)
        _refuse_incomplete(arguments)
        kept, gate = persist.environment(), launchers.missing_gate(arguments)
        if not arguments.dry_run:
            # Before anything can fail: if the boot fails, the machine must not start the agent by itself.
            launchers.hold_back(arguments)
    except (LocalError, LaunchError) as fault:
        instance_report.failed_before(arguments, fault)
        raise
    boot = Boot(_request(arguments), _edges(arguments), _warn)
    try:
        with progress.waiting("looking at this machine"):
            report, change = _booted(boot, arguments, kept)
    except EcsauthError as fault:
        if isinstance(fault, DeniedError) and fault.is_unexplained:
            # `doctor` probes more than a boot does, though S3 may hide the cause from it, too.
            fault.hints = (*fault.hints, CommandHint("find the cause", "ecsauth", "doctor", S3URI))
        fault.hints = hints.all_completed(fault.hints, hints.known(arguments))
        instance_report.after(arguments, boot.steps, fault.exit_code, "failed")
        raise
    boot_output.show(report, arguments, persist.beside(change, gate))
    instance_report.after(arguments, boot.steps, report.exit_code, report.outcome.value)
    return report.exit_code


def _refuse_incomplete(arguments: argparse.Namespace) -> None:
    lacks = [name for name, value in (("S3URI", arguments.uri), ("--kms-key", arguments.kms_key)) if not value]
    if lacks:
        raise UsageError(
            f"the following arguments are required: {', '.join(lacks)}", CommandHint("see", "ecsauth", "help", "boot")
        )
    if arguments.uri.version_id is not None and (arguments.candidate or arguments.withdraw):
        raise UsageError(
            "the S3URI names one version: an instance that is pinned to it takes no candidate",
            "leave out ?versionId=, so that the S3URI names the released object",
        )


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
            _warn(f"cannot start the units: {trouble.message}")
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
        candidate=arguments.candidate,
        candidate_for=arguments.candidate_for,
        withdraw=arguments.withdraw,
    )
    return Request(
        demand=demand,
        deadline=arguments.deadline,
        wait=arguments.wait,
        abandon_tasks=arguments.abandon_tasks,
        rollback_on_timeout=arguments.rollback_on_timeout,
        undisturbed=process.undisturbed,
        forget_previous=arguments.forget_previous,
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
