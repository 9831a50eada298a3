"""The program forked from one that is loaded is the program: its status, its words, and what it finds around it."""

from __future__ import annotations

import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import program
import pytest
from forked_program import ForkedProgram
from machine import FIRST

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(scope="module")
def forked() -> Iterator[ForkedProgram]:
    """Load the program once."""
    with ForkedProgram() as forked:
        yield forked


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    """Give an environment with next to nothing in it."""
    return {"HOME": str(tmp_path), "PATH": os.defpath, "COLUMNS": "80"}


@pytest.fixture
def command(forked: ForkedProgram, tmp_path: Path) -> Path:
    """Give the command."""
    path = tmp_path / "ecsauth"
    forked.write_command(path)
    return path


@pytest.mark.parametrize(
    "arguments", [("explain", "A370"), ("check", "/nonexistent"), ("check", "--nonsense"), ("--help",), ("--version",)]
)
def test_it_ends_as_the_whole_program(forked: ForkedProgram, env: dict[str, str], arguments: tuple[str, ...]) -> None:
    """Status and output are those of a process that starts an interpreter."""
    assert forked.run(*arguments, env=env) == program.run(*arguments, env=env)


def test_each_run_has_its_own_environment(forked: ForkedProgram, env: dict[str, str]) -> None:
    """What one is given is in no other, though they run at the same time."""
    widths = [40, 60, 80, 100]
    with ThreadPoolExecutor(len(widths)) as pool:
        done = list(pool.map(lambda width: forked.run("check", "--help", env={**env, "COLUMNS": str(width)}), widths))
    assert [one.out for one in done] == [
        program.run("check", "--help", env={**env, "COLUMNS": str(width)}).out for width in widths
    ]
    assert len({one.out for one in done}) == len(widths)


def test_the_command_reads_what_its_caller_opened(command: Path, env: dict[str, str], tmp_path: Path) -> None:
    """Standard input, and the directory in which it is called, are the caller's."""
    (tmp_path / "ecs.config").write_bytes(FIRST)
    for arguments, stdin in ((("check", "-"), FIRST), (("check", "ecs.config"), b"")):
        done = subprocess.run(
            [command, *arguments], env=env, cwd=tmp_path, input=stdin, capture_output=True, timeout=60, check=False
        )
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("closed", ["0<&-", "1>&-", "2>&-"])
def test_a_stream_that_is_closed_stays_so(command: Path, env: dict[str, str], closed: str) -> None:
    """Started with a stream closed it ends as the whole program does, and writes nowhere else."""
    environment = {**env, "PYTHONPATH": str(program.SOURCES)}
    done = [
        subprocess.run(
            ["sh", "-c", f"{words} check - {closed}"],
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=60,
            check=False,
        )
        for words in (str(command), " ".join(program.command()))
    ]
    first, second = ((one.returncode, one.stdout, one.stderr) for one in done)
    assert first == second


def test_a_change_before_is_made(forked: ForkedProgram, env: dict[str, str], tmp_path: Path) -> None:
    """The command may be told to change its arguments."""
    path = tmp_path / "changed"
    forked.write_command(path, "arguments = ['explain', *arguments]")
    done = subprocess.run([path, "A370"], env=env, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == forked.run("explain", "A370", env=env).out
