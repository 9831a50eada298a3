"""What `ecsauth user-data` writes, run by cloud-init at the launch of an instance: from nothing to the running agent.

A boot costs seconds: what can be tried on a machine that is up is tried there, with the script as cloud-init keeps it.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Optional

import boot_archive
import launched_instance
import pytest
import recipe
from auto_scaling import SERVICE, AutoScaling
from canary import Canary, sampling
from ecsauth.boot import units
from instance_boots import FOLDER, assert_agent_has, moment, recorded, starts, wait_ended
from launched_instance import HTTPS_PORT, PROGRAM, LaunchedInstance
from machine import FIRST
from metadata_service import Behaviour
from s3_faults import ACCESS_DENIED, CutBody, Fault, Late, Reset, SlowDrip

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from certificates import Certificates
    from program import Ended
    from seaweed_server import SeaweedServer

OK, DENIED, UNREACHABLE, LAUNCH = 0, 4, 5, 7
FLAGS = ("--deadline=10", "--wait=60")
SCRIPT = "/var/lib/cloud/instance/scripts/part-001"
GATE = f"{FOLDER}/{units.GATE}"
GATE_TEXT = units.gate("/var/lib/ecsauth/checked", "/etc/ecs/ecs.config").text.encode()
LATE_S = 7.0
# Where anything can be left; /proc is looked at while it runs.
WRITABLE = ("/etc", "/home", "/opt", "/root", "/run", "/srv", "/tmp", "/usr", "/var")  # noqa: S108 - an instance's


@pytest.fixture(scope="session")
def aws_certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """Make the certificates of AWS's endpoints."""
    return launched_instance.certificates(tmp_path_factory.mktemp("aws"))


@pytest.fixture(scope="session")
def archive() -> bytes:
    """Give the boot archive of this tree."""
    return boot_archive.built().read_bytes()


@pytest.fixture
def launched(instance_image: str, seaweed: SeaweedServer, aws_certificates: Certificates) -> Iterator[LaunchedInstance]:
    """Give an instance that has not been switched on, with the first version of the file in S3."""
    with LaunchedInstance(instance_image, seaweed, aws_certificates) as instance:
        instance.put(FIRST)
        yield instance


def run_script(launched: LaunchedInstance, *, alarm_s: Optional[int] = None, path: str = "") -> Ended:
    """Run the user data once more, as cloud-init keeps it, perhaps with less patience."""
    script = launched.read(SCRIPT) or b""
    if alarm_s is not None:
        assert b"signal.alarm(180)" in script
        script = script.replace(b"signal.alarm(180)", b"signal.alarm(%d)" % alarm_s)
    launched.write("/root/again", script)
    return launched.run("env", f"PATH={path}/usr/sbin:/usr/bin:/sbin:/bin", "sh", "/root/again", check=False)


def assert_no_agent(launched: LaunchedInstance) -> None:
    """Assert that none has ever started, and that cloud-init shows that something is wrong."""
    launched.run("journalctl", "--sync")
    ever = launched.run("journalctl", "--no-pager", "--output=cat", "--unit=ecs").out
    assert (launched.show("ecs", "ActiveState"), "starting the agent" in ever) == ("inactive", False)
    assert "status: error" in launched.run("cloud-init", "status", check=False).out


