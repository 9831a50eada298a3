"""Where this program comes from: the commit of its sources, and the file of the boot archive.

The build of the wheel writes the commit into a file of the package, 40 hexadecimal digits and a line end. The boot
archive has the same file. In a clone of the repository there is none, and git is asked.
"""

from __future__ import annotations

import os
import re
from typing import Optional

import ecsauth
from ecsauth import archive
from ecsauth.errors import LaunchError

_DIGITS = re.compile(r"[0-9a-f]{40}")
# The folder of the repository that has the package in it.
_SOURCES = "bootstrap"
_SECONDS = 5.0
_CHUNK = 1 << 20


def commit() -> Optional[str]:
    """Return the commit that this program was built from, None if it is unknown."""
    folder = os.path.dirname(os.path.abspath(ecsauth.__file__))
    try:
        text: bytes = ecsauth.__loader__.get_data(os.path.join(folder, archive.COMMIT))  # type: ignore[union-attr]
    except OSError:
        return None if archive.is_running() else _of_clone(os.path.dirname(folder))
    return _digits(text.decode("ascii", "replace"))


def sha256() -> Optional[str]:
    """Return the SHA-256 of the boot archive that runs, None if its file cannot be read."""
    import hashlib  # loads OpenSSL, which only --version in the archive needs here

    digest = hashlib.sha256()
    try:
        with open(archive.path(), "rb") as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
    except OSError:
        return None
    return digest.hexdigest()


def _of_clone(sources: str) -> Optional[str]:
    """Return the commit that is checked out, None if the package is not in a clone of its own repository.

    A package that pip has installed may be below another repository, whose commit would be a wrong answer.
    """
    root = os.path.dirname(sources)
    if os.path.basename(sources) != _SOURCES or not os.path.exists(os.path.join(root, ".git")):
        return None
    from ecsauth.host.commands import Commands  # starts processes, which nothing else here does

    try:
        # This runs no hook, and `Commands` passes no variable of git's, which could name another repository.
        done = Commands().call(("git", "-C", root, "rev-parse", "--verify", "HEAD"), _SECONDS)
    except LaunchError:
        return None
    return None if done.status else _digits(done.out)


def _digits(text: str) -> Optional[str]:
    """Return the commit in a text, None if there is something else in it."""
    found = text.strip()
    return found if _DIGITS.fullmatch(found) else None
