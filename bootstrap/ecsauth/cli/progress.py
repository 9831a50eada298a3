"""One line about what a command waits for. It is written only at a terminal, and erased before anything else is.

The line appears when a section, `waiting`, has lasted half a second. A thread writes it, because what is waited for
does not return in between. `tell` changes the text; rooms below the command layer get it as a callable. While a section
lasts, the standard streams erase the line before they write. If standard error is not a terminal, there is no line, no
thread and no other stream.
"""

from __future__ import annotations

import _thread
import contextlib
import os
import signal
import sys
import time
from typing import TYPE_CHECKING, Any, NamedTuple, cast

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TextIO

_DELAY = 0.5
_EVERY = 0.2
# Seconds to wait for the thread that writes: a terminal that is stopped, as by Ctrl-S, keeps it.
_PATIENCE = 1.0
_NAME = "ecsauth: "
_ERASE = b"\r\033[K"
_COLUMNS = 80


class _Text(NamedTuple):
    """What is waited for, since when, and how much of how many is done; `of` is 0 if that is unknown.

    `more` changes without a new start of the time.
    """

    what: str
    began: float
    number: int = 0
    of: int = 0
    more: str = ""

    def shown(self, columns: int) -> bytes:
        """Return the line, cut so that the terminal does not wrap it: a second line could not be erased."""
        count = f", {self.number} of {self.of}" if self.of else ""
        tail = f"{count}{self.more} ({int(time.monotonic() - self.began)} s)"
        room = max(columns - 1 - len(_NAME) - len(tail), 0)
        # Letters of other scripts may be two columns wide, and control characters would move the cursor.
        what = "".join(letter if letter.isascii() and letter.isprintable() else "?" for letter in self.what)
        what = what if len(what) <= room else f"{what[: max(room - 2, 0)]}.."
        return f"{_NAME}{what}{tail}"[: max(columns - 1, 0)].encode("ascii")


class _Line:
    """The line at a terminal, given by its descriptor, and the thread that writes it."""

    def __init__(self, terminal: int, what: str) -> None:
        self._terminal = terminal
        self.text = _Text(what, time.monotonic())
        self._writing = _thread.allocate_lock()
        self._end = _thread.allocate_lock()
        self._end.acquire()
        # The line that is at the terminal now, empty if there is none.
        self._shown = b""
        # The cursor is behind a text without a line end, as a question.
        self._is_mid_line = False
        self._pauses = 0
        self._is_over = False

    def start(self) -> None:
        """Start the thread. If the system starts none, there is no line."""
        # The thread gets no signals: they must interrupt what the main thread waits for.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        try:
            with contextlib.suppress(RuntimeError):
                _thread.start_new_thread(self._run, ())
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def end(self) -> None:
        """Erase the line for good. The thread need not have ended: it writes nothing more."""
        self._is_over = True
        self._end.release()
        with self.quiet():
            pass

    def tell(self, what: str, number: int, of: int, more: str) -> None:
        """Change the text. The seconds count from the last change of what is waited for."""
        began = self.text.began if what == self.text.what else time.monotonic()
        self.text = _Text(what, began, number, of, more)

    @contextlib.contextmanager
    def quiet(self) -> Iterator[None]:
        """Erase the line, and write none inside the `with` block."""
        is_free = self._writing.acquire(timeout=_PATIENCE)
        try:
            if self._shown:
                self._shown = b""
                self._write(_ERASE)
            yield
        finally:
            if is_free:
                self._writing.release()

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """As `quiet`, but other threads may write inside the `with` block."""
        self._pauses += 1
        try:
            with self.quiet():
                pass
            yield
        finally:
            self._pauses -= 1
            # The user has ended the line by answering.
            self._is_mid_line = False

    def note(self, written: Any) -> None:
        """Record what was written, a text or bytes: the line must not follow the start of another."""
        self._is_mid_line = written[-1:] not in ("\n", b"\n") if written else self._is_mid_line

    def _run(self) -> None:
        pause = _DELAY
        while not self._end.acquire(timeout=pause):
            with self._writing:
                if self._is_over:
                    return
                if not self._pauses and not self._is_mid_line and self._is_in_front():
                    self._show(self.text.shown(self._columns()))
            pause = _EVERY

    def _show(self, line: bytes) -> None:
        if line != self._shown:
            self._shown = line
            self._write(_ERASE + line)

    def _is_in_front(self) -> bool:
        """Tell whether this is the terminal's foreground job: the line of another job would disturb the user."""
        try:
            return os.tcgetpgrp(self._terminal) == os.getpgrp()
        except OSError:
            # It is not the terminal of this session, or it is gone.
            return True

    def _columns(self) -> int:
        try:
            return os.get_terminal_size(self._terminal).columns or _COLUMNS
        except OSError:
            return _COLUMNS

    def _write(self, data: bytes) -> None:
        """Write to the terminal; give up if it is gone."""
        try:
            os.write(self._terminal, data)
        except OSError:
            self._is_over = True


class _Guarded:
    """A stream, text or bytes, that behaves as the wrapped one, but erases the line before it writes."""

    def __init__(self, stream: Any, line: _Line) -> None:
        self._stream = stream
        self._line = line

    def write(self, data: Any) -> int:
        """Erase the line, then write."""
        with self._line.quiet():
            written: int = self._stream.write(data)
            self._line.note(data)
        return written

    def flush(self) -> None:
        """Erase the line, then flush: the buffer may have the start of another line."""
        with self._line.quiet():
            self._stream.flush()

    @property
    def buffer(self) -> _Guarded:
        """The stream of bytes below the stream of text."""
        return _Guarded(self._stream.buffer, self._line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


# The line of the section that lasts, if any.
_lines: list[_Line] = []


def tell(what: str, number: int = 0, of: int = 0, more: str = "") -> None:
    """Say what the command waits for now, a name and never a value, and how much of how many is done."""
    if _lines:
        _lines[-1].tell(what, number, of, more)


@contextlib.contextmanager
def waiting(what: str) -> Iterator[None]:
    """Show a line while the `with` block lasts. A section within another one has its own text."""
    if _lines:
        outer = _lines[-1].text
        tell(what)
        try:
            yield
        finally:
            _lines[-1].text = outer
    elif not is_possible():
        yield
    else:
        with _shown(_Line(sys.stderr.fileno(), what)):
            yield


@contextlib.contextmanager
def paused() -> Iterator[None]:
    """Show no line inside the `with` block: the user answers a question, or another program has the terminal."""
    if _lines:
        with _lines[-1].paused():
            yield
    else:
        yield


@contextlib.contextmanager
def _shown(line: _Line) -> Iterator[None]:
    out, err = sys.stdout, sys.stderr
    _lines.append(line)
    try:
        sys.stderr = cast("TextIO", _Guarded(err, line))
        if not out.closed and out.isatty():
            sys.stdout = cast("TextIO", _Guarded(out, line))
        line.start()
        yield
    finally:
        sys.stdout, sys.stderr = out, err
        line.end()
        _lines.pop()


def is_possible() -> bool:
    """Tell whether standard error is a terminal on which a line can be erased."""
    stream = sys.stderr
    return not stream.closed and stream.isatty() and os.environ.get("TERM") != "dumb"
