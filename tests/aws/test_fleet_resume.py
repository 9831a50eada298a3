"""A client that dies between any two of its calls: the roll is resumed by somebody else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from machine import auth_file

if TYPE_CHECKING:
    from fleet_world import FleetWorld

pytestmark = pytest.mark.slow
_WAVES = ("--waves=1,100%",)
# A roll of two waves takes about so many calls; the test finds the real number.
_FEW = 30


def test_cut_off_after_every_call(fleet_world: FleetWorld) -> None:
    """Whatever the last call was, the released version is the old or the new one, and `resume` ends the roll.

    What was sent has come to its end before that every other time, and goes on meanwhile the other times.
    """
    fleet_world.launch_models(2)
    calls, has_ended = 0, False
    while not has_ended:
        before, content = fleet_world.store.get("prod/ecs.config"), auth_file(f"password-{calls}")
        has_ended = _cut_off(fleet_world, content, calls)
        assert fleet_world.store.get("prod/ecs.config") in (before, content), calls
        if calls % 2:
            fleet_world.engine.settle()
        if not has_ended:
            _go_on(fleet_world, content)
        assert fleet_world.store.get("prod/ecs.config") == content, calls
        assert {node.version for node in fleet_world.models} == {fleet_world.candidates[0]}, calls
        calls += 1
    assert calls > _FEW


def _cut_off(world: FleetWorld, content: bytes, calls: int) -> bool:
    """Roll with a client that dies after so many calls, and tell whether it needed no more."""
    fuse = world.cut_off_after(calls)
    done = world.roll(content, *_WAVES)
    world.mend()
    assert fuse.has_blown or done.status == 0, done.err
    return not fuse.has_blown


def _go_on(world: FleetWorld, content: bytes) -> None:
    """Do what an operator does who finds the roll: resume it, or begin it if its candidate was not put yet."""
    candidates = world.store.versions("prod/ecs.config.candidate")
    is_put = bool(candidates) and world.store.get("prod/ecs.config.candidate") == content
    done = world.resume(*_WAVES) if is_put else world.roll(content, *_WAVES)
    assert done.status == 0, done.err
