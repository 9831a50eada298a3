"""Find `ecsauth.toml`. This module loads no parser: a word that may be the name of an environment is often a path."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Optional

from ecsauth.errors import UsageError
from ecsauth.host import files

if TYPE_CHECKING:
    from collections.abc import Iterator

NAME = "ecsauth.toml"
VARIABLE = "ECSAUTH_CONFIG"


def find() -> Optional[str]:
    """Return the path of the file, None if there is none; raise UsageError if the variable names no file."""
    named = os.environ.get(VARIABLE)
    if named:
        if not os.path.lexists(named):
            raise UsageError(
                f"${VARIABLE} names {named}, which is not there, so no environment is known",
                f"unset {VARIABLE}, or give it the path of an {NAME}",
            )
        return os.path.abspath(named)
    for path in searched():
        try:
            os.lstat(path)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except PermissionError as fault:
            # The next file upward may give the same name to another bucket.
            raise files.local("look at", path, fault, f"name the file with {VARIABLE}") from None
        return path
    return None


def searched() -> tuple[str, ...]:
    """Return the paths that are searched, in this order: upward from the working directory, then the user's own."""
    return (*_upward(), os.path.join(_user_folder(), "ecsauth", NAME))


def _upward() -> Iterator[str]:
    try:
        folder = os.getcwd()
    except FileNotFoundError:
        # The working directory was removed.
        return
    while True:
        yield os.path.join(folder, NAME)
        above = os.path.dirname(folder)
        if above == folder:
            return
        folder = above


def _user_folder() -> str:
    """Return the folder of the user's configuration: XDG Base Directory Specification. A relative path is ignored."""
    named = os.environ.get("XDG_CONFIG_HOME", "")
    return named if os.path.isabs(named) else os.path.join(os.path.expanduser("~"), ".config")
