"""`boot --persist`: the units that run the same boot at every boot of the machine and from a timer.

They are written before anything is fetched, so that they retry the boot of an instance whose first boot fails.
"""

from __future__ import annotations

import os
import shlex
from typing import TYPE_CHECKING, NamedTuple, Optional

from ecsauth.boot import units
from ecsauth.cli import console, launchers, options, persisted
from ecsauth.cli.persisted import Persisted
from ecsauth.errors import LaunchError
from ecsauth.host import programs
from ecsauth.host.units import UnitFiles, absolute_argv

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from ecsauth.boot.plan import Command, Step
    from ecsauth.boot.units import UnitFile, Units
    from ecsauth.host.supervisor import Systemd

# The variables that are needed to reach S3 and docker, and are not secret.
_ENVIRONMENT = (
    "AWS_CA_BUNDLE",
    "AWS_DEFAULT_REGION",
    "AWS_EC2_METADATA_SERVICE_ENDPOINT",
    "AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE",
    "AWS_ENDPOINT_URL",
    "AWS_ENDPOINT_URL_S3",
    "AWS_REGION",
    "AWS_USE_DUALSTACK_ENDPOINT",
    "AWS_USE_FIPS_ENDPOINT",
    "DOCKER_HOST",
    "HTTPS_PROXY",
    "HTTP_PROXY",
    "NO_PROXY",
    "SSL_CERT_DIR",
    "SSL_CERT_FILE",
    "https_proxy",
    "http_proxy",
    "no_proxy",
)


class UnitChange(NamedTuple):
    """The changes from the installed units to the wanted ones; empty if there are none.

    `wanted` are all units. Those in `write` are missing or different. `stale` are installed, but no longer wanted.
    `kept` are the arguments to keep in `state_directory`, None if they are kept already.
    """

    wanted: Units
    write: tuple[UnitFile, ...]
    stale: tuple[str, ...]
    stop: tuple[Step, ...]
    steps: tuple[Step, ...]
    state_directory: str
    kept: Optional[Persisted]


def environment() -> tuple[tuple[str, str], ...]:
    """Return the variables to keep for the units. Call this before the SDK is prepared, which changes it."""
    return tuple((name, os.environ[name]) for name in _ENVIRONMENT if os.environ.get(name))


def plan(arguments: argparse.Namespace, kept: tuple[tuple[str, str], ...]) -> UnitChange:
    """Inspect the units and plan; raise LocalError, UsageError or LaunchError. `kept` are the variables to keep."""
    files, systemd = UnitFiles(), programs.systemd()
    version = _version(systemd)
    mode = launchers.mode(arguments)
    order = units.UnitSpec(
        program=absolute_argv(),
        arguments=("--as-persisted", *_state_directory(arguments)),
        mode=mode,
        deadline=arguments.deadline + _time_for_logins(arguments),
        wait=arguments.wait,
        systemd=version,
    )
    persisted.refuse_secrets(kept)
    words = Persisted((*kept_words(arguments), "--launch", mode), kept)
    keep = None if persisted.is_kept(arguments.state_dir, words) else words
    wanted = units.render(order)
    write = tuple(unit for unit in wanted.files if not files.has(unit))
    names = {unit.name for unit in wanted.files} | {units.GATE}
    stale = tuple(name for name in files.names() if name not in names)
    in_force = not write and not stale and systemd.follows(tuple(unit.name for unit in wanted.files), wanted.enable)
    steps = () if in_force else units.enabling(wanted)
    return UnitChange(wanted, write, stale, units.deactivation(stale), steps, arguments.state_dir, keep)


def _state_directory(arguments: argparse.Namespace) -> tuple[str, ...]:
    """Return the option that says where the arguments are kept, if that is not the default."""
    place = os.path.abspath(arguments.state_dir)
    return () if place == options.STATE_DIRECTORY else ("--state-dir", place)


def _time_for_logins(arguments: argparse.Namespace) -> float:
    if not arguments.check_login:
        return 0.0
    # Imported here: logins need a dozen modules, and few boots test them.
    from ecsauth.cli import logins

    return logins.BOUND


def _version(systemd: Systemd) -> Optional[int]:
    try:
        return systemd.version()
    except LaunchError as fault:
        raise LaunchError(
            f"--persist needs systemd: {fault.message}",
            "without systemd, leave out --persist, and run the same command at each boot and from cron",
        ) from None


class Beside(NamedTuple):
    """The actions in addition to the boot itself: as text, before and after it; the written files; the commands."""

    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    units: tuple[str, ...] = ()
    commands: tuple[Command, ...] = ()


def beside(change: Optional[UnitChange], gate: Optional[str]) -> Beside:
    """Describe the change of the units, and the gate that is written."""
    gates = () if gate is None else (gate,)
    lines = [f"write {path}, which blocks the service until a validated env-file is installed" for path in gates]
    if change is None:
        return Beside(before=tuple(lines), units=gates)
    files, steps = UnitFiles(), (*change.stop, *change.steps)
    record = () if change.kept is None else (persisted.path(change.state_directory),)
    written = (*record, *(files.path(unit.name) for unit in change.write))
    lines += [f"write {path}" for path in written]
    lines += [_line(step) for step in change.stop]
    lines += [f"remove {files.path(name)}" for name in change.stale]
    lines += [_line(step) for step in change.steps]
    last = units.starting(change.wanted.start) if change.steps else ()
    return Beside(tuple(lines), tuple(map(_line, last)), (*gates, *written), tuple(step.command for step in steps))


def _line(step: Step) -> str:
    return f"{step.why}: {shlex.join(step.command)}"


def install(change: UnitChange) -> None:
    """Write the units and enable them; raise LocalError or LaunchError."""
    files = UnitFiles()
    if change.kept is not None:
        persisted.write(change.state_directory, change.kept)
    for unit in change.write:
        files.write(unit)
    programs.run(change.stop)
    for name in change.stale:
        files.remove(name)
    programs.run(change.steps)
    for note in change.wanted.notes if change.steps else ():
        console.warn(note)


def start(names: tuple[str, ...]) -> None:
    """Start units without waiting for them; raise LaunchError."""
    programs.run(units.starting(names))


def kept_words(arguments: argparse.Namespace) -> Iterator[str]:
    """Yield the arguments of this boot, without those that are for a single run."""
    yield str(arguments.uri)
    for key in arguments.kms_key:
        yield from ("--kms-key", key)
    for setting in arguments.set:
        yield from ("--set", setting)
    for name in ("bucket_owner", "profile", "region", "check_login"):
        if getattr(arguments, name) is not None:
            yield from (f"--{name.replace('_', '-')}", getattr(arguments, name))
    if arguments.log_format != "text":
        yield from ("--log-format", arguments.log_format)
    if arguments.max_stale is not None:
        yield from ("--max-stale", f"{arguments.max_stale:.0f}s")
    yield from ("--file", os.path.abspath(arguments.file), "--state-dir", os.path.abspath(arguments.state_dir))
    yield from ("--image", arguments.image)
    yield from ("--deadline", f"{arguments.deadline:g}", "--wait", f"{arguments.wait:g}")
    for name in ("awsvpc", "no_host_rules", "rollback_on_timeout"):
        if getattr(arguments, name):
            yield f"--{name.replace('_', '-')}"
