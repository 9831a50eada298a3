"""However often a boot is run, and however many at once: one container, one file, one question to S3."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import program
import pytest
from docker_engine import AGENT
from machine import FIRST, auth_file

if TYPE_CHECKING:
    from ecsauth.boot.state import State
    from machine import Machine

IN_A_ROW = 100
# Of the hundred, those that run as a process each.
AS_PROCESSES = 5
ROUNDS = 3


def asked(machine: Machine) -> list[tuple[str, str | None]]:
    """Return what S3 was asked, and for what change, and forget it."""
    requests = [(request.operation, request.headers.get("if-none-match")) for request in machine.proxy.requests]
    machine.proxy.requests.clear()
    return requests


def unconfirmed(state: State) -> State:
    """Return the state without when S3 confirmed it: that is all that a boot with nothing to do may change."""
    return state._replace(confirmed_at=0)


def test_hundred_in_a_row(booted: Machine) -> None:
    """A hundred boots leave the container and the file as they are, and ask S3 once each, for a change."""
    before, recorded = booted.standing(), booted.state()
    image = f"--image={booted.docker.image()}"
    for number in range(IN_A_ROW):
        if number < AS_PROCESSES:
            done = booted.launch("--format=json")
        else:
            done = program.run_here(*booted.boot_arguments(image, "--format=json"), env=booted.environment())
        said = done.document
        assert (done.status, said["outcome"], said["installed"], said["commands"]) == (0, "unchanged", False, [])
        assert asked(booted) == [("GetObject", said["object"]["etag"])]
    assert booted.standing() == before
    assert unconfirmed(booted.state()) == unconfirmed(recorded)
    assert not booted.strays()
    booted.assert_private()


def at_once(machine: Machine, count: int) -> list[dict[str, Any]]:
    """Launch so many at once, and return what each has said; all of them have ended well."""
    with contextlib.ExitStack() as stack:
        children = [stack.enter_context(machine.launching("--format=json")) for _ in range(count)]
        ended = [child.communicate(timeout=60) for child in children]
    assert [child.returncode for child in children] == [0] * count, ended
    return [program.Ended(0, out, err).document for out, err in ended]


def assert_one(machine: Machine, content: bytes) -> None:
    """Assert that one agent runs, made from the one file, which is the content, and that nothing else is left."""
    assert machine.env_file.read_bytes() == content
    agents = machine.standing().agents
    assert list(agents) == [AGENT]
    assert (agents[AGENT].running, agents[AGENT].restart_policy) == (True, ("on-failure", 10))
    given = machine.docker.environment()["ECS_ENGINE_AUTH_DATA"]
    assert f"ECS_ENGINE_AUTH_DATA={given}\n".encode() in content
    state = machine.state()
    assert state.installed is not None
    assert (state.in_progress, state.applied, state.verified) == (None, *[state.installed.facts] * 2)
    assert not machine.strays()
    machine.assert_private()


@pytest.mark.parametrize("count", [2, 4])
def test_several_at_once(machine: Machine, count: int) -> None:
    """Of several at once one does what is to do, at the first boot and at each rotation; the others find it done."""
    content = FIRST
    for number in range(ROUNDS):
        outcomes = sorted(said["outcome"] for said in at_once(machine, count))
        assert outcomes == ["started"] + ["unchanged"] * (count - 1)
        assert_one(machine, content)
        standing = machine.standing()
        assert {said["outcome"] for said in at_once(machine, count)} == {"unchanged"}
        assert machine.standing() == standing
        content = auth_file(f"password-{number}")
        machine.put(content)


def test_rotation_between_several(booted: Machine) -> None:
    """A version that comes while several runs are on their way is installed by one of them, or by the next run."""
    newest = auth_file("newest-password")
    with contextlib.ExitStack() as stack:
        children = [stack.enter_context(booted.launching()) for _ in range(2)]
        booted.proxy.wait_for("GetObject")
        booted.put(newest)
        children += [stack.enter_context(booted.launching()) for _ in range(2)]
        ended = [child.communicate(timeout=60) for child in children]
    assert [child.returncode for child in children] == [0] * 4, ended
    assert_one(booted, newest)
    assert (
        program.run_here(
            *booted.boot_arguments(f"--image={booted.docker.image()}", "--format=json"), env=booted.environment()
        ).document["outcome"]
        == "unchanged"
    )
