"""An agent of `docker run --rm` is gone once it is stopped, so it is stopped only by who says so."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from docker_engine import AGENT
from ecsauth.boot.state import State
from machine import FIRST

if TYPE_CHECKING:
    from machine import Machine

LAUNCH = 7


@pytest.fixture
def passing(machine: Machine) -> Machine:
    """Give an instance on which somebody has run an agent with --rm."""
    options = ("--detach", "--rm", "--net=host", "--env=ECS_CLUSTER=demo", "--env=ECS_DATADIR=/data", f"--name={AGENT}")
    machine.docker.call("run", *options, machine.docker.image())
    machine.docker.wait_until(lambda: machine.docker.introspect("/v1/metadata"), "the agent answers")
    return machine


def test_is_left_alone(passing: Machine) -> None:
    """It is refused before anything is stopped or written, with the flag named."""
    before = passing.standing()
    done = passing.launch()
    assert done.status == LAUNCH
    assert "ecsauth: error: the running agent was started with --rm: if it stops, docker deletes it" in done.err
    assert "ecsauth: hint: stop the agent yourself, or replace it anyway: ecsauth boot " in done.err
    assert passing.standing() == before
    assert not passing.strays()
    assert passing.record() == State()


def test_is_replaced_by_force(passing: Machine) -> None:
    """With --force the documented agent takes its place."""
    old = passing.standing().agents[AGENT]
    done = passing.launch("--force")
    assert done.status == 0, done.err
    after = passing.standing()
    assert list(after.agents) == [AGENT]
    assert after.agents[AGENT].container_id != old.container_id
    assert after.agents[AGENT].restart_policy == ("on-failure", 10)
    assert after.env_file is not None
    assert after.env_file.content == FIRST


def test_gives_way_to_one_that_fails(passing: Machine) -> None:
    """With --force there is nothing to go back to, and that is said."""
    done = passing.launch("--force", variant="crashing")
    assert done.status == LAUNCH
    assert "; there is no previous version to roll back to\n" in done.err
    assert list(passing.standing().agents) == [AGENT]
    assert not passing.standing().agents[AGENT].running or passing.state().rejected is not None
