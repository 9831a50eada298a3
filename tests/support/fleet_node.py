"""A simulated instance of a fleet: its own folders, agent and ecsauth, on which scripts run for real.

It is a folder that stands for the root of its file system: the absolute paths of the program in a script lead there, as
they would in a container. Everything in it runs as processes of this machine, with the user's own rights: the shell
step of a document by `sh`, the program forked from one that has everything loaded (`forked_program`), docker as a
stand-in that keeps containers as folders, and the introspection API of the agent while something runs.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Optional

from ecsauth.boot.docker_plan import NAME
from ecsauth.cli import persisted
from ecsauth.cli.persisted import Persisted
from loopback_server import LoopbackServer, QuietHandler, answer
from program import TIMEOUT_S

if TYPE_CHECKING:
    from collections.abc import Mapping

    from forked_program import ForkedProgram

_DOCKER = Path(__file__).resolve().parents[2] / "scripts" / "stand_in_docker" / "docker.sh"
# Where the documents look for the program.
_PROGRAM_FOLDERS = re.compile(r"(?<![\w/.$])/(?=(?:usr/local/bin|opt/ecsauth/bin|usr/bin)[\s;/])")
INSTALLED = "usr/local/bin"
_LOG = 'level=critical msg="Unable to register as a container instance with ECS: Cluster not found."\n'


class Ran(NamedTuple):
    """What became of a script; `code` is None if it was killed after its time."""

    code: Optional[int]
    out: str
    err: str


class Terms(NamedTuple):
    """What all instances of a fleet have in common: the object, its key, and the environment of their programs."""

    uri: str
    kms_key: str
    environment: Mapping[str, str]


class FleetNode:
    """One instance. `online` is false for one that has lost its network, `connected` is ECS's word.

    `stopped` tells whether it is stopped.
    `managed` tells whether Systems Manager manages it. With `hangs` no script that it is sent comes to an end.
    """

    def __init__(self, name: str, folder: Path, program: ForkedProgram, terms: Terms) -> None:
        self.id = name
        self.root = folder / name
        self.tags: dict[str, str] = {}
        self.online = self.connected = self.managed = True
        self.hangs = self.stopped = False
        self._terms = terms
        self._make(program)

    def _make(self, program: ForkedProgram) -> None:
        for place in (INSTALLED, "bin", "docker", "home", "etc/ecs"):
            (self.root / place).mkdir(parents=True)
        (self.root / "etc/ecs").chmod(0o700)
        self.inventory_folder.mkdir(parents=True)
        self.inventory_folder.chmod(0o700)
        self.state_place.mkdir(parents=True, mode=0o700)
        # Waits between two tries take no time there; the files are those below the root.
        more = ["--state-dir", str(self.state_place), "hurried"]
        program.write_command(self.root / INSTALLED / "ecsauth", f"arguments += {more!r}")
        script = _DOCKER.read_text(encoding="utf-8")
        script = script.replace("@CONTAINERS@", shlex.quote(str(self.root / "docker")))
        docker = self.root / "bin/docker"
        docker.write_text(script.replace("@PYTHON@", shlex.quote(sys.executable)), encoding="utf-8")
        docker.chmod(0o755)
        words = (self._terms.uri, "--kms-key", self._terms.kms_key, "--file", str(self.env_file))
        where = ("--state-dir", str(self.state_place), "--no-host-rules", "--launch", "docker")
        persisted.write(str(self.state_place), Persisted((*words, *where), ()))

    @property
    def env_file(self) -> Path:
        """The env-file."""
        return self.root / "etc/ecs/ecs.config"

    @property
    def state_place(self) -> Path:
        """The folder of ecsauth's own files."""
        return self.root / "var/lib/ecsauth"

    @property
    def inventory_folder(self) -> Path:
        """The folder of custom inventory."""
        return self.root / "var/lib/amazon/ssm" / self.id / "inventory/custom"

    @property
    def report(self) -> dict[str, Any]:
        """The report that the last run has written."""
        found: dict[str, Any] = json.loads((self.state_place / "report.json").read_bytes())
        return found

    def let_fail(self, *versions: str, log: str = _LOG) -> None:
        """Let an agent that is started from one of these versions exit for good, with this log."""
        (self.root / "docker/log").write_text(log, encoding="utf-8")
        (self.root / "docker/fails").write_text("".join(f"{version}\n" for version in versions), encoding="ascii")

    def uninstall(self) -> None:
        """Remove the program."""
        (self.root / INSTALLED / "ecsauth").unlink()

    def boot(self, *options: str) -> Ran:
        """Boot as the timer does, and as the units do when the machine comes up."""
        return self.run(shlex.join((str(self.root / INSTALLED / "ecsauth"), "boot", "--as-persisted", *options)))

    def run(self, script: str, timeout: float = TIMEOUT_S) -> Ran:
        """Run a script to its end, or for so many seconds."""
        mended = _PROGRAM_FOLDERS.sub(f"{self.root}/", script)
        with LoopbackServer(partial(_Agent, self.root / "docker" / NAME)) as agent:
            return self._run(mended, self._environment(agent.port), timeout)

    def _run(self, script: str, environment: Mapping[str, str], timeout: float) -> Ran:
        with subprocess.Popen(
            ["sh", "-c", script],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment,
            cwd=self.root,
            start_new_session=True,
        ) as child:
            return _ended(child, timeout)

    def _environment(self, port: int) -> dict[str, str]:
        return {
            **self._terms.environment,
            "HOME": str(self.root / "home"),
            "PATH": f"{self.root / 'bin'}:/usr/bin:/bin",
            "DOCKER_HOST": f"unix://{self.root}/run/docker.sock",
            "STAND_IN_AGENT": str(port),
            "STAND_IN_SSM": str(self.root / "var/lib/amazon/ssm"),
        }

    def inventory(self) -> Optional[dict[str, Any]]:
        """Return the inventory item that the agent of Systems Manager would send."""
        try:
            found: dict[str, Any] = json.loads((self.inventory_folder / "ecsauth.json").read_bytes())
        except FileNotFoundError:
            return None
        return found


def _ended(child: subprocess.Popen[bytes], timeout: float) -> Ran:
    code: Optional[int] = None
    try:
        out, err = child.communicate(timeout=timeout)
        code = child.returncode
    except subprocess.TimeoutExpired:
        # With all that it has started: whoever holds its output would be waited for.
        os.killpg(child.pid, signal.SIGKILL)
        out, err = child.communicate()
    return Ran(code, out.decode(errors="replace"), err.decode(errors="replace"))


class _Agent(QuietHandler):
    """The introspection API of the agent: there while its container runs, in the cluster of its env-file."""

    def __init__(self, container: Path, *connection: Any) -> None:
        self._container = container
        super().__init__(*connection)

    def do_GET(self) -> None:  # noqa: N802 - the base class's name
        """Answer for a running agent; break the connection where there is none."""
        try:
            running = (self._container / "running").read_text(encoding="ascii").strip() == "true"
            lines = (self._container / "env").read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            running, lines = False, []
        if not running:
            self.reset()
            return
        cluster = dict(line.partition("=")[::2] for line in lines).get("ECS_CLUSTER", "default")
        arn = f"arn:aws:ecs:eu-central-1:123456789012:container-instance/{cluster}/{self._container.parent.parent.name}"
        metadata = {"Cluster": cluster, "ContainerInstanceArn": arn, "Version": "Amazon ECS Agent - v1.105.1"}
        document: dict[str, Any] = {"Tasks": []} if self.path == "/v1/tasks" else metadata
        self.send_answer(answer(200, json.dumps(document).encode(), "application/json"))
