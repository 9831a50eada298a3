"""What the system refuses, told as a fault of this machine: a table of what the interpreter says for it."""

from __future__ import annotations

import errno
import json
import os
import re
import resource
import sys
from typing import TYPE_CHECKING

import pytest
from ecsauth.aws.attempt import Attempt, Operation
from ecsauth.aws.s3 import translated
from ecsauth.cli.main import main
from ecsauth.cli.process import has_no_reader
from ecsauth.errors import EcsauthError, LaunchError, LocalError, UnreachableError, of_system
from ecsauth.host.commands import Commands

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_IO = OSError(errno.EIO, "a library's own words")


@pytest.mark.parametrize(
    ("trouble", "kind", "message"),
    [
        (MemoryError(), LocalError, "this machine does not have enough memory"),
        (RuntimeError("can't start new thread"), LocalError, "the system cannot start a thread"),
        (
            NotImplementedError("/dev/urandom (or equivalent) not found"),
            LocalError,
            "the system has no random numbers",
        ),
        (ModuleNotFoundError("No module named 'x'", name="x"), LocalError, "cannot load x"),
        (ImportError("libssl.so.3: cannot map", name="_ssl"), LocalError, "cannot load _ssl"),
        (OSError(errno.EIO, "x", "/etc/ecs"), LocalError, "cannot use /etc/ecs: input/output error"),
        (_IO, LocalError, "a system call failed (at here.py:1): input/output error"),
        (
            ConnectionResetError(errno.ECONNRESET, "x"),
            UnreachableError,
            "a connection broke (at here.py:1): connection reset",
        ),
        (TimeoutError(), UnreachableError, "a connection broke (at here.py:1): unknown error"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_refusals_of_the_system(trouble: Exception, kind: type[EcsauthError], message: str) -> None:
    """Each is the fault of whom it is, in our own words."""
    found = of_system(trouble, "here.py:1")
    assert type(found) is kind
    assert found.message.startswith(message)


@pytest.mark.parametrize(
    "bug", [ValueError("x"), RuntimeError("x"), RecursionError(), NotImplementedError(), KeyError("x")]
)
def test_bugs(bug: Exception) -> None:
    """What no system says stays what it is: a mistake of the program."""
    assert of_system(bug) is None


@pytest.fixture
def no_descriptor_left() -> Iterator[None]:
    """Let this process open nothing more."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    free = os.open(os.devnull, os.O_RDONLY)
    os.close(free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (free, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.usefixtures("no_descriptor_left")
def test_a_command_that_the_system_does_not_start() -> None:
    """A command that finds no descriptor is not run, and is named: going back goes on after it."""
    with pytest.raises(LaunchError) as raised:
        Commands().call(("true", "verb"), 10)
    assert raised.value.message == "true verb cannot be run: too many open files"


@pytest.fixture
def no_current_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand in a directory that somebody has removed."""
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()


_BOOT = (
    "boot",
    "s3://bucket/key",
    f"--kms-key=arn:aws:kms:eu-west-1:111122223333:key/{'1' * 8}-1111-1111-1111-{'1' * 12}",
)


@pytest.mark.usefixtures("no_current_directory")
@pytest.mark.parametrize("style", ["text", "json"])
def test_what_no_edge_has_translated(capsys: pytest.CaptureFixture[str], style: str) -> None:
    """It is a fault of this machine all the same, for people and for programs, with its place."""
    assert main([*_BOOT, "--launch=none", "--file=ecs.config", f"--format={style}"]) == 6
    out, err = capsys.readouterr()
    assert re.search(r"error: a system call failed \(at .*boot\.py:\d+.*\): no such file or directory\n", err)
    assert "bug" not in err
    assert not out or json.loads(out)["status"] == 6
    assert bool(out) is (style == "json")


def test_a_standard_input_that_is_closed(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing can be read from it: it is not taken for an empty file."""
    monkeypatch.setattr(sys, "stdin", None)
    assert main(["check", "-"]) == 6
    assert capsys.readouterr().err == "ecsauth: error: cannot read -: bad file descriptor\n"


def test_a_runtime_error_is_no_end_of_credentials() -> None:
    """Only the SDK's own words for it are read so."""
    with pytest.raises(RuntimeError), translated(Attempt(Operation.GET, "s3://b/k")):
        raise RuntimeError("can't start new thread")


@pytest.mark.parametrize(
    ("trouble", "message"),
    [
        (OSError(errno.EIO, "x"), "cannot get s3://b/k: input/output error"),
        (OSError(errno.EACCES, "x", "/sdk/data.json"), "cannot get s3://b/k: /sdk/data.json: permission denied"),
    ],
    ids=["without a name", "with a name"],
)
def test_a_refusal_within_the_sdk(trouble: OSError, message: str) -> None:
    """It names what was tried, and the file where there is one."""
    with pytest.raises(LocalError) as raised, translated(Attempt(Operation.GET, "s3://b/k")):
        raise trouble
    assert raised.value.message == message


def test_a_broken_connection_is_no_reader_that_has_gone() -> None:
    """Only standard output's own broken pipe ends a command without a word, with the signal's status."""
    assert not has_no_reader(BrokenPipeError(errno.EPIPE, "x"))
    found = of_system(BrokenPipeError(errno.EPIPE, "x"))
    assert found is not None
    assert found.message == "a connection broke: broken pipe"
