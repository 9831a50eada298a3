"""Texts of the catalogue for people: prose wrapped at words, commands whole and on lines of their own."""

from __future__ import annotations

import re

_QUOTED = r"`[^`]*`"
_GLUE = "\0"


def wrapped(text: str, width: int) -> list[str]:
    """Return lines of at most that many characters, if the words allow it; what stands in backquotes stays whole."""
    import textwrap

    glued = re.sub(_QUOTED, lambda match: match.group().replace(" ", _GLUE), text)
    lines = textwrap.wrap(glued, max(width, 1), break_long_words=False, break_on_hyphens=False)
    return [line.replace(_GLUE, " ") for line in lines]


def instructions(fix: str, width: int) -> list[str]:
    """Return the lines of a fix: those after the first are commands, which somebody is going to paste as they are."""
    said, *commands = fix.splitlines() or [""]
    return [*wrapped(said, width), *commands]
