"""Tell whether this program runs from the boot archive."""

from __future__ import annotations

HINT = "install ecsauth with pip, where it is needed"


def is_running() -> bool:
    """Tell whether this program runs from the boot archive."""
    return getattr(__loader__, "is_boot_archive", False)  # type: ignore[name-defined]


def lack(name: str) -> str:
    """Return the message that a command or a module is not in the boot archive."""
    return f"this is the boot archive, which has what an instance needs: {name} is not in it"
