"""The boot archive of this tree: built when a test first needs it, kept under a name made of all that it is made of."""

from __future__ import annotations

import fcntl
import functools
import hashlib
import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD_TIMEOUT_S = 300.0
PYTHONS = ("3.9", "3.10", "3.11", "3.12", "3.13")
_KEPT = 5


def build(out: Path, *options: str, root: Path = ROOT, **more: str) -> None:
    """Build an archive from a tree; AssertionError, with what was said, when it cannot be built."""
    done = subprocess.run(
        [str(root / "scripts" / "build-archive"), "-o", str(out), *options],
        env={**os.environ, **more},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=BUILD_TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@functools.lru_cache(maxsize=1)
def built() -> Path:
    """Return the archive for all Pythons, one for all processes of all test runs."""
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ecsauth-tests" / "archives"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"ecsauth-{_key()}"
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.exists():
            build(path)
            for old in sorted(folder.glob("ecsauth-*"), key=os.path.getmtime)[:-_KEPT]:
                old.unlink()
    return path


def _key() -> str:
    """Name the content of all files that go into the archive, or that make it."""
    sources = [ROOT / "scripts" / "build-archive", *(ROOT / "scripts").glob("archive-pins-*.txt")]
    for folder in ("bootstrap", "scripts/_archive"):
        sources += [path for path in (ROOT / folder).rglob("*") if path.suffix in (".py", ".json")]
    digest = hashlib.sha256()
    for path in sorted(sources):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(ROOT)} {len(content)}\n".encode() + content)
    return digest.hexdigest()[:16]
