"""ecsauth's units in systemd's directory, and the program that they run."""

from __future__ import annotations

import contextlib
import os
import stat
import subprocess
import sys
from typing import TYPE_CHECKING, Optional

import ecsauth
from ecsauth.boot import units
from ecsauth.errors import LocalError
from ecsauth.host import files
from ecsauth.host.private_directory import PrivateDirectory

if TYPE_CHECKING:
    from ecsauth.boot.units import UnitFile

_PUBLIC = 0o644
_FOLDER = 0o755


class UnitFiles:
    """The directory of units. Only root may write to it, because systemd runs its units as root."""

    def __init__(self, directory: str = "/etc/systemd/system") -> None:
        self._directory = os.path.abspath(directory)

    def read(self, name: str) -> Optional[bytes]:
        """Return the file's bytes, None if there is none; raise LocalError if it is not a plain file of this user."""
        place, file = self._place(name)
        return place.read(file)

    def path(self, name: str) -> str:
        """Return the path of the unit of this name."""
        return os.path.join(self._directory, name)

    def has(self, unit: UnitFile) -> bool:
        """Tell whether this unit is installed unchanged, 0644; raise LocalError if it is not a plain file of root."""
        place, file = self._place(unit.name)
        return place.read(file) == unit.text.encode() and place.mode(file) == _PUBLIC

    def is_written_by_ecsauth(self, name: str) -> bool:
        """Tell whether ecsauth has written the file of a name that other programs may use, too; raise LocalError."""
        return (self.read(name) or b"").startswith(units.SIGNATURE.encode())

    def write(self, unit: UnitFile) -> bool:
        """Write the unit, 0644, and tell whether that changed anything; raise LocalError.

        A file whose name other programs use, too, as that of upstart's gate, is replaced only if ecsauth wrote it.
        """
        if self.has(unit):
            return False
        place, file = self._place(unit.name)
        if unit.name == units.UPSTART_GATE and place.read(file) and not self.is_written_by_ecsauth(unit.name):
            raise LocalError(
                f"{self.path(unit.name)} was not written by ecsauth",
                "move the file away, or move its stanzas to another file",
            )
        place.sweep(file)
        place.write(file, unit.text.encode(), _PUBLIC)
        return True

    def remove(self, name: str) -> bool:
        """Remove the unit, and the directory of drop-ins if it is empty then; tell whether the unit existed."""
        place, file = self._place(name)
        if place.read(file) is None:
            return False
        place.sweep(file)
        place.write(file, None)
        if place.path != self._directory:
            with contextlib.suppress(OSError):
                os.rmdir(place.path)
        return True

    def names(self) -> tuple[str, ...]:
        """Return the names of the installed units of ecsauth, and of the gate."""
        try:
            found = sorted(name for name in os.listdir(self._directory) if units.is_ours(name))
        except FileNotFoundError:
            return ()
        except OSError as fault:
            raise files.local("list", self._directory, fault) from None
        gate = (units.GATE,) if os.path.lexists(self.path(units.GATE)) else ()
        return (*filter(self.is_written_by_ecsauth, found), *gate)

    def _place(self, name: str) -> tuple[PrivateDirectory, str]:
        folder, file = os.path.split(self.path(name))
        return PrivateDirectory(folder, mode=_FOLDER), file


_PROBE_SECONDS = 30.0
# Prints the path of the package, or nothing if one of its dependencies is missing.
_PROBE = (
    "import importlib.util, os, ecsauth\n"
    "if importlib.util.find_spec('botocore'):\n"
    "    print(os.path.dirname(os.path.abspath(ecsauth.__file__)))\n"
)
_HINT = "install ecsauth where only root can write, for example in a virtual environment below /opt"


def absolute_argv() -> tuple[str, ...]:
    """Return the command line that starts this program again, with absolute paths.

    Raises LocalError if the program depends on the environment of this shell, or if users other than root could change
    it, because a unit runs it as root.
    """
    program = os.path.realpath(sys.argv[0])
    package = os.path.dirname(os.path.abspath(ecsauth.__file__))
    # Not the real path: for a virtual environment that is the Python outside of it.
    python = os.path.abspath(sys.executable)
    if not os.path.isdir(package):
        # An archive is complete. -IS, as in its own first lines, so that nothing else is imported.
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
    """Return the paths if only root can change them; else raise LocalError."""
    for path in paths:
        _refuse_changeable(path)
    return paths


def _is_program(path: str) -> bool:
    """Tell whether the path is a console script. The package's `__main__.py` does not run by itself."""
    return os.path.isfile(path) and os.access(path, os.X_OK) and os.path.basename(path) != "__main__.py"


def _refuse_borrowed(package: str) -> None:
    """Refuse a package that was found by PYTHONPATH or the working directory: at boot it would not be found."""
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
        raise LocalError("this program needs PYTHONPATH or the working directory, which a unit does not have", _HINT)


def _refuse_changeable(path: str) -> None:
    files.refuse_open_way(path)
    files.refuse_sticky_way(path)
    try:
        found = os.stat(path)
    except OSError as fault:
        raise files.local("access", path, fault) from None
    if found.st_uid not in (0, os.geteuid()):
        raise LocalError(f"{path} belongs to another user, and a unit would run it as root", _HINT)
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise LocalError(f"{path} is writable for other users, and a unit would run it as root", _HINT)
