"""A private file for an editor: in memory where there is a place for that, and gone afterwards.

Overwriting means something in memory, and little on a disk: a copy of the bytes may be left in a journal, in blocks
that a flash drive has put aside, and in what the editor itself has written elsewhere.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import tempfile
from typing import TYPE_CHECKING, Optional

from bootstrap.core.errors import LocalError

if TYPE_CHECKING:
    from collections.abc import Iterator

_SHARED_MEMORY = "/dev/shm"  # noqa: S108 - a directory of one's own is made in it
_MOUNTS = "/proc/self/mounts"
_IN_MEMORY = frozenset(("tmpfs", "ramfs"))
# The same as what may be pushed.
_LONGEST = 256 * 1024
_WIPED = 1 << 22


class ScratchFile:
    """A file, 0600, in a directory of its own, 0700. `is_in_memory` tells whether that is on no disk."""

    def __init__(self, path: str, *, is_in_memory: bool) -> None:
        self.path = path
        self.is_in_memory = is_in_memory

    def read(self) -> bytes:
        """Return the bytes as the editor has left them; raise LocalError where there is no plain file any more."""
        try:
            descriptor = os.open(self.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as fault:
            raise LocalError(f"the editor left no file: {_reason(fault)}") from None
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise LocalError("the editor left something that is no plain file")
            with open(descriptor, "rb", closefd=False) as file:
                data = file.read(_LONGEST + 1)
        finally:
            os.close(descriptor)
        if len(data) > _LONGEST:
            raise LocalError(f"the edited file is larger than {_LONGEST // 1024} KiB: it is no env-file")
        return data


@contextlib.contextmanager
def scratch_file(name: str, data: bytes) -> Iterator[ScratchFile]:
    """Give a file with the data, to be edited; at the end it is overwritten and removed, with all that is beside it."""
    place = _place()
    try:
        folder = tempfile.mkdtemp(prefix="ecsauth-", dir=place)
        # As the file below it: a umask may have taken from the owner's rights.
        os.chmod(folder, 0o700)
    except OSError as fault:
        raise LocalError(f"cannot make a directory for the editor: {_reason(fault)}") from None
    try:
        path = os.path.join(folder, name)
        _write(path, data)
        yield ScratchFile(path, is_in_memory=place is not None)
    finally:
        try:
            _remove(folder)
        except KeyboardInterrupt:
            # The first signal interrupts; those that follow are ignored.
            _remove(folder)
            raise


def _place() -> Optional[str]:
    """Return a directory in memory in which one may write, None where there is none."""
    for folder in (os.environ.get("XDG_RUNTIME_DIR"), _SHARED_MEMORY):
        if not folder or not os.path.isabs(folder) or not os.access(folder, os.W_OK | os.X_OK):
            continue
        if _kind(os.path.realpath(folder)) in _IN_MEMORY:
            return folder
    return None


def _kind(folder: str) -> str:
    """Return the kind of the file system that a directory is on, proc(5)."""
    found = ("", "")
    with contextlib.suppress(OSError), open(_MOUNTS, encoding="utf-8", errors="surrogateescape") as mounts:
        for line in mounts:
            _, point, kind, *_ = line.split(" ")
            inside = folder == point or folder.startswith(point.rstrip("/") + "/")
            if inside and len(point) >= len(found[0]):
                found = (point, kind)
    return found[1]


def _write(path: str, data: bytes) -> None:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(descriptor, 0o600)
            file.write(data)
    except OSError as fault:
        raise LocalError(f"cannot write a file for the editor: {_reason(fault)}") from None


def _remove(folder: str) -> None:
    """Overwrite what the editor may have left, its backups and swap files too, and remove it all."""
    for place, _, names in os.walk(folder):
        for name in names:
            with contextlib.suppress(OSError):
                _overwrite(os.path.join(place, name))
    shutil.rmtree(folder, ignore_errors=True)
    if os.path.lexists(folder):
        raise LocalError(f"cannot remove {folder}, which holds the env-file: remove it by hand")


def _overwrite(path: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.write(descriptor, bytes(min(os.fstat(descriptor).st_size, _WIPED)))
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _reason(fault: OSError) -> str:
    return os.strerror(fault.errno or 0).lower()
