"""The agent's awsvpc variant, as docker takes it."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

from ecsauth.boot import docker_plan
from ecsauth.boot.docker_plan import WantedContainer

if TYPE_CHECKING:
    from pathlib import Path

    from docker_engine import DockerEngine


def test_docker_runs_it(docker: DockerEngine, tmp_path: Path) -> None:
    """The container has the two capabilities, an init, and the host's libraries as far as the host has them."""
    env_file = tmp_path / "ecs.config"
    env_file.write_text("ECS_CLUSTER=demo\nECS_LOGLEVEL=debug\n")
    absent = {name for name in docker_plan.LIBRARY_DIRECTORIES if not os.path.isdir(name)}
    wanted = WantedContainer(
        docker.image(), str(env_file), "v1", frozenset({"ECS_CLUSTER", "ECS_LOGLEVEL"}), (), True, frozenset(absent)
    )
    subprocess.run(docker_plan.run_command(wanted), check=True, capture_output=True, timeout=60)
    docker.wait_until(lambda: docker.introspect("/v1/metadata"), "the stand-in answers")
    shown = docker.inspect()
    assert shown is not None
    host = shown["HostConfig"]
    assert {name.upper().replace("CAP_", "") for name in host["CapAdd"]} == {"SYS_ADMIN", "NET_ADMIN"}
    assert (host["Init"], host["NetworkMode"], host["RestartPolicy"]["Name"]) == (True, "host", "on-failure")
    mounted = {mount["Source"].rstrip("/") for mount in shown["Mounts"]}
    assert mounted >= {"/etc/ecs", "/proc", "/var/lib/ecs/data"} | (set(docker_plan.LIBRARY_DIRECTORIES) - absent)
    environment = docker.environment()
    assert (environment["ECS_ENABLE_TASK_ENI"], environment["ECS_LOGLEVEL"]) == ("true", "debug")
