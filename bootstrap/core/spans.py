"""Spans of time in words."""

from __future__ import annotations

_UNITS = ((86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second"))


def in_words(seconds: float) -> str:
    """Return a span in its largest fitting unit, as `3 hours`."""
    whole = max(0, int(seconds))
    size, name = next((unit for unit in _UNITS if whole >= 2 * unit[0]), _UNITS[-1])
    count = whole // size
    return f"{count} {name}{'' if count == 1 else 's'}"
