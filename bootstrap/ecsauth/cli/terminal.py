"""What a terminal shows: how wide it is, whether in colour, and nothing that it would take for a command."""

from __future__ import annotations

import os
import sys
from typing import NamedTuple, TextIO

# Lines of prose longer than this are hard to read, on however wide a terminal.
_WIDEST = 100
_NARROWEST = 40


class Style(NamedTuple):
    """How to write for people: columns, and colour or not."""

    width: int = _WIDEST
    colours: bool = False

    def paint(self, codes: str, text: str) -> str:
        """Return the text in a colour (the parameters of SGR, as `1;31`), or as it is."""
        return f"\033[{codes}m{text}\033[0m" if self.colours and text else text


def style(stream: TextIO) -> Style:
    """Return how to write to a stream. Colour is for terminals, and for those who have not said no (no-color.org)."""
    is_terminal = stream.isatty()
    wanted = not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return Style(max(min(_columns(is_terminal), _WIDEST), _NARROWEST), is_terminal and wanted)


def printable(text: str) -> str:
    """Return the text with the escape of each character that prints nothing, or that a terminal would obey."""
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode("ascii")
        for character in text
    )


def _columns(is_terminal: bool) -> int:
    """Return the width of the terminal; shutil does the same, and loads compression libraries for other things."""
    try:
        return int(os.environ.get("COLUMNS", "")) or _WIDEST
    except ValueError:
        pass
    try:
        return os.get_terminal_size(sys.__stderr__.fileno()).columns if is_terminal and sys.__stderr__ else _WIDEST
    except OSError:
        return _WIDEST
