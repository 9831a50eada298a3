"""The Docker engine: its command line, and its socket.

Of a container's environment, which holds the credentials, a plan needs the two variables that say where the agent keeps
its state: docker is asked for the rest only to compare it with the env-file, in memory.
"""

from __future__ import annotations

import json
import os
import socket
import time
from typing import TYPE_CHECKING, Any, Callable, Optional

from ecsauth.boot import agent_state, docker_plan
from ecsauth.boot.agent_state import Mount
from ecsauth.boot.command_error import complaint, lacks_rights
from ecsauth.boot.docker import Found
from ecsauth.boot.docker_plan import Container
from ecsauth.errors import LaunchError
from ecsauth.secret import Secret

if TYPE_CHECKING:
    from ecsauth.boot.agent_state import Kept
    from ecsauth.boot.plan import Command, Ended

_LOOK = 30.0
_UPDATE = ("docker", "update")
# Seconds between the tries of an update: docker starts an agent again after 0.1 s, then after twice that, and so on.
_PAUSES = (0.2, 0.5, 1.0)
# Of this container only, so of this file; the first error stands before the tries that follow it.
_LOG_LINES = 200
_OF_STATE = " ".join(f'(eq $name "{name}")' for name in agent_state.VARIABLES)
_VARIABLES = (
    '{{range .Config.Env}}{{$name := index (split . "=") 0}}{{if or ' + _OF_STATE + "}}{{json .}},{{end}}{{end}}"
)
_TEMPLATE = (
    '{"container_id":{{json .Id}},"running":{{json .State.Running}},"exit_code":{{json .State.ExitCode}},'
    '"restarting":{{json .State.Restarting}},'
    '"restart_count":{{json .RestartCount}},"started_at":{{json .State.StartedAt}},'
    '"restart_policy":{{json .HostConfig.RestartPolicy.Name}},'
    '"retries":{{json .HostConfig.RestartPolicy.MaximumRetryCount}},'
    '"auto_remove":{{json .HostConfig.AutoRemove}},'
    '"labels":{{json .Config.Labels}},"mounts":{{json .Mounts}},"variables":[' + _VARIABLES + '""]}'
)


class Docker:
    """The engine on this machine, asked and told by commands."""

    def __init__(self, call: Callable[[Command, float], Ended], run: Callable[[Command, float], None]) -> None:
        self._call = call
        self._run = run

    def run(self, command: Command, seconds: float) -> None:
        """Run a command; raise LaunchError if it fails or takes longer.

        An update is tried again: docker refuses it for a container that exits at that moment, as an agent does that
        ends again and again (moby, daemon/update.go: it still runs for docker, and is gone for containerd).
        """
        for pause in _PAUSES if command[:2] == _UPDATE else ():
            try:
                return self._run(command, seconds)
            except LaunchError:
                time.sleep(pause)
        return self._run(command, seconds)

    def look(self, image: str) -> Found:
        """Return what docker shows; raise LaunchError if it is absent or does not answer."""
        self.version()
        has_image = self._call(("docker", "image", "inspect", "--format", "{{.Id}}", image), _LOOK).status == 0
        return Found(has_image, self.container(docker_plan.NAME), self.container(docker_plan.PARKED))

    def version(self) -> str:
        """Return the daemon's version; raise LaunchError if docker is absent or the daemon does not answer."""
        done = self._call(("docker", "version", "--format", "{{.Server.Version}}"), _LOOK)
        if done.status:
            silence = f"docker's daemon does not answer: {complaint(done.err)}"
            if lacks_rights(done.err):
                raise LaunchError(silence).for_want_of_root(is_root=os.geteuid() == 0)
            raise LaunchError(silence, "start it: systemctl start docker", "see why: journalctl -u docker -n 20")
        return done.out.strip()

    def agent(self) -> Optional[Container]:
        """Return the agent's container, None if there is none."""
        return self.container(docker_plan.NAME)

    def container(self, name: str) -> Optional[Container]:
        """Return a container, None if there is none of the name; raise LaunchError if docker does not say."""
        done = self._call(("docker", "container", "inspect", "--format", _TEMPLATE, name), _LOOK)
        if done.status:
            _unless_absent(done, name)
            return None
        shown = _document(done, name)
        labels = shown["labels"] or {}
        policy = shown["restart_policy"] or "no"
        return Container(
            container_id=shown["container_id"],
            running=shown["running"],
            exit_code=shown["exit_code"],
            restart_count=shown["restart_count"],
            started_at=shown["started_at"],
            restart_policy=f"{policy}:{shown['retries']}" if shown["retries"] else policy,
            version=labels.get(docker_plan.VERSION_LABEL, ""),
            plan=labels.get(docker_plan.PLAN_LABEL, ""),
            kept=_kept(shown),
            auto_remove=shown["auto_remove"],
            restarting=shown["restarting"],
        )

    def environment(self) -> Optional[dict[str, Secret]]:
        """Return the environment that the agent's container was made with, None if there is no such container."""
        done = self._call(
            ("docker", "container", "inspect", "--format", "{{json .Config.Env}}", docker_plan.NAME), _LOOK
        )
        if done.status:
            _unless_absent(done, docker_plan.NAME)
            return None
        pairs = (entry.partition("=") for entry in _document(done, docker_plan.NAME) or ())
        return {name: Secret(value) for name, _, value in pairs}

    def log(self) -> str:
        """Return the end of what the agent has written, nothing if there is no such container."""
        done = self._call(("docker", "logs", f"--tail={_LOG_LINES}", docker_plan.NAME), _LOOK)
        return done.out + done.err if done.status == 0 else ""


def _kept(shown: dict[str, Any]) -> Kept:
    pairs = (variable.partition("=") for variable in shown["variables"])
    mounts = (Mount(mount.get("Source", ""), mount["Destination"]) for mount in shown["mounts"] or ())
    return agent_state.kept({name: value for name, _, value in pairs}, mounts)


def _unless_absent(done: Ended, name: str) -> None:
    if "no such container" not in done.err.lower():
        failure = LaunchError(f"docker cannot inspect the container {name}: {complaint(done.err)}")
        raise failure.for_want_of_root(is_root=os.geteuid() == 0) if lacks_rights(done.err) else failure


def _document(done: Ended, name: str) -> Any:
    try:
        return json.loads(done.out)
    except ValueError:
        raise LaunchError(f"docker's answer about the container {name} is none that can be read") from None


_SOCKET = "/var/run/docker.sock"
_UNIX = "unix://"


def path() -> Optional[str]:
    """Return where the daemon listens by DOCKER_HOST, which docker's command line reads; None: not on a socket here."""
    host = os.environ.get("DOCKER_HOST") or _UNIX + _SOCKET
    return host[len(_UNIX) :] if host.startswith(_UNIX) else None


def knock(where: str, seconds: float) -> None:
    """Connect and say nothing; raise LaunchError if there is nobody, or not for this process."""
    with socket.socket(socket.AF_UNIX) as one:
        one.settimeout(seconds)
        try:
            one.connect(where)
        except PermissionError:
            refusal = LaunchError(f"permission denied on {where}")
            raise refusal.for_want_of_root(is_root=os.geteuid() == 0) from None
        except FileNotFoundError:
            raise LaunchError(f"there is no {where}", "install docker and start it: systemctl start docker") from None
        except OSError as fault:
            reason = os.strerror(fault.errno or 0).lower() if fault.errno else "no answer"
            raise LaunchError(f"cannot connect to {where}: {reason}", "start it: systemctl start docker") from None
