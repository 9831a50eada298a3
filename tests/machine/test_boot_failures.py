"""An agent that cannot be started, or does not come up, costs nothing: what was there before is there again."""

from __future__ import annotations

import json
import shutil
import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import stand_in_image
from docker_engine import AGENT
from machine import FIRST, SECOND, auth_file
from stand_in_ecs import Answer

if TYPE_CHECKING:
    from collections.abc import Callable

    from machine import Machine

# Where the documented command has it.
DATA_VOLUME = "--volume=/var/lib/ecs/data:/data"
# Of the loopback network, and not the one that the program asks.
OTHER_ADDRESS = "127.0.0.2"
PARKED = f"{AGENT}-previous"
LAUNCH = 7


def run_by_hand(machine: Machine, *options: str, variant: str = "healthy") -> None:
    """Run an agent as somebody without ecsauth does, and wait until it answers."""
    options = ("--detach", "--net=host", "--env=ECS_CLUSTER=demo", f"--name={AGENT}", *options)
    machine.docker.call("run", *options, machine.docker.image(variant))
    machine.docker.wait_until(lambda: machine.docker.introspect("/v1/tasks"), "the agent answers")


def no_docker(machine: Machine) -> dict[str, str]:
    """Leave docker out of PATH."""
    (machine.folder / "empty").mkdir()
    return {"PATH": str(machine.folder / "empty")}


def no_daemon(machine: Machine) -> dict[str, str]:
    """Send docker to a daemon that is not there."""
    return {"DOCKER_HOST": f"unix://{machine.folder}/no.sock"}


@pytest.mark.parametrize(
    ("lack", "message"),
    [
        (no_docker, "docker is not installed\n"),
        (no_daemon, "the docker daemon does not answer: Cannot connect to the Docker daemon at unix://"),
    ],
)
def test_no_docker(booted: Machine, lack: Callable[[Machine], dict[str, str]], message: str) -> None:
    """Without docker or its daemon nothing is written, and docker's own reason is given."""
    booted.put(SECOND)
    before = booted.standing()
    done = booted.launch(env=booted.environment(**lack(booted)))
    assert done.status == LAUNCH
    assert f"ecsauth: error: {message}" in done.err
    assert booted.standing() == before
    assert not booted.strays()


def test_agent_of_a_service(booted: Machine) -> None:
    """Where there is a service for the agent, no container is made beside it, also where systemd does not run."""
    unit = Path("/run/systemd/system/ecs.service")
    unit.parent.mkdir(parents=True, exist_ok=True)
    booted.put(SECOND)
    before = booted.standing()
    unit.touch(exist_ok=False)
    gate = Path("/etc/systemd/system/ecs.service.d/10-ecsauth.conf")
    assert not gate.exists()
    try:
        done = booted.launch("--launch=auto")
    finally:
        unit.unlink()
        # Laid before anything else, on this very machine.
        shutil.rmtree(gate.parent, ignore_errors=True)
    assert done.status == LAUNCH
    assert "systemd" in done.err or "systemctl" in done.err
    assert booted.standing() == before


def test_no_image(booted: Machine) -> None:
    """An image that is not here and cannot be pulled is found out before anything is written, and soon."""
    booted.put(SECOND)
    before = booted.standing()
    began = time.monotonic()
    done = booted.boot("--image=127.0.0.1:1/agent:none")
    assert time.monotonic() - began < 60
    assert done.status == LAUNCH
    assert "ecsauth: error: docker pull failed: " in done.err
    assert booted.standing() == before
    assert not booted.strays()


@pytest.mark.parametrize(
    ("variant", "reason"),
    [
        ("crashing", "exited"),
        ("exits-5", "exited"),
        ("crashing-late", "exited 3 times"),
        ("other-cluster", "in cluster somebody-elses, not in demo"),
    ],
)
def test_agent_that_does_not_come_up(booted: Machine, variant: str, reason: str) -> None:
    """The file and the container of before come back, and the version is noted as rejected."""
    version = booted.put(SECOND)
    before = booted.standing()
    done = booted.launch(variant=variant)
    assert done.status == LAUNCH
    assert "ecsauth: error: the agent did not come up: " in done.err
    assert reason in done.err
    assert "; the previous state is restored\n" in done.err
    assert booted.standing().without_traces() == before.without_traces()
    rejected = booted.state().rejected
    assert rejected is not None
    assert rejected.facts.version_id == version
    assert not booted.strays()


