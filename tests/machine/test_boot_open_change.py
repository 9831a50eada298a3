"""While a change is open nothing that an unfinished run has left is believed, and a change that is done is closed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Callable, Optional

import pytest
from boot_model import Killed, Life, Offer, World, body, facts
from docker_engine import AGENT
from ecsauth.errors import LaunchError
from machine import FIRST, KEY, SECOND, auth_file

if TYPE_CHECKING:
    from pathlib import Path

    from ecsauth.boot.trust import ObjectFacts
    from machine import Machine
    from watch import Watched

KILLED, LAUNCH = -9, 7
THIRD = auth_file("third-password")


def next_record(machine: Machine, watched: Watched) -> tuple[str, int]:
    """Return the call, and which of them it is, that records the state after the env-file was written last."""
    counts: dict[str, int] = {}
    point = None
    for event in watched.events:
        if event.pid != watched.events[0].pid or not event.call.startswith("rename"):
            continue
        counts[event.call] = counts.get(event.call, 0) + 1
        if str(machine.env_file) in event.paths:
            point = None
        elif point is None and str(machine.state_place / "state.json") in event.paths:
            point = (event.call, counts[event.call])
    assert point is not None
    return point


def assert_agent_has(machine: Machine, content: bytes) -> None:
    """Assert that the env-file is the content, and that the one agent was made from it."""
    assert machine.env_file.read_bytes() == content
    assert machine.docker.agents() == [AGENT]
    given = machine.docker.environment()["ECS_ENGINE_AUTH_DATA"]
    assert f"ECS_ENGINE_AUTH_DATA={given}\n".encode() in content


def test_killed_when_all_was_taken_back(booted: Machine, watch: Callable[..., Watched]) -> None:
    """Killed before it could record that the old file is back, a run makes nobody take that file for the new one."""
    crashing = booted.command(f"--image={booted.docker.image('crashing')}")
    booted.put(SECOND)
    reference = watch(crashing, env=booted.environment())
    assert reference.returncode == LAUNCH
    version = booted.put(THIRD)
    killed = watch(crashing, env=booted.environment(), kill=next_record(booted, reference))
    assert killed.returncode == KILLED
    assert booted.env_file.read_bytes() == FIRST
    assert booted.state().in_progress is not None
    done = booted.launch()
    assert done.status == 0, done.err
    assert_agent_has(booted, THIRD)
    verified = booted.state().verified
    assert verified is not None
    assert verified.version_id == version


def test_killed_between_file_and_record(bare_machine: Machine, watch: Callable[..., Watched]) -> None:
    """Killed before it could record the new file, with S3 back at the old one by then, the old one is installed."""
    machine = bare_machine
    machine.install()
    old = machine.put(SECOND)
    reference = watch(machine.command("--launch=none"), env=machine.environment())
    assert reference.returncode == 0
    newer = machine.put(THIRD)
    killed = watch(machine.command("--launch=none"), env=machine.environment(), kill=next_record(machine, reference))
    assert killed.returncode == KILLED
    assert machine.env_file.read_bytes() == THIRD
    machine.server.s3.delete_object(Bucket=machine.bucket, Key=KEY, VersionId=newer)
    done = machine.install("--format=json")
    assert (done.status, done.document["object"]["version_id"]) == (0, old), done.err
    assert machine.env_file.read_bytes() == SECOND
    assert machine.install("--format=json").document["outcome"] == "unchanged"


def test_edited_file_under_the_right_agent(booted: Machine) -> None:
    """A file that was edited while its agent runs on is replaced, and is not what a later failure goes back to."""
    agents = booted.standing().agents
    booted.env_file.write_bytes(b"ECS_CLUSTER=demo\n")
    done = booted.launch("--format=json")
    assert (done.status, done.document["outcome"]) == (0, "installed"), done.err
    assert booted.standing().agents == agents
    assert booted.state().in_progress is None
    booted.put(SECOND)
    assert booted.launch(variant="crashing").status == LAUNCH
    assert_agent_has(booted, FIRST)


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Give an instance, with a model of docker, that has booted with the first version."""
    world = World(tmp_path)
    world.boot(Offer(1))
    return world


def killed(world: World, offer: Offer, before: Callable[[], bool]) -> None:
    """Run a boot that is killed as soon as what it leaves then is what `before` waits for."""
    start = world.standing()
    for until in range(200):
        world.stand(start)
        with pytest.raises(Killed):
            world.boot(offer, Life(until))
        if before():
            return
    raise AssertionError(offer)


def test_killed_with_the_predecessor_still_parked(world: World) -> None:
    """A registered agent is not taken for one on trial because a killed run could not remove its predecessor."""
    killed(world, Offer(2), before=lambda: world.disk.state().verified == world.disk.state().applied == facts(2))
    assert len(world.docker.containers) == 2
    killed(world, Offer(3), before=lambda: world.disk.state().in_progress == facts(3))
    with pytest.raises(LaunchError, match="the previous state is restored"):
        world.boot(Offer(4, "broken"))
    (agent,) = world.docker.containers.values()
    assert (agent.version, agent.given, agent.running) == ("v2", body(2), True)
    assert world.disk.env_file() == body(2)


def test_what_was_applied_is_right_again(world: World) -> None:
    """Killed on the way back, a run leaves a change open whose file has gone: the next run mends it."""
    killed(world, Offer(2, "broken"), before=lambda: world.disk.env_file() == body(1) and _on_trial(world) == facts(2))
    world.boot(Offer(1, allow_older=True))
    assert _applied(world) == facts(1)


def _on_trial(world: World) -> Optional[ObjectFacts]:
    return world.disk.state().in_progress


def _applied(world: World) -> Optional[ObjectFacts]:
    return world.disk.state().applied
