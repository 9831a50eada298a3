"""Real docker, and ECS that refuses, denies, is silent, knows no cluster, and comes back: no good version is lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

import program
import pytest
from docker_engine import AGENT
from machine import FIRST, SECOND
from stand_in_ecs import Answer

if TYPE_CHECKING:
    from machine import Machine

LAUNCH = 7
EXITS = pytest.mark.parametrize("answer", [Answer.REFUSED, Answer.DENIED])


def assert_up(machine: Machine, content: bytes) -> None:
    """Assert that the one agent runs, was made from that content, and has registered."""
    assert machine.docker.agents() == [AGENT]
    assert machine.docker.introspect("/v1/metadata")["ContainerInstanceArn"]
    given = machine.docker.environment()["ECS_ENGINE_AUTH_DATA"]
    assert f"ECS_ENGINE_AUTH_DATA={given}\n".encode() in content
    assert machine.env_file.read_bytes() == content


def let_docker_give_up(machine: Machine) -> None:
    """Stop the agent as it stands once docker's restarts are used up."""
    machine.docker.call("stop", "-t", "2", AGENT)


@EXITS
def test_new_version_in_an_outage(booted: Machine, answer: Answer) -> None:
    """The previous agent fails alike: the version is not rejected, and comes up with the next boot after the outage."""
    booted.put(SECOND)
    booted.docker.ecs_answers(answer)
    done = booted.launch("--wait=30")
    assert done.status == LAUNCH
    assert "ecsauth: error: the agent did not come up: it exited" in done.err
    assert "; the previous env-file is restored; the previous agent does not stay up: it exited" in done.err
    assert ": it fails like the new agent, so the version is not rejected" in done.err
    assert "the previous state is restored" not in done.err
    assert booted.state().rejected is None
    let_docker_give_up(booted)
    booted.docker.ecs_answers(Answer.REGISTERS)
    after = booted.launch()
    assert after.status == 0, after.err
    assert_up(booted, SECOND)


@EXITS
def test_two_boots_in_an_outage(booted: Machine, answer: Answer) -> None:
    """Two boots in a row, with docker's restarts used up in between, leave an agent that docker starts again."""
    booted.put(SECOND)
    booted.docker.ecs_answers(answer)
    for _ in range(2):
        assert booted.launch("--wait=30").status == LAUNCH
        shown = booted.docker.inspect(AGENT)
        assert shown is not None
        assert shown["State"]["Running"] or shown["State"]["Restarting"], shown["State"]
        assert shown["HostConfig"]["RestartPolicy"] == {"Name": "on-failure", "MaximumRetryCount": 10}
        let_docker_give_up(booted)
    booted.docker.ecs_answers(Answer.REGISTERS)
    assert booted.launch().status == 0
    assert_up(booted, SECOND)


@EXITS
def test_first_boot_in_an_outage(machine: Machine, answer: Answer) -> None:
    """With nothing before, the stopped agent is started by the next boot, however long its pause would be."""
    machine.docker.ecs_answers(answer)
    assert machine.launch("--wait=30").status == LAUNCH
    record = machine.state().rejected
    assert record is not None
    assert not record.final
    let_docker_give_up(machine)
    machine.docker.ecs_answers(Answer.REGISTERS)
    done = machine.launch()
    assert done.status == 0, done.err
    assert_up(machine, FIRST)
    assert machine.state().rejected is None


def test_silent_ecs(booted: Machine) -> None:
    """An agent that sits out silence stays, and is seen to register by a boot after it."""
    booted.put(SECOND)
    booted.docker.ecs_answers(Answer.SILENT)
    assert booted.launch("--wait=1").status == LAUNCH
    assert booted.state().rejected is None
    booted.docker.ecs_answers(Answer.REGISTERS)
    assert booted.launch().status == 0
    assert_up(booted, SECOND)


def test_exit_5_is_final(booted: Machine) -> None:
    """A version whose agent exits with 5, and the previous one does not, is not tried again by itself."""
    version = booted.put(SECOND)
    done = booted.launch(variant="exits-5")
    assert done.status == LAUNCH
    assert "it exited with status 5, which a restart does not fix" in done.err
    assert "; the previous state is restored\n" in done.err
    record = booted.state().rejected
    assert record is not None
    assert (record.facts.version_id, record.final, record.retry_after) == (version, True, None)
    assert_up(booted, FIRST)


def test_exit_1_is_tried_again(booted: Machine) -> None:
    """A version whose agent exits with 1, and the previous one does not, is tried again after a pause."""
    booted.put(SECOND)
    assert booted.launch(variant="crashing").status == LAUNCH
    record = booted.state().rejected
    assert record is not None
    assert (record.final, record.retry_after) == (False, record.at + 600)
    done = booted.launch(variant="crashing")
    assert "; boot retries it after " in done.err
    booted.write_state(booted.state()._replace(rejected=record._replace(retry_after=record.at)))
    assert "the agent did not come up: " in booted.launch(variant="crashing").err
    assert_up(booted, FIRST)


def test_no_cluster_for_both(booted: Machine) -> None:
    """Where the previous agent exits with 5 as well, the version is not to blame."""
    booted.put(SECOND)
    booted.docker.ecs_answers(Answer.NO_CLUSTER)
    done = booted.launch()
    assert done.status == LAUNCH
    assert "it fails like the new agent, so the version is not rejected" in done.err
    assert booted.state().rejected is None


def test_stopped_agent_beside_a_rejected_version(booted: Machine) -> None:
    """A boot that leaves a rejected version alone starts the agent that has stopped meanwhile."""
    booted.put(SECOND)
    assert booted.launch(variant="exits-5").status == LAUNCH
    record = booted.state().rejected
    assert record is not None
    let_docker_give_up(booted)
    done = booted.launch(variant="exits-5")
    assert done.status == LAUNCH
    assert "is rejected, because the agent did not come up: " in done.err
    assert "; no agent was running, so version " in done.err
    assert "was restarted, and has registered\n" in done.err
    assert booted.state().rejected == record
    assert_up(booted, FIRST)


def test_status_of_an_agent_between_two_starts(booted: Machine) -> None:
    """An agent that has exited and waits for docker's next start is not said to run, though docker calls it running."""
    booted.docker.ecs_answers(Answer.DENIED)
    booted.docker.call("restart", "-t", "2", AGENT)
    shows = ("status", f"--file={booted.env_file}", f"--state-dir={booted.state_place}")

    def says() -> bool:
        done = program.run(*shows, env=booted.environment())
        return "does not run: it exited with status 1, and docker restarts it" in done.out + done.err

    booted.docker.wait_until(says, "the agent waits for its next start")
