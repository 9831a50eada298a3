"""The boot archive, as the program sees it that is in one."""

from __future__ import annotations

import os
from typing import Any

# Versions of packages by name: of none, nothing but this package is in the archive.
PACKAGES: dict[str, str] = {}
HINT = "install ecsauth with pip, where it is needed"


def is_running() -> bool:
    """Tell whether this program is in the boot archive."""
    return getattr(__loader__, "is_boot_archive", False)  # type: ignore[name-defined]


def lack(name: str) -> str:
    """Say that a command or a module is not in the archive."""
    return f"this is the boot archive, which has what an instance needs: {name} is not in it"


def data(path: str) -> bytes:
    """Return a file from beside this package; raise OSError if there is none."""
    loader: Any = __loader__  # type: ignore[name-defined]
    content: bytes = loader.get_data(os.path.join(os.path.dirname(os.path.dirname(__file__)), path))
    return content
