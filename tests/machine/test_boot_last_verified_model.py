"""The last verified file, while S3 does not answer: it stays as old as it is, and the gate opens for it again.

The disk is the real one, docker and S3 are models.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import tales
from boot_model import Offer, World, body, facts
from ecsauth.boot.docker_plan import NAME
from ecsauth.errors import LaunchError
from tales import Told, distinct

if TYPE_CHECKING:
    from collections.abc import Iterator

_START, _DAY = 1_700_000_000, 24 * 3600
REJECTED = Offer(3, "terminal")


def assert_runs(world: World) -> None:
    """Assert that file, copy, record and agent are of the first version, and that the gate is open."""
    state, agent = world.disk.state(), world.docker.containers[NAME]
    assert world.disk.env_file() == world.disk.verified_copy() == agent.given == body(1)
    assert state.installed is not None
    assert (state.installed.facts, state.applied, state.verified, state.in_progress) == (*(facts(1),) * 3, None)
    assert (list(world.docker.containers), agent.running) == ([NAME], True)
    assert ("ecsauth", "checked", b"") in world.files()


def test_an_edit_during_an_outage(world: World) -> None:
    """The last verified file is restored over an edit: S3 has not confirmed it by that, so its age goes on."""
    world.rest(3 * _DAY)
    world.disk.write_env_file(b"ECS_CLUSTER=edited\n")
    before = Told(world.standing(), (), 1)
    for told in distinct(tales.runs(world, before, Offer(None))):
        world.stand(told.standing)
        world.rest(3 * _DAY)
        world.boot(Offer(None))
        assert_runs(world)
        state = world.disk.state()
        assert state.installed is not None
        assert max(state.installed.at, state.confirmed_at) == _START
        assert world.boot(Offer(None)).accepted.stale_for == 3 * _DAY


def test_an_edit_beside_a_rejected_version(world: World) -> None:
    """The version that registered last is started again: its age does not begin anew either."""
    with pytest.raises(LaunchError):
        world.boot(REJECTED)
    world.rest(_DAY)
    world.disk.write_env_file(b"ECS_CLUSTER=edited\n")
    del world.docker.containers[NAME]
    with pytest.raises(LaunchError, match="no agent was running, so version v1 was restarted, and has registered"):
        world.boot(REJECTED)
    assert_runs(world)
    state = world.disk.state()
    assert state.installed is not None
    assert max(state.installed.at, state.confirmed_at) == _START


def test_a_clock_that_was_set_back(world: World) -> None:
    """The install time was in the future: S3 confirms the file, and from then on its age is right."""
    world.rest(-_DAY)
    world.boot(Offer(1))
    state = world.disk.state()
    assert state.installed is not None
    assert (state.installed.at, state.confirmed_at) == (_START - _DAY, _START - _DAY)
    world.rest(3600)
    assert world.boot(Offer(None)).accepted.stale_for == 3600


def copies(world: World) -> Iterator[None]:
    """Remove, then damage, the verified copy; the env-file is as it was installed."""
    before = world.standing()
    for copy in (None, b"ECS_CLUSTER=damaged\n"):
        world.stand(before)
        world.disk.write_verified_copy(copy)
        yield


@pytest.mark.parametrize("number", [None, 1], ids=["S3 unreachable", "S3 answers"])
def test_a_verified_copy_that_is_gone(world: World, number: int | None) -> None:
    """The env-file has the recorded bytes: the copy and the mark are made again, and no agent is restarted."""
    agent = world.docker.containers[NAME]
    for _ in copies(world):
        damaged = Told(world.standing(), (), 1)
        for told in distinct(tales.runs(world, damaged, Offer(number))):
            world.stand(told.standing)
            report = world.boot(Offer(number))
            assert (report.outcome.value, report.exit_code) == ("unchanged", 0 if number else 8)
            assert_runs(world)
            assert world.docker.containers[NAME] == agent
            # A file that ecsauth has installed is no file of before, whose copy stays.
            assert "ecs.config.before-ecsauth" not in {name for _, name, _ in world.files()}


def test_a_verified_copy_that_is_gone_beside_a_rejected_version(world: World) -> None:
    """The run that starts the version that registered last makes the mark as well."""
    with pytest.raises(LaunchError):
        world.boot(REJECTED)
    for _ in copies(world):
        world.docker.containers[NAME] = world.docker.containers[NAME]._replace(running=False)
        with pytest.raises(LaunchError, match="no agent was running, so version v1 was restarted, and has registered"):
            world.boot(REJECTED)
        assert_runs(world)


def test_the_next_version_after_a_copy_that_is_gone(world: World) -> None:
    """One that fails is rolled back to the version that was installed, with its copy and its mark."""
    for _ in copies(world):
        with pytest.raises(LaunchError, match="the previous state is restored"):
            world.boot(REJECTED)
        assert_runs(world)
