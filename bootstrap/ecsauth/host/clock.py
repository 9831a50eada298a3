"""The machine's time."""

from __future__ import annotations

import contextlib
import time

from ecsauth.timing import Moment

_BOOT_ID = "/proc/sys/kernel/random/boot_id"


class SystemClock:
    """Time in seconds, as `boot` needs it."""

    def now(self) -> float:
        """Return a monotonic reading."""
        return time.monotonic()

    def moment(self) -> Moment:
        """Return the present time within this boot of the machine; random(4) describes the boot ID."""
        boot = ""
        with contextlib.suppress(OSError), open(_BOOT_ID, encoding="ascii") as file:
            boot = file.read(64).strip()
        return Moment(boot, time.monotonic())

    def wall(self) -> int:
        """Return seconds since the epoch."""
        return int(time.time())

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)
