"""What stands at a path, looked at and not touched."""

from __future__ import annotations

import os
import stat
from typing import Optional

from ecsauth.errors import LocalError
from ecsauth.status.observed import Placed


def look(path: str) -> Optional[Placed]:
    """Return what stands at the path, None if nothing does; raise LocalError where that cannot be seen."""
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return None
    except OSError as fault:
        refusal = LocalError(f"cannot access {path}: {os.strerror(fault.errno or 0).lower()}")
        if isinstance(fault, PermissionError):
            refusal.for_want_of_root(is_root=os.geteuid() == 0)
        raise refusal from None
    return Placed(stat.S_IMODE(found.st_mode), found.st_uid)
