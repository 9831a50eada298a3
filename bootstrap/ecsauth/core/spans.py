"""Spans of time, in words and from words."""

from __future__ import annotations

import re

from ecsauth.core.errors import UsageError

_UNITS = ((86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second"))
_LONGEST = 3650 * 86_400


def in_words(seconds: float) -> str:
    """Return a span in its largest fitting unit, as `3 hours`."""
    whole = max(0, int(seconds))
    size, name = next((unit for unit in _UNITS if whole >= 2 * unit[0]), _UNITS[-1])
    count = whole // size
    return f"{count} {name}{'' if count == 1 else 's'}"


def parse(text: str) -> float:
    """Return the seconds that `90`, `90s`, `15m`, `12h` or `7d` stands for; raise UsageError for anything else."""
    match = re.fullmatch(r"([0-9]{1,9})([smhd]?)", text)
    sizes = {name[0]: size for size, name in _UNITS}
    seconds = int(match[1]) * sizes[match[2] or "s"] if match else 0
    if not 0 < seconds <= _LONGEST:
        raise UsageError("takes a span of time, as 90s, 15m, 12h or 7d")
    return float(seconds)
