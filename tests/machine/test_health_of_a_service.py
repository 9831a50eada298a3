"""`ecsauth status` and `ecsauth doctor` where ecs.service runs the agent, on a systemd of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import instance as instances
import pytest
from ecsauth.boot import units
from machine import FIRST, SECOND
from s3_faults import ACCESS_DENIED

if TYPE_CHECKING:
    from instance import Instance

OK, DISAGREE = 0, 3


def lines(instance: Instance, *command: str, expected: int) -> dict[str, str]:
    """Run a command on the instance and return the lines of its report by their topics."""
    done = instance.run("ecsauth", *command, check=False)
    assert done.status == expected, done.out + done.err
    return {line.split()[1]: line for line in done.out.splitlines()}


@pytest.fixture
def running(instance: Instance) -> Instance:
    """Give an instance whose agent was started with the first version of the file, with the timer."""
    instance.put(FIRST)
    instance.user_data(f"#!/bin/sh\n{instance.command()}\n")
    assert instance.boot() == "running"
    instance.wait_for_agent()
    done = instance.run(*instance.command("--persist").split(), check=False)
    assert done.status == OK, done.err
    return instance


def test_healthy(running: Instance) -> None:
    """Without docker to ask, the service has the file because it was started after it; the gate and the timer work."""
    shown = lines(running, "status", "--remote", expected=OK)
    assert "service, running for " in shown["agent"]
    assert shown["environment"].endswith("the service was started after the file was installed")
    assert "demo as arn:aws:ecs:" in shown["cluster"]
    found = lines(running, "doctor", expected=DISAGREE)
    assert "the gate is installed, and ecs.service starts after user data" in found["ordering"]
    assert f"{units.TIMER} is active" in found["timer"]
    assert found["agent"].startswith("ok  ")
    # The instance has a stand-in of docker's service, and no docker.
    assert [name for name, line in found.items() if line.startswith("failed")] == ["docker"]


def test_new_file_that_the_service_has_not_read(running: Instance) -> None:
    """A file that was installed behind the service's back."""
    running.put(SECOND)
    assert running.run(*running.command("--launch=none").split(), check=False).status == OK
    shown = lines(running, "status", expected=DISAGREE)
    assert "was started before the file was installed, and has not read it" in shown["environment"]


def test_stopped_service(running: Instance) -> None:
    """A service that somebody has stopped, and a timer."""
    running.systemctl("stop", "ecs", units.TIMER)
    shown = lines(running, "status", expected=DISAGREE)
    assert shown["agent"].startswith("failed ")
    assert "service does not run" in shown["agent"]
    found = lines(running, "doctor", "--launch=service", expected=DISAGREE)
    assert "the service does not run" in found["agent"]
    assert f"{units.TIMER} is not active" in found["timer"]


def test_held_back(instance: Instance) -> None:
    """Where the first boot was denied the gate holds the service back, and says so."""
    instance.put(FIRST)
    instance.s3.inject(ACCESS_DENIED)
    instance.user_data(f"#!/bin/sh\n{instance.command('--deadline=6')}\n")
    instance.boot()
    shown = lines(instance, "status", expected=DISAGREE)
    assert "a condition of its unit is not met, such as that of the gate" in shown["agent"]
    assert "with status 4: cannot get " in shown["last-run"]
    found = lines(instance, "doctor", instance.uri, expected=DISAGREE)
    assert "the gate blocks ecs.service: no validated env-file is installed: boot: ecsauth boot " in found["ordering"]
    assert found["object"].startswith("failed ") or found["bucket"].startswith("failed ")
    assert instance.read(instances.ENV_FILE) in (None, b"")
