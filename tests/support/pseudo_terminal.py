"""The program at a terminal, with somebody who reads and types: a pseudo-terminal, pty(7)."""

from __future__ import annotations

import contextlib
import os
import pty
import select
import subprocess
import sys
import time
from typing import TYPE_CHECKING, NamedTuple

from program import SOURCES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from typing_extensions import Self

PATIENCE_S = 60.0


class Sitting(NamedTuple):
    """A run at a terminal that is over: its status, and all that was to be seen, what was typed too."""

    status: int
    seen: str


class PseudoTerminal:
    """A terminal on which a command runs as leader of its session; a context manager, which kills what still runs.

    The command is ecsauth's with the arguments, or another `program`.
    """

    def __init__(
        self, *arguments: str, env: Mapping[str, str], term: str = "dumb", program: tuple[str, ...] = ()
    ) -> None:
        self._ours, theirs = pty.openpty()
        self._seen = b""
        command = program or (sys.executable, "-m", "ecsauth", *arguments)
        own = {**env, "PYTHONPATH": str(SOURCES), "TERM": term, "COLUMNS": "100"}
        # A test run in the background ignores SIGINT, and its children with it. -c: the terminal is its own.
        front = ("env", "--default-signal=INT,TERM,HUP,QUIT", "setsid", "-c")
        self.child = subprocess.Popen([*front, *command], stdin=theirs, stdout=theirs, stderr=theirs, env=own)
        os.close(theirs)

    def wait_for(self, text: str) -> str:
        """Return what is to be seen once the text is; AssertionError if it does not come."""
        end = time.monotonic() + PATIENCE_S
        while text not in self.seen:
            assert self._more(end), f"{text!r} did not come: {self.seen}"
        return self.seen

    def type(self, text: str) -> None:
        """Type a text, with its line ends and control characters."""
        os.write(self._ours, text.encode())

    def hang_up(self) -> None:
        """Go away, as a connection that breaks."""
        os.close(self._ours)
        self._ours = -1

    def end(self) -> Sitting:
        """Wait for the end, and return how it was."""
        deadline = time.monotonic() + PATIENCE_S
        while self._more(deadline):
            pass
        return Sitting(self.child.wait(PATIENCE_S), self.seen)

    @property
    def seen(self) -> str:
        """All that was to be seen so far."""
        return self._seen.decode(errors="replace").replace("\r\n", "\n")

    def _more(self, end: float) -> bool:
        ready, _, _ = select.select([self._ours], [], [], max(0.0, end - time.monotonic()))
        if not ready:
            return False
        # The kernel says so where nobody has the terminal open any more.
        with contextlib.suppress(OSError):
            more = os.read(self._ours, 65536)
            self._seen += more
            return bool(more)
        return False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.child.poll() is None:
            self.child.kill()
        self.child.wait()
        if self._ours >= 0:
            os.close(self._ours)