def test_rejected_version_is_left_alone(booted: Machine) -> None:
    """A version that was rejected is not tried again, until it is forced."""
    version = booted.put(SECOND)
    booted.launch(variant="crashing")
    before = booted.standing()
    done = booted.launch(variant="crashing")
    assert done.status == LAUNCH
    assert f"version {version} is rejected, because the agent did not come up" in done.err
    assert booted.standing() == before
    assert booted.launch("--force", variant="crashing").status == LAUNCH
    assert "did not come up" in booted.launch("--force", variant="crashing").err
    assert booted.standing().without_traces() == before.without_traces()


def test_rejected_version_in_another_image(booted: Machine) -> None:
    """What was rejected is a version in an image: in another one it is tried."""
    booted.put(SECOND)
    booted.launch(variant="crashing")
    assert booted.launch().status == 0
    after = booted.standing()
    assert after.env_file is not None
    assert after.env_file.content == SECOND
    assert booted.state().rejected is None
    assert list(after.agents) == [AGENT]


def test_mended_version_after_a_rejected_one(booted: Machine) -> None:
    """The next version is tried, whatever happened to the last one."""
    booted.put(SECOND)
    booted.launch(variant="crashing")
    booted.put(auth_file("third-password"))
    assert booted.launch().status == 0
    assert list(booted.standing().agents) == [AGENT]
    assert booted.state().rejected is None


def test_broken_docker_run(booted: Machine) -> None:
    """A container that docker makes and cannot start is removed again; that is not the version's fault."""
    booted.put(SECOND)
    before = booted.standing()
    done = booted.boot(f"--image={stand_in_image.build_unstartable()}")
    assert done.status == LAUNCH
    assert "ecsauth: error: docker run failed: " in done.err
    assert "; the previous state is restored\n" in done.err
    assert booted.standing().without_traces() == before.without_traces()
    assert booted.state().rejected is None
    assert not booted.strays()


def test_broken_docker_run_at_first_boot(machine: Machine) -> None:
    """With nothing before, no container is left."""
    done = machine.boot(f"--image={stand_in_image.build_unstartable()}")
    assert done.status == LAUNCH
    assert "there is no previous version to roll back to" in done.err
    assert machine.standing().agents == {}
    assert not machine.strays()


def test_crash_at_first_boot(machine: Machine) -> None:
    """With nothing before, the agent that failed stays as evidence, and so does the checked file."""
    version = machine.put(FIRST)
    done = machine.launch(variant="crashing")
    assert done.status == LAUNCH
    assert "there is no previous version to roll back to" in done.err
    after = machine.standing()
    assert after.env_file is not None
    assert after.env_file.content == FIRST
    assert list(after.agents) == [AGENT]
    rejected = machine.state().rejected
    assert rejected is not None
    assert rejected.facts.version_id == version


def test_crash_after_a_crash_at_first_boot(machine: Machine) -> None:
    """A second version that fails as well is the one that is rejected."""
    machine.launch(variant="crashing")
    version = machine.put(SECOND)
    assert machine.launch(variant="crashing").status == LAUNCH
    rejected = machine.state().rejected
    assert rejected is not None
    assert rejected.facts.version_id == version
    machine.put(auth_file("third-password"))
    assert machine.launch().status == 0
    assert list(machine.standing().agents) == [AGENT]


def test_never_registers(booted: Machine) -> None:
    """An agent that runs but does not register stays, and the one of before waits beside it, stopped."""
    booted.put(SECOND)
    before = booted.standing()
    done = booted.launch("--wait=1", variant="never-registered")
    assert done.status == LAUNCH
    assert "installed and started, but not registered within 1 s: it answers, but has not registered yet" in done.err
    after = booted.standing()
    assert after.env_file is not None
    assert after.env_file.content == SECOND
    assert sorted(after.agents) == [AGENT, PARKED]
    assert after.agents[AGENT].running
    assert after.agents[PARKED] == before.agents[AGENT]._replace(running=False, restart_policy=("no", 0))
    assert booted.state().rejected is None
    assert booted.state().in_progress is not None


def test_pending_agent_is_picked_up(booted: Machine) -> None:
    """The next run of the same command sees that it has registered meanwhile, and ends the change."""
    booted.put(SECOND)
    assert booted.launch("--wait=1", variant="slow").status == LAUNCH
    pending = booted.standing().agents[AGENT]
    assert booted.launch("--wait=20", variant="slow").status == 0
    assert booted.standing().agents == {AGENT: pending}
    assert booted.state().in_progress is None


