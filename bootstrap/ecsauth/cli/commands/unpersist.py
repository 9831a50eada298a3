"""`ecsauth unpersist`: remove the units and the gate that `boot --persist` and `boot --launch service` have written."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ecsauth.boot import units
from ecsauth.boot.service import UNIT
from ecsauth.cli import console, options, persisted
from ecsauth.errors import ExitCode, LaunchError
from ecsauth.host import programs
from ecsauth.host.units import UnitFiles

if TYPE_CHECKING:
    import argparse

    from ecsauth.cli.options import Parser


def add_arguments(parser: Parser) -> None:
    """Add the command's own arguments."""
    options.add_state_directory(parser)
    options.add_format(parser)


def run(arguments: argparse.Namespace) -> int:
    """Stop and remove the units and the gate; raise LocalError or LaunchError. Env-file, state and agent stay."""
    files, upstart = UnitFiles(), UnitFiles("/etc/init")
    names = files.names()
    programs.run(units.deactivation(names))
    for name in names:
        files.remove(name)
    if names or _is_behind():
        programs.run(units.forgetting())
    if upstart.is_written_by_ecsauth(units.UPSTART_GATE) and upstart.remove(units.UPSTART_GATE):
        names = (*names, units.UPSTART_GATE)
    if persisted.remove(arguments.state_dir):
        names = (*names, persisted.path(arguments.state_dir))
    if arguments.format == "json":
        console.show({"removed": names})
        return ExitCode.OK
    for name in names:
        console.say(f"removed {name}")
    console.say(
        "the env-file, the record and the agent are unchanged"
        if names
        else "nothing to do: there is no unit of ecsauth"
    )
    if units.GATE in names or units.UPSTART_GATE in names:
        console.warn("the service starts at the next boot even without a validated env-file")
    return ExitCode.OK


def _is_behind() -> bool:
    """Tell whether systemd still has a gate loaded that a run removed before it was killed."""
    try:
        return programs.systemd().show(UNIT, "NeedDaemonReload").get("NeedDaemonReload") == "yes"
    except LaunchError:
        # Without systemd there is no gate.
        return False
