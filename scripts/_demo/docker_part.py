"""The demo's part with a Docker engine: whether there is one to use, and a stand-in of the agent in it."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
from typing import TYPE_CHECKING, Optional

import docker_engine
import stand_in_image
from docker_engine import DockerEngine

if TYPE_CHECKING:
    from collections.abc import Iterator

AGENT_PORT = 51678
_LOOK_S = 30.0
_PATIENCE_S = 15.0
# What `docker run` makes of the documented --volume flags where they do not exist; innermost first.
_HOST_DIRECTORIES = ("/var/lib/ecs/data", "/var/lib/ecs", "/var/log/ecs")


def lack() -> Optional[str]:
    """Return why the agent's part has to be left out, or None. Nothing is changed."""
    if not sys.platform.startswith("linux"):
        return "the agent runs on Linux only"
    return docker_engine.lack() or _foreign_engine() or _foreign_agent() or _other_run()


@contextlib.contextmanager
def engine_for_agent() -> Iterator[tuple[DockerEngine, str]]:
    """Give the engine and the tag of the stand-in's image; at the end nothing of it is left.

    Raises AssertionError where something is in the way that is not the demo's own.
    """
    absent = [path for path in _HOST_DIRECTORIES if not os.path.lexists(path)]
    with docker_engine.exclusive() as engine:
        if _is_taken(AGENT_PORT):
            raise AssertionError(f"something listens on port {AGENT_PORT}, the agent's")
        tag = f"{stand_in_image.NAME}:healthy"
        had_image = bool(engine.call("image", "ls", "--quiet", tag))
        try:
            yield engine, engine.image("healthy")
        finally:
            engine.clean()
            if not had_image:
                engine.call("image", "rm", tag, check=False)
            for path in absent:
                with contextlib.suppress(OSError):
                    os.rmdir(path)


def leftovers() -> list[str]:
    """Return the directories that docker makes for the agent and that are there now."""
    return [path for path in _HOST_DIRECTORIES if os.path.lexists(path)]


def _foreign_engine() -> Optional[str]:
    """The agent is asked on 127.0.0.1 and given a file of this machine: an engine elsewhere cannot show it."""
    if not _ask("context", "inspect", "--format", "{{.Endpoints.docker.Host}}").startswith("unix://"):
        return "the Docker engine is not on this machine"
    if "rootless" in _ask("info", "--format", "{{json .SecurityOptions}}"):
        return "the Docker engine is rootless, so the agent's port would not be this machine's"
    return None


def _foreign_agent() -> Optional[str]:
    engine = DockerEngine()
    for name in engine.agents():
        container = engine.inspect(name)
        if container and stand_in_image.LABEL not in (container["Config"]["Labels"] or {}):
            return f"there is a container {name} here that is not the demo's: it is left alone"
    if not engine.agents() and _is_taken(AGENT_PORT):
        return f"something listens on port {AGENT_PORT}, the agent's"
    return None


def _other_run() -> Optional[str]:
    """There can be one agent on a machine, so the demo and the tests take turns."""
    try:
        with docker_engine.alone(_PATIENCE_S):
            return None
    except TimeoutError:
        return "another run of the demo or of the tests uses the Docker engine now"


def _is_taken(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


def _ask(*arguments: str) -> str:
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, timeout=_LOOK_S, check=False)
    return done.stdout.strip()