def test_pending_agent_that_fails_later(booted: Machine) -> None:
    """If it fails instead, the next run goes back to what was verified last."""
    before = booted.standing()
    booted.put(SECOND)
    assert booted.launch("--wait=1", variant="crashing-late").status == LAUNCH
    assert booted.launch("--wait=30", variant="crashing-late").status == LAUNCH
    assert booted.standing().without_traces() == before.without_traces()


def test_another_version_while_one_is_pending(booted: Machine) -> None:
    """Where a third version fails, file and agent that are back belong together: those that were verified."""
    before = booted.standing()
    booted.put(SECOND)
    assert booted.launch("--wait=1", variant="never-registered").status == LAUNCH
    version = booted.put(auth_file("third-password"))
    assert booted.launch(variant="crashing").status == LAUNCH
    assert booted.standing().without_traces() == before.without_traces()
    rejected = booted.state().rejected
    assert rejected is not None
    assert rejected.facts.version_id == version


def test_image_that_does_not_come_up(booted: Machine) -> None:
    """Where only the image was changed and fails, the version is not to blame, and the file is not touched."""
    before = booted.standing()
    assert booted.launch(variant="crashing").status == LAUNCH
    after = booted.standing()
    assert after.env_file == before.env_file
    assert after.without_traces() == before.without_traces()
    assert booted.state().rejected is None
    assert booted.launch().status == 0
    assert booted.standing() == after


def test_rollback_on_timeout(booted: Machine) -> None:
    """Who prefers it goes back from an agent that has not registered in time."""
    booted.put(SECOND)
    before = booted.standing()
    done = booted.launch("--wait=1", "--rollback-on-timeout", variant="never-registered")
    assert done.status == LAUNCH
    assert booted.standing().without_traces() == before.without_traces()
    assert booted.state().rejected is not None


def test_agent_of_another_cluster(booted: Machine) -> None:
    """An agent is not stopped for a file of another cluster: with its saved state it would only exit."""
    booted.put(auth_file("second-password", cluster="other"))
    before = booted.standing()
    done = booted.launch()
    assert done.status == LAUNCH
    assert "the running agent is in cluster demo, but the env-file has other: an agent with saved state" in done.err
    assert booted.standing() == before
    assert not booted.strays()


def test_saved_state_of_another_cluster(machine: Machine) -> None:
    """The refusal is right: where no agent runs that could be asked, the new one finds the state and exits with 5."""
    machine.docker.save_state("prod")
    done = machine.launch()
    assert done.status == LAUNCH
    assert "it exited with status 5" in done.err
    assert "Data mismatch; saved cluster 'prod' does not match configured cluster 'demo'" in done.err


@pytest.mark.parametrize(
    "options",
    [
        pytest.param((DATA_VOLUME,), id="ECS_DATADIR is not set"),
        pytest.param((DATA_VOLUME, "--env=ECS_DATADIR=/data", "--env=ECS_CHECKPOINT=false"), id="no checkpoints"),
        pytest.param(("--env=ECS_DATADIR=/data",), id="in the container only"),
        pytest.param(("--env=ECS_DATADIR=/data", "--tmpfs=/data"), id="in memory"),
    ],
)
def test_another_cluster_without_state(machine: Machine, options: tuple[str, ...]) -> None:
    """An agent that keeps no state which the new one finds is replaced by one in another cluster."""
    run_by_hand(machine, *options)
    assert machine.docker.introspect("/v1/metadata")["Cluster"] == "demo"
    machine.put(auth_file("second-password", cluster="other"))
    done = machine.launch()
    assert done.status == 0, done.err
    assert "agent registered in cluster other" in done.err
    assert list(machine.standing().agents) == [AGENT]


def test_another_cluster_for_a_file_without_state(booted: Machine) -> None:
    """So is one that keeps its state, by an env-file that says that the new one reads none."""
    booted.put(auth_file("second-password", "ECS_CHECKPOINT=false", cluster="other"))
    done = booted.launch()
    assert done.status == 0, done.err
    assert booted.docker.introspect("/v1/metadata")["Cluster"] == "other"


