"""A run that is told to end, at whatever step, ends with everything as it was before."""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING, Callable

import docker_front as fronts
import pytest
from docker_engine import AGENT
from docker_front import DockerFront
from machine import SECOND, auth_file
from metadata_service import Behaviour
from s3_faults import Hang
from watch import kill_points

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator

    from machine import Machine, Standing
    from watch import Watched

INTERRUPT, TERMINATE = signal.SIGINT, signal.SIGTERM
PATIENCE_S = 60.0


def wait_for(holds: Callable[[], object], child: subprocess.Popen[str]) -> None:
    """Return when `holds` does; fail with what the program says if it ends before, or after some seconds."""
    end = time.monotonic() + PATIENCE_S
    while not holds():
        if child.poll() is not None or time.monotonic() > end:
            child.kill()
            pytest.fail(f"not reached: {child.communicate()}")
        time.sleep(0.02)


def send(child: subprocess.Popen[str], number: signal.Signals) -> None:
    """Send the signal: SIGINT as a terminal does, to the program and to all that it has started in its group."""
    if number is INTERRUPT:
        os.killpg(child.pid, number)
    else:
        child.send_signal(number)


def tell(child: subprocess.Popen[str], number: signal.Signals) -> None:
    """Send the signal and assert that the program ends by it, in order and soon."""
    send(child, number)
    out, err = child.communicate(timeout=PATIENCE_S)
    assert (child.returncode, out) == (128 + number, ""), err
    assert err.endswith(f"ecsauth: error: interrupted by {number.name}\n")
    assert "Traceback" not in err


def test_told_on_the_way_back(booted: Machine) -> None:
    """A signal waits until an agent that failed is taken back to the end, and only then ends the program."""
    booted.put(SECOND)
    before = booted.standing()
    front = DockerFront(booted.folder, f"rename {AGENT}-previous *", 'kill -TERM $PPID; sleep 0.3; exec "$docker" "$@"')
    done = booted.launch(variant="crashing", env=booted.environment(PATH=front.path("/usr/bin:/bin")))
    assert done.status == 128 + TERMINATE, done.err
    assert front.reached.exists()
    assert booted.standing().without_traces() == before.without_traces()
    assert booted.state().rejected is not None


@contextlib.contextmanager
def unchanged(machine: Machine) -> Iterator[Standing]:
    """Assert that what happens inside leaves file, agent and directories as they were."""
    before = machine.standing()
    recorded = machine.record()
    yield before
    assert machine.standing().without_traces() == before.without_traces()
    assert machine.record() == recorded
    assert not machine.strays()


def test_waiting_for_another_run(booted: Machine) -> None:
    """While another run holds the lock."""
    with (booted.state_place / "lock").open() as lock, unchanged(booted):
        fcntl.flock(lock, fcntl.LOCK_EX)
        for number in (INTERRUPT, TERMINATE):
            with booted.launching() as child:
                wait_for(lambda: _has_open(child.pid, lock.name), child)
                tell(child, number)


def _has_open(pid: int, path: str) -> bool:
    for file in Path(f"/proc/{pid}/fd").iterdir():
        # Closed since it was listed.
        with contextlib.suppress(FileNotFoundError):
            if os.readlink(file) == path:
                return True
    return False


def test_waiting_for_the_metadata_service(booted: Machine) -> None:
    """While the metadata service does not answer."""
    booted.metadata.become(Behaviour.SILENT)
    with unchanged(booted):
        for number in (INTERRUPT, TERMINATE):
            booted.metadata.requests.clear()
            with booted.launching() as child:
                wait_for(lambda: len(booted.metadata.requests), child)
                tell(child, number)


def test_waiting_for_s3(booted: Machine) -> None:
    """While S3 does not answer."""
    booted.put(SECOND)
    booted.proxy.inject(Hang())
    with unchanged(booted):
        for number in (INTERRUPT, TERMINATE):
            booted.proxy.requests.clear()
            with booted.launching() as child:
                booted.proxy.wait_for("GetObject")
                tell(child, number)


def test_pulling(booted: Machine) -> None:
    """While the image is pulled: nothing has been written yet."""
    booted.put(SECOND)
    front = DockerFront(booted.folder, "pull *", fronts.SLOW_BEFORE)
    env = booted.environment(PATH=front.path("/usr/bin:/bin"))
    before = booted.standing()
    with booted.launching("--image=127.0.0.1:1/agent:none", env=env) as child:
        wait_for(front.reached.exists, child)
        tell(child, TERMINATE)
    assert booted.standing() == before
    assert not booted.strays()


