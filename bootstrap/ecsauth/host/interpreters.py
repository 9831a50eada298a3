"""Pythons of this machine: found by their names, and run to compile a boot archive's modules."""

from __future__ import annotations

import marshal
import os
import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any, NamedTuple, Optional

from ecsauth.errors import LocalError
from ecsauth.pack.layout import CompiledPart

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

OLDEST = (3, 9)
_FIRST, _LAST = 9, 40
_PROBE = "import sys; print(sys.executable, *sys.version_info[:2], sep='\\n')"
_PROBE_SECONDS, _COMPILE_SECONDS = 30.0, 600.0
_HINT = "name a Python from 3.9 on, as --python python3.9 or --python /usr/bin/python3.9, or leave it out"


class Interpreter(NamedTuple):
    """A Python: where it is, and its version as two numbers."""

    path: str
    version: tuple[int, int]

    @property
    def text(self) -> str:
        """The version for people."""
        return ".".join(map(str, self.version))


def found() -> tuple[Interpreter, ...]:
    """Return the Pythons from 3.9 on that are on PATH, and the one that runs this program; one for each version."""
    names = (sys.executable, *(f"python3.{minor}" for minor in range(_FIRST, _LAST)))
    return _one_each(filter(None, map(_look, filter(None, names))))


def named(names: Sequence[str]) -> tuple[Interpreter, ...]:
    """Return the Pythons of these names or paths; raise LocalError if one is none, or is too old."""
    return _one_each(_required(name) for name in names)


def compiled(interpreter: Interpreter, program: str, files: Mapping[str, bytes]) -> CompiledPart:
    """Return what a Python makes of the modules; raise LocalError.

    In an environment of its own: the order of sets is in what is compiled, and hangs on the seed. From 3.11 on code
    knows the columns of its source unless it is told not to.
    """
    modules = {path: content for path, content in files.items() if path.endswith(".py")}
    command = (interpreter.path, "-S", "-s", "-B", "-X", "no_debug_ranges", "-c", program)
    environment = {"PYTHONHASHSEED": "0", "LC_ALL": "C.UTF-8", "PATH": os.defpath}
    # In a folder from which nothing is imported.
    done = _run(command, _COMPILE_SECONDS, input=marshal.dumps(modules, 2), env=environment, cwd="/")
    try:
        answer: dict[str, Any] = marshal.loads(done.stdout if done else b"")  # noqa: S302 - of our own program
        return CompiledPart(**answer)
    except (EOFError, TypeError, ValueError):
        # The program has failed, or it was none of Python's that answered.
        raise LocalError(f"{interpreter.path} does not compile the modules", _HINT) from None


def _one_each(pythons: Any) -> tuple[Interpreter, ...]:
    """Return the first of each version, the oldest first."""
    by_version: dict[tuple[int, int], Interpreter] = {}
    for python in pythons:
        by_version.setdefault(python.version, python)
    return tuple(by_version[version] for version in sorted(by_version))


def _required(name: str) -> Interpreter:
    if shutil.which(name) is None:
        raise LocalError(f"there is no {name} to compile with", _HINT)
    python = _look(name)
    if python is None:
        raise LocalError(f"{name} is no Python from 3.9 on", _HINT)
    return python


def _look(name: str) -> Optional[Interpreter]:
    """Return the Python of that name; run, not only found: on PATH there may be a shim for one that is not chosen."""
    path = shutil.which(name)
    if path is None:
        return None
    done = _run((os.path.abspath(path), "-I", "-S", "-c", _PROBE), _PROBE_SECONDS)
    answer = re.fullmatch(rb"(.+)\n(\d+)\n(\d+)\n", done.stdout) if done and done.returncode == 0 else None
    if answer is None:
        return None
    version = (int(answer[2]), int(answer[3]))
    return Interpreter(os.fsdecode(answer[1]), version) if version >= OLDEST else None


def _run(command: Sequence[str], seconds: float, **more: Any) -> Optional[subprocess.CompletedProcess[bytes]]:
    """Run a command; None where it cannot be run, or takes too long."""
    streams = {"input": b"", "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    try:
        return subprocess.run(command, check=False, timeout=seconds, **{**streams, **more})
    except (OSError, subprocess.TimeoutExpired):
        return None
