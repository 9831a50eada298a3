"""The socket of docker's daemon: may this process talk to it?"""

from __future__ import annotations

import os
import socket
from typing import Optional

from ecsauth.core.errors import LaunchError

_SOCKET = "/var/run/docker.sock"
_UNIX = "unix://"


def path() -> Optional[str]:
    """Return where the daemon listens by DOCKER_HOST, which docker's command line reads; None: not on a socket here."""
    host = os.environ.get("DOCKER_HOST") or _UNIX + _SOCKET
    return host[len(_UNIX) :] if host.startswith(_UNIX) else None


def knock(where: str, seconds: float) -> None:
    """Connect and say nothing; raise LaunchError if there is nobody, or not for this process."""
    with socket.socket(socket.AF_UNIX) as one:
        one.settimeout(seconds)
        try:
            one.connect(where)
        except PermissionError:
            refusal = LaunchError(f"permission denied on {where}")
            raise refusal.for_want_of_root(is_root=os.geteuid() == 0) from None
        except FileNotFoundError:
            raise LaunchError(f"there is no {where}", "install docker and start it: systemctl start docker") from None
        except OSError as fault:
            reason = os.strerror(fault.errno or 0).lower() if fault.errno else "no answer"
            raise LaunchError(f"cannot connect to {where}: {reason}", "start it: systemctl start docker") from None
