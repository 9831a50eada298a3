"""Observe this machine for `status` and `doctor`. Nothing is written, and no lock is taken."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Callable, Optional, TypeVar

from ecsauth.boot import service as boot_service
from ecsauth.boot.state import State
from ecsauth.cli import instance_report, options
from ecsauth.errors import EcsauthError, LaunchError, LocalError
from ecsauth.host import places, programs, supervisor
from ecsauth.status.instance_report import OnDisk
from ecsauth.status.observed import File, Runs, RunsAs, Unreadable, epoch

if TYPE_CHECKING:
    from ecsauth.boot.docker_plan import Container
    from ecsauth.boot.service import Service
    from ecsauth.boot.state import Installed
    from ecsauth.host.disk import LocalDisk
    from ecsauth.secret import Secret
    from ecsauth.timing import Moment

Seen = TypeVar("Seen")


def unreadable(fault: EcsauthError) -> Unreadable:
    """Return the reason why something cannot be read."""
    return Unreadable(fault.message, fault.hints[0] if fault.hints else "", fault.needs_root)


def _tried(look: Callable[[], Seen]) -> tuple[Optional[Seen], Optional[Unreadable]]:
    try:
        return look(), None
    except (LocalError, LaunchError) as fault:
        return None, unreadable(fault)


def file(disk: LocalDisk, path: str) -> File:
    """Return the env-file, as far as it can be read."""
    placed, why = _tried(lambda: places.look(path))
    data, no_data = _tried(disk.env_file)
    verified, no_copy = _tried(disk.verified_copy)
    return File(path, placed, data, verified, why or no_data or no_copy)


def on_disk(disk: LocalDisk, state: Optional[State]) -> OnDisk:
    """Return which files have bytes of a version, as far as that can be seen."""
    found, _ = _tried(lambda: instance_report.on_disk(disk, state or State()))
    return found or OnDisk(verified_copy=False, pre_image=False, backup=False)


def state(disk: LocalDisk, directory: str) -> tuple[Optional[State], Optional[Unreadable]]:
    """Return the state in the directory, or the reason why it cannot be read."""
    # If a parent directory may not be searched, nothing seems to be there.
    _, why = _tried(lambda: places.look(directory))
    if why is not None:
        return None, why
    return _tried(disk.state)


def place(given: Optional[str], state: Optional[State]) -> str:
    """Return the env-file's path: the given one, else the recorded one, else the default."""
    if given is not None:
        return os.path.abspath(given)
    return state.installed.source.env_file if state is not None and state.installed is not None else options.ENV_FILE


def runs(installed: Optional[Installed], now: int, moment: Moment) -> Runs:
    """Return how the agent runs: in a container that ecsauth has created, else as a service if there is one."""
    shown, no_docker = _tried(_containers)
    container, environment = shown or (None, None)
    if supervisor.which() is None or (container is not None and container.plan):
        if no_docker is not None:
            return Runs(None, unreadable=no_docker)
        return _container(container, environment)
    service, no_service = _tried(programs.supervision(supervisor.which()).look)
    if service is None:
        return Runs(None, unreadable=no_service)
    return _as_service(service, installed, now, moment)._replace(
        environment=environment,
        kept=container.kept if container is not None else None,
    )


def _containers() -> tuple[Optional[Container], Optional[dict[str, Secret]]]:
    """Return the agent's container as docker shows it, and its environment."""
    docker = programs.docker()
    container = docker.agent()
    return container, docker.environment() if container is not None else None


def _container(container: Optional[Container], environment: Optional[dict[str, Secret]]) -> Runs:
    if container is None:
        return Runs(None)
    # docker reports a container that it will restart as running.
    running = container.running and not container.restarting
    why = f": it exited with status {container.exit_code}"
    why += ", and docker restarts it" if container.restarting else ""
    return Runs(
        RunsAs.CONTAINER,
        running=running,
        since=epoch(container.started_at) if running else None,
        not_running="" if running else why,
        is_ours=bool(container.plan),
        version=container.version,
        environment=environment,
        kept=container.kept,
    )


def _as_service(service: Service, installed: Optional[Installed], now: int, moment: Moment) -> Runs:
    why = ": a condition of its unit is not met, such as that of the gate" if service.held_back else ""
    why = f": it failed with status {service.exit_status}" if service.failed else why
    why = f": it exited with status {service.exit_status}, and systemd restarts it" if service.looping else why
    why = ": it is about to start" if service.queued else why
    installed_at = installed.moment if installed is not None else None
    return Runs(
        RunsAs.SERVICE,
        running=service.running,
        since=now - int(moment.seconds - service.started) if service.running and service.started else None,
        not_running=why,
        has_file=boot_service.has_file(service, installed_at, moment) if installed_at is not None else None,
    )