@pytest.mark.parametrize(
    "call",
    [
        "update --restart=no*",
        "stop *",
        f"rename {AGENT} *",
        "run *",
    ],
)
def test_replacing_the_agent(booted: Machine, call: str) -> None:
    """While docker is at work: whether it has done the work already or not, what was before comes back."""
    booted.put(SECOND)
    for action, number in ((fronts.SLOW_BEFORE, INTERRUPT), (fronts.SLOW_AFTER, TERMINATE)):
        front = DockerFront(booted.folder / number.name, call, action)
        env = booted.environment(PATH=front.path("/usr/bin:/bin"))
        with unchanged(booted), booted.launching(env=env) as child:
            wait_for((front.told if action is fronts.SLOW_AFTER else front.reached).exists, child)
            tell(child, number)


def test_waiting_for_the_agent(booted: Machine) -> None:
    """While the agent has not registered yet; that is not the version's fault."""
    booted.put(SECOND)
    for number in (INTERRUPT, TERMINATE):
        with unchanged(booted) as before, booted.launching(variant="never-listening") as child:
            wait_for(lambda: _another_runs(booted, before), child)
            tell(child, number)
    assert booted.state().rejected is None


def _another_runs(machine: Machine, before: Standing) -> bool:
    shown = machine.docker.inspect()
    return shown is not None and shown["State"]["Running"] and shown["Id"] != before.agents[AGENT].container_id


@pytest.mark.parametrize("late", [f"rm --force {AGENT}", f"start {AGENT}"])
def test_impatience(booted: Machine, late: str) -> None:
    """A second and a third signal, while things are being put back, break nothing."""
    booted.put(SECOND)
    front = DockerFront(booted.folder, late, fronts.LATE)
    env = booted.environment(PATH=front.path("/usr/bin:/bin"))
    with unchanged(booted) as before, booted.launching(variant="never-listening", env=env) as child:
        wait_for(lambda: _another_runs(booted, before), child)
        send(child, TERMINATE)
        wait_for(front.reached.exists, child)
        send(child, TERMINATE)
        send(child, INTERRUPT)
        _, err = child.communicate(timeout=PATIENCE_S)
        assert (child.returncode, "interrupted by SIGTERM" in err) == (128 + TERMINATE, True)


def test_too_late(booted: Machine) -> None:
    """Once the new agent has registered it stays, and the next run ends what is left to do."""
    booted.put(SECOND)
    front = DockerFront(booted.folder, f"rm --force {AGENT}-previous", fronts.SLOW_BEFORE)
    with booted.launching(env=booted.environment(PATH=front.path("/usr/bin:/bin"))) as child:
        wait_for(front.reached.exists, child)
        tell(child, TERMINATE)
    between = booted.standing()
    assert between.env_file is not None
    assert between.env_file.content == SECOND
    assert between.agents[AGENT].running
    assert booted.launch().status == 0
    assert booted.standing().agents == {AGENT: between.agents[AGENT]}


def test_first_boot(machine: Machine) -> None:
    """With nothing before, no container is left behind, and the next run begins anew."""
    with machine.launching(variant="never-listening") as child:
        wait_for(lambda: machine.docker.state() == "running", child)
        tell(child, TERMINATE)
    assert machine.standing().agents == {}
    assert not machine.strays()
    assert machine.launch().status == 0


def test_writing(bare_machine: Machine, watch: Callable[..., Watched]) -> None:
    """While files are written: at every other fsync and rename of an installation."""
    machine = bare_machine
    machine.install()
    machine.put(SECOND)
    reference = watch(machine.command("--launch=none"), env=machine.environment())
    points = kill_points(reference, machine.place, machine.state_place)
    points = [(call, number) for call, number in points if call.startswith(("fsync", "rename"))]
    assert len(points) >= 10
    machine.put(auth_file("third-password"))
    recorded = machine.record()
    for tried, point in enumerate(points[::2]):
        done = watch(machine.command("--launch=none"), env=machine.environment(), kill=point, by="TERM")
        assert done.returncode == 128 + TERMINATE, (point, done.stderr)
        if machine.env_file.read_bytes() != SECOND:
            # The installation was complete, and only the report was being written.
            assert tried >= 5, point
            assert machine.env_file.read_bytes() == (machine.state_place / "verified").read_bytes(), point
            break
        # The pre-image that it wrote is of the version that stays.
        assert machine.record()._replace(pre_image_of=recorded.pre_image_of) == recorded, point
        assert not machine.strays(), point
        machine.assert_private()