def test_another_cluster_with_state_and_no_volume_of_ours(machine: Machine, tmp_path: Path) -> None:
    """A state elsewhere than where the new agent looks stands in no way, and its tasks would be lost."""
    run_by_hand(machine, f"--volume={tmp_path}:/data", "--env=ECS_DATADIR=/data", variant="with-tasks")
    machine.put(auth_file("second-password", cluster="other"))
    done = machine.launch()
    assert done.status == LAUNCH
    assert f"the running agent saves its state in {tmp_path}, the new agent in /var/lib/ecs/data" in done.err
    assert machine.launch("--abandon-tasks").status == 0
    assert machine.docker.introspect("/v1/metadata")["Cluster"] == "other"


def test_tasks_of_an_agent_whose_file_turns_checkpoints_off(machine: Machine) -> None:
    """An env-file with which the new agent reads no state loses the tasks of the running one, and is refused."""
    run_by_hand(machine, DATA_VOLUME, "--env=ECS_DATADIR=/data", variant="with-tasks")
    machine.put(auth_file("second-password", "ECS_CHECKPOINT=false"))
    before = machine.standing()
    done = machine.launch()
    assert done.status == LAUNCH
    said = "with this env-file the new agent saves no state (ECS_CHECKPOINT is false), and the running agent has 1 task"
    assert said in done.err
    assert machine.standing() == before


def test_agent_on_an_address_of_the_machine(machine: Machine) -> None:
    """The agent is found where it listens on all addresses, as the real one does, and is asked on loopback."""
    run_by_hand(machine)
    with socket.create_connection((OTHER_ADDRESS, 51678), timeout=60):
        pass
    done = machine.launch()
    assert done.status == 0, done.err
    assert "agent registered in cluster demo" in done.err


def test_credentials_port_is_not_asked(machine: Machine) -> None:
    """Something at 51679 is no agent: one that has not registered yet has nobody at 51678."""
    with socket.create_server(("127.0.0.1", 51679)):
        machine.docker.ecs_answers(Answer.SILENT)
        done = machine.launch("--wait=1")
    assert done.status == LAUNCH
    assert "it does not answer on 127.0.0.1:51678 yet" in done.err


def test_ecs_comes_back(machine: Machine) -> None:
    """ECS that answers 503 and is well again within the time to wait costs nothing but that time."""
    machine.docker.ecs_answers(Answer.UNAVAILABLE, for_s=2)
    done = machine.launch()
    assert done.status == 0, done.err
    assert "agent registered in cluster demo" in done.err


def test_agent_that_would_lose_its_tasks(machine: Machine) -> None:
    """An agent without ECS_DATADIR that has tasks is stopped only by who says so."""
    run_by_hand(machine, variant="with-tasks")
    before = machine.standing()
    done = machine.launch()
    assert done.status == LAUNCH
    assert "the running agent saves no state (ECS_DATADIR is not set) and has 1 task: " in done.err
    assert machine.standing() == before
    assert machine.launch("--abandon-tasks").status == 0
    assert list(machine.standing().agents) == [AGENT]


def test_agent_without_state_and_tasks(machine: Machine) -> None:
    """Without tasks it loses nothing, so it is replaced."""
    run_by_hand(machine)
    before = machine.standing().agents
    assert machine.launch().status == 0
    assert machine.standing().agents[AGENT].container_id != before[AGENT].container_id


@pytest.mark.parametrize("policy", ["on-failure:3", "always"])
def test_foreign_agent_comes_back_as_it_was(machine: Machine, policy: str) -> None:
    """An agent that somebody else has started comes back under its name, with its restart policy, and the file too."""
    machine.place.mkdir()
    machine.env_file.write_bytes(b"ECS_CLUSTER=demo\n")
    machine.env_file.chmod(0o640)
    run_by_hand(machine, f"--restart={policy}")
    before = machine.standing()
    assert machine.launch(variant="crashing").status == LAUNCH
    after = machine.standing()
    assert after.agents == {
        AGENT: before.agents[AGENT]._replace(started_at=after.agents[AGENT].started_at),
    }
    assert after.env_file is not None
    assert after.env_file.content == b"ECS_CLUSTER=demo\n"


def test_failure_for_programs(booted: Machine) -> None:
    """The same failure as JSON."""
    booted.put(SECOND)
    said = json.loads(booted.launch("--format=json", variant="crashing").out)
    assert (said["outcome"], said["status"]) == ("failed", LAUNCH)
    assert said["error"].startswith("the agent did not come up: ")
