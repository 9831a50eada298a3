"""The demo tells its story to the end, and leaves nothing behind however it ends."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import TYPE_CHECKING, Optional

import docker_engine
import pytest
from docker_engine import AGENT, DockerEngine
from needs import need

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
DEMO_TIMEOUT_S = 120
ATTEMPTS = 5
_ECSAUTH = """\
#!{python}
import sys
sys.path.insert(0, {sources!r})
from ecsauth.cli.main import main
sys.exit(main())
"""


class Stage:
    """Where a demo runs: it finds the programs that are put here and no others."""

    def __init__(self, directory: Path) -> None:
        self._programs = directory
        ecsauth = directory / "ecsauth"
        ecsauth.write_text(_ECSAUTH.format(python=sys.executable, sources=str(ROOT)))
        ecsauth.chmod(0o755)
        self.add("stat")

    def add(self, *programs: str) -> None:
        """Let it find these programs of the machine."""
        for name in programs:
            found = shutil.which(name)
            if found:
                (self._programs / name).symlink_to(found)

    def start(self) -> subprocess.Popen[str]:
        """Start the demo."""
        return subprocess.Popen(
            [sys.executable, str(ROOT / "scripts/_demo")],
            env={**os.environ, "PATH": str(self._programs), "PYTHONPATH": str(ROOT / "tests/support")},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    """Set up a stage without docker."""
    return Stage(tmp_path)


@pytest.fixture
def engine(stage: Stage, docker_lack: Optional[str]) -> DockerEngine:
    """Put docker on the stage, when no other test uses it: the demo itself takes the lock."""
    need(docker_lack)
    stage.add("docker", "busybox")
    with docker_engine.exclusive() as engine:
        return engine


@pytest.fixture
def foreign_agent(docker: DockerEngine, tmp_path: Path) -> Iterator[str]:
    """Make a container that has the agent's name and is nobody's business; give its ID."""
    image = "ecsauth-test:foreign"
    root = tmp_path / "root.tar"
    with tarfile.open(root, "w") as archive:
        archive.add(__file__, "agent")
    docker.call("import", str(root), image)
    yield docker.call("create", "--name", AGENT, image, "/agent").strip()
    docker.call("rm", AGENT)
    docker.call("image", "rm", image)


def test_without_docker_it_stops_after_the_file(stage: Stage) -> None:
    """Where docker is not installed the demo says so after it has shown the file, and succeeds."""
    output = _to_the_end(stage.start(), 0)
    assert "-rw------- " in output
    assert "No agent is started: docker is not installed." in output


@pytest.mark.docker
def test_with_docker_it_tells_everything(stage: Stage, engine: DockerEngine) -> None:
    """Where an engine answers, the agent is started, left alone and replaced, S3 is lost, and a mistake refused."""
    output = _with_the_engine(stage)
    told = (
        "agent registered in cluster demo",
        "-rw------- ",
        "as what was pushed",
        "nothing has changed",
        "it is the same container as before",
        "password changed",
        "agent registered in cluster demo",
        "boot uses the last verified file",
        "agent registered in cluster demo",
        "A341",
    )
    assert _stand_in_order(told, output), output
    assert _left_over(engine) == []


@pytest.mark.docker
def test_interrupted_it_leaves_nothing_behind(stage: Stage, engine: DockerEngine) -> None:
    """A Ctrl-C while the agent is being started takes everything away."""
    output = _with_the_engine(stage, interrupt_at="--image")
    assert "demo: interrupted" in output
    assert _left_over(engine) == []


def test_a_foreign_agent_is_left_alone(stage: Stage, foreign_agent: str, docker: DockerEngine) -> None:
    """Where somebody else's container has the agent's name, the docker part is left out and the container stays."""
    stage.add("docker")
    output = _to_the_end(stage.start(), 0)
    assert f"there is a container {AGENT} here that is not the demo's" in output
    found = docker.inspect()
    assert found is not None
    assert found["Id"] == foreign_agent


def _with_the_engine(stage: Stage, interrupt_at: str = "") -> str:
    """Return the output of a demo that had the engine for itself, interrupted once it has told `interrupt_at`."""
    for _ in range(ATTEMPTS):
        demo, shown = stage.start(), ""
        assert demo.stdout is not None
        if interrupt_at:
            for line in demo.stdout:
                shown += line
                if interrupt_at in line:
                    demo.send_signal(signal.SIGINT)
                    break
        interrupted = interrupt_at and interrupt_at in shown
        output = _to_the_end(demo, 128 + signal.SIGINT if interrupted else 0, shown)
        if "No agent is started: another run" not in output:
            return output
    raise AssertionError(f"another run had the engine, {ATTEMPTS} times")


def _stand_in_order(texts: tuple[str, ...], output: str) -> bool:
    at = 0
    for text in texts:
        at = output.find(text, at) + len(text)
        if at < len(text):
            return False
    return True


def _left_over(engine: DockerEngine) -> list[str]:
    """Return the agents that are there while no other test has one."""
    with docker_engine.alone():
        return engine.agents()


def _to_the_end(demo: subprocess.Popen[str], status: int, shown: str = "") -> str:
    """Return all that a demo tells; it has to end with `status` and to leave no scratch directory."""
    try:
        output = shown + demo.communicate(timeout=DEMO_TIMEOUT_S)[0]
    except subprocess.TimeoutExpired:
        demo.kill()
        raise AssertionError(demo.communicate()[0]) from None
    assert demo.returncode == status, output
    (scratch,) = re.findall(r"the operator works in (\S+),", output)
    assert not Path(scratch).exists()
    return output
