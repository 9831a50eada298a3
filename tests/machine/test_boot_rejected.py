"""A first version that does not come up has nothing to go back to: it stays, and is tried again, ever less often."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from docker_engine import AGENT
from loopback_server import LoopbackServer, QuietHandler
from machine import FIRST, SECOND

if TYPE_CHECKING:
    from canary import Recorder
    from ecsauth.boot.state import Rejected
    from machine import Machine

LAUNCH = 7
FIRST_REST, LONGEST_REST = 600, 6 * 3600
LOOKS = {"version", "image", "container"}


def rejected(machine: Machine) -> Rejected:
    """Return what is recorded of the version that did not come up."""
    record = machine.state().rejected
    assert record is not None
    return record


def rest(machine: Machine) -> int:
    """Return for how many seconds it is left alone from its last try on."""
    record = rejected(machine)
    assert record.retry_after is not None
    return record.retry_after - record.at


def pass_time(machine: Machine, tries: int | None = None) -> None:
    """Let the time to try again have come, after so many tries if they are given."""
    record = rejected(machine)
    record = record._replace(retry_after=record.at - 1, tries=tries or record.tries)
    machine.write_state(machine.state()._replace(rejected=record))


@pytest.fixture
def failed(machine: Machine) -> Machine:
    """Give an instance whose first agent has crashed."""
    done = machine.launch(variant="crashing")
    assert done.status == LAUNCH, done.err
    assert "; there is no previous version to roll back to\n" in done.err
    return machine


def test_stays(failed: Machine) -> None:
    """Agent and checked file stay as evidence, and when the version is tried again is recorded."""
    assert failed.env_file.read_bytes() == FIRST
    assert list(failed.standing().agents) == [AGENT]
    assert (rejected(failed).tries, rest(failed)) == (1, FIRST_REST)
    assert not failed.strays()
    failed.assert_private()


def test_left_alone_before_its_time(failed: Machine, docker_calls: Recorder) -> None:
    """Until then a run fails at once, without touching the container: it says why, and when it is tried again."""
    before, record = failed.standing(), rejected(failed)
    env = failed.environment(PATH=docker_calls.path("/usr/bin:/bin"))
    done = failed.launch(variant="crashing", env=env)
    assert done.status == LAUNCH
    assert f"version {record.facts.version_id} is rejected, because the agent did not come up: " in done.err
    assert re.search(r"; boot retries it after (9|10) minutes\n", done.err)
    assert {call.argv[0] for call in docker_calls.calls()} == LOOKS
    after = failed.standing()
    assert after.env_file == before.env_file
    assert after.agents[AGENT].container_id == before.agents[AGENT].container_id
    assert rejected(failed) == record


def test_tried_again_after_it(failed: Machine) -> None:
    """After that it is tried again; each time that it fails the wait doubles, up to some hours."""
    for tries in (2, 3):
        pass_time(failed)
        done = failed.launch(variant="crashing")
        assert done.status == LAUNCH
        assert "the agent did not come up: " in done.err
        assert "is rejected, because the agent did not come up" not in done.err
        assert (rejected(failed).tries, rest(failed)) == (tries, FIRST_REST * 2 ** (tries - 1))
        assert list(failed.standing().agents) == [AGENT]
    pass_time(failed, tries=20)
    assert failed.launch(variant="crashing").status == LAUNCH
    assert (rejected(failed).tries, rest(failed)) == (21, LONGEST_REST)
    assert re.search(r"; boot retries it after [56] hours\n", failed.launch(variant="crashing").err)


def in_the_way() -> LoopbackServer:
    """Take the agent's port and answer nothing of use, so that each agent which is started exits."""
    return LoopbackServer(QuietHandler, port=51678)


def assert_up(machine: Machine) -> None:
    """Assert that a run finds all well, and forgets that the version was rejected."""
    done = machine.launch()
    assert done.status == 0, done.err
    agents = machine.standing().agents
    assert list(agents) == [AGENT]
    assert agents[AGENT].running
    state = machine.state()
    assert (state.rejected, state.failure, state.in_progress) == (None, None, None)
    assert machine.launch("--format=json").document["outcome"] == "unchanged"


def test_what_stood_in_the_way_has_passed(machine: Machine) -> None:
    """A stopped agent is started before its time too: it comes up, and the record of its failure is gone."""
    with in_the_way():
        assert machine.launch().status == LAUNCH
        machine.docker.call("stop", AGENT)
    assert rejected(machine).tries == 1
    assert_up(machine)


def test_comes_up_by_itself(machine: Machine) -> None:
    """Where docker has started it once more and it has registered by now, there is nothing to wait for."""
    with in_the_way():
        assert machine.launch().status == LAUNCH
    assert rejected(machine).retry_after is not None
    machine.docker.wait_until(lambda: machine.docker.introspect("/v1/metadata"), "the agent answers")
    assert_up(machine)


def test_mended_version_does_not_wait(failed: Machine) -> None:
    """Another version is tried at once, and its own tries are counted."""
    version = failed.put(SECOND)
    pass_time(failed, tries=5)
    assert failed.launch(variant="crashing").status == LAUNCH
    assert (rejected(failed).facts.version_id, rejected(failed).tries) == (version, 1)
    assert rest(failed) == FIRST_REST
