"""An outage leads to no other file than the one that was asked for, and what is no outage leads to none at all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Callable

import program
import pytest
import s3_faults as faults
from docker_engine import AGENT
from hurried import TRIES
from machine import FIRST, KEY, SECOND
from metadata_service import Behaviour
from outage import HOUR, PATIENCE, assert_agent_has, assert_recovers, during_outage, edit, grow_old, refusing
from s3_server import ACCOUNT

if TYPE_CHECKING:
    from machine import Machine

INVALID, DENIED, UNREACHABLE, STALE = 3, 4, 5, 8


@pytest.mark.parametrize("agent", ["running", "stopped"])
def test_too_old(booted: Machine, agent: str) -> None:
    """Longer than --max-stale nothing is gone on with: nothing is started and nothing is changed."""
    grow_old(booted, 3 * HOUR)
    if agent == "stopped":
        booted.docker.call("stop", AGENT)
    edit(booted)
    before, recorded = booted.standing(), booted.record()
    done = during_outage(booted, "--max-stale=2h")
    assert done.status == UNREACHABLE
    assert "ecsauth: hint: the S3 confirmed the last verified file 1" in done.err
    assert "and --max-stale allows " in done.err
    assert booted.standing() == before
    assert booted.record() == recorded
    assert during_outage(booted, "--max-stale=4h").status == STALE
    assert_agent_has(booted, FIRST)


OTHER_KEY = "arn:aws:kms:eu-central-1:123456789012:key/0987dcba-09fe-87dc-65ba-ab0987654321"
TERMS = {
    "key": "a key that --kms-key does not name",
    "uri": "came from s3://fleet/prod/ecs.config",
    "version": "came from s3://fleet/prod/ecs.config",
    "owner": "(--bucket-owner)",
    "set": "another --file or --set",
}


def on_other_terms(machine: Machine, which: str) -> tuple[str, ...]:
    """Return the arguments of a boot that differ in one of the terms on which the file was accepted."""
    arguments = [*machine.boot_arguments(f"--image={machine.docker.image()}", PATIENCE)]
    if which == "key":
        arguments[2] = f"--kms-key={OTHER_KEY}"
    elif which == "uri":
        arguments[1] = "s3://fleet/prod/other.config"
    elif which == "version":
        arguments[1] = "s3://fleet/prod/ecs.config?versionId=abc"
    elif which == "owner":
        arguments.append("--bucket-owner=210987654321")
    else:
        arguments.append("--set=ECS_RESERVED_MEMORY=64")
    return tuple(arguments)


@pytest.mark.parametrize("which", list(TERMS))
def test_other_terms(booted: Machine, which: str) -> None:
    """A file that was accepted on other terms is not gone on with: it is said on which, and nothing is started."""
    booted.docker.call("stop", AGENT)
    before, recorded = booted.standing(), booted.record()
    with refusing(booted):
        done = program.run(*on_other_terms(booted, which), env=booted.environment())
    assert done.status == UNREACHABLE, done.err
    (hint,) = (line for line in done.err.splitlines() if "the last verified file" in line)
    assert hint.startswith("ecsauth: hint: ")
    assert TERMS[which] in hint
    assert booted.standing() == before
    assert booted.record() == recorded


def test_terms_that_still_hold(booted: Machine) -> None:
    """One more key, as while keys change, and the account that was meant anyway, are no other terms."""
    before = booted.standing()
    assert during_outage(booted, f"--kms-key={OTHER_KEY}", f"--bucket-owner={ACCOUNT}").status == STALE
    assert booted.standing() == before


def denied(machine: Machine) -> None:
    """Let S3 deny."""
    machine.proxy.inject(faults.ACCESS_DENIED)


def key_denied(machine: Machine) -> None:
    """Let KMS deny."""
    machine.proxy.inject(faults.kms_denied(machine.key))


def untrusted(machine: Machine) -> None:
    """Put a version that is encrypted with another key."""
    key = machine.server.make_key()
    machine.server.s3.put_object(
        Bucket=machine.bucket, Key=KEY, Body=SECOND, ServerSideEncryption="aws:kms", SSEKMSKeyId=key
    )


def invalid(machine: Machine) -> None:
    """Put a version that the agent would not understand."""
    machine.put(SECOND.replace(b"docker", b"dockre"))


def absent(machine: Machine) -> None:
    """Delete the object."""
    machine.server.s3.delete_object(Bucket=machine.bucket, Key=KEY)


def no_role(machine: Machine) -> None:
    """Take the role from the instance."""
    machine.metadata.become(Behaviour.NO_ROLE)


@pytest.mark.parametrize("agent", ["running", "stopped"])
@pytest.mark.parametrize(
    ("refuse", "status"),
    [
        (denied, DENIED),
        (key_denied, DENIED),
        (untrusted, DENIED),
        (absent, DENIED),
        (no_role, DENIED),
        (invalid, INVALID),
    ],
)
def test_no_outage(booted: Machine, refuse: Callable[[Machine], None], status: int, agent: str) -> None:
    """What is denied, untrusted or wrong leads to no old file: an agent that runs is left alone, none is started."""
    if agent == "stopped":
        booted.docker.call("stop", AGENT)
    before, recorded = booted.standing(), booted.record()
    refuse(booted)
    done = booted.launch(*TRIES, "--format=json")
    assert (done.status, done.document["outcome"], done.document["status"]) == (status, "failed", status), done.err
    assert "last good" not in done.out + done.err
    assert booted.standing() == before
    assert booted.record() == recorded
    failure = booted.state().failure
    assert failure is not None
    assert failure.status == status


def nothing(machine: Machine) -> None:
    """Leave the instance as it is."""
    del machine


def foreign(machine: Machine) -> None:
    """Put a file there that nobody has checked."""
    machine.place.mkdir()
    machine.env_file.write_bytes(FIRST)
    machine.env_file.chmod(0o600)


def forgotten(machine: Machine) -> None:
    """Install the file; then the record of it is lost."""
    assert machine.install().status == 0
    (machine.state_place / "state.json").unlink()


def copy_lost(machine: Machine) -> None:
    """Install the file; then its private copy is lost."""
    assert machine.install().status == 0
    (machine.state_place / "verified").unlink()


def copy_lost_and_edited(machine: Machine) -> None:
    """Lose the private copy, and change the file itself."""
    copy_lost(machine)
    machine.env_file.write_bytes(FIRST + b"ECS_LOGLEVEL=debug\n")


def test_good_file_without_its_copy(machine: Machine) -> None:
    """Where the private copy is lost the env-file itself is known to be good by its recorded SHA-256."""
    copy_lost(machine)
    done = during_outage(machine)
    assert done.status == STALE, done.err
    assert machine.env_file.read_bytes() == FIRST


NONE_KNOWN = "there is no last verified file on this instance"
COPY_GONE = "the last verified file is missing or damaged, so boot does not use it"


@pytest.mark.parametrize(
    ("prepare", "hint"),
    [(nothing, NONE_KNOWN), (foreign, NONE_KNOWN), (forgotten, NONE_KNOWN), (copy_lost_and_edited, COPY_GONE)],
)
def test_no_good_file(machine: Machine, prepare: Callable[[Machine], None], hint: str) -> None:
    """Without a file that is known to be good no agent is started."""
    prepare(machine)
    before = machine.standing()
    done = during_outage(machine)
    assert done.status == UNREACHABLE
    assert f"ecsauth: hint: {hint}\n" in done.err
    assert machine.standing() == before
    assert before.agents == {}
    assert_recovers(machine, FIRST)
