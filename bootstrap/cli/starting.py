"""How `boot` starts the agent on this machine: which way, and the edges that it takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Optional

if TYPE_CHECKING:
    import argparse

    from bootstrap.core.agent_service import Supervisor
    from bootstrap.core.boot import Starter
    from bootstrap.core.service_way import Supervision


def starter(arguments: argparse.Namespace) -> Optional[Starter]:
    """Return what starts the agent, None where that is not ecsauth's business."""
    from bootstrap.core.agent_service import Supervisor
    from bootstrap.edges import supervisor

    mode = arguments.launch
    if mode == "none":
        return None
    found = supervisor.which()
    if mode == "docker" or (mode == "auto" and found is None):
        return _container(arguments)
    return _service(found or Supervisor.SYSTEMD)


def _container(arguments: argparse.Namespace) -> Starter:
    from bootstrap.core.container_way import ContainerStarter
    from bootstrap.edges.commands import Commands
    from bootstrap.edges.docker import Docker
    from bootstrap.edges.introspection import Introspection

    commands = Commands()
    return ContainerStarter(Docker(commands.call, commands.run), Introspection(), arguments.image, lambda _: ())


def _service(found: Supervisor) -> Starter:
    from bootstrap.core.agent_service import Supervisor
    from bootstrap.core.service_way import ServiceStarter
    from bootstrap.edges import supervisor
    from bootstrap.edges.clock import SystemClock
    from bootstrap.edges.commands import Commands
    from bootstrap.edges.docker import Docker
    from bootstrap.edges.introspection import Introspection

    commands = Commands()
    engine = Docker(commands.call, commands.run)
    supervision: Supervision = supervisor.Systemd(commands.call, commands.run)
    if found is Supervisor.UPSTART:
        supervision = supervisor.Upstart(commands.call, commands.run)
    return ServiceStarter(supervision, Introspection(), engine, SystemClock(), lambda: False)
