"""`ecsauth init` at a terminal, interrupted and killed at each step: the same command goes on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Callable

import hurried
import pytest
from cloud_account import ADMINISTRATOR, CloudAccount
from program import SOURCES, run_here
from pseudo_terminal import PseudoTerminal
from pushing import FILE
from s3_faults import Fault

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from loopback_server import Answer
    from s3_request import Request
    from s3_server import S3Server

EVERYTHING = ["CreateStack", "CreateCluster", "PutObject", "PutObject", "UpdateStack"]
# The request at which the signal comes: its name, and how many of that name go before.
STEPS = [
    pytest.param("CreateStack", 0, id="stack"),
    pytest.param("CreateCluster", 0, id="cluster"),
    pytest.param("PutObject", 0, id="env-file"),
    pytest.param("PutObject", 1, id="archive"),
    pytest.param("UpdateStack", 0, id="update"),
    pytest.param("ListContainerInstances", 0, id="instance"),
]


class Signalled(Fault):
    """The program gets a signal while the service carries out its request number `before` + 1."""

    def __init__(self, number: int, before: int) -> None:
        self._number, self._before = number, before
        self.pid = 0

    def respond(self, request: Request, forward: Callable[[], Answer]) -> Answer:
        """Carry the request out, and send the signal before the answer."""
        del request
        response = forward()
        if self._before == 0:
            os.kill(self.pid, self._number)
        self._before -= 1
        return response


@pytest.fixture
def account(s3_server: S3Server, tmp_path: Path) -> Iterator[CloudAccount]:
    """Serve an account in which nothing is yet."""
    with CloudAccount(s3_server, tmp_path / "home") as account:
        yield account


@pytest.fixture
def words(account: CloudAccount, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, ...]:
    """Give the command line, with a good file."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "ecs.config"
    path.write_bytes(FILE)
    return ("init", str(path), "--administrator", ADMINISTRATOR, "--subnets", account.subnets, "--no-compile")


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda one: one.name)
@pytest.mark.parametrize(("operation", "before"), STEPS)
def test_signal_at_a_step(
    operation: str, before: int, number: signal.Signals, account: CloudAccount, words: tuple[str, ...]
) -> None:
    """Interrupted or killed at any step, the same command goes on, and makes nothing twice."""
    fault, env = Signalled(number, before), account.env_of()
    account.inject(fault, operation=operation)
    front = ("env", "--default-signal=INT,TERM")
    with subprocess.Popen(
        [*front, sys.executable, hurried.__file__, "-m", "ecsauth", *words, "--yes"],
        env={**env, "PYTHONPATH": str(SOURCES)},
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as child:
        fault.pid = child.pid
        _, said = child.communicate(timeout=120)
    assert child.returncode == (-number if number == signal.SIGKILL else 128 + number), said
    assert number == signal.SIGKILL or "run the same command again: it goes on from there" in said
    account.heal()
    again = run_here(*words, "--yes", hurried.HURRIED, env=env)
    assert again.status == 0, again.err
    assert "in the cluster: i-" in again.err
    assert account.changes == EVERYTHING


def test_asks_at_a_terminal(account: CloudAccount, words: tuple[str, ...]) -> None:
    """At a terminal it shows the plan and asks; no answer but yes makes anything."""
    with PseudoTerminal(*words, env=account.env_of()) as terminal:
        assert "to do: stack ecsauth" in terminal.wait_for("make these changes? [y/N] ")
        terminal.type("n\n")
        ended = terminal.end()
    assert ended.status == 130
    assert "nothing was made" in ended.seen
    assert account.changes == []


@pytest.mark.slow
def test_progress_at_a_terminal(account: CloudAccount, words: tuple[str, ...]) -> None:
    """At a terminal one line shows the step, what it waits for and its time, and is erased."""
    account.cloudformation.looks = 2
    with PseudoTerminal(*words, env=account.env_of(), term="xterm") as terminal:
        terminal.wait_for("[y/N] ")
        terminal.type("y\n")
        terminal.wait_for("\r\033[Kecsauth: creating stack ecsauth: CREATE_IN_PROGRESS (")
        ended = terminal.end()
    assert ended.status == 0, ended.seen
    assert "\r\033[Kecsauth: created stack ecsauth, " in ended.seen


@pytest.mark.slow
def test_interrupted_while_it_waits(account: CloudAccount, words: tuple[str, ...]) -> None:
    """Ctrl-C during the wait for CloudFormation says what was made, and what goes on by itself."""
    account.cloudformation.looks = 1000
    with PseudoTerminal(*words, "--yes", env=account.env_of()) as terminal:
        terminal.wait_for("CREATE_IN_PROGRESS")
        terminal.type("\x03")
        ended = terminal.end()
    assert ended.status == 130
    assert "made so far: stack ecsauth, which CloudFormation finishes by itself" in ended.seen
    assert "error: interrupted by SIGINT" in ended.seen
