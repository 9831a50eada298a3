"""A run that is killed, at whatever point, leaves a whole and private file, and the next run ends what it began."""

from __future__ import annotations

from typing import TYPE_CHECKING

import docker_front as fronts
import pytest
from docker_engine import AGENT
from docker_front import DockerFront
from kill_walk import SCENES, Scene, Walk
from machine import FIRST, SECOND, auth_file

if TYPE_CHECKING:
    from machine import Machine

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


@pytest.mark.usefixtures("watch")
@pytest.mark.parametrize("scene", SCENES["none"], ids=lambda scene: scene.name)
def test_any_call_on_files(bare_machine: Machine, scene: Scene) -> None:
    """Killed at a sample of its calls on its files, a run leaves whole files; scripts/kill-sweep has all the calls."""
    assert_sample(Walk(bare_machine, scene), 7)


@pytest.mark.usefixtures("watch")
@pytest.mark.parametrize("scene", SCENES["docker"], ids=lambda scene: scene.name)
def test_any_call(machine: Machine, scene: Scene) -> None:
    """Likewise with an agent, where some of the calls start docker and wait for it."""
    assert_sample(Walk(machine, scene), 4)


def assert_sample(walk: Walk, count: int) -> None:
    """Assert that all is well after kills at so many calls, or one more, spread over the run."""
    points = walk.points()
    assert len({call for call, _ in points}) >= 5
    for point in points[:: len(points) // count]:
        walk.kill_at(point)


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
