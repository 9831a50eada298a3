"""Ways in which the system and the libraries would write secrets to a disk by themselves."""

from __future__ import annotations

import contextlib
import os
import resource

# A limit of 0 stops a core file, but no program that core_pattern pipes to (core(5)): systemd-coredump and others get
# the memory and decide by themselves. At 1 the kernel refuses both (fs/coredump.c).
_NO_CORE = 1
# Python's ssl and urllib3 write to the file that it names what deciphers each connection.
_TLS_KEYS = "SSLKEYLOGFILE"


def stop() -> None:
    """Have neither a core dump nor a log of TLS keys, of this process and of all that it starts."""
    os.environ.pop(_TLS_KEYS, None)
    # Refused where the hard limit is 0 already, and this is not root: that stays.
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (_NO_CORE, _NO_CORE))
