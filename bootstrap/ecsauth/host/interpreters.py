"""The Pythons of this machine: find them by name, and run them to compile the modules of a boot archive."""

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
_HINT = "use Python 3.9 or newer, such as --python python3.9 or --python /usr/bin/python3.9, or leave out --python"


class Interpreter(NamedTuple):
    """A Python: its path, and its version as two numbers."""

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
    """Return the Pythons of these names or paths; raise LocalError if one is not a Python, or is too old."""
    return _one_each(_required(name) for name in names)


def compiled(interpreter: Interpreter, program: str, files: Mapping[str, bytes]) -> CompiledPart:
    """Return the modules as a Python compiles them; raise LocalError.

    It runs in a fixed environment: the order of sets is part of the code and depends on the hash seed; and from 3.11 on
    the code contains the columns of its source unless a variable prevents that.
    """
    modules = {path: content for path, content in files.items() if path.endswith(".py")}
    command = (interpreter.path, "-S", "-s", "-B", "-X", "no_debug_ranges", "-c", program)
    environment = {"PYTHONHASHSEED": "0", "LC_ALL": "C.UTF-8", "PATH": os.defpath}
    # Nothing can be imported from this directory.
    done = _run(command, _COMPILE_SECONDS, input=marshal.dumps(modules, 2), env=environment, cwd="/")
    try:
        answer: dict[str, Any] = marshal.loads(done.stdout if done else b"")  # noqa: S302 - of our own program
        return CompiledPart(**answer)
    except (EOFError, TypeError, ValueError):
        # The program has failed, or the interpreter is not a Python.
        raise LocalError(f"{interpreter.path} cannot compile the modules", _HINT) from None


def _one_each(pythons: Any) -> tuple[Interpreter, ...]:
    """Return the first Python of each version, the oldest version first."""
    by_version: dict[tuple[int, int], Interpreter] = {}
    for python in pythons:
        by_version.setdefault(python.version, python)
    return tuple(by_version[version] for version in sorted(by_version))


def _required(name: str) -> Interpreter:
    if shutil.which(name) is None:
        raise LocalError(f"{name} is not installed, or not on PATH", _HINT)
    python = _look(name)
    if python is None:
        raise LocalError(f"{name} is not Python 3.9 or newer", _HINT)
    return python


def _look(name: str) -> Optional[Interpreter]:
    """Return the Python of that name. It is run, because PATH may have a shim for a Python that is not selected."""
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
    """Run a command; return None if it cannot be run, or takes too long."""
    streams = {"input": b"", "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    try:
        return subprocess.run(command, check=False, timeout=seconds, **{**streams, **more})
    except (OSError, subprocess.TimeoutExpired):
        return None
