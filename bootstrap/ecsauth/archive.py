"""Tell whether this program runs from the boot archive."""

from __future__ import annotations

HINT = "install ecsauth with pip on the machine of the operator"


def is_running() -> bool:
    """Tell whether this program runs from the boot archive."""
    return getattr(__loader__, "is_boot_archive", False)  # type: ignore[name-defined]


def lack(name: str) -> str:
    """Return the message that a command or a module is not in the boot archive."""
    return f"{name} is not in the boot archive, which contains only what an instance needs"
