"""A report of one line a topic, in columns: how it stands, what it is about, what was found, what to do."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

# SGR parameters, as in the findings of check.
_COLOURS = {"ok": "32", "warning": "1;33", "failed": "1;31", "skipped": "2"}

# Of the longest word and the longest topic: the columns stay where they are from run to run.
_WORD, _TOPIC = len("warning"), len("environment")


class Row(NamedTuple):
    """One line: `word` is ok, warning, failed or skipped."""

    word: str
    topic: str
    said: str
    fix: str = ""


def show(rows: Sequence[Row]) -> None:
    """Print the rows; what to do stands at the end of a line, where the eye goes after what is wrong."""
    from bootstrap.cli import terminal

    style = terminal.style(sys.stdout)
    for row in rows:
        word = style.paint(_COLOURS.get(row.word, ""), row.word) + " " * (_WORD - len(row.word))
        text = f"{row.topic:{_TOPIC}}  {row.said}" + (f": {row.fix}" if row.fix else "")
        sys.stdout.write(f"{word}  {terminal.printable(text)}\n")
    # What is said next goes to another stream.
    sys.stdout.flush()
