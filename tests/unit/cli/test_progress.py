"""The line about what is waited for: when it is there, what it says, and that nothing of it stays."""

from __future__ import annotations

import _thread
import contextlib
import fcntl
import os
import pty
import re
import select
import struct
import sys
import termios
import time
from typing import TYPE_CHECKING, TextIO

import pytest
from ecsauth.cli import console, progress
from screen import screen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from typing_extensions import Self

PATIENCE_S = 60.0
# Long enough for a line to be written, if one were.
_TICKS = 10


class Terminal:
    """A terminal that is this process's standard error and output; what is written to it is read here."""

    def __init__(self) -> None:
        self._ours, theirs = pty.openpty()
        self.stream: TextIO = os.fdopen(theirs, "w", encoding="utf-8", buffering=1)
        self.written = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.hang_up()
        with contextlib.suppress(OSError):
            self.stream.close()

    @contextlib.contextmanager
    def waiting(self, what: str) -> Iterator[None]:
        """Make a section in which this is the terminal of the program."""
        with contextlib.redirect_stdout(self.stream), contextlib.redirect_stderr(self.stream):
            try:
                with progress.waiting(what):
                    yield
            finally:
                assert sys.stdout is sys.stderr is self.stream

    def narrow(self, columns: int) -> None:
        """Set the width."""
        fcntl.ioctl(self._ours, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))

    def hang_up(self) -> None:
        """Go away, as a connection that breaks."""
        if self._ours >= 0:
            os.close(self._ours)
        self._ours = -1

    def read(self) -> str:
        """Return all that was written so far, line ends as the program writes them."""
        while select.select([self._ours], [], [], 0)[0]:
            self.written += os.read(self._ours, 65536).decode().replace("\r\n", "\n")
        return self.written

    def wait_for(self, pattern: str) -> list[str]:
        """Return what is shown once it matches; AssertionError if that does not come."""
        end = time.monotonic() + PATIENCE_S
        while not re.search(pattern, "\n".join(screen(self.read()))):
            assert time.monotonic() < end, repr(self.written)
            time.sleep(0.005)
        return screen(self.written)


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[Terminal]:
    """Give a terminal, on which a line appears at once."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(progress, "_DELAY", 0.001)
    monkeypatch.setattr(progress, "_EVERY", 0.005)
    with Terminal() as made:
        yield made


def test_line(terminal: Terminal) -> None:
    """It says what is waited for and for how long, and is gone at the end."""
    with terminal.waiting("asking S3"):
        (line,) = terminal.wait_for("asking")
        assert re.fullmatch(r"ecsauth: asking S3 \(\d+ s\)", line)
    assert screen(terminal.read()) == [""]


def test_count(terminal: Terminal) -> None:
    """Where it is known how much there is to do, it says how much is done."""
    with terminal.waiting("logging in"):
        progress.tell("logging in", 3, 40)
        terminal.wait_for(r"^ecsauth: logging in, 3 of 40 \(\d+ s\)$")
    assert screen(terminal.read()) == [""]


def test_seconds(terminal: Terminal) -> None:
    """They count from the last change of what is waited for; a count alone does not begin them anew."""
    with terminal.waiting("one"):
        terminal.wait_for(r"one \(1 s\)")
        progress.tell("one", 1, 2)
        terminal.wait_for(r"one, 1 of 2 \([1-9]\d* s\)")
        progress.tell("two")
        terminal.wait_for(r"two \(0 s\)")


def test_quick_command(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    """What ends soon shows nothing at all."""
    monkeypatch.setattr(progress, "_DELAY", PATIENCE_S)
    with terminal.waiting("asking S3"):
        progress.tell("asking again")
    assert terminal.read() == ""


def test_messages(terminal: Terminal) -> None:
    """A message stands on a line of its own, on either stream, and the line comes back below it."""
    with terminal.waiting("asking S3"):
        terminal.wait_for("asking")
        console.warn("first")
        assert terminal.wait_for("first\n.*asking")[0] == "ecsauth: warning: first"
        sys.stdout.write("second\n")
        terminal.wait_for("second\n.*asking")
    assert screen(terminal.read()) == ["ecsauth: warning: first", "second", ""]


def test_bytes(terminal: Terminal) -> None:
    """So do the bytes of a file."""
    with terminal.waiting("asking S3"):
        terminal.wait_for("asking")
        sys.stdout.buffer.write(b"A=1\n")
        sys.stdout.flush()
        terminal.wait_for("A=1\n.*asking")
    assert screen(terminal.read()) == ["A=1", ""]


def test_question(terminal: Terminal) -> None:
    """A question stays as it is until it is answered."""
    with terminal.waiting("asking S3"):
        terminal.wait_for("asking")
        with progress.paused():
            sys.stderr.write("sure? ")
            sys.stderr.flush()
            time.sleep(_TICKS * 0.005)
            assert screen(terminal.read()) == ["sure? "]
            sys.stderr.write("\n")
        terminal.wait_for("asking")
    assert screen(terminal.read()) == ["sure? ", ""]


def test_start_of_a_line(terminal: Terminal) -> None:
    """A line that is not ended yet is not written over."""
    with terminal.waiting("asking S3"):
        terminal.wait_for("asking")
        sys.stderr.write("half ")
        sys.stderr.flush()
        time.sleep(_TICKS * 0.005)
        sys.stderr.write("and half\n")
    assert screen(terminal.read()) == ["half and half", ""]


def test_section_in_a_section(terminal: Terminal) -> None:
    """The inner one has its own text; then the outer one's is back."""
    with terminal.waiting("outer"):
        with progress.waiting("inner"):
            terminal.wait_for("inner")
        terminal.wait_for("outer")
    assert screen(terminal.read()) == [""]


