"""What stands at a path: looked at, never opened."""

from __future__ import annotations

import os
import stat
from typing import Optional

from bootstrap.core.errors import LocalError
from bootstrap.core.observed import Placed


def look(path: str) -> Optional[Placed]:
    """Return what stands at the path, None if nothing does; raise LocalError where that cannot be seen."""
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return None
    except OSError as fault:
        hints = ("run as root",) if isinstance(fault, PermissionError) else ()
        raise LocalError(f"cannot look at {path}: {os.strerror(fault.errno or 0).lower()}", *hints) from None
    return Placed(stat.S_IMODE(found.st_mode), found.st_uid, stat.S_ISREG(found.st_mode))
