"""The real Docker engine, for tests that start agents: what runs, what it was given, a clean slate around each test.

The program under test calls its container `ecs-agent`, and the agent has its port on the machine's own address, so
there can be one such test at a time on a machine: `exclusive` holds a lock. `own_host` makes a process a machine of its
own. A container that is not made of a stand-in image is never touched.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable, Optional

import stand_in_ecs
import stand_in_image
from needs import lack_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stand_in_ecs import Answer

AGENT = "ecs-agent"
INTROSPECTION = "http://127.0.0.1:51678"
# A name of the kernel's, not a file: like the agent's port there is one in each network, and it is free again when its
# holder has ended, in whatever way (unix(7), abstract sockets).
LOCK = "\0ecsauth-docker-tests"
LOCK_TIMEOUT_S = 900.0
COMMAND_TIMEOUT_S = 60.0


def lack() -> Optional[str]:
    """Return why no engine can be used here, or None."""
    return lack_of("docker", "version", "--format", "{{.Server.Version}}")


class DockerEngine:
    """What tests ask of the engine and do to it."""

    def call(self, *arguments: str, check: bool = True) -> str:
        """Run a docker command and return its output; AssertionError, with docker's words, when it fails."""
        done = subprocess.run(
            ["docker", *arguments], capture_output=True, text=True, timeout=COMMAND_TIMEOUT_S, check=False
        )
        if check and done.returncode:
            raise AssertionError(f"docker {arguments[0]}: {done.stderr.strip()}")
        return done.stdout

    def image(self, variant: str = "healthy") -> str:
        """Return the tag of the stand-in agent's image, made now if need be; the variants are `VARIANTS`."""
        return stand_in_image.build(variant)

    def ecs_answers(self, answer: Answer, *, for_s: Optional[float] = None, second: Optional[float] = None) -> None:
        """Let ECS answer so to every agent that can see /data, now and later; for some seconds, or until told anew.

        `second` is how long a second of the real agent takes, 0.02 where it is not given.
        """
        stand_in_ecs.answers(stand_in_ecs.text(answer, for_s=for_s, second=second))

    def save_state(self, cluster: str) -> None:
        """Let an agent of this cluster have been here before, and have saved its state."""
        stand_in_ecs.save(cluster)

    def agents(self) -> list[str]:
        """Return the names of the containers called `ecs-agent` or `ecs-agent-…`, running or not."""
        names = self.call("ps", "--all", "--filter", f"name=^/{AGENT}(-.*)?$", "--format", "{{.Names}}")
        return sorted(names.split())

    def inspect(self, name: str = AGENT) -> Optional[dict[str, Any]]:
        """Return all that the engine says about a container, or None when there is none of the name."""
        found = self.call("container", "inspect", name, check=False)
        containers: list[dict[str, Any]] = json.loads(found or "[]")
        return containers[0] if containers else None

    def state(self, name: str = AGENT) -> str:
        """Return `running`, `exited`, `restarting` …, or `absent`."""
        container = self.inspect(name)
        return str(container["State"]["Status"]) if container else "absent"

    def environment(self, name: str = AGENT) -> dict[str, str]:
        """Return the environment that the container's first process was started with, read from the process itself."""
        container = self.inspect(name)
        assert container is not None, f"there is no container {name}"
        pid = int(container["State"]["Pid"])
        assert pid, f"{name} is not running"
        variables = os.fsdecode(Path(f"/proc/{pid}/environ").read_bytes()).split("\0")
        return dict(variable.split("=", 1) for variable in variables if variable)

    def logs(self, name: str = AGENT) -> str:
        """Return what the container has written, both streams."""
        done = subprocess.run(
            ["docker", "logs", name],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=COMMAND_TIMEOUT_S,
            check=False,
        )
        return done.stdout

    def introspect(self, path: str) -> Any:
        """Return the JSON that the agent on this host serves at the path, or None when nothing answers."""
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with contextlib.closing(direct.open(INTROSPECTION + path, timeout=5)) as response:
                return json.loads(response.read())
        except urllib.error.URLError as fault:
            if isinstance(fault, urllib.error.HTTPError):
                fault.close()
            return None

    def wait_until(self, holds: Callable[[], object], what: str, timeout_s: float = 60.0) -> None:
        """Return when `holds` does; AssertionError naming `what` after `timeout_s` seconds."""
        end = time.monotonic() + timeout_s
        while not holds():
            if time.monotonic() > end:
                raise AssertionError(f"not within {timeout_s} s: {what}")
            time.sleep(0.05)

    def clean(self) -> None:
        """Remove every agent container of the tests and what they have saved; AssertionError for one of others."""
        for name in self.agents():
            container = self.inspect(name)
            if container is None:
                continue
            if stand_in_image.LABEL not in (container["Config"]["Labels"] or {}):
                raise AssertionError(f"the container {name} on this machine is no stand-in: it is left alone")
            self.call("rm", "--force", "--volumes", name, check=False)
        stand_in_ecs.forget()


@contextlib.contextmanager
def exclusive() -> Iterator[DockerEngine]:
    """Be the only test on this machine that starts agents; no agent of the tests is there before or after."""
    engine = DockerEngine()
    with alone():
        engine.clean()
        if engine.introspect("/v1/metadata") is not None:
            raise AssertionError(f"something that is no container of these tests answers at {INTROSPECTION}")
        try:
            yield engine
        finally:
            engine.clean()


@contextlib.contextmanager
def alone(timeout_s: float = LOCK_TIMEOUT_S) -> Iterator[None]:
    """Hold the lock; TimeoutError when another has held it for so long."""
    end = time.monotonic() + timeout_s
    with socket.socket(socket.AF_UNIX) as lock:
        while True:
            try:
                lock.bind(LOCK)
            except OSError as fault:
                if fault.errno != errno.EADDRINUSE:
                    raise
                if time.monotonic() > end:
                    raise TimeoutError(f"another test run has had the agent for {timeout_s:.0f} s") from None
                time.sleep(0.2)
            else:
                break
        yield
