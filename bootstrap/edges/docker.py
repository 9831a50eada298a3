"""docker, by its command line, and the agent's introspection on 127.0.0.1:51678.

docker is asked for what a plan needs and never for a container's environment, which holds the credentials.
It runs without the caller's environment: a name without a value in an env-file would copy from it.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import subprocess
from typing import Any, Optional

from bootstrap.core import agent_container
from bootstrap.core.agent_container import Command, Container
from bootstrap.core.agent_health import Registration
from bootstrap.core.errors import LaunchError
from bootstrap.core.launch import Engine

_LOOK = 30.0
# Where systemd looks for units, systemd.unit(5).
_UNITS = ("/etc/systemd/system", "/run/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system")
_INTROSPECTION = ("127.0.0.1", 51678)
_INTROSPECTION_TIMEOUT = 2.0
_LONGEST_ANSWER = 4 << 20
# What docker's own command line reads; nothing else of the environment is passed on.
_KEPT = ("PATH", "HOME", "DOCKER_HOST", "DOCKER_CONFIG", "DOCKER_CONTEXT", "DOCKER_CERT_PATH", "DOCKER_TLS_VERIFY")
_HAS_DATA_DIR = '{{range .Config.Env}}{{if eq (index (split . "=") 0) "ECS_DATADIR"}}true{{end}}{{end}}'
_TEMPLATE = (
    '{"container_id":{{json .Id}},"running":{{json .State.Running}},"exit_code":{{json .State.ExitCode}},'
    '"restart_count":{{json .RestartCount}},"started_at":{{json .State.StartedAt}},'
    '"restart_policy":{{json .HostConfig.RestartPolicy.Name}},'
    '"retries":{{json .HostConfig.RestartPolicy.MaximumRetryCount}},'
    '"auto_remove":{{json .HostConfig.AutoRemove}},'
    '"labels":{{json .Config.Labels}},"has_data_dir":"' + _HAS_DATA_DIR + '"}'
)


class Docker:
    """The engine on this machine, as `boot` uses it."""

    def look(self, image: str) -> Engine:
        """Return what docker shows; raise LaunchError if it is absent or does not answer."""
        _engine_version()
        has_image = _call(("docker", "image", "inspect", "--format", "{{.Id}}", image), _LOOK).returncode == 0
        return Engine(has_image, _container(agent_container.NAME), _container(agent_container.PARKED))

    def agent(self) -> Optional[Container]:
        """Return the agent's container, None if there is none."""
        return _container(agent_container.NAME)

    def run(self, command: Command, seconds: float) -> None:
        """Run one command of a plan; raise LaunchError if it fails or takes longer."""
        done = _call(command, seconds)
        if done.returncode:
            raise LaunchError(f"docker {command[1]} failed: {_last_line(done.stderr)}", *_hints(done.stderr))

    def registration(self) -> Optional[Registration]:
        """Return what the agent says of itself, None if it does not answer."""
        answer = _introspect("/v1/metadata")
        if answer is None or not isinstance(answer.get("Cluster"), str):
            return None
        instance = answer.get("ContainerInstanceArn")
        return Registration(answer["Cluster"], instance or None, str(answer.get("Version", "")))

    def running_tasks(self) -> Optional[int]:
        """Return how many tasks the agent knows that are not stopped, None if it does not say."""
        answer = _introspect("/v1/tasks")
        tasks = answer.get("Tasks") if answer else None
        if not isinstance(tasks, list):
            return None
        return sum(1 for task in tasks if isinstance(task, dict) and task.get("KnownStatus") != "STOPPED")


def belongs_to_service() -> bool:
    """Tell whether the agent on this machine is run by ecs-init's service, as on ECS-optimized AMIs."""
    return any(os.path.lexists(os.path.join(folder, "ecs.service")) for folder in _UNITS)


def _engine_version() -> None:
    done = _call(("docker", "version", "--format", "{{.Server.Version}}"), _LOOK)
    if done.returncode:
        raise LaunchError(
            "docker's daemon does not answer", "start it: systemctl start docker", "see why: journalctl -u docker -n 20"
        )


def _container(name: str) -> Optional[Container]:
    done = _call(("docker", "container", "inspect", "--format", _TEMPLATE, name), _LOOK)
    if done.returncode:
        if "no such container" in done.stderr.lower():
            return None
        raise LaunchError(f"docker cannot inspect the container {name}: {_last_line(done.stderr)}")
    shown = json.loads(done.stdout)
    labels = shown["labels"] or {}
    policy = shown["restart_policy"] or "no"
    return Container(
        container_id=shown["container_id"],
        running=shown["running"],
        exit_code=shown["exit_code"],
        restart_count=shown["restart_count"],
        started_at=shown["started_at"],
        restart_policy=f"{policy}:{shown['retries']}" if shown["retries"] else policy,
        version=labels.get(agent_container.VERSION_LABEL, ""),
        plan=labels.get(agent_container.PLAN_LABEL, ""),
        has_data_dir=bool(shown["has_data_dir"]),
        auto_remove=shown["auto_remove"],
    )


def _call(command: Command, seconds: float) -> subprocess.CompletedProcess[str]:
    """Run docker in a session of its own: a Ctrl-C is for ecsauth, which then puts things back."""
    environment = {name: os.environ[name] for name in _KEPT if name in os.environ}
    try:
        return subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            text=True,
            errors="replace",
            timeout=seconds,
            env=environment,
            start_new_session=True,
        )
    except FileNotFoundError:
        raise LaunchError(
            "docker is not installed",
            "install it, or use --launch none to install the env-file only",
        ) from None
    except PermissionError:
        raise LaunchError("docker cannot be executed", "run as root") from None
    except subprocess.TimeoutExpired:
        raise LaunchError(f"docker {command[1]} did not end within {seconds:.0f} s") from None


def _last_line(text: str) -> str:
    """Return docker's own reason. It never holds a line of the env-file: docker is shown checked ones only."""
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("See 'docker")]
    return lines[-1] if lines else "it gave no reason"


def _hints(text: str) -> tuple[str, ...]:
    lowered = text.lower()
    if "toomanyrequests" in lowered:
        return ("the registry limits pulls: pull the image into the AMI",)
    if "manifest unknown" in lowered or "not found" in lowered or "no such host" in lowered:
        return ("is the image's name right, and can this machine reach its registry? see --image",)
    return ()


def _introspect(path: str) -> Optional[dict[str, Any]]:
    connection = http.client.HTTPConnection(*_INTROSPECTION, timeout=_INTROSPECTION_TIMEOUT)
    with contextlib.closing(connection):
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            document = json.loads(answer.read(_LONGEST_ANSWER))
        except (OSError, http.client.HTTPException, ValueError):
            return None
    return document if isinstance(document, dict) else None
