"""Boots on an instance where ecs.service runs the agent: from user data and by hand, and what came of them."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from instance import Instance
    from program import Ended


def user_data(instance: Instance, *options: str) -> str:
    """Return user data that boots, and keeps status and words."""
    command = instance.command(*options)
    return f"#!/bin/sh\n{command} 2>/root/words\nstatus=$?\necho $status >/root/status\nexit $status\n"


def boot(instance: Instance, *options: str) -> Ended:
    """Run the same command on the instance, after its boot."""
    return instance.run(*instance.command(*options).split(), check=False)


def started(instance: Instance) -> str:
    """Return when ecs.service was started last."""
    return instance.show("ecs", "ExecMainStartTimestampMonotonic")


def starts(instance: Instance) -> int:
    """Return how often an agent was started since the machine has booted."""
    return instance.journal("ecs").count("starting the agent")


def moment(instance: Instance, unit: str, name: str) -> float:
    """Return when something happened to a unit, as uptime; 0 if never."""
    return int(instance.show(unit, f"{name}TimestampMonotonic")) / 1e6


def assert_agent_has(instance: Instance, body: bytes) -> None:
    """Assert that an agent answers that was started with the file."""
    instance.wait_for_agent()
    data = body.split(b"ECS_ENGINE_AUTH_DATA=")[1].splitlines()[0]
    assert instance.proof()["ECS_ENGINE_AUTH_DATA"] == hashlib.sha256(data).hexdigest()
