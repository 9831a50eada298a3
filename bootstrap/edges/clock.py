"""The machine's time."""

from __future__ import annotations

import time


class SystemClock:
    """Time in seconds, as `boot` needs it."""

    def now(self) -> float:
        """Return a monotonic reading."""
        return time.monotonic()

    def wall(self) -> int:
        """Return seconds since the epoch."""
        return int(time.time())

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)
