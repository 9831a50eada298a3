"""A file system of a few kilobytes, which can be full and can be read-only: a tmpfs, so only root can make one."""

from __future__ import annotations

import contextlib
import subprocess
from typing import TYPE_CHECKING, Optional

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PAGE = 4096
TIMEOUT_S = 60.0


class SmallDisk:
    """A mounted one; `path` is its directory."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._filler = path / "filler"

    def fill(self, *, pages_left: int = 0) -> None:
        """Use up all space but that of some pages, of 4 KiB each: tmpfs gives space by the page."""
        with self._filler.open("wb", buffering=0) as filler:
            with contextlib.suppress(OSError):
                while filler.write(b"\0" * PAGE):
                    pass
            filler.truncate((filler.tell() // PAGE - pages_left) * PAGE)

    def clear(self) -> None:
        """Give the space back."""
        self._filler.unlink()

    def make_read_only(self) -> None:
        """Refuse every write from now on."""
        _call("mount", "-o", "remount,ro", str(self.path))

    def make_writable(self) -> None:
        """Take writes again."""
        _call("mount", "-o", "remount,rw", str(self.path))


@contextlib.contextmanager
def mounted(path: Path, *, pages: int = 16) -> Iterator[SmallDisk]:
    """Mount one over the directory, and take it away afterwards; AssertionError where that is not allowed."""
    path.mkdir(exist_ok=True)
    _call("mount", "-t", "tmpfs", "-o", f"size={pages * PAGE},mode=0755", "tmpfs", str(path))
    try:
        yield SmallDisk(path)
    finally:
        # Lazily: a program that still looks into it must not fail the next test.
        _call("umount", "--lazy", str(path))


def lack(path: Path) -> Optional[str]:
    """Return why none can be mounted over the directory, or None."""
    try:
        with mounted(path):
            return None
    except (AssertionError, FileNotFoundError) as fault:
        return f"no file system can be mounted here: {fault}"


def _call(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    if done.returncode:
        raise AssertionError(done.stderr.strip())
