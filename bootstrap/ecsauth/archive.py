"""The boot archive, as the program sees it that is in one: which packages are packed with it, and their data."""

from __future__ import annotations

from typing import Any

# Versions by package. Empty where the program is installed: scripts/build-archive fills it in.
PACKAGES: dict[str, str] = {}
HINT = "install ecsauth with pip, where it is needed"


def lack(name: str) -> str:
    """Say that a command or a module is not in the archive."""
    return f"this is the boot archive, which has what an instance needs: {name} is not in it"


def data(path: str) -> bytes:
    """Return a file from beside this package; raise OSError if there is none."""
    loader: Any = __loader__  # type: ignore[name-defined]
    content: bytes = loader.get_data(__file__[: -len("ecsauth/archive.pyc")] + path)
    return content
