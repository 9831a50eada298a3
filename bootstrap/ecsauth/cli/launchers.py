"""The launch mode of `boot` on this machine, wired with the programs that it uses."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Callable, Optional

from ecsauth.boot import docker_plan, host_rules, units
from ecsauth.boot.docker import ContainerStarter
from ecsauth.boot.plan import QUICK
from ecsauth.boot.service import UNIT, ServiceStarter, Supervisor
from ecsauth.cli import options
from ecsauth.command_hint import S3URI, CommandHint
from ecsauth.errors import UsageError
from ecsauth.host import files as host_files
from ecsauth.host import programs, supervisor
from ecsauth.host.clock import SystemClock
from ecsauth.host.disk import MARK
from ecsauth.host.network import Introspection
from ecsauth.host.units import UnitFiles

if TYPE_CHECKING:
    import argparse

    from ecsauth.boot.plan import Step
    from ecsauth.boot.run import Starter
    from ecsauth.boot.units import UnitFile
    from ecsauth.envfile import Reading


def mode(arguments: argparse.Namespace) -> str:
    """Return the launch mode, one of `options.LAUNCH_MODES`."""
    if arguments.launch != "auto":
        return str(arguments.launch)
    return "docker" if supervisor.which() is None else "service"


def starter(arguments: argparse.Namespace) -> Optional[Starter]:
    """Return the starter of the agent, None if ecsauth starts no agent."""
    make = _STARTERS[mode(arguments)]
    return make(arguments) if make is not None else None


def _container(arguments: argparse.Namespace) -> Starter:
    return ContainerStarter(
        programs.docker(),
        Introspection(),
        arguments.image,
        awsvpc=arguments.awsvpc,
        absent=docker_plan.absent_directories(os.path.isdir),
        rules=None if arguments.no_host_rules else _host_steps,
    )


def _host_steps(reading: Reading) -> tuple[Step, ...]:
    """Return the steps that make the missing host rules; raise LaunchError if they cannot be checked."""
    host = programs.host_rules()
    variables = {name: value.reveal() for name, value in reading.environment().items()}
    rules = host_rules.rules(variables, ipv6=host.has_ipv6())
    return host_rules.steps(rules, host.missing(rules))


def _service(arguments: argparse.Namespace) -> Starter:
    supervision = programs.supervision(supervisor.which())
    _refuse_other_places(arguments)
    return ServiceStarter(supervision, Introspection(), programs.docker(), SystemClock())


_STARTERS: dict[str, Optional[Callable[[argparse.Namespace], Starter]]] = {
    "service": _service,
    "docker": _container,
    "none": None,
}


def _refuse_other_places(arguments: argparse.Namespace) -> None:
    """Refuse an env-file that the service does not read, and a state directory in which others can create the mark."""
    if os.path.abspath(arguments.file) != options.ENV_FILE:
        raise UsageError(
            f"the service reads {options.ENV_FILE}, not the file that --file names",
            CommandHint(
                "leave out --file, or start the agent by docker", "ecsauth", "boot", S3URI, "--launch", "docker"
            ),
        )
    host_files.refuse_sticky_way(os.path.abspath(arguments.state_dir))


def hold_back(arguments: argparse.Namespace) -> None:
    """Keep the service from starting before a validated env-file is installed; raise LocalError or LaunchError."""
    if mode(arguments) == "service":
        _hold_back(supervisor.which() or Supervisor.SYSTEMD, arguments.state_dir)


def missing_gate(arguments: argparse.Namespace) -> Optional[str]:
    """Return the path of the gate that a run would write, None if it exists or is not needed; raise LocalError."""
    if mode(arguments) != "service":
        return None
    files, gate = _gate(supervisor.which() or Supervisor.SYSTEMD, arguments.state_dir)
    return None if files.has(gate) else files.path(gate.name)


def _gate(found: Supervisor, state_directory: str) -> tuple[UnitFiles, UnitFile]:
    """Return the gate of the service, and the directory for it."""
    mark = os.path.join(os.path.abspath(state_directory), MARK)
    if found is Supervisor.UPSTART:
        return UnitFiles("/etc/init"), units.upstart_gate(mark)
    return UnitFiles(), units.gate(mark, options.ENV_FILE)


def _hold_back(found: Supervisor, state_directory: str) -> None:
    """Write the gate if it is missing; raise LocalError or LaunchError."""
    files, gate = _gate(found, state_directory)
    written = files.write(gate)
    if found is Supervisor.UPSTART:
        return
    # If a run was killed after it wrote the gate, systemd would load it only at the next boot of the machine.
    systemd = programs.systemd()
    shown = systemd.show(UNIT, "NeedDaemonReload")
    if written or shown.get("NeedDaemonReload") == "yes":
        systemd.run(("systemctl", "daemon-reload"), QUICK)
