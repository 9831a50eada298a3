"""Measures which lines a test runs, in the process of pytest and in those that the test starts.

Child processes get environments of their own, and may run isolated (`-I`): what starts this in them is a file of
.venv-mutate that ends in .pth, and which test it is they find by the process they descend from, which is pytest. Not
measured are processes that are killed, interpreters without site (`-S`), others than that of .venv-mutate, so the boot
archive too, and all that runs in containers.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

WHOLE_FILE = "::*"
"""Stands for the test, after the name of a file, where lines are run for all of its tests."""


def start(folder: str, context: str | None = None) -> Any:
    """Start to measure this process."""
    import coverage

    # No `source`: with it, each process would look through the whole package at its end.
    include = f"{Path(folder, 'tree').read_text(encoding='utf-8')}/bootstrap/*"
    data = str(Path(folder, "data", "lines"))
    measuring = coverage.Coverage(data, True, include=[include], config_file=False, context=context)
    # They would be said on standard error, which tests read.
    measuring.set_option("run:disable_warnings", ["no-data-collected", "couldnt-parse", "module-not-measured"])
    measuring.start()
    return measuring


def start_child(folder: str) -> None:
    """Measure this process, if it is a descendant of a pytest that measures."""
    test = _test(folder)
    if test is not None:
        import atexit

        measuring = start(folder, test)
        atexit.register(measuring.save)
        atexit.register(measuring.stop)


def name_test(folder: str, test: str) -> None:
    """Say which test this process, pytest's, runs from now on."""
    Path(folder, "tests", str(os.getpid())).write_text(test, encoding="utf-8")


def _test(folder: str) -> str | None:
    pid = os.getppid()
    while pid > 1:
        try:
            return Path(folder, "tests", str(pid)).read_text(encoding="utf-8")
        except OSError:
            pid = _parent(pid)
    return None


def _parent(pid: int) -> int:
    try:
        status = Path("/proc", str(pid), "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return 0
    # The name of the program stands in parentheses, and may hold some.
    return int(status.rpartition(")")[2].split()[1])
