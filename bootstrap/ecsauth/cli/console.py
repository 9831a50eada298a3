"""Messages to people, JSON documents to programs, questions, and how wide and colourful a terminal is.

Text for people goes to stderr, data to stdout. A message is one line, `ecsauth: error: …`, `ecsauth: warning: …`
or `ecsauth: hint: …`: lower case, no full stop; it names a file, line, variable or registry, never a value.
"""

from __future__ import annotations

import json
import os
import re
import sys
from typing import Any, NamedTuple, TextIO

SCHEMA = 1
# sd-daemon(3): by these `journalctl --priority=err` finds what went wrong among all that was said.
_LEVELS = {"error: ": "<3>", "warning: ": "<4>", "hint: ": "<5>", "  | ": "<5>"}


def say(text: str) -> None:
    """Tell people what was done; what an agent or a registry calls itself must not command their terminal."""
    level = next((mark for start, mark in _LEVELS.items() if text.startswith(start)), "<6>") if _is_journal() else ""
    sys.stderr.write(f"{level}ecsauth: {''.join(letter if letter.isprintable() else '?' for letter in text)}\n")


def _is_journal() -> bool:
    """Tell whether a unit's standard error goes to the journal: systemd.exec(5), JOURNAL_STREAM."""
    stream = os.environ.get("JOURNAL_STREAM")
    if not stream:
        return False
    try:
        found = os.fstat(sys.stderr.fileno())
    except (OSError, ValueError):
        return False
    return stream == f"{found.st_dev}:{found.st_ino}"


def warn(text: str) -> None:
    """Tell people what they should look at."""
    say(f"warning: {text}")


def show(document: dict[str, Any]) -> None:
    """Give programs a JSON document."""
    show_document({"schema": SCHEMA, **document})


def show_document(document: dict[str, Any]) -> None:
    """Give programs a JSON document of somebody else's schema."""
    sys.stdout.write(json.dumps(document, indent=2) + "\n")


_QUOTED = r"`[^`]*`"
_GLUE = "\0"


def wrapped(text: str, width: int) -> list[str]:
    """Return lines of at most that many characters, if the words allow it; what stands in backquotes stays whole."""
    import textwrap  # for findings only

    glued = re.sub(_QUOTED, lambda match: match.group().replace(" ", _GLUE), text)
    lines = textwrap.wrap(glued, max(width, 1), break_long_words=False, break_on_hyphens=False)
    return [line.replace(_GLUE, " ") for line in lines]


def instructions(fix: str, width: int) -> list[str]:
    """Return the lines of a fix: those after the first are commands, which somebody is going to paste as they are."""
    said, *commands = fix.splitlines() or [""]
    return [*wrapped(said, width), *commands]


# As a shell reports Ctrl-C: who says no has ended the command.
DECLINED = 130


def is_possible() -> bool:
    """Tell whether somebody is there to answer: what is asked goes to stderr, the answer comes from stdin."""
    return all(stream is not None and not stream.closed and stream.isatty() for stream in (sys.stdin, sys.stderr))


def is_yes(question: str, *, default: bool = False) -> bool:
    """Ask; an end of the input is a no, an empty line the default, another answer is asked for again."""
    choices = "[Y/n]" if default else "[y/N]"
    while True:
        sys.stderr.write(f"ecsauth: {question} {choices} ")
        sys.stderr.flush()
        line = sys.stdin.readline()
        answer = line.strip().lower()
        if not line:
            sys.stderr.write("\n")
            return False
        if not answer:
            return default
        if answer in ("y", "yes", "n", "no"):
            return answer[0] == "y"


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


class Progress:
    """One line of a terminal that is written over and taken away; nothing where standard error is none."""

    def __init__(self) -> None:
        self._shows = sys.stderr.isatty()

    def show(self, text: str) -> None:
        """Say how far it is."""
        if self._shows:
            sys.stderr.write(f"\r\033[Kecsauth: {text}")
            sys.stderr.flush()

    def clear(self) -> None:
        """Leave no trace."""
        if self._shows:
            sys.stderr.write("\r\033[K")
            sys.stderr.flush()
