"""Spans of time, in words and from words."""

from __future__ import annotations

import pytest
from ecsauth import timing
from ecsauth.errors import UsageError


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-5, "0 seconds"),
        (0, "0 seconds"),
        (1, "1 second"),
        (119, "119 seconds"),
        (120, "2 minutes"),
        (7199, "119 minutes"),
        (7200, "2 hours"),
        (172_799, "47 hours"),
        (172_800, "2 days"),
    ],
)
def test_in_words(seconds: float, words: str) -> None:
    """The largest unit of which there are at least two."""
    assert timing.in_words(seconds) == words


@pytest.mark.parametrize(("text", "seconds"), [("90", 90), ("90s", 90), ("15m", 900), ("12h", 43_200), ("7d", 604_800)])
def test_parse(text: str, seconds: float) -> None:
    """A number of seconds, or of another unit by its letter."""
    assert timing.parse(text) == seconds


@pytest.mark.parametrize("text", ["", "0", "-1", "1w", "1.5h", "h", " 1", "٣", "99999999d", "1" * 30])
def test_no_span(text: str) -> None:
    """Anything else is refused."""
    with pytest.raises(UsageError):
        timing.parse(text)
