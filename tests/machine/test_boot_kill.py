"""A run that is killed, at whatever point, leaves a whole and private file, and the next run ends what it began."""

from __future__ import annotations

from typing import TYPE_CHECKING, Callable

import docker_front as fronts
import pytest
from docker_engine import AGENT
from docker_front import DockerFront
from machine import FIRST, SECOND, auth_file
from watch import kill_points

if TYPE_CHECKING:
    from machine import Machine
    from watch import Watched

KILLED = -9
PREVIOUS = f"{AGENT}-previous"


def assert_whole(machine: Machine, *contents: bytes) -> None:
    """Assert that the env-file is one of the contents, and private."""
    file = machine.standing().env_file
    assert file is not None
    assert file.content in contents
    assert file.mode & 0o777 == 0o600


def killed(machine: Machine, pattern: str, action: str, variant: str = "healthy") -> None:
    """Run a launch that is killed where docker is called with the pattern."""
    front = DockerFront(machine.folder, pattern, action)
    done = machine.launch(variant=variant, env=machine.environment(PATH=front.path("/usr/bin:/bin")))
    assert done.status == KILLED, done.err


def assert_converged(machine: Machine, content: bytes) -> None:
    """Assert that one agent runs, made from the content and as docker is to keep it, and nothing else is left."""
    assert_whole(machine, content)
    agents = machine.standing().agents
    assert list(agents) == [AGENT]
    assert agents[AGENT].running
    assert agents[AGENT].restart_policy == ("on-failure", 10)
    given = machine.docker.environment()["ECS_ENGINE_AUTH_DATA"]
    assert f"ECS_ENGINE_AUTH_DATA={given}\n".encode() in content
    assert machine.state().in_progress is None
    assert not machine.strays()
    machine.assert_private()


def test_writing(bare_machine: Machine, watch: Callable[..., Watched]) -> None:
    """Killed at a sample of all its calls on its files, a run leaves the old file or the new one."""
    machine = bare_machine
    machine.install()
    contents = [auth_file(f"password-{number}") for number in range(100)]
    machine.put(contents[0])
    reference = watch(machine.command("--launch=none"), env=machine.environment())
    assert reference.returncode == 0
    points = kill_points(reference, machine.place, machine.state_place)
    assert len({call for call, _ in points}) >= 5
    for number, point in enumerate(points[:: len(points) // 9], start=1):
        machine.put(contents[number])
        done = watch(machine.command("--launch=none"), env=machine.environment(), kill=point)
        assert done.returncode == KILLED, point
        assert_file(machine, contents[number - 1], contents[number])
        assert machine.install().status == 0, point
        assert_file(machine, contents[number])
        assert not machine.strays(), point
        machine.assert_private()
        assert machine.state().in_progress is None


def assert_file(machine: Machine, *contents: bytes) -> None:
    """Assert that the env-file is one of the contents, and private, without asking docker."""
    assert machine.env_file.read_bytes() in contents
    assert machine.env_file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("pattern", "action"),
    [
        pytest.param("update *", fronts.KILL_BEFORE, id="file written"),
        pytest.param("stop *", fronts.KILL_MEANWHILE, id="stopping"),
        pytest.param("stop *", fronts.KILL_AFTER, id="stopped"),
        pytest.param("rename *", fronts.KILL_AFTER, id="parked"),
        pytest.param("run *", fronts.KILL_AFTER, id="started"),
        pytest.param(f"rm --force {PREVIOUS}", fronts.KILL_BEFORE, id="registered"),
        pytest.param(f"rm --force {PREVIOUS}", fronts.KILL_AFTER, id="predecessor removed"),
    ],
)
def test_replacing_the_agent(booted: Machine, pattern: str, action: str) -> None:
    """Killed anywhere on the way from the old agent to the new one, the next run gets there."""
    booted.put(SECOND)
    killed(booted, pattern, action)
    assert_whole(booted, FIRST, SECOND)
    done = booted.launch()
    assert done.status == 0, done.err
    assert_converged(booted, SECOND)


@pytest.mark.parametrize("pattern", ["update *", "stop *", "rename *"], ids=["held", "stopped", "parked"])
def test_then_a_version_that_fails(booted: Machine, pattern: str) -> None:
    """Killed while parking the old agent, then given a version that fails: the old agent runs again."""
    booted.put(SECOND)
    before = booted.standing()
    killed(booted, pattern, fronts.KILL_AFTER)
    booted.put(auth_file("third-password"))
    assert booted.launch(variant="crashing").status == 7
    assert_converged(booted, FIRST)
    assert booted.standing().without_traces() == before.without_traces()


@pytest.mark.parametrize(
    ("pattern", "action"),
    [
        pytest.param(f"rm --force {AGENT}", fronts.KILL_AFTER, id="failed agent removed"),
        pytest.param(f"rename {PREVIOUS} *", fronts.KILL_AFTER, id="renamed"),
    ],
)
def test_going_back(booted: Machine, pattern: str, action: str) -> None:
    """Killed on the way back from an agent that failed, the next runs get back, or on to a mended version."""
    booted.put(SECOND)
    before = booted.standing()
    killed(booted, pattern, action, variant="crashing")
    assert_whole(booted, FIRST, SECOND)
    assert booted.launch(variant="crashing").status == 7
    assert booted.standing().without_traces() == before.without_traces()
    mended = auth_file("third-password")
    booted.put(mended)
    assert booted.launch().status == 0
    assert_converged(booted, mended)


def test_first_boot(machine: Machine) -> None:
    """Killed when the first agent had been made, the next run finds it right and waits for it."""
    killed(machine, "run *", fronts.KILL_AFTER)
    made = machine.standing().agents[AGENT]
    assert machine.launch().status == 0
    assert machine.standing().agents == {AGENT: made}
    assert_converged(machine, FIRST)
