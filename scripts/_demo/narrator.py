"""What the demo prints: what is done, the command that is run, and that command's own output."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, NoReturn, Optional

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

_WIDTH = 100
_BOLD, _DIM, _PLAIN = "\033[1m", "\033[2m", "\033[0m"
# What a command is given to put things back after a signal, before it is killed.
_LAST_WORDS_S = 60.0


class DemoError(Exception):
    """Something that the demo cannot go on after; the text is for the user."""


class InterruptedDemoError(BaseException):
    """A signal asked the demo to end: everything is cleared away on the way out. `number` is the signal's."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def catch_signals() -> None:
    """Let the first signal end the demo; further ones do not interrupt the clearing away."""

    def interrupt(number: int, _frame: Optional[FrameType]) -> NoReturn:
        ignore_signals()
        raise InterruptedDemoError(number)

    for each in SIGNALS:
        signal.signal(each, interrupt)


def ignore_signals() -> None:
    """Let no signal end the demo from now on."""
    for each in SIGNALS:
        signal.signal(each, signal.SIG_IGN)


class Narrator:
    """Prints to standard output; runs commands in one directory, the programs of this Python's `bin` first."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        colourful = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
        self._bold, self._dim, self._plain = (_BOLD, _DIM, _PLAIN) if colourful else ("", "", "")
        self._steps = 0

    def step(self, title: str) -> None:
        """Begin a numbered step."""
        self._steps += 1
        self._print(f"\n{self._bold}{self._steps}. {title}{self._plain}")

    def say(self, text: str) -> None:
        """Tell something, one line."""
        self._print(f"   {text}")

    def run(self, environment: Mapping[str, str], command: Sequence[str], status: int = 0) -> None:
        """Show a command, run it and show its output as it comes; DemoError unless it ends with `status`."""
        self._print(f"   {self._bold}$ {_in_lines(command)}{self._plain}")
        programs = os.path.dirname(sys.executable)
        child = subprocess.Popen(
            command,
            cwd=self._directory,
            env={**environment, "PATH": f"{programs}:{os.environ.get('PATH', os.defpath)}"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            # A Ctrl-C reaches this program alone, which passes it on once.
            start_new_session=True,
        )
        try:
            self._show_output(child)
        except BaseException as fault:
            _end(child, fault.number if isinstance(fault, InterruptedDemoError) else signal.SIGTERM)
            raise
        if child.wait() != status:
            raise DemoError(f"{command[0]} ended with status {child.returncode}, not with {status}")
        if status:
            self._print(f"   {self._dim}status {status}, as it should be{self._plain}")

    def _show_output(self, child: subprocess.Popen[str]) -> None:
        assert child.stdout is not None  # noqa: S101 - asked for above
        with child.stdout:
            for line in child.stdout:
                self._print(f"   {self._dim}{line.rstrip()}{self._plain}")

    def _print(self, text: str) -> None:
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()


def _end(child: subprocess.Popen[str], number: int) -> None:
    """Pass the signal on and wait: a boot that is interrupted puts back what was there before."""
    child.send_signal(number)
    try:
        child.wait(_LAST_WORDS_S)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def _in_lines(command: Sequence[str]) -> str:
    """Return the command as it would be typed, broken before options where it is long."""
    lines = [""]
    for word in map(shlex.quote, command):
        if word.startswith("--") and len(lines[-1]) + len(word) > _WIDTH // 2 and len(" ".join(command)) > _WIDTH:
            lines.append(word)
        else:
            lines[-1] = f"{lines[-1]} {word}".strip()
    return " \\\n       ".join(lines)
