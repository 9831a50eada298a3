"""Outages of S3 and of the metadata service, and what has to hold of an instance in them and after them."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Callable

import s3_faults as faults
from docker_engine import AGENT
from hurried import TRIES
from metadata_service import Behaviour

if TYPE_CHECKING:
    from collections.abc import Iterator

    from machine import Machine
    from program import Ended

Outage = Callable[["Machine"], "contextlib.AbstractContextManager[None]"]

HOUR = 3600
# Enough for one more try, no longer. What S3 would have said in a first one may remain unsaid on a busy machine.
PATIENCE = "--deadline=1.5"
# What never ends is cut off when S3 has been asked for long; what is tried again has no wait between its tries.
CUT_OFF = ("--deadline=4",)


@contextlib.contextmanager
def refusing(machine: Machine) -> Iterator[None]:
    """Let S3 refuse every connection."""
    with machine.proxy.refusing():
        yield


@contextlib.contextmanager
def metadata_refusing(machine: Machine) -> Iterator[None]:
    """Let the metadata service refuse every connection."""
    with machine.metadata.refusing():
        yield


@contextlib.contextmanager
def metadata_silent(machine: Machine) -> Iterator[None]:
    """Let the metadata service answer nothing."""
    machine.metadata.become(Behaviour.SILENT)
    try:
        yield
    finally:
        machine.metadata.become(Behaviour.HEALTHY)


def failing(fault: faults.Fault) -> Outage:
    """Let every request to S3 end so."""

    @contextlib.contextmanager
    def outage(machine: Machine) -> Iterator[None]:
        machine.proxy.inject(fault)
        try:
            yield
        finally:
            machine.proxy.heal()

    return outage


# How it comes about, what is said of it, and for how long it is tried.
OUTAGES: dict[str, tuple[Outage, str, tuple[str, ...]]] = {
    "refusing": (refusing, "refuses the connection", TRIES),
    "hanging": (failing(faults.Hang()), "no complete answer within", CUT_OFF),
    "reset": (failing(faults.Reset()), "the connection broke", TRIES),
    "internal error": (failing(faults.INTERNAL_ERROR), "InternalError", TRIES),
    "slow down": (failing(faults.SLOW_DOWN), "SlowDown", TRIES),
    "KMS throttled": (failing(faults.KMS_THROTTLED), "KMS.ThrottlingException", TRIES),
    "cut body": (failing(faults.CutBody(20)), "the connection broke", TRIES),
    "metadata service refusing": (metadata_refusing, "metadata service", TRIES),
    "metadata service silent": (metadata_silent, "metadata service", (PATIENCE,)),
}


def grow_old(machine: Machine, seconds: int) -> None:
    """Let it be so long ago that S3 confirmed the file."""
    state = machine.state()
    assert state.installed is not None
    installed = state.installed._replace(at=state.installed.at - seconds)
    machine.write_state(state._replace(installed=installed, confirmed_at=state.confirmed_at - seconds))


def during_outage(machine: Machine, *options: str, variant: str = "healthy") -> Ended:
    """Launch while S3 refuses connections."""
    with refusing(machine):
        return machine.launch(PATIENCE, *options, variant=variant)


def assert_agent_has(machine: Machine, content: bytes) -> None:
    """Assert that the env-file is the content, private, and that the one agent runs and was made from it."""
    assert machine.env_file.read_bytes() == content
    machine.assert_private()
    assert machine.docker.agents() == [AGENT]
    given = machine.docker.environment()["ECS_ENGINE_AUTH_DATA"]
    assert f"ECS_ENGINE_AUTH_DATA={given}\n".encode() in content
    assert not machine.strays()


def assert_recovers(machine: Machine, content: bytes) -> None:
    """Assert that the next boot, with S3 back, installs the content, and the one after that has nothing to do."""
    done = machine.launch()
    assert done.status == 0, done.err
    assert_agent_has(machine, content)
    state = machine.state()
    assert (state.in_progress, state.failure, state.rejected) == (None, None, None)
    assert state.installed is not None
    assert state.installed.facts == state.applied == state.verified
    assert machine.launch("--format=json").document["outcome"] == "unchanged"


def edit(machine: Machine) -> None:
    """Write into the file."""
    machine.env_file.write_bytes(b"ECS_CLUSTER=demo\n")
