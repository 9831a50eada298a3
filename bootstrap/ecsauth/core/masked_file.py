"""A whole env-file as it may be shown: values that are surely no secret, all others masked, doubtful lines left out."""

from __future__ import annotations

from ecsauth.core.checks.lines import Kind, Line, scan
from ecsauth.core.excerpt import Excerpts
from ecsauth.core.masked_json import MASK
from ecsauth.core.sensitive import is_plain

_COMMENTS = frozenset({Kind.COMMENT, Kind.COMMENT_ASSIGNS, Kind.OTHER_COMMENT})
# Longer than a masked line of any file that docker takes.
_WIDTH = 1 << 18


def masked_lines(data: bytes) -> tuple[str, ...]:
    """Return the lines; a comment is as secret as a value, for people leave old passwords in them."""
    excerpts = Excerpts(data)
    found = []
    for line in scan(data):
        shown = excerpts.excerpt(line.number, None, _WIDTH)
        if _is_plain(line):
            found.append(f"{line.name}={line.value.reveal()}")
        elif shown is not None:
            found.append(shown.text)
        elif line.kind is Kind.BLANK:
            found.append("")
        else:
            found.append(f"# {MASK}" if line.kind in _COMMENTS else MASK)
    if found and not found[-1]:
        # Behind the last line end.
        found.pop()
    return tuple(found)


def _is_plain(line: Line) -> bool:
    """Tell whether a line is nothing but a name and a value that may be shown."""
    value = line.value.reveal()
    is_bare = line.kind is Kind.ASSIGNMENT and line.text.reveal().removesuffix("\r") == f"{line.name}={value}"
    return is_bare and line.joint is None and is_plain(line.name, value)
