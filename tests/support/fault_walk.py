"""A boot at whose system calls the system fails: a disk that is broken or full, no memory, no thread, no descriptor.

A `FaultWalk` is a boot on one machine. Its `points` are the system calls that the command makes, from its first line
on, each with the errors that the call may have; `fail_at` lets one of them fail in a run, says of that run that it ends
as the program promises, and of the next that it gets where it should.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from typing import TYPE_CHECKING, Optional

import hurried
import program
from failing_program import ERRORS, Point, counted

if TYPE_CHECKING:
    from failing_program import Loader
    from machine import Machine
    from program import Ended

# Done, unreachable, local. 1 is a bug, and a negative one a crash.
PROMISED = frozenset({0, 5, 6})
# What fails at every try is tried again until then, without a wait between.
DEADLINE = "--deadline=10"
_ERROR = "ecsauth: error: "
# A path, a URI or a service; of what has no name, the kind or the place of the call.
_NAMED = r"/|the instance metadata service|memory|thread|random numbers|cannot load [a-z_.]+|\(at [\w.]+:\d+"


class FaultWalk:
    """A boot that installs a file on a machine without one, played over and over by processes of the loader."""

    def __init__(self, machine: Machine, loader: Loader, content: bytes) -> None:
        self._machine = machine
        self._loader = loader
        self._content = content

    def points(self) -> list[Point]:
        """Return every way in which a call of the run can fail, as seen in a run in which none does."""
        calls: dict[str, int] = {}
        # The first one may have to compile modules.
        for _ in range(2):
            ended, calls = self._run()
            _insist(ended.status == 0, f"without a fault it ends with {ended.status}: {ended.err}")
        return [
            Point(call, number, error)
            for call, most in sorted(calls.items())
            for number in range(1, most + 1)
            for error in ERRORS[call]
        ]

    def fail_at(self, point: Point) -> None:
        """Let the call fail in a run and go on; raise AssertionError, with the reason, where a promise is broken."""
        ended, _ = self._run(point)
        _insist(ended.status in PROMISED, f"it ends with {ended.status}: {ended.err}")
        _insist(self._content_is_whole(), "a part of the file is in its place")
        if ended.status:
            _insist(names_what_failed(ended.err), f"it does not say what failed: {ended.err}")
        else:
            _insist(self._machine.env_file.exists(), "it ends with 0, and there is no file")
        done = program.run_here(*self._arguments(), env=self._machine.environment())
        _insist(done.status == 0, f"the next run ends with {done.status}: {done.err}")
        _insist(self._machine.env_file.exists(), "the next run has not installed the file")
        _insist(self._content_is_whole(), "the next run has left a part of the file")
        _insist(not self._machine.strays(), f"left behind: {self._machine.strays()}")

    def told_at(self, point: Point) -> Ended:
        """Let the call fail in a run, and return how that ends."""
        return self._run(point)[0]

    def _arguments(self) -> tuple[str, ...]:
        hurry = (hurried.HURRIED,) if self._loader.loaded else ()
        return self._machine.boot_arguments("--launch=none", DEADLINE, *hurry)

    def _content_is_whole(self) -> bool:
        found = self._machine.standing_file()
        return found is None or found.content == self._content

    def _run(self, fails: Optional[Point] = None) -> tuple[Ended, dict[str, int]]:
        """Run on a machine that has nothing, and return how often each call was made."""
        for place in (self._machine.place, self._machine.state_place):
            shutil.rmtree(place, ignore_errors=True)
        with tempfile.TemporaryDirectory() as folder:
            ended = self._loader.run(*self._arguments(), env=self._machine.environment(), trace=folder, fails=fails)
            return program.Ended(*ended), counted(folder)


def names_what_failed(told: str) -> bool:
    """Tell whether the first error says what failed, and does not call it a bug."""
    error = next((line for line in told.splitlines() if line.startswith(_ERROR)), "")
    return "this is a bug" not in error and bool(re.search(_NAMED, error))


def _insist(holds: object, what: str) -> None:
    """`assert`, for a program that runs without pytest: it says what was expected."""
    if not holds:
        raise AssertionError(what)
