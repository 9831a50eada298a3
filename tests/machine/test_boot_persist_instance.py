"""`ecsauth boot --persist` on an instance: first boot, reboots and rotations by its units alone, and the end of them.

One instance is booted for most of the tests: `persisted` brings it back to where all is well.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, NamedTuple

import instance as instances
import pytest
from ecsauth.boot import units
from instance import Instance
from instance_boots import (
    FOLDER,
    assert_agent_has,
    boot,
    kill_at,
    moment,
    recorded,
    refresh,
    said,
    started,
    starts,
    unit_files,
    user_data,
    wait_ended,
)
from machine import FIRST, SECOND, auth_file
from s3_faults import ACCESS_DENIED, Late
from s3_server import S3Server

if TYPE_CHECKING:
    from collections.abc import Iterator

    from program import Ended

OK, DENIED, LOCAL, LAUNCH, STALE = 0, 4, 6, 7, 8
FLAGS = ("--deadline=6", "--wait=20")
ENABLED = (units.FETCH, units.VERIFY, units.TIMER)
UNITS = (*ENABLED, units.REFRESH)
THIRD = auth_file("third-password")


def persist(instance: Instance, *options: str) -> Ended:
    """Boot by hand, and go on from there."""
    return boot(instance, "--persist", *FLAGS, *options)


def assert_in_force(instance: Instance) -> None:
    """Assert that systemd has read the files of units and gate, and starts the units at each boot."""
    assert {instance.run("systemctl", "is-enabled", name, check=False).out for name in ENABLED} == {"enabled\n"}
    assert {instance.show(name, "NeedDaemonReload") for name in (*UNITS, "ecs.service")} == {"no"}
    assert instance.show(units.TIMER, "ActiveState") == "active"
    assert units.GATE in instance.show("ecs", "DropInPaths")


class FirstBoot(NamedTuple):
    """What was seen of an instance when its first boot had ended, before any test did something to it."""

    instance: Instance
    verified: int
    said: str
    starts: int
    recorded: tuple[str, str]
    operations: list[str]


@pytest.fixture(scope="module")
def first_boot(instance_image: str) -> Iterator[FirstBoot]:
    """Boot an instance once from user data, with the first version of the file."""
    with S3Server.as_process() as server, Instance(instance_image, server) as instance:
        instance.put(FIRST)
        instance.user_data(user_data(instance, "--persist", *FLAGS))
        assert instance.boot() == "running"
        verified = wait_ended(instance, units.VERIFY)
        assert_agent_has(instance, FIRST)
        assert_in_force(instance)
        facts = (recorded(instance, "verified"), recorded(instance, "installed"))
        operations = instance.s3.operations
        yield FirstBoot(instance, verified, said(instance, units.VERIFY), starts(instance), facts, operations)


@pytest.fixture(scope="module")
def booted(first_boot: FirstBoot) -> Instance:
    """Give an instance that was booted once from user data."""
    return first_boot.instance


@pytest.fixture
def persisted(booted: Instance) -> Instance:
    """Give the instance with the units in force and an agent that runs with the first version of the file."""
    if not booted.s3.is_serving:
        booted.s3.start()
    booted.s3.heal()
    booted.agent_behaves()
    booted.systemctl("stop", units.VERIFY, check=False)
    booted.systemctl("reset-failed")
    if booted.server.s3.get_object(Bucket=booted.bucket, Key=instances.KEY)["Body"].read() != FIRST:
        booted.put(FIRST)
    done = persist(booted)
    assert done.status == OK, done.err
    booted.s3.requests.clear()
    return booted


def test_first_boot(first_boot: FirstBoot) -> None:
    """User data ends at once; the service starts after it, once, and a unit sees the agent register."""
    booted = first_boot.instance
    assert booted.read("/root/status") == b"0\n"
    assert units.VERIFY.encode() in (booted.read("/root/words") or b"")
    # Had it waited for the service, which is ordered after it, it would not have ended at all.
    assert moment(booted, "cloud-final", "ActiveEnter") - moment(booted, "cloud-final", "InactiveExit") < 60
    assert first_boot.verified == OK
    assert "agent registered in cluster demo" in first_boot.said
    assert first_boot.starts == 1
    verified, installed = first_boot.recorded
    assert verified == installed != "None"
    assert first_boot.operations == ["GetObject"] * 2


def test_units_are_sound(persisted: Instance) -> None:
    """There is nothing that systemd finds fault with, nothing in them is secret, or made up by the program."""
    done = persisted.run("systemd-analyze", "verify", "--man=no", *(f"{FOLDER}/{name}" for name in UNITS))
    assert (done.out, done.err) == ("", "")
    text = persisted.systemctl("cat", *UNITS, "ecs.service")
    kept = (persisted.read("/var/lib/ecsauth/persisted.json") or b"").decode()
    assert '"AWS_ENDPOINT_URL_S3": "http://127.0.0.1:9000"' in kept
    assert not [word for word in ("first-password", "NO_PROXY", "SECRET", "TOKEN") if word in text + kept]


def test_unchanged_refresh(persisted: Instance) -> None:
    """Nothing is restarted, and it costs one conditional request."""
    before = started(persisted)
    assert refresh(persisted) == OK
    (request,) = persisted.s3.requests
    assert (request.operation, "if-none-match" in request.headers) == ("GetObject", True)
    assert "nothing has changed" in said(persisted, units.REFRESH)
    assert started(persisted) == before


def test_rotation(persisted: Instance) -> None:
    """A changed object is taken over by the refresh alone: one restart, seen to register."""
    before = starts(persisted)
    version = persisted.put(SECOND)
    assert refresh(persisted) == OK
    assert_agent_has(persisted, SECOND)
    assert starts(persisted) == before + 1
    assert recorded(persisted, "verified") == version
    assert refresh(persisted) == OK
    assert starts(persisted) == before + 1


def test_two_at_once(persisted: Instance) -> None:
    """A refresh that begins while somebody boots by hand waits for that run, and finds nothing left to do."""
    before = starts(persisted)
    persisted.put(SECOND)
    persisted.s3.inject(Late(1.0), times=1)
    ended: list[Ended] = []
    by_hand = threading.Thread(target=lambda: ended.append(boot(persisted, "--deadline=20")))
    by_hand.start()
    persisted.s3.wait_for("GetObject")
    assert refresh(persisted) == OK
    by_hand.join()
    assert (ended[0].status, "agent registered" in ended[0].err) == (OK, True), ended[0].err
    assert "nothing has changed" in said(persisted, units.REFRESH)
    assert starts(persisted) == before + 1
    assert_agent_has(persisted, SECOND)


def test_other_flags(persisted: Instance) -> None:
    """The units are those of the last command: written anew, and gone where it needs them no more."""
    again = unit_files(persisted)
    assert persist(persisted).status == OK
    assert unit_files(persisted) == again
    assert persist(persisted, "--max-stale=7d").status == OK
    shown = {name: persisted.show(name, "ExecStart") for name in (units.FETCH, units.VERIFY, units.REFRESH)}
    assert all("--max-stale 604800s" in line for line in shown.values())
    assert_in_force(persisted)
    assert persist(persisted, "--launch=none").status == OK
    assert persisted.systemctl("list-unit-files", units.VERIFY, "--no-legend", check=False) == ""
    assert persisted.show(units.TIMER, "ActiveState") == "active"
    assert persist(persisted).status == OK
    assert_in_force(persisted)


def test_program_that_others_could_change(persisted: Instance) -> None:
    """What a unit would run as root is refused if others could write it, and nothing is written."""
    before = unit_files(persisted)
    program = "/usr/local/bin/ecsauth"
    persisted.run("chmod", "o+w", program)
    done = persist(persisted, "--max-stale=7d")
    persisted.run("chmod", "o-w", program)
    assert (done.status, f"{program} is writable for other users" in done.err) == (LOCAL, True), done.err
    assert unit_files(persisted) == before
    assert persisted.s3.operations == []


def test_dry_run(persisted: Instance) -> None:
    """It says which units and gate would be written and enabled, and writes none of them; nothing where they are."""
    done = persist(persisted, "--dry-run")
    assert (done.status, "would " in done.err) == (OK, False), done.err
    persisted.run("ecsauth", "unpersist")
    done = persist(persisted, "--dry-run")
    assert done.status == OK
    wanted = [f"{FOLDER}/{name}" for name in (units.GATE, units.FETCH, units.VERIFY, units.REFRESH, units.TIMER)]
    assert all(f"ecsauth: would write {path}" in done.err for path in wanted), done.err
    assert f"would start the units at each boot: systemctl enable --quiet {' '.join(ENABLED)}" in done.err
    assert f"would start the units: systemctl --no-block start {units.TIMER}" in done.err
    lines = [line for line in boot(persisted, "--dry-run").err.splitlines() if "would" in line]
    assert lines == [
        f"ecsauth: would write {wanted[0]}, which blocks the service until a validated env-file is installed"
    ]
    assert unit_files(persisted) == ""
    assert persist(persisted, "--dry-run", "--format=json").document["units"] == wanted
    assert unit_files(persisted) == ""
    assert persist(persisted, "--format=json").document["units"] == wanted


@pytest.mark.parametrize("verb", ["daemon-reload", "enable"])
def test_killed_while_it_begins(persisted: Instance, verb: str) -> None:
    """Killed with the gate written and not read, or the units written and not enabled, the next run makes it good."""
    persisted.run("ecsauth", "unpersist")
    kill_at(persisted, verb, persisted.command("--persist", *FLAGS))
    written = units.GATE if verb == "daemon-reload" else units.TIMER
    assert persisted.read(f"{FOLDER}/{written}") is not None
    assert persisted.run("systemctl", "is-enabled", *ENABLED, check=False).status
    done = persist(persisted)
    assert done.status == OK, done.err
    assert_in_force(persisted)


def test_killed_while_it_changes(persisted: Instance) -> None:
    """Killed with other units written, enabled from before and not read, the next run has systemd read them."""
    kill_at(persisted, "daemon-reload", persisted.command("--persist", *FLAGS, "--max-stale=7d"))
    assert persisted.show(units.TIMER, "ActiveState") == "active"
    assert persist(persisted, "--max-stale=7d").status == OK
    assert "--max-stale" in persisted.show(units.REFRESH, "ExecStart")
    assert_in_force(persisted)


def test_killed_while_it_ends(persisted: Instance) -> None:
    """Killed with the files gone and systemd not told, the next run has it forget the gate."""
    kill_at(persisted, "daemon-reload", "ecsauth unpersist")
    assert (unit_files(persisted), persisted.show("ecs", "NeedDaemonReload")) == ("", "yes")
    persisted.run("ecsauth", "unpersist")
    assert (persisted.show("ecs", "NeedDaemonReload"), persisted.show("ecs", "DropInPaths")) == ("no", "")


def test_partly_enabled(persisted: Instance) -> None:
    """A unit that somebody has disabled is enabled again, though others are."""
    persisted.systemctl("disable", "--quiet", units.VERIFY)
    assert persist(persisted).status == OK
    assert_in_force(persisted)


def test_reboot(persisted: Instance) -> None:
    """The agent starts once, with the file; fetch and verify find nothing to do."""
    assert persisted.reboot() == "running"
    assert [wait_ended(persisted, name) for name in (units.FETCH, units.VERIFY)] == [OK, OK]
    assert_agent_has(persisted, FIRST)
    assert starts(persisted) == 1
    assert ["if-none-match" in request.headers for request in persisted.s3.requests] == [True, True]


def test_reboot_without_s3(persisted: Instance) -> None:
    """The agent starts once, with the last good file; that S3 is down is said, and is no failure of the machine."""
    persisted.s3.stop()
    assert persisted.reboot() == "running"
    assert [wait_ended(persisted, name) for name in (units.FETCH, units.VERIFY)] == [STALE, STALE]
    assert persisted.show(units.FETCH, "Result") == "success"
    assert "boot uses the last verified file" in said(persisted, units.FETCH, "--priority=warning")
    assert "not changed, because S3 is unreachable" in said(persisted, units.VERIFY)
    assert_agent_has(persisted, FIRST)
    assert starts(persisted) == 1
    persisted.s3.start()
    assert refresh(persisted) == OK
    assert starts(persisted) == 1


def test_changed_while_it_was_off(persisted: Instance) -> None:
    """The new file is there before the service starts, which is started once; then the change is closed."""
    persisted.shut_down()
    version = persisted.put(SECOND)
    assert persisted.boot() == "running"
    assert [wait_ended(persisted, name) for name in (units.FETCH, units.VERIFY)] == [OK, OK]
    assert 0 < moment(persisted, units.FETCH, "InactiveEnter") <= moment(persisted, "ecs", "InactiveExit")
    assert "installed as" in said(persisted, units.FETCH)
    assert_agent_has(persisted, SECOND)
    assert starts(persisted) == 1
    assert (recorded(persisted, "verified"), recorded(persisted, "in_progress")) == (version, "None")


def test_changed_to_what_the_agent_does_not_bear(persisted: Instance) -> None:
    """The agent of before runs again with its file; the timer does not try the rejected version a second time."""
    persisted.shut_down()
    version = persisted.put(THIRD)
    persisted.agent_behaves("only-if=third-password", "exit=5")
    persisted.boot()
    assert [wait_ended(persisted, name) for name in (units.FETCH, units.VERIFY)] == [OK, LAUNCH]
    assert_agent_has(persisted, FIRST)
    assert (recorded(persisted, "rejected"), persisted.read(instances.ENV_FILE)) == (version, FIRST)
    error = said(persisted, units.VERIFY, "--priority=err")
    assert f"(version {version}); the previous state is restored" in error
    assert "third-password" not in said(persisted, units.VERIFY)
    before = starts(persisted)
    assert refresh(persisted) == LAUNCH
    assert "is rejected, because the agent did not come up" in said(persisted, units.REFRESH, "--priority=err")
    assert starts(persisted) == before


def test_unpersist(persisted: Instance) -> None:
    """Units and gate go, with their failures; file and agent stay; the next boot is as if they had never been."""
    persisted.s3.inject(ACCESS_DENIED)
    assert refresh(persisted) == DENIED
    assert "the installed env-file and the agent are unchanged" in said(persisted, units.REFRESH)
    persisted.s3.heal()
    before = started(persisted)
    done = persisted.run("ecsauth", "unpersist", "--format", "json")
    assert units.GATE in done.document["removed"]
    assert unit_files(persisted) == ""
    assert persisted.systemctl("list-units", "--all", "--no-legend", "--plain", "ecsauth-*") == ""
    assert persisted.show("ecs", "DropInPaths") == ""
    persisted.write(f"/etc/init/{units.UPSTART_GATE}", units.upstart_gate("/var/lib/ecsauth/checked").text.encode())
    assert f"removed {units.UPSTART_GATE}" in persisted.run("ecsauth", "unpersist").err
    persisted.write(f"/etc/init/{units.UPSTART_GATE}", b"# somebody else's\n")
    assert "nothing to do" in persisted.run("ecsauth", "unpersist").err
    assert persisted.read(f"/etc/init/{units.UPSTART_GATE}")
    assert (started(persisted), persisted.read(instances.ENV_FILE)) == (before, FIRST)
    persisted.run("rm", "/var/lib/ecsauth/checked")
    assert persisted.reboot() == "running"
    assert_agent_has(persisted, FIRST)
    assert persisted.s3.operations.count("GetObject") == len(persisted.s3.operations) > 0
    assert persist(persisted).status == OK
    assert_in_force(persisted)


def test_denied_until_it_is_allowed(instance: Instance) -> None:
    """No agent starts, at this boot and the next, until S3 allows; then the timer's run starts it, in its cluster."""
    instance.put(FIRST)
    instance.s3.inject(ACCESS_DENIED)
    instance.user_data(user_data(instance, "--persist", *FLAGS))
    assert instance.boot() == "degraded"
    assert instance.read("/root/status") == b"4\n"
    assert instance.show("ecs", "ActiveState") == "inactive"
    assert_in_force(instance)
    instance.reboot()
    assert [wait_ended(instance, name) for name in (units.FETCH, units.VERIFY)] == [DENIED, DENIED]
    assert instance.show("ecs", "ActiveState") == "inactive"
    assert refresh(instance) == DENIED
    assert "S3 denies access" in said(instance, units.REFRESH, "--priority=err")
    assert "no validated env-file was ever installed on this instance, so boot does not start an agent" in said(
        instance, units.REFRESH
    )
    instance.s3.heal()
    assert refresh(instance) == OK
    assert_agent_has(instance, FIRST)
    instance.run("journalctl", "--sync")
    ever = instance.run("journalctl", "--no-pager", "--output=cat", "--unit=ecs").out
    assert (ever.count("starting the agent"), ever.count("cluster default"), ever.count("cluster demo")) == (1, 0, 1)


def test_out_of_reach_at_first(instance: Instance) -> None:
    """With S3 down at the first boot no agent starts; soon after it is back one does, before the timer's time."""
    instance.put(FIRST)
    instance.without(instance.s3)
    instance.write(f"{FOLDER}/{units.VERIFY}.d/soon.conf", b"[Service]\nRestartSec=1s\n")
    instance.user_data(user_data(instance, "--persist", "--deadline=2", "--wait=20"))
    instance.start()
    instance.wait_until(lambda: instance.read("/root/status"), "user data has ended")
    assert instance.read("/root/status") == b"5\n"
    assert starts(instance) == 0
    instance.s3.start()
    assert_agent_has(instance, FIRST)
    instance.wait_until(lambda: recorded(instance, "verified") != "None", "it was seen to register")
    assert (starts(instance), wait_ended(instance, units.VERIFY)) == (1, OK)
