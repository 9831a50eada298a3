"""The boot archive of this tree: built when a test first needs it, kept under a name made of all that it is made of."""

from __future__ import annotations

import fcntl
import functools
import hashlib
import io
import json
import os
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from typing import Optional

ROOT = Path(__file__).resolve().parents[2]
BUILD_TIMEOUT_S = 300.0
PYTHONS = ("3.9", "3.10", "3.11", "3.12", "3.13")
# The commands of an instance; the others are an operator's.
COMMANDS = ("boot", "check", "doctor", "explain", "help", "status", "unpersist", "verify", "which")
_OLD_S = 24 * 3600
_FIND = 'source "$0"; find_python "$1"'
_MANIFEST = json.dumps({"schema": 2, "ecsauth": "0.1.0", "pythons": {"3.9": {}, "3.11": {}}})


def sample(manifest: str = _MANIFEST, main: str = "__main__.py", filling: int = 400_000) -> bytes:
    """Return a file that is like an archive from the outside, and larger than any env-file."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as packed:
        # With no time of their own, so that it is the same each time.
        for name, content in (("manifest.json", manifest), (main, ""), ("compiled.xz", bytes(filling))):
            packed.writestr(zipfile.ZipInfo(name), content)
    return b'#!/bin/sh\nexec python3 -IS "$0" "$@"\n' + buffer.getvalue()


def build(out: Path, *options: str, root: Path = ROOT, python: str = sys.executable, **more: str) -> None:
    """Build an archive from a tree; AssertionError, with what was said, when it cannot be built."""
    done = subprocess.run(
        [python, "-m", "ecsauth", "archive", "build", "-o", str(out), *options],
        env={**os.environ, "PYTHONPATH": str(root / "bootstrap"), **more},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=BUILD_TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@functools.cache
def interpreter(version: str) -> Optional[str]:
    """Return an interpreter of the version, on PATH or of pyenv, None where there is none."""
    command = ("bash", "-c", _FIND, str(ROOT / "scripts" / "_venv"), version)
    found = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False, timeout=60)
    return found.stdout.strip() or None


def compiled_for(*versions: str) -> tuple[str, ...]:
    """Return the options of a build that compiles for these Pythons; AssertionError if there is none of one."""
    found = [interpreter(version) for version in versions]
    assert all(found), versions
    return tuple(f"--python={path}" for path in found)


@functools.cache
def built() -> Path:
    """Return the archive for all Pythons, one for all processes of all test runs."""
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ecsauth-tests" / "archives"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"ecsauth-{_key()}"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.exists():
            build(path, *compiled_for(*PYTHONS))
            # Another tree's may be in use.
            for old in folder.glob("ecsauth-*"):
                if time.time() - old.stat().st_mtime > _OLD_S:
                    old.unlink()
    return path


def _key() -> str:
    """Name the content of all that goes into the archive, or that makes it."""
    sources = [path for path in (ROOT / "bootstrap").rglob("*") if path.suffix in (".py", ".json")]
    digest = hashlib.sha256()
    for version in PYTHONS:
        path = interpreter(version)
        digest.update(f"{path} {os.path.realpath(path) if path else ''}\n".encode())
    for source in sorted([ROOT / "LICENSE", *sources]):
        content = source.read_bytes()
        digest.update(f"{source.relative_to(ROOT)} {len(content)}\n".encode() + content)
    return digest.hexdigest()[:16]
