"""How this very program is run again, by root and at boot."""

from __future__ import annotations

import os
import stat
import subprocess
import sys

import ecsauth
from ecsauth.core.errors import LocalError
from ecsauth.edges.disk import ways

_PROBE_SECONDS = 30.0
# Prints where the package is found, nothing if what it needs is not there.
_PROBE = (
    "import importlib.util, os, ecsauth\n"
    "if importlib.util.find_spec('botocore'):\n"
    "    print(os.path.dirname(os.path.abspath(ecsauth.__file__)))\n"
)
_HINT = "install ecsauth where only root can write, as in a virtual environment of root's below /opt"


def absolute_argv() -> tuple[str, ...]:
    """Return the words that start this program again, absolute.

    Raises LocalError if it would not start without what this shell adds, or if others than root could change it: a
    unit runs it as root.
    """
    program = os.path.realpath(sys.argv[0])
    package = os.path.dirname(os.path.abspath(ecsauth.__file__))
    # Not the real path: in a virtual environment that is another Python.
    python = os.path.abspath(sys.executable)
    if not os.path.isdir(package):
        # An archive has all that it needs, for some Pythons: the one that it runs on now is one of them. -IS, as its
        # own first lines have it: nothing else is imported.
        _firm(python, program)
        return (python, "-IS", program)
    by_itself = _is_program(program)
    if not by_itself or os.environ.get("PYTHONPATH"):
        _refuse_borrowed(package)
    _refuse_changeable(package)
    if by_itself:
        _refuse_changeable(python)
        return _firm(program)
    return (*_firm(python), "-m", "ecsauth")


def _firm(*paths: str) -> tuple[str, ...]:
    """Return paths that nobody but root can change."""
    for path in paths:
        _refuse_changeable(path)
    return paths


def _is_program(path: str) -> bool:
    """A console script; the package's `__main__.py`, executable or not, does not run by itself."""
    return os.path.isfile(path) and os.access(path, os.X_OK) and os.path.basename(path) != "__main__.py"


def _refuse_borrowed(package: str) -> None:
    """At boot there is no PYTHONPATH, and the directory is another one."""
    try:
        done = subprocess.run(
            (sys.executable, "-c", _PROBE),
            cwd="/",
            env={"PATH": os.environ.get("PATH", os.defpath)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            text=True,
            errors="surrogateescape",
            timeout=_PROBE_SECONDS,
        )
    except (OSError, subprocess.TimeoutExpired):
        raise LocalError(f"{sys.executable} cannot be run again", _HINT) from None
    if done.returncode or done.stdout.rstrip("\n") != package:
        raise LocalError(
            "this program is found by PYTHONPATH or the directory it was started in only, which a unit has not", _HINT
        )


def _refuse_changeable(path: str) -> None:
    ways.refuse_open_way(path)
    ways.refuse_sticky_way(path)
    try:
        found = os.stat(path)
    except OSError as fault:
        raise ways.local("look at", path, fault) from None
    if found.st_uid not in (0, os.geteuid()):
        raise LocalError(f"{path} belongs to another user, and a unit would run it as root", _HINT)
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise LocalError(f"{path} can be changed by others than its owner, and a unit would run it as root", _HINT)
