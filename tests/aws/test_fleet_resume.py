"""A client that dies between any two of its calls: the roll is resumed by somebody else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from machine import auth_file

if TYPE_CHECKING:
    from fleet_world import FleetWorld, Fuse

pytestmark = pytest.mark.slow
_WAVES = ("--waves=1,100%",)
# What changes something, or lets time pass. After any other call the services are as they were before it, so that a
# client that dies after it leaves the same as one that died before.
_CHANGES = frozenset({"PutObject", "SendCommand", "CancelCommand", "ListCommands", "ListCommandInvocations"})


def test_cut_off_after_every_call(fleet_world: FleetWorld) -> None:
    """Whatever the last call was, the released version is the old or the new one, and `resume` ends the roll.

    What was sent has come to its end before that every other time, and goes on meanwhile the other times.
    """
    fleet_world.launch_models(2)
    whole = _cut_off(fleet_world, auth_file("password"), None).operations
    cuts = [0, *(number for number, operation in enumerate(whole, 1) if operation in _CHANGES)]
    assert {"PutObject", "SendCommand"} <= {whole[number - 1] for number in cuts}
    for cut in cuts:
        # Each roll as long after the one before as the first one: its calls are then the same.
        fleet_world.engine.forget()
        before, content = fleet_world.store.get("prod/ecs.config"), auth_file(f"password-{cut}")
        fuse = _cut_off(fleet_world, content, cut)
        assert fleet_world.store.get("prod/ecs.config") in (before, content), fuse.operations
        if cut % 2:
            fleet_world.engine.settle()
        _go_on(fleet_world, content)
        assert fleet_world.store.get("prod/ecs.config") == content, fuse.operations
        assert fleet_world.model_versions == {fleet_world.candidates[0]}, fuse.operations


def _cut_off(world: FleetWorld, content: bytes, calls: int | None) -> Fuse:
    """Roll with a client that dies after so many calls; None: that ends."""
    fuse = world.cut_off_after(calls)
    done = world.roll(content, *_WAVES)
    world.mend()
    assert fuse.has_blown is not (calls is None), done.err
    return fuse


def _go_on(world: FleetWorld, content: bytes) -> None:
    """Do what an operator does who finds the roll: resume it, or begin it if its candidate was not put yet."""
    is_put = world.store.get("prod/ecs.config.candidate") == content
    done = world.resume(*_WAVES) if is_put else world.roll(content, *_WAVES)
    assert done.status == 0, done.err
