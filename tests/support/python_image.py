"""Builds an image with Python and pip from what this host has, as a base for other images. Nothing is pulled."""

from __future__ import annotations

import ctypes
import io
import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
from typing import TYPE_CHECKING

import stand_in_image

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BUILD_TIMEOUT_S = 300
_APPLETS = ("cat", "env", "id", "ls", "mkdir", "rm", "sh", "touch")
# Folders of the standard library that no program needs; site-packages is this host's own.
_LEFT_OUT = {
    "test",
    "tests",
    "idlelib",
    "tkinter",
    "turtledemo",
    "lib2to3",
    "site-packages",
    "dist-packages",
    "__pycache__",
}
_PIP = "/opt/pip"


def build(tag: str, busybox: Path) -> str:
    """Make the image and return its tag; AssertionError, with docker's words, when docker refuses."""
    changes = ("--change", "ENV PATH=/usr/local/bin:/bin", "--change", f"ENV PYTHONPATH={_PIP}")
    done = subprocess.run(
        ["docker", "import", *changes, "-", tag],
        input=_archive(busybox),
        capture_output=True,
        timeout=BUILD_TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode(errors="replace")
    return tag


def _archive(busybox: Path) -> bytes:
    """Return the file system as a tar archive: busybox, python3 and the libraries of both, and pip."""
    python = os.path.realpath(sys.executable)
    buffer = io.BytesIO()
    # Libraries are often links to others, which need not be here.
    with tarfile.open(fileobj=buffer, mode="w", dereference=True) as archive:
        archive.add(busybox, "bin/busybox")
        for applet in _APPLETS:
            _link(archive, f"bin/{applet}", "busybox")
        _link(archive, "usr/local/bin/python3", python)
        library = sysconfig.get_path("stdlib")
        modules = list(_files(library))
        extensions = [path for path in modules if path.endswith(".so")]
        for path in sorted({python, *modules, *_libraries([python, *extensions]), *_library_of_threads()}):
            archive.add(path, path.lstrip("/"), recursive=False)
        for path in _files(_pip()):
            archive.add(path, f"{_PIP}/pip/{os.path.relpath(path, _pip())}".lstrip("/"))
        folder = tarfile.TarInfo("tmp")
        folder.type, folder.mode = tarfile.DIRTYPE, 0o1777
        archive.addfile(folder)
    return buffer.getvalue()


def _link(archive: tarfile.TarFile, path: str, target: str) -> None:
    member = tarfile.TarInfo(path)
    member.type, member.linkname = tarfile.SYMTYPE, target
    archive.addfile(member)


def _pip() -> str:
    """Return the folder of the pip of this interpreter."""
    import pip

    return os.path.dirname(pip.__file__)


def _files(folder: str) -> Iterator[str]:
    """Yield the files below a folder."""
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name not in _LEFT_OUT and not name.startswith("config-")]
        yield from (os.path.join(place, name) for name in names)


def _libraries(programs: list[str]) -> set[str]:
    """Return the libraries that the programs load, with the loader, at the paths where these are looked for."""
    ldd = shutil.which("ldd")
    assert ldd
    done = subprocess.run([ldd, *programs], capture_output=True, text=True, timeout=60, check=False)
    words = (word for line in done.stdout.splitlines() for word in line.split() if word.startswith("/"))
    return {word for word in words if os.path.isfile(word)}


def _library_of_threads() -> set[str]:
    """Return the library that the C library loads when a thread is ended at exit; ldd does not know of it.

    Without it such a program is aborted: pip, whenever one of its threads outlives its work.
    """
    name = "libgcc_s.so.1"
    ctypes.CDLL(name)
    with open("/proc/self/maps", encoding="utf-8") as maps:
        return {line.split()[-1] for line in maps if line.rstrip().endswith("/" + name)}


def lack() -> str | None:
    """Return why no such image can be made here, or None."""
    if stand_in_image.static_busybox() is None:
        return "there is no static busybox"
    return None if shutil.which("ldd") else "ldd is not installed"
