"""What a terminal shows: the lines that are left of all that was written to it."""

from __future__ import annotations

import re

_PARTS = re.compile(r"\r|\n|\033\[K|[^\r\n\033]+")


def screen(written: str) -> list[str]:
    """Return the lines; AssertionError for anything that is no text, line end, return, or erasing of a line's rest."""
    lines, column = [""], 0
    assert "".join(_PARTS.findall(written)) == written, repr(written)
    for part in _PARTS.findall(written):
        if part == "\n":
            lines.append("")
            column = 0
        elif part == "\r":
            column = 0
        elif part == "\033[K":
            lines[-1] = lines[-1][:column]
        else:
            lines[-1] = lines[-1][:column].ljust(column) + part + lines[-1][column + len(part) :]
            column += len(part)
    return lines
