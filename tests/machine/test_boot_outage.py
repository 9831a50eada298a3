"""While S3 or the metadata service does not answer, the agent runs on what was proved good before."""

from __future__ import annotations

from typing import TYPE_CHECKING, Callable

import docker_front as fronts
import pytest
from docker_engine import AGENT
from docker_front import DockerFront
from machine import FIRST, SECOND, auth_file
from outage import HOUR, OUTAGES, PATIENCE, assert_agent_has, assert_recovers, during_outage, edit, grow_old, refusing

if TYPE_CHECKING:
    from machine import Machine

KILLED, LAUNCH, STALE = -9, 7, 8
THIRD = auth_file("third-password")


@pytest.mark.parametrize("name", list(OUTAGES))
def test_goes_on(booted: Machine, name: str) -> None:
    """With the agent running on the last good file nothing is done; it is said why, and how old the file is."""
    outage, reason, patience = OUTAGES[name]
    grow_old(booted, 3 * HOUR)
    before, recorded = booted.standing(), booted.record()
    booted.put(SECOND)
    with outage(booted):
        done = booted.launch(*patience)
    assert done.status == STALE, done.err
    (warning,) = (line for line in done.err.splitlines() if "last good" in line)
    assert warning.startswith("ecsauth: warning: ")
    assert reason in warning
    assert warning.endswith(": boot uses the last verified file, which S3 confirmed 3 hours ago")
    assert booted.standing() == before
    assert booted.record() == recorded
    assert_recovers(booted, SECOND)


def test_for_programs(booted: Machine) -> None:
    """The same as JSON: what was done, the status, and the age in seconds; null where S3 has answered."""
    grow_old(booted, 3 * HOUR)
    said = during_outage(booted, "--format=json").document
    assert (said["outcome"], said["status"], said["installed"]) == ("unchanged", STALE, False)
    assert 3 * HOUR <= said["stale_for"] < 3 * HOUR + 60
    said = booted.launch("--format=json").document
    assert (said["status"], said["stale_for"]) == (0, None)


def test_confirmed_by_every_answer(booted: Machine) -> None:
    """The age counts from the last run that S3 has answered, also where it said that nothing has changed."""
    grow_old(booted, 3 * HOUR)
    assert booted.launch().status == 0
    assert during_outage(booted, "--format=json").document["stale_for"] < 60


@pytest.mark.parametrize("what", [("stop", AGENT), ("rm", "--force", AGENT)], ids=["stopped", "removed"])
def test_agent_is_started(booted: Machine, what: tuple[str, ...]) -> None:
    """An agent that does not run is started from the last good file."""
    booted.docker.call(*what)
    before = booted.standing()
    booted.put(SECOND)
    done = during_outage(booted, "--format=json")
    assert (done.status, done.document["outcome"], done.document["installed"]) == (STALE, "started", False), done.err
    assert done.document["agent"]["cluster"] == "demo"
    assert booted.standing().env_file == before.env_file
    assert_agent_has(booted, FIRST)
    assert_recovers(booted, SECOND)


def delete(machine: Machine) -> None:
    """Remove the file."""
    machine.env_file.unlink()


def open_up(machine: Machine) -> None:
    """Let everybody read the file."""
    machine.env_file.chmod(0o644)


@pytest.mark.parametrize("spoil", [edit, delete, open_up])
def test_file_is_put_back(booted: Machine, spoil: Callable[[Machine], None]) -> None:
    """A file that is not as it was installed is replaced by the private copy; the agent, which has it, runs on."""
    agents = booted.standing().agents
    spoil(booted)
    done = during_outage(booted, "--format=json")
    assert (done.status, done.document["outcome"], done.document["installed"]) == (STALE, "installed", True), done.err
    assert_agent_has(booted, FIRST)
    assert booted.standing().agents == agents
    assert_recovers(booted, FIRST)
    assert booted.standing().agents == agents


def test_edited_file_and_no_agent(booted: Machine) -> None:
    """An agent is started from the file that was put back, never from the one that somebody has edited."""
    edit(booted)
    booted.docker.call("rm", "--force", AGENT)
    assert during_outage(booted).status == STALE
    assert_agent_has(booted, FIRST)
    assert_recovers(booted, FIRST)


@pytest.mark.parametrize(
    ("pattern", "action"),
    [
        pytest.param("update *", fronts.KILL_BEFORE, id="file written"),
        pytest.param("stop *", fronts.KILL_AFTER, id="stopped"),
        pytest.param("rename *", fronts.KILL_AFTER, id="parked"),
        pytest.param("run *", fronts.KILL_AFTER, id="started"),
    ],
)
def test_after_a_killed_rotation(booted: Machine, pattern: str, action: str) -> None:
    """Killed while the agent was replaced, and then no S3: an agent runs, on a file that was proved good."""
    booted.put(SECOND)
    front = DockerFront(booted.folder, pattern, action)
    killed = booted.launch(env=booted.environment(PATH=front.path("/usr/bin:/bin")))
    assert killed.status == KILLED, killed.err
    done = during_outage(booted)
    assert done.status == STALE, done.err
    assert_agent_has(booted, booted.env_file.read_bytes())
    assert booted.env_file.read_bytes() in (FIRST, SECOND)
    assert booted.state().in_progress is None
    assert_recovers(booted, SECOND)


def test_rejected_version_stays_so(booted: Machine) -> None:
    """A version that did not come up is not what an outage goes on with: that is the one before it."""
    rejected = booted.put(SECOND)
    assert booted.launch(variant="crashing").status == LAUNCH
    before = booted.standing()
    assert during_outage(booted, variant="crashing").status == LAUNCH, "the image is to blame"
    assert booted.standing().without_traces() == before.without_traces()
    assert during_outage(booted).status == STALE
    assert_agent_has(booted, FIRST)
    record = booted.state().rejected
    assert record is not None
    assert record.facts.version_id == rejected
    booted.put(THIRD)
    assert_recovers(booted, THIRD)


def test_rejected_with_nothing_before(machine: Machine) -> None:
    """Nor is a first version that did not come up tried again before its time because S3 does not answer."""
    machine.launch(variant="crashing")
    agent = machine.standing().agents[AGENT]
    done = during_outage(machine, variant="crashing")
    assert done.status == LAUNCH
    assert "is rejected, because the agent did not come up" in done.err
    assert machine.standing().agents[AGENT].container_id == agent.container_id


def test_outage_without_an_agent(bare_machine: Machine) -> None:
    """Where starting the agent is not ecsauth's business, the file is put back and the status is the same."""
    machine = bare_machine
    assert machine.install().status == 0
    inode = machine.env_file.stat().st_ino
    with refusing(machine):
        assert machine.install(PATIENCE).status == STALE
        assert machine.env_file.stat().st_ino == inode
        edit(machine)
        done = machine.install(PATIENCE, "--format=json")
        assert (done.status, done.document["outcome"]) == (STALE, "installed")
        assert machine.env_file.read_bytes() == FIRST
        machine.assert_private()
        assert machine.install(PATIENCE, "--format=json").document["outcome"] == "unchanged"
    machine.put(SECOND)
    assert machine.install().status == 0
    assert machine.env_file.read_bytes() == SECOND


def test_rehearsal(booted: Machine) -> None:
    """A rehearsal during an outage tells what would be done, with the same status, and changes nothing."""
    edit(booted)
    before, recorded = booted.standing(), booted.state()
    done = during_outage(booted, "--dry-run")
    assert done.status == STALE
    assert f"ecsauth: would install {booted.env_file}, 0600\n" in done.err
    assert booted.standing() == before
    assert booted.state() == recorded