@pytest.mark.parametrize("fault", [KeyboardInterrupt, ValueError, SystemExit])
def test_faults(terminal: Terminal, fault: type[BaseException]) -> None:
    """Whatever ends the section, the line is gone, and the streams are the ones from before."""
    with contextlib.suppress(fault), terminal.waiting("asking S3"):
        terminal.wait_for("asking")
        raise fault
    assert screen(terminal.read()) == [""]


@pytest.mark.parametrize("columns", [1, 2, 8, 20, 30, 1000])
def test_width(terminal: Terminal, columns: int) -> None:
    """The terminal never has to wrap the line; how long it takes is shown as long as there is room."""
    terminal.narrow(columns)
    with terminal.waiting("asking S3 about s3://bucket/prod/ecs.config"):
        progress.tell("asking S3 about s3://bucket/prod/ecs.config", 3, 4)
        end = time.monotonic() + PATIENCE_S
        while "\033[K" not in terminal.read() and time.monotonic() < end and columns > 1:
            time.sleep(0.005)
    lines = re.findall(r"[^\r\n\033]+", terminal.read().replace("\033[K", "\033\r"))
    assert all(len(line.removeprefix("\033")) < columns for line in lines)
    assert columns < 30 or any(line.endswith(" s)") for line in lines)


def test_names_from_elsewhere(terminal: Terminal) -> None:
    """Nothing in a name moves the cursor or is wider than it counts."""
    with terminal.waiting("reading \x1b[31m\u4e16\u754c\n\udcff"):
        terminal.wait_for(r"^ecsauth: reading \?\[31m\?\?\?\? \(")
    assert screen(terminal.read()) == [""]


def test_terminal_that_goes_away(terminal: Terminal) -> None:
    """The command goes on."""
    with terminal.waiting("asking S3"):
        terminal.wait_for("asking")
        terminal.hang_up()
        progress.tell("something else")
        time.sleep(_TICKS * 0.005)


def _pipe(_: Terminal) -> TextIO:
    there, here = os.pipe()
    os.close(there)
    return open(here, "w", encoding="utf-8")


def _closed(_: Terminal) -> TextIO:
    with open(os.devnull, "w", encoding="utf-8") as stream:
        return stream


@pytest.mark.parametrize(
    ("stream", "term"),
    [(_pipe, "xterm"), (_closed, "xterm"), (lambda terminal: terminal.stream, "dumb")],
    ids=["pipe", "closed", "dumb"],
)
def test_elsewhere(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch, stream: Callable[[Terminal], TextIO], term: str
) -> None:
    """Without a terminal that can erase a line there is no line, no thread and no other stream."""
    monkeypatch.setenv("TERM", term)
    with contextlib.closing(stream(terminal)) as err, contextlib.redirect_stderr(err):
        before = sys.stdout, sys.stderr, _thread._count()  # noqa: SLF001 - all threads, whoever started them
        with progress.waiting("asking S3"), progress.paused():
            progress.tell("asking again", 1, 2)
            assert (sys.stdout, sys.stderr, _thread._count()) == before  # noqa: SLF001
        if not err.closed and err.isatty():
            assert terminal.read() == ""


def test_no_thread(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the system starts no thread, the command runs without a line."""

    def refuse(*_: object) -> int:
        raise RuntimeError

    monkeypatch.setattr(_thread, "start_new_thread", refuse)
    with terminal.waiting("asking S3"):
        console.warn("first")
    assert screen(terminal.read()) == ["ecsauth: warning: first", ""]
