"""strace's view of a program is understood, and only a private, whole and lasting installation passes."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Callable

import pytest
from watch import Watched, assert_installed_privately, kill_points

if TYPE_CHECKING:
    from pathlib import Path

    Watch = Callable[..., Watched]

PRELUDE = """
import os, sys
directory = sys.argv[1]
target, temporary = directory + "/target", directory + "/.temporary"
NEW = os.O_CREAT | os.O_EXCL | os.O_WRONLY
def put(path, flags=NEW, mode=0o600, sync=True):
    file = os.open(path, flags, mode)
    os.write(file, b"SECRET")
    if sync:
        os.fsync(file)
    os.close(file)
def sync_directory():
    file = os.open(directory, os.O_RDONLY)
    os.fsync(file)
    os.close(file)
"""
GOOD = "put(temporary); os.rename(temporary, target); sync_directory()"
BY_DESCRIPTOR = """
at = os.open(directory, os.O_RDONLY)
file = os.open(".temporary", NEW, 0o600, dir_fd=at)
os.fchmod(file, 0o600)
os.write(file, b"SECRET")
os.fsync(file)
os.close(file)
os.rename(".temporary", "target", src_dir_fd=at, dst_dir_fd=at)
os.fsync(at)
"""
BAD = {
    "created wider": "put(temporary, mode=0o644); os.rename(temporary, target); sync_directory()",
    "not exclusive": "put(temporary, os.O_CREAT | os.O_WRONLY); os.rename(temporary, target); sync_directory()",
    "written in place": "put(target)",
    "written in place afterwards": f"{GOOD}; put(target, os.O_WRONLY)",
    "opened later": f"{GOOD}; os.chmod(target, 0o640)",
    "opened before": "put(temporary); os.chmod(temporary, 0o604); os.rename(temporary, target); sync_directory()",
    "linked": "put(temporary); os.link(temporary, target); sync_directory()",
    "from elsewhere": "put(directory + '/../x'); os.rename(directory + '/../x', target); sync_directory()",
    "not synced": "put(temporary, sync=False); os.rename(temporary, target); sync_directory()",
    "directory not synced": "put(temporary); os.rename(temporary, target)",
    "never there": "put(temporary)",
}


def program(text: str, directory: Path) -> list[str]:
    """Return the command that runs the text with a directory."""
    return [sys.executable, "-I", "-S", "-c", PRELUDE + text, str(directory)]


@pytest.mark.parametrize("text", [GOOD, BY_DESCRIPTOR, f"put(target + '.lock', os.O_CREAT | os.O_RDWR); {GOOD}"])
def test_private_installation(watch: Watch, tmp_path: Path, text: str) -> None:
    """A temporary file made exclusively with 0600, fsynced, renamed, and the directory fsynced: that passes."""
    watched = watch(program(text, tmp_path))
    assert watched.returncode == 0, watched.stderr
    assert_installed_privately(watched, tmp_path / "target")


@pytest.mark.parametrize("text", BAD.values(), ids=BAD.keys())
def test_anything_else_is_found(watch: Watch, tmp_path: Path, text: str) -> None:
    """Each single omission is found."""
    watched = watch(program(text, tmp_path))
    assert watched.returncode == 0, watched.stderr
    with pytest.raises(AssertionError):
        assert_installed_privately(watched, tmp_path / "target")


def test_children_are_followed(watch: Watch, tmp_path: Path) -> None:
    """What a child process does counts as well."""
    watched = watch(["sh", "-c", 'exec 3>&1; "$@"; exit 3', "sh", *program("put(target, mode=0o666)", tmp_path)])
    assert watched.returncode == 3
    (made,) = (event for event in watched.on(tmp_path / "target") if event.creates)
    assert made.mode == 0o666


def test_contents_are_not_recorded(watch: Watch, tmp_path: Path) -> None:
    """The trace shows that something was written, and not what."""
    watched = watch(program(GOOD, tmp_path))
    assert any(event.call == "write" for event in watched.events)
    assert not any("SECRET" in event.arguments for event in watched.events if event.call == "write")


def test_kill_at_every_point(watch: Watch, tmp_path: Path) -> None:
    """A run can be ended at each call of a reference run, and the call is then not carried out."""
    for name in ("reference", "killed"):
        (tmp_path / name).mkdir()
    points = kill_points(watch(program(GOOD, tmp_path / "reference")), tmp_path / "reference")
    assert [call for call, _ in points] == ["openat", "write", "fsync", "close", "rename", "openat", "fsync", "close"]
    rename = next(point for point in points if point[0] == "rename")
    assert watch(program(GOOD, tmp_path / "killed"), kill=rename).returncode == -9
    assert [path.name for path in (tmp_path / "killed").iterdir()] == [".temporary"]
