"""`ecsauth push` at a terminal: the change is shown, and nothing is put before somebody has said yes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from program import run_here
from pseudo_terminal import PseudoTerminal
from pushing import CHANGED, FILE, URI

if TYPE_CHECKING:
    from pushing import Operator

QUESTION = f"upload it to {URI}? [y/N] "
CHANGE = "ecsauth: ECS_ENGINE_AUTH_DATA, registry registry.example.com: password changed\n"


def push(operator: Operator, *options: str) -> PseudoTerminal:
    """Push what changes a password, at a terminal."""
    operator.bucket.put(FILE)
    operator.path.write_bytes(CHANGED)
    key = ("--kms-key", operator.bucket.kms_key)
    return PseudoTerminal("push", str(operator.path), URI, *key, *options, env=operator.env)


@pytest.mark.parametrize("answer", ["y\n", "Yes\n", "what\ny\n"])
def test_yes(operator: Operator, answer: str) -> None:
    """After a yes it is put; what is neither yes nor no is asked again."""
    with push(operator) as terminal:
        seen = terminal.wait_for(QUESTION)
        assert CHANGE in seen
        assert operator.bucket.get() == FILE
        terminal.type(answer)
        status, seen = terminal.end()
    assert status == 0
    assert seen.count(QUESTION) == 1 + answer.count("what")
    assert operator.bucket.get() == CHANGED
    assert "canary" not in seen


@pytest.mark.parametrize("answer", ["n\n", "\n", "no\n", "\x04", "\x03"], ids=["n", "empty", "no", "end", "Ctrl-C"])
def test_no(operator: Operator, answer: str) -> None:
    """A no, an empty line, the end of the input and Ctrl-C put nothing, and say so to a script, too."""
    with push(operator) as terminal:
        terminal.wait_for(QUESTION)
        terminal.type(answer)
        status, seen = terminal.end()
    assert status == 130
    assert "interrupted by SIGINT" in seen if answer == "\x03" else f"nothing was uploaded to {URI}\n" in seen
    assert operator.bucket.get() == FILE


@pytest.mark.parametrize("options", [("--yes",), ("--format", "json"), ("--dry-run",)])
def test_not_asked(operator: Operator, options: tuple[str, ...]) -> None:
    """Who says --yes, programs, and a dry run are not asked."""
    with push(operator, *options) as terminal:
        status, seen = terminal.end()
    assert status == 0
    assert "?" not in seen
    assert operator.bucket.get() == (FILE if "--dry-run" in options else CHANGED)


def test_new_object(operator: Operator) -> None:
    """Where there is nothing yet, the question says so."""
    operator.path.write_bytes(FILE)
    arguments = ("push", str(operator.path), URI, "--kms-key", operator.bucket.kms_key)
    with PseudoTerminal(*arguments, env=operator.env) as terminal:
        terminal.wait_for("as a new object? [y/N] ")
        terminal.type("y\n")
        assert terminal.end().status == 0
    assert operator.bucket.get() == FILE


def test_somebody_is_faster_than_the_answer(operator: Operator) -> None:
    """What was shown is what is replaced: a change while the question stands is a conflict, with who and when."""
    with push(operator) as terminal:
        terminal.wait_for(QUESTION)
        other = operator.path.with_name("other.config")
        other.write_bytes(FILE + b"ECS_LOGLEVEL=debug\n")
        theirs = run_here("push", str(other), URI, "--kms-key", operator.bucket.kms_key, env=operator.env)
        assert theirs.status == 0
        terminal.type("y\n")
        status, seen = terminal.end()
    assert status == 9
    assert "the object was changed in the meantime: version " in seen
    assert "Z, by arn:aws:sts::123456789012:user/moto" in seen
    assert operator.bucket.get() == other.read_bytes()


def test_nothing_to_ask(operator: Operator) -> None:
    """Where there is nothing to do there is no question."""
    operator.bucket.put(FILE)
    operator.path.write_bytes(FILE)
    arguments = ("push", str(operator.path), URI, "--kms-key", operator.bucket.kms_key)
    with PseudoTerminal(*arguments, env=operator.env) as terminal:
        status, seen = terminal.end()
    assert status == 0
    assert "nothing to do" in seen
