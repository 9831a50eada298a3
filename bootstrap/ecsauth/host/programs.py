"""The machine's own programs: docker, the supervisor of services, and the tools of the host rules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Optional, Union

from ecsauth.boot.service import Supervisor
from ecsauth.host.commands import Commands
from ecsauth.host.docker import Docker
from ecsauth.host.network import HostRules
from ecsauth.host.supervisor import Systemd, Upstart

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ecsauth.boot.plan import Step

_COMMANDS = Commands()


def docker() -> Docker:
    """Return the engine."""
    return Docker(_COMMANDS.call, _COMMANDS.run)


def systemd() -> Systemd:
    """Return systemd, whether or not it is this machine's init."""
    return Systemd(_COMMANDS.call, _COMMANDS.run)


def supervision(found: Optional[Supervisor]) -> Union[Systemd, Upstart]:
    """Return the supervisor of the agent's service; systemd if none was found."""
    return Upstart(_COMMANDS.call, _COMMANDS.run) if found is Supervisor.UPSTART else systemd()


def host_rules() -> HostRules:
    """Return the rules of sysctl and iptables."""
    return HostRules(_COMMANDS.call)


def run(steps: Iterable[Step]) -> None:
    """Run the commands of the steps one after the other; raise LaunchError at the first that fails or takes longer."""
    for step in steps:
        _COMMANDS.run(step.command, step.seconds)
