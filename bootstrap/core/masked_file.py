"""A whole env-file as it may be shown: every value masked, lines that may hold a secret left out."""

from __future__ import annotations

from bootstrap.core.checks.lines import Kind, scan
from bootstrap.core.excerpt import Excerpts
from bootstrap.core.masked_json import MASK

_COMMENTS = frozenset({Kind.COMMENT, Kind.COMMENT_ASSIGNS, Kind.OTHER_COMMENT})
# Longer than a masked line of any file that docker takes.
_WIDTH = 1 << 18


def masked_lines(data: bytes) -> tuple[str, ...]:
    """Return the lines; a comment is as secret as a value, for people leave old passwords in them."""
    excerpts = Excerpts(data)
    found = []
    for line in scan(data):
        shown = excerpts.excerpt(line.number, None, _WIDTH)
        if shown is not None:
            found.append(shown.text)
        elif line.kind is Kind.BLANK:
            found.append("")
        else:
            found.append(f"# {MASK}" if line.kind in _COMMENTS else MASK)
    if found and not found[-1]:
        # Behind the last line end.
        found.pop()
    return tuple(found)
