"""`ecsauth boot --launch=none` from user data, on an instance: ecs.service starts after it, with the file."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import instance as instances
import pytest
from machine import FIRST, SECOND, auth_file
from metadata_service import Behaviour
from s3_faults import ACCESS_DENIED

if TYPE_CHECKING:
    from canary import Canary
    from instance import Instance

DENIED, UNREACHABLE = 4, 5


def user_data(instance: Instance, *options: str) -> str:
    """Return user data that boots and keeps the status."""
    command = instance.command("--launch=none", *options)
    return f"#!/bin/sh\n{command}\nstatus=$?\necho $status >/root/status\nexit $status\n"


def credentials(body: bytes) -> dict[str, str]:
    """Return the proof of an agent that was started with the file."""
    variables = dict(line.split(b"=", 1) for line in body.splitlines())
    names = ("ECS_ENGINE_AUTH_TYPE", "ECS_ENGINE_AUTH_DATA")
    return {name: hashlib.sha256(variables[name.encode()]).hexdigest() for name in names}


def test_first_boot(instance: Instance, canary: Canary) -> None:
    """The agent starts once, with the credentials of the object, and the journal tells nothing of them."""
    body = auth_file(canary.password)
    instance.put(body)
    instance.user_data(user_data(instance))
    assert instance.boot() == "running"
    assert instance.wait_for_agent()["Cluster"] == "demo"
    assert instance.proof() == credentials(body)
    assert instance.read(instances.ENV_FILE) == body
    assert instance.run("stat", "--format=%a %U %G", instances.ENV_FILE).out == "600 root root\n"
    assert instance.s3.operations == ["GetObject"]
    assert instance.journal("ecs").count("starting the agent") == 1
    canary.assert_not_in(instance.journal(), "the journal")


def test_reboot(instance: Instance) -> None:
    """After a reboot the agent starts with the installed file, also with S3 down."""
    instance.put(FIRST)
    instance.user_data(user_data(instance))
    instance.boot()
    instance.s3.stop()
    assert instance.reboot() == "running"
    instance.wait_for_agent()
    assert instance.proof() == credentials(FIRST)


def test_rotation(instance: Instance) -> None:
    """The same command later installs the changed object, for the next start of ecs.service."""
    instance.put(FIRST)
    instance.user_data(user_data(instance))
    instance.boot()
    instance.wait_for_agent()
    instance.put(SECOND)
    done = instance.run(*instance.command("--launch=none").split())
    assert "installed as /etc/ecs/ecs.config" in done.err
    assert instance.proof() == credentials(FIRST)
    instance.systemctl("restart", "ecs")
    instance.wait_for_agent()
    assert instance.proof() == credentials(SECOND)


def test_role_that_is_not_ready(instance: Instance) -> None:
    """An instance whose role comes late boots all the same."""
    instance.put(FIRST)
    instance.metadata.become(Behaviour.NO_ROLE, requests=6)
    instance.user_data(user_data(instance))
    assert instance.boot() == "running"
    instance.wait_for_agent()
    assert instance.proof() == credentials(FIRST)


@pytest.mark.parametrize("status", [DENIED, UNREACHABLE])
def test_failure_installs_nothing(instance: Instance, status: int) -> None:
    """Denied or without S3, user data fails with the status, and the AMI's empty file is as it was."""
    instance.put(FIRST)
    if status == DENIED:
        instance.s3.inject(ACCESS_DENIED)
    else:
        instance.without(instance.s3)
    instance.user_data(user_data(instance, "--deadline=6"))
    assert instance.boot() == "degraded"
    assert instance.read("/root/status") == f"{status}\n".encode()
    assert instance.read(instances.ENV_FILE) == b""
