"""The Docker engine: its command line, and its socket.

The environment of the agent's container contains the credentials. A plan needs only the two variables that define where
the agent saves its state. The other variables are read only to compare them with the env-file, in memory.
"""

from __future__ import annotations

import json
import os
import socket
import time
from typing import TYPE_CHECKING, Any, Callable, Optional

from ecsauth.boot import agent_state, docker_plan
from ecsauth.boot.agent_state import Mount
from ecsauth.boot.command_error import cause_of, lacks_rights
from ecsauth.boot.docker import Found
from ecsauth.boot.docker_plan import Container
from ecsauth.command_hint import CommandHint
from ecsauth.errors import LaunchError
from ecsauth.secret import Secret

if TYPE_CHECKING:
    from ecsauth.boot.agent_state import Kept
    from ecsauth.boot.plan import Command, Ended

_START = CommandHint("start docker", "systemctl", "start", "docker")
_INSTALL = CommandHint("install docker and start it", "systemctl", "start", "docker")
_JOURNAL = CommandHint("read the log of docker", "journalctl", "-u", "docker", "-n", "20")
_LOOK = 30.0
_UPDATE = ("docker", "update")
# Seconds between the tries of an update. docker restarts an agent after 0.1 s, and doubles the delay each time.
_PAUSES = (0.2, 0.5, 1.0)
# The log has only this container, so only this env-file. It must be long enough to reach back to the first error.
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
    """The engine on this machine, used by docker's command line."""

    def __init__(self, call: Callable[[Command, float], Ended], run: Callable[[Command, float], None]) -> None:
        self._call = call
        self._run = run

    def run(self, command: Command, seconds: float) -> None:
        """Run a command; raise LaunchError if it fails or takes longer.

        An update is retried, because docker refuses it for a container that exits at that moment, as in a crash loop
        (moby, daemon/update.go: for docker it still runs, for containerd it is gone).
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
        return Found(has_image, self.container(docker_plan.NAME), self.container(docker_plan.PREVIOUS_NAME))

    def version(self) -> str:
        """Return the daemon's version; raise LaunchError if docker is absent or the daemon does not answer."""
        done = self._call(("docker", "version", "--format", "{{.Server.Version}}"), _LOOK)
        if done.status:
            message = f"the docker daemon does not answer: {cause_of(done.err)}"
            if lacks_rights(done.err):
                raise LaunchError(message).for_want_of_root(is_root=os.geteuid() == 0)
            raise LaunchError(message, _START, _JOURNAL)
        return done.out.strip()

    def agent(self) -> Optional[Container]:
        """Return the agent's container, None if there is none."""
        return self.container(docker_plan.NAME)

    def container(self, name: str) -> Optional[Container]:
        """Return the container of this name, None if there is none; raise LaunchError if docker cannot inspect it."""
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
        """Return the environment of the agent's container, None if there is no such container."""
        done = self._call(
            ("docker", "container", "inspect", "--format", "{{json .Config.Env}}", docker_plan.NAME), _LOOK
        )
        if done.status:
            _unless_absent(done, docker_plan.NAME)
            return None
        pairs = (entry.partition("=") for entry in _document(done, docker_plan.NAME) or ())
        return {name: Secret(value) for name, _, value in pairs}

    def log(self) -> str:
        """Return the end of the agent's log, an empty string if there is no such container."""
        done = self._call(("docker", "logs", f"--tail={_LOG_LINES}", docker_plan.NAME), _LOOK)
        return done.out + done.err if done.status == 0 else ""


def _kept(shown: dict[str, Any]) -> Kept:
    pairs = (variable.partition("=") for variable in shown["variables"])
    mounts = (Mount(mount.get("Source", ""), mount["Destination"]) for mount in shown["mounts"] or ())
    return agent_state.kept({name: value for name, _, value in pairs}, mounts)


def _unless_absent(done: Ended, name: str) -> None:
    if "no such container" not in done.err.lower():
        failure = LaunchError(f"docker cannot inspect the container {name}: {cause_of(done.err)}")
        raise failure.for_want_of_root(is_root=os.geteuid() == 0) if lacks_rights(done.err) else failure


def _document(done: Ended, name: str) -> Any:
    try:
        return json.loads(done.out)
    except ValueError:
        raise LaunchError(f"cannot parse docker's answer about the container {name}") from None


_SOCKET = "/var/run/docker.sock"
_UNIX = "unix://"


def path() -> Optional[str]:
    """Return the path of the daemon's socket by DOCKER_HOST, as docker's command line does; None if it is not local."""
    host = os.environ.get("DOCKER_HOST") or _UNIX + _SOCKET
    return host[len(_UNIX) :] if host.startswith(_UNIX) else None


def knock(where: str, seconds: float) -> None:
    """Connect to the socket and disconnect; raise LaunchError if nothing listens, or this process may not connect."""
    with socket.socket(socket.AF_UNIX) as one:
        one.settimeout(seconds)
        try:
            one.connect(where)
        except PermissionError:
            refusal = LaunchError(f"permission denied on {where}")
            raise refusal.for_want_of_root(is_root=os.geteuid() == 0) from None
        except FileNotFoundError:
            raise LaunchError(f"there is no {where}", _INSTALL) from None
        except OSError as fault:
            reason = os.strerror(fault.errno or 0).lower() if fault.errno else "no answer"
            raise LaunchError(f"cannot connect to {where}: {reason}", _START) from None
