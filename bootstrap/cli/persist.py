"""`boot --persist`: the units that run the same boot at every boot of the machine and from a timer.

They are written before anything is fetched: an instance whose first boot fails is tried again by its timer.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from bootstrap.core.units import Units

# What leads to S3 and docker here, and is no secret.
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
    "https_proxy",
    "http_proxy",
    "no_proxy",
)


def install(arguments: argparse.Namespace, mode: str) -> Units:
    """Write the units and enable them; raise LocalError, UsageError or LaunchError. `mode` is how the agent starts."""
    from bootstrap.cli import console
    from bootstrap.core import units
    from bootstrap.core.plan import QUICK
    from bootstrap.edges.commands import Commands
    from bootstrap.edges.disk.program import absolute_argv
    from bootstrap.edges.disk.unit_files import UnitFiles
    from bootstrap.edges.supervisor import Systemd

    commands, files = Commands(), UnitFiles()
    version = Systemd(commands.call, commands.run).version()
    order = units.Order(
        program=absolute_argv(),
        arguments=tuple(_words(arguments)),
        mode=mode,
        deadline=arguments.deadline,
        wait=arguments.wait,
        systemd=version,
        environment=tuple((name, os.environ[name]) for name in _ENVIRONMENT if os.environ.get(name)),
    )
    wanted = units.render(order)
    written = [files.write(unit) for unit in wanted.files]
    kept = {unit.name for unit in wanted.files} | {units.GATE}
    stale = tuple(name for name in files.names() if name not in kept)
    for step in units.deactivation(stale):
        commands.run(step.command, step.seconds)
    for name in stale:
        files.remove(name)
    enabled = commands.call(("systemctl", "is-enabled", "--quiet", *wanted.enable), QUICK).status == 0
    if any(written) or stale or not enabled:
        for step in units.enabling(wanted):
            commands.run(step.command, step.seconds)
        for note in wanted.notes:
            console.warn(note)
    return wanted


def start(names: tuple[str, ...]) -> None:
    """Start units without waiting for them; raise LaunchError."""
    from bootstrap.core import units
    from bootstrap.edges.commands import Commands

    for step in units.starting(names):
        Commands().run(step.command, step.seconds)


def _words(arguments: argparse.Namespace) -> Iterator[str]:
    """Yield the arguments of this boot, less those that are meant for one run only."""
    yield str(arguments.uri)
    for key in arguments.kms_key:
        yield from ("--kms-key", key)
    for setting in arguments.set:
        yield from ("--set", setting)
    for name in ("bucket_owner", "profile", "region"):
        if getattr(arguments, name) is not None:
            yield from (f"--{name.replace('_', '-')}", getattr(arguments, name))
    if arguments.max_stale is not None:
        yield from ("--max-stale", f"{arguments.max_stale:.0f}s")
    yield from ("--file", os.path.abspath(arguments.file), "--state-dir", os.path.abspath(arguments.state_dir))
    yield from ("--image", arguments.image)
    yield from ("--deadline", f"{arguments.deadline:g}", "--wait", f"{arguments.wait:g}")
    for name in ("awsvpc", "no_host_rules", "rollback_on_timeout"):
        if getattr(arguments, name):
            yield f"--{name.replace('_', '-')}"