def test_from_launch_to_agent(launched: LaunchedInstance, archive: bytes, tmp_path: Path) -> None:
    """With nothing but Python: an agent with the file, the role's keys seen nowhere; a run more changes nothing."""
    sha256 = launched.put_archive(archive)
    launched.user_data(
        launched.made_user_data(tmp_path, *launched.from_archive(sha256), *FLAGS, "--bucket-owner=123456789012")
    )
    # Long enough to be seen at it.
    launched.s3.inject(Late(1.0), times=2)
    launched.start()
    with sampling(launched.pid) as seen:
        assert launched.wait_booted() == "running"
    assert wait_ended(launched, units.VERIFY) == OK
    assert_agent_has(launched, FIRST)
    assert starts(launched) == 1
    # Neither of these is on it, nor is the Internet.
    assert launched.run("sh", "-c", "command -v curl wget aws pip pip3", check=False).out == ""
    assert launched.s3.operations == ["GetObject"] * 3
    assert launched.s3.requests.wait_for(lambda one: one.key == "ecsauth").headers["x-amz-expected-bucket-owner"]
    assert launched.run("stat", "--format=%a %U", PROGRAM).out == "755 root\n"
    assert launched.read(GATE) == GATE_TEXT

    assert any(b"\0-IS\0" in words for words in seen.arguments)
    assert any(PROGRAM.encode() in words.split(b"\0") for words in seen.arguments)
    shown = b"".join((*seen.arguments, *seen.environments))
    for secret in (launched.metadata.instance.secret_key, launched.metadata.instance.session_token[-40:]):
        Canary(secret).assert_not_in(shown, "a process")
        found = launched.run("grep", "-rlF", "-e", secret, *WRITABLE, check=False)
        assert (found.status, found.out) == (1, ""), found.err

    assert_patient(launched)
    assert (launched.read(GATE), starts(launched)) == (GATE_TEXT, 1)
    # Nor is there anything left for boot to do: the gate is its own.
    assert "would" not in launched.run(PROGRAM, "boot", launched.uri, "--kms-key", launched.key, "--dry-run").err
    assert_gate_or_nothing(launched)


def assert_patient(launched: LaunchedInstance) -> None:
    """Assert that what may pass is tried again, and what does not ends with a status, in time and in a line."""
    faults: tuple[Fault, ...] = (ACCESS_DENIED, CutBody(1000), Reset())
    for fault in faults:
        launched.s3.inject(fault, times=1)
    launched.metadata.become(Behaviour.NO_ROLE, requests=4)
    done = run_script(launched)
    assert (done.status, "nothing has changed" in done.err) == (OK, True), done.err
    host = f"{launched.bucket}.s3.eu-central-1.amazonaws.com"
    # A denial has to be heard before.
    for lasting, why, alarm_s in ((ACCESS_DENIED, f"{host} answers 403", 4), (SlowDrip(1), "no answer", 1)):
        launched.s3.inject(lasting)
        done = run_script(launched, alarm_s=alarm_s)
        assert (done.status, done.err) == (UNREACHABLE, f"ecsauth: error: https://{host}/prod/ecsauth: {why}\n")
        launched.s3.heal()


def assert_gate_or_nothing(launched: LaunchedInstance) -> None:
    """Assert that the service is switched off, and the script ends, where the gate cannot be laid."""
    script = b'#!/bin/sh\n[ "$1" != daemon-reload ] && exec /usr/bin/systemctl "$@"\n'
    launched.write("/root/failing/systemctl", script, 0o755)
    done = run_script(launched, path="/root/failing:")
    assert (done.status, "cannot hold the agent back" in done.err) == (LAUNCH, True), done.err
    assert (launched.show("ecs", "ActiveState"), launched.show("ecs", "UnitFileState")) == ("inactive", "disabled")


def test_s3_late(launched: LaunchedInstance, archive: bytes, tmp_path: Path) -> None:
    """From cloud-config, with S3 out of reach for several tries: the agent starts all the same, at the first boot."""
    options = launched.from_archive(launched.put_archive(archive))
    launched.user_data(launched.made_user_data(tmp_path, *options, *FLAGS, "--format=cloud-config"))
    launched.without(launched.s3)
    launched.start()
    launched.wait_until(
        lambda: launched.systemctl("is-active", "cloud-final", check=False) == "activating", "the user data runs"
    )
    time.sleep(LATE_S)
    assert launched.show("ecs", "ActiveState") == "inactive"
    launched.s3.start()
    assert launched.wait_booted() == "running"
    assert wait_ended(launched, units.VERIFY) == OK
    assert_agent_has(launched, FIRST)
    assert moment(launched, "cloud-final", "ActiveEnter") - moment(launched, "cloud-final", "InactiveExit") > LATE_S - 1
    assert starts(launched) == 1


