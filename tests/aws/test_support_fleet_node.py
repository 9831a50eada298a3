"""A simulated instance: scripts run on it for real, in its own folders, with its own agent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from fleet_world import CANDIDATE, KEY, RELEASED

if TYPE_CHECKING:
    from fleet_node import FleetNode
    from fleet_world import FleetWorld

# Longer than a test waits for anything.
_LONG = 300


@pytest.fixture
def node(fleet_world: FleetWorld) -> FleetNode:
    """Give one instance that runs the released version."""
    return fleet_world.launch()[0]


def test_boot(fleet_world: FleetWorld, node: FleetNode) -> None:
    """It has the released file, a registered agent, a report, and the same in its inventory."""
    assert node.env_file.read_bytes() == RELEASED
    assert node.report["agent"] == {"started_from": fleet_world.released, "registered": True}
    item = node.inventory()
    assert item is not None
    assert item["Content"]["Installed"] == fleet_world.released


def test_the_program_of_a_script(node: FleetNode) -> None:
    """The absolute path of the program leads below the folder of the instance, and nothing else is changed."""
    ran = node.run("[ -x /usr/local/bin/ecsauth ] && echo /usr/local/bin/ecsauth a/usr/bin/b")
    assert ran.out == f"{node.root}/usr/local/bin/ecsauth a/usr/bin/b\n"


def test_an_agent_that_fails(fleet_world: FleetWorld, node: FleetNode) -> None:
    """With that version alone: the one before is back, and the version is rejected."""
    version = fleet_world.store.put(CANDIDATE, f"{KEY}.candidate")
    node.let_fail(version)
    assert node.boot("--candidate", version).code == 7
    assert node.env_file.read_bytes() == RELEASED
    assert node.report["rejected"]["version"] == version
    assert node.report["agent"]["registered"] is True


def test_a_script_that_does_not_end(node: FleetNode) -> None:
    """It is killed with all that it has started, and what it has said is kept."""
    ran = node.run(f"echo begun; sleep {_LONG} & sleep {_LONG}", timeout=0.5)
    assert (ran.code, ran.out) == (None, "begun\n")


def test_instances_are_apart(fleet_world: FleetWorld, node: FleetNode) -> None:
    """What one takes, another one does not have."""
    other = fleet_world.launch()[0]
    assert other.boot("--candidate", fleet_world.store.put(CANDIDATE, f"{KEY}.candidate")).code == 0
    assert (node.env_file.read_bytes(), other.env_file.read_bytes()) == (RELEASED, CANDIDATE)


def test_docker_status(node: FleetNode) -> None:
    """`ecsauth status` finds the agent, by the environment of its container and by its answer."""
    ran = node.run("/usr/local/bin/ecsauth status")
    assert ran.code == 0, ran.out
