"""An object that is not to be trusted, or would not work, never comes near the env-file or the agent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Callable

import hurried
import s3_faults as faults
from machine import FIRST, KEY, SECOND, auth_file
from s3_server import ACCOUNT

if TYPE_CHECKING:
    from machine import Machine

INVALID, DENIED, STALE = 3, 4, 8


def absent(machine: Machine) -> None:
    """Delete the object."""
    machine.server.s3.delete_object(Bucket=machine.bucket, Key=KEY)


def foreign(machine: Machine) -> None:
    """Give the bucket to another account."""
    machine.proxy.owners[machine.bucket] = ACCOUNT[::-1]


def plain(machine: Machine) -> None:
    """Encrypt with S3's own keys."""
    machine.server.s3.put_object(Bucket=machine.bucket, Key=KEY, Body=SECOND, ServerSideEncryption="AES256")


def other_key(machine: Machine) -> None:
    """Encrypt with another KMS key."""
    key = machine.server.make_key()
    machine.server.s3.put_object(
        Bucket=machine.bucket, Key=KEY, Body=SECOND, ServerSideEncryption="aws:kms", SSEKMSKeyId=key
    )


def body(content: bytes) -> Callable[[Machine], None]:
    """Put the content."""

    def put(machine: Machine) -> None:
        machine.put(content)

    return put


def fault(what: faults.Fault) -> Callable[[Machine], None]:
    """Put a good version, and let S3 fail with it."""

    def put(machine: Machine) -> None:
        machine.put(SECOND)
        machine.proxy.inject(what)

    return put


BAD: dict[str, tuple[Callable[[Machine], None], int]] = {
    "absent": (absent, DENIED),
    "denied": (fault(faults.ACCESS_DENIED), DENIED),
    "foreign bucket": (foreign, DENIED),
    "not encrypted": (fault(faults.Headers({"x-amz-server-side-encryption": None})), DENIED),
    "SSE-S3": (plain, DENIED),
    "another key": (other_key, DENIED),
    "too large": (body(auth_file("p", f"# {'x' * 60_000}") * 5), INVALID),
    "empty": (body(b""), INVALID),
    "invalid UTF-8": (body(SECOND + b"A=\xff\n"), INVALID),
    "NUL": (body(SECOND + b"A=\0\n"), INVALID),
    "long line": (body(SECOND + b"A=" + b"x" * 65_536 + b"\n"), INVALID),
    "line without a name": (body(SECOND + b"=hunter2\n"), INVALID),
    "finding": (body(SECOND.replace(b"docker", b"dockre")), INVALID),
    "altered on the way": (fault(faults.AlteredBody()), DENIED),
    "cut short": (fault(faults.CutBody(20)), STALE),
    "unreachable": (fault(faults.Reset()), STALE),
}


def test_bad_objects(booted: Machine) -> None:
    """Whatever is wrong with the object, file, agent and records stay; the status says whose fault it is."""
    before, recorded = booted.standing(), booted.record()
    for name, (spoil, status) in BAD.items():
        spoil(booted)
        done = booted.launch(*hurried.TRIES)
        assert (done.status, "hunter2" in done.err) == (status, False), (name, done.err)
        assert booted.env_file.read_bytes() == FIRST, name
        assert booted.record() == recorded, name
        assert not booted.strays(), name
        booted.proxy.heal()
        booted.proxy.owners.clear()
    assert booted.standing() == before
