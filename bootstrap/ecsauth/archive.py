"""Tell whether this program runs from the boot archive, and from which file."""

from __future__ import annotations

COMMIT = "commit"
"""The package's file with the commit that it was built from, in a wheel and in the boot archive."""

HINT = "install ecsauth with pip on the machine of the operator"


def is_running() -> bool:
    """Tell whether this program runs from the boot archive."""
    return getattr(__loader__, "is_boot_archive", False)  # type: ignore[name-defined]


def path() -> str:
    """Return the path of the boot archive that this program runs from."""
    return __file__[: -len("/ecsauth/archive.py")]


def lack(name: str) -> str:
    """Return the message that a command or a module is not in the boot archive."""
    return f"{name} is not in the boot archive, which contains only what an instance needs"
