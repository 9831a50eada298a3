"""A boot that nobody hears: the log is on a full disk, or its reader has died. Work and status stay the same."""

from __future__ import annotations

import contextlib
import os
import subprocess
from typing import TYPE_CHECKING

import pytest
from machine import FIRST, SECOND
from s3_faults import ACCESS_DENIED, Reset

if TYPE_CHECKING:
    from collections.abc import Iterator

    from machine import Machine

OK, DENIED, UNREACHABLE, STALE = 0, 4, 5, 8


@contextlib.contextmanager
def _full_disk() -> Iterator[int]:
    descriptor = os.open("/dev/full", os.O_WRONLY)
    yield descriptor
    os.close(descriptor)


@contextlib.contextmanager
def _dead_pipe() -> Iterator[int]:
    there, here = os.pipe()
    os.close(there)
    yield here
    os.close(here)


@pytest.fixture(params=[_full_disk, _dead_pipe], ids=["full disk", "dead pipe"])
def nowhere(request: pytest.FixtureRequest) -> Iterator[int]:
    """Give a descriptor that takes nothing."""
    with request.param() as descriptor:
        yield descriptor


def _boot(machine: Machine, nowhere: int, *options: str) -> int:
    command = machine.command("--launch=none", *options)
    return subprocess.run(
        command, env=machine.environment(), stdout=subprocess.DEVNULL, stderr=nowhere, timeout=60, check=False
    ).returncode


def test_first_boot(bare_machine: Machine, nowhere: int) -> None:
    """The env-file is installed."""
    assert _boot(bare_machine, nowhere) == OK
    assert bare_machine.env_file.read_bytes() == FIRST


def test_edited_file(bare_machine: Machine, nowhere: int) -> None:
    """A warning comes before the file is replaced: it is replaced."""
    _boot(bare_machine, nowhere)
    bare_machine.env_file.write_bytes(SECOND)
    assert _boot(bare_machine, nowhere) == OK
    assert bare_machine.env_file.read_bytes() == FIRST


def test_outage(bare_machine: Machine, nowhere: int) -> None:
    """With S3 silent the last good file comes back, though the warning of its age is lost."""
    _boot(bare_machine, nowhere)
    bare_machine.env_file.unlink()
    bare_machine.proxy.inject(Reset())
    assert _boot(bare_machine, nowhere, "--deadline=1") == STALE
    assert bare_machine.env_file.read_bytes() == FIRST


def test_outage_of_a_fresh_instance(bare_machine: Machine, nowhere: int) -> None:
    """Without a good file the status says that trying again helps."""
    bare_machine.proxy.inject(Reset())
    assert _boot(bare_machine, nowhere, "--deadline=1") == UNREACHABLE


def test_refusal(bare_machine: Machine, nowhere: int) -> None:
    """A denial keeps its status, in JSON too, and is recorded for `status`."""
    bare_machine.proxy.inject(ACCESS_DENIED)
    assert _boot(bare_machine, nowhere, "--deadline=1", "--format=json") == DENIED
    failure = bare_machine.state().failure
    assert failure is not None
    assert failure.status == DENIED
