"""A server of the tests as a program of its own: started from Python here, or from a shell by `scripts/demo`.

The contract between both sides: the program prints its address as the first line of standard output once it accepts
connections, and ends at SIGTERM, SIGINT or (with `--stop-at-eof`) when its standard input ends. The last makes it end
also when the test run that started it was killed.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
from typing import IO, TYPE_CHECKING, Optional, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from types import FrameType

START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 60.0


class Service(Protocol):
    """What can be served by a program."""

    @property
    def url(self) -> str:
        """Where it answers, once started."""

    def start(self) -> object:
        """Start to answer."""

    def stop(self) -> None:
        """Stop to answer."""


def serve_until_told(service: Service, *, stop_at_eof: bool) -> None:
    """Start the service, print its address, and stop it when told to."""
    told = threading.Event()

    def tell(_signal: int, _frame: Optional[FrameType]) -> None:
        told.set()

    signal.signal(signal.SIGTERM, tell)
    signal.signal(signal.SIGINT, tell)
    service.start()
    try:
        sys.stdout.write(f"{service.url}\n")
        sys.stdout.flush()
        if stop_at_eof:
            threading.Thread(target=_tell_at_eof, args=(told,), daemon=True).start()
        told.wait()
    finally:
        service.stop()


def _tell_at_eof(told: threading.Event) -> None:
    # Not sys.stdin.read(): a thread inside it makes the interpreter abort when it ends.
    while os.read(0, 4096):
        pass
    told.set()


class ServiceProcess:
    """A server's program, run as a child of this process; a context manager."""

    def __init__(self, program: Path, *arguments: str) -> None:
        self._argv: Sequence[str] = (sys.executable, str(program), "--stop-at-eof", *arguments)
        self._child: Optional[subprocess.Popen[str]] = None
        self._complaints: Optional[IO[str]] = None
        self.url = ""

    def start(self) -> None:
        """Start the program and wait for its address; AssertionError, with what it said, when it does not come."""
        self._complaints = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed by stop()
        self._child = subprocess.Popen(
            self._argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._complaints, text=True
        )
        assert self._child.stdout is not None
        # A program that hangs before its first line is killed, which ends the line.
        patience = threading.Timer(START_TIMEOUT_S, self._child.kill)
        patience.start()
        self.url = self._child.stdout.readline().strip()
        patience.cancel()
        patience.join()
        if not self.url:
            complaints = self._said()
            self.stop()
            raise AssertionError(f"{self._argv[1]} did not start: {complaints}")

    def stop(self) -> None:
        """End the program, first by closing its standard input, and wait for it."""
        if self._child is None:
            return
        child, self._child = self._child, None
        with child:
            assert child.stdin is not None
            child.stdin.close()
            try:
                child.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                child.kill()
        if self._complaints is not None:
            self._complaints.close()

    def _said(self) -> str:
        assert self._complaints is not None
        self._complaints.seek(0)
        return self._complaints.read()