def test_another_archive(launched: LaunchedInstance, archive: bytes, tmp_path: Path) -> None:
    """An archive that is not the one is not even written; no agent starts, at this boot and the next, until it is."""
    sha256 = launched.put_archive(archive)
    launched.put_archive(archive[:-1] + b"!")
    launched.user_data(launched.made_user_data(tmp_path, *launched.from_archive(sha256), *FLAGS))
    assert launched.boot() == "degraded"
    assert "prod/ecsauth: another SHA-256" in launched.journal("cloud-final")
    assert f"exit {launched_instance.NO_PROGRAM}".encode() in (launched.read(PROGRAM) or b"")
    assert launched.run("ls", "-A", "/usr/local/bin").out == "ecsauth\n"
    assert_no_agent(launched)
    assert (launched.read(GATE), launched.show("ecs", "NeedDaemonReload")) == (GATE_TEXT, "no")
    launched.reboot()
    assert launched.show("ecs", "ActiveState") == "inactive"
    assert run_script(launched).status == DENIED
    launched.put_archive(archive)
    done = run_script(launched)
    assert done.status == OK, done.err
    assert_agent_has(launched, FIRST)


def test_baked(launched: LaunchedInstance, archive: bytes, tmp_path: Path) -> None:
    """From MIME, two lines for an AMI that has ecsauth: the agent starts."""
    program = "/opt/ecsauth/ecsauth"
    launched.write(program, archive, 0o755)
    launched.user_data(launched.made_user_data(tmp_path, "--program", program, *FLAGS, "--format=mime"))
    assert launched.boot() == "running"
    assert wait_ended(launched, units.VERIFY) == OK
    assert_agent_has(launched, FIRST)
    assert len((launched.read(SCRIPT) or b"").splitlines()) == 3
    assert launched.read(GATE) == GATE_TEXT


def test_baked_but_of_no_use(launched: LaunchedInstance, tmp_path: Path) -> None:
    """In an AMI whose ecsauth does not run no agent starts, at this boot and the next."""
    program = "/opt/ecsauth/ecsauth"
    launched.write(program, b"#!/bin/sh\nexit 6\n", 0o755)
    launched.user_data(launched.made_user_data(tmp_path, f"--program={program}", "--format=cloud-config"))
    assert launched.boot() == "degraded"
    assert_no_agent(launched)
    launched.reboot()
    assert launched.show("ecs", "ActiveState") == "inactive"


def test_auto_scaling_group_is_told(
    instance_image: str, seaweed: SeaweedServer, aws_certificates: Certificates, archive: bytes, tmp_path: Path
) -> None:
    """The group lets the instance in once its agent has registered, and not before; a reboot does not disturb."""
    group = AutoScaling("web", "ecsauth", port=HTTPS_PORT, tls=aws_certificates.server_context())
    with LaunchedInstance(instance_image, seaweed, aws_certificates, **{SERVICE: group}) as launched:
        group.waiting.add(launched.instance_id)
        role = launched.metadata.instance
        group.let_in(role.access_key, role.secret_key, role.session_token)
        launched.write(f"{FOLDER}/{units.VERIFY}.d/soon.conf", b"[Service]\nRestartSec=1s\n")
        options = launched.from_archive(launched.put_archive(archive))
        launched.user_data(recipe.script() + launched.made_user_data(tmp_path, *options, *FLAGS))
        # No env-file yet: the boot fails, and the group hears nothing.
        assert launched.boot() == "degraded"
        assert len(group.requests) == 0
        launched.put(FIRST)
        group.failures = 1
        launched.reboot()
        launched.wait_until(lambda: not group.waiting, "the group lets it in")
        assert (wait_ended(launched, units.VERIFY), len(group.requests)) == (OK, 2)
        assert recorded(launched, "verified") != "None"
        launched.systemctl("restart", units.VERIFY)
        assert len(group.requests) == 3
        assert_agent_has(launched, FIRST)
