"""`ecsauth boot` where ecs.service runs the agent: from user data, again, after a change, after a reboot."""

from __future__ import annotations

from typing import TYPE_CHECKING

import instance as instances
import pytest
from instance_boots import assert_agent_has, boot, started, user_data
from machine import FIRST, SECOND
from s3_faults import ACCESS_DENIED

if TYPE_CHECKING:
    from instance import Instance

OK, LAUNCH, STALE = 0, 7, 8


@pytest.fixture
def running(instance: Instance) -> Instance:
    """Give an instance whose agent was started with the first version of the file, and seen to register."""
    instance.put(FIRST)
    instance.user_data(user_data(instance))
    assert instance.boot() == "running"
    instance.wait_for_agent()
    done = boot(instance)
    assert done.status == OK, done.err
    return instance


def test_first_boot(instance: Instance) -> None:
    """User data ends at once, with the service queued; it starts once, after it; a run later sees it register."""
    instance.put(FIRST)
    instance.user_data(user_data(instance))
    assert instance.boot() == "running"
    assert instance.read("/root/status") == b"0\n"
    assert b"the service starts after cloud-init" in (instance.read("/root/words") or b"")
    assert_agent_has(instance, FIRST)
    first = started(instance)
    done = boot(instance)
    assert (done.status, "agent registered in cluster demo" in done.err) == (OK, True), done.err
    done = boot(instance)
    assert (done.status, "nothing has changed" in done.err) == (OK, True), done.err
    assert started(instance) == first


def test_rotation(running: Instance) -> None:
    """A changed object restarts the service once, and the agent has it."""
    before = started(running)
    running.put(SECOND)
    done = boot(running)
    assert done.status == OK, done.err
    assert started(running) != before
    assert_agent_has(running, SECOND)
    after = started(running)
    assert boot(running).status == OK
    assert started(running) == after


@pytest.mark.parametrize("options", [("exit=5",), ("init=1",)])
def test_file_that_the_agent_does_not_bear(running: Instance, options: tuple[str, ...]) -> None:
    """The file of before comes back and the service with it; the version is not tried again."""
    running.agent_behaves("only-if=second-password", *options)
    # Ten seconds between the starts of a service that fails tell nothing more.
    running.write("/etc/systemd/system/ecs.service.d/soon.conf", b"[Service]\nRestartSec=1s\n")
    running.systemctl("daemon-reload")
    running.put(SECOND)
    done = boot(running, "--wait=40")
    assert done.status == LAUNCH, done.err
    assert "second-password" not in done.err
    assert running.read(instances.ENV_FILE) == FIRST
    assert_agent_has(running, FIRST)
    after = started(running)
    done = boot(running)
    assert (done.status, "is rejected, because the agent did not come up" in done.err) == (LAUNCH, True), done.err
    assert started(running) == after


def test_agent_that_is_slow(running: Instance) -> None:
    """An agent that has not registered in time stays, and a run later sees that it has."""
    running.agent_behaves("delay=4")
    running.put(SECOND)
    done = boot(running, "--wait=1")
    assert done.status == LAUNCH, done.err
    assert running.show("ecs", "ActiveState") == "active"
    assert_agent_has(running, SECOND)
    assert boot(running).status == OK


def test_crash_that_ecs_init_keeps_to_itself(running: Instance) -> None:
    """An agent that ecs-init starts again and again has not registered in time; the service is as active as ever."""
    running.agent_behaves("exit=1")
    running.put(SECOND)
    done = boot(running, "--wait=3")
    assert done.status == LAUNCH, done.err
    assert running.show("ecs", "ActiveState") == "active"
    running.agent_behaves()
    assert_agent_has(running, SECOND)
    assert boot(running).status == OK


def test_edited_by_hand(running: Instance) -> None:
    """A file that somebody has edited is installed anew, and the service started with it."""
    running.write(instances.ENV_FILE, b"ECS_CLUSTER=by-hand\n")
    done = boot(running)
    assert done.status == OK, done.err
    assert running.read(instances.ENV_FILE) == FIRST
    assert_agent_has(running, FIRST)


def test_stopped_service(running: Instance) -> None:
    """A service that somebody has stopped is started."""
    running.systemctl("stop", "ecs")
    assert running.agent() is None
    assert boot(running).status == OK
    assert_agent_has(running, FIRST)


def test_reboot_without_s3(running: Instance) -> None:
    """After a reboot the service runs on the installed file; a run says that S3 could not be asked."""
    running.s3.stop()
    assert running.reboot() == "running"
    assert_agent_has(running, FIRST)
    before = started(running)
    assert boot(running, "--deadline=3").status == STALE
    assert started(running) == before
    running.s3.start()
    assert boot(running).status == OK
    assert started(running) == before


@pytest.mark.parametrize("option", ["--set=ECS_ENGINE_AUTH_DATA=x", "--file=/etc/other.config", "--state-dir=/tmp/x"])
def test_refused_first_boot_starts_no_agent(instance: Instance, option: str) -> None:
    """What the command line asks for in vain is refused once the service is held back."""
    instance.put(FIRST)
    instance.user_data(user_data(instance, option))
    instance.boot()
    assert instance.read("/root/status") in (b"2\n", b"6\n")
    assert instance.show("ecs", "ActiveState") == "inactive"


def test_denied_first_boot_starts_no_agent(instance: Instance) -> None:
    """Without a checked file ecs.service stays inactive, at this boot and the next; with one it starts."""
    instance.put(FIRST)
    instance.s3.inject(ACCESS_DENIED)
    instance.user_data(user_data(instance, "--deadline=6"))
    assert instance.boot() == "degraded"
    assert instance.read("/root/status") == b"4\n"
    assert instance.show("ecs", "ActiveState") == "inactive"
    instance.reboot()
    assert instance.show("ecs", "ActiveState") == "inactive"
    instance.s3.heal()
    assert boot(instance).status == OK
    assert_agent_has(instance, FIRST)
