"""ecsauth's units, in the directory of the machine's own units."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Optional

from ecsauth.core import units
from ecsauth.core.errors import LocalError
from ecsauth.edges.disk import ways
from ecsauth.edges.disk.private_directory import PrivateDirectory

if TYPE_CHECKING:
    from ecsauth.core.units import UnitFile

_PUBLIC = 0o644
_FOLDER = 0o755


class UnitFiles:
    """The directory, in which only root may write: systemd runs as root what stands there."""

    def __init__(self, directory: str = "/etc/systemd/system") -> None:
        self._directory = os.path.abspath(directory)

    def read(self, name: str) -> Optional[bytes]:
        """Return the file's bytes, None if there is none; raise LocalError if it is no plain file of ours."""
        place, file = self._place(name)
        return place.read(file)

    def path(self, name: str) -> str:
        """Return where a unit of this name stands."""
        return os.path.join(self._directory, name)

    def has(self, unit: UnitFile) -> bool:
        """Tell whether this very unit stands in its place, 0644; raise LocalError if that is no plain file of ours."""
        place, file = self._place(unit.name)
        return place.read(file) == unit.text.encode() and place.mode(file) == _PUBLIC

    def is_written_by_ecsauth(self, name: str) -> bool:
        """Tell whether a file of a name that others may use too is ecsauth's; raise LocalError."""
        return (self.read(name) or b"").startswith(units.SIGNATURE.encode())

    def write(self, unit: UnitFile) -> bool:
        """Put the unit in its place, 0644, and tell whether that changed anything; raise LocalError.

        A file of a name that others use too, as upstart's gate has, is not replaced if it is not ecsauth's.
        """
        if self.has(unit):
            return False
        place, file = self._place(unit.name)
        if unit.name == units.UPSTART_GATE and place.read(file) and not self.is_written_by_ecsauth(unit.name):
            raise LocalError(f"{self.path(unit.name)} is not ecsauth's", "move it away, or take its stanzas elsewhere")
        place.sweep(file)
        place.write(file, unit.text.encode(), _PUBLIC)
        return True

    def remove(self, name: str) -> bool:
        """Remove the unit, and the drop-in's directory with its last file; tell whether it was there."""
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
        """Return the names of ecsauth's units that are there, and of the gate."""
        try:
            found = sorted(name for name in os.listdir(self._directory) if units.is_ours(name))
        except FileNotFoundError:
            return ()
        except OSError as fault:
            raise ways.local("look into", self._directory, fault) from None
        gate = (units.GATE,) if os.path.lexists(self.path(units.GATE)) else ()
        return (*filter(self.is_written_by_ecsauth, found), *gate)

    def _place(self, name: str) -> tuple[PrivateDirectory, str]:
        folder, file = os.path.split(self.path(name))
        return PrivateDirectory(folder, mode=_FOLDER), file
