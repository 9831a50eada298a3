"""Messages for people, JSON documents for programs, questions, and the width and colours of a terminal.

Text for people goes to stderr, data to stdout. A message is one line, `ecsauth: error: …`, `ecsauth: warning: …`
or `ecsauth: hint: …`: lower case, no full stop; it names a file, line, variable or registry, never a value.
"""

from __future__ import annotations

import json
import os
import re
import sys
from typing import Any, NamedTuple, TextIO

from ecsauth.cli import progress

SCHEMA = 1
# The prefixes of sd-daemon(3), by which `journalctl --priority=err` finds the errors.
_LEVELS = {"error: ": "<3>", "warning: ": "<4>", "hint: ": "<5>", "  | ": "<5>"}


def say(text: str) -> None:
    """Write a message for people, made printable: a name from an agent or registry must not control the terminal."""
    level = next((mark for start, mark in _LEVELS.items() if text.startswith(start)), "<6>") if _is_journal() else ""
    sys.stderr.write(f"{level}ecsauth: {''.join(letter if letter.isprintable() else '?' for letter in text)}\n")


def _is_journal() -> bool:
    """Tell whether standard error is connected to the journal: systemd.exec(5), JOURNAL_STREAM."""
    stream = os.environ.get("JOURNAL_STREAM")
    if not stream:
        return False
    try:
        found = os.fstat(sys.stderr.fileno())
    except (OSError, ValueError):
        return False
    return stream == f"{found.st_dev}:{found.st_ino}"


def warn(text: str) -> None:
    """Write a warning for people."""
    say(f"warning: {text}")


def show(document: dict[str, Any]) -> None:
    """Write a JSON document for programs."""
    show_document({"schema": SCHEMA, **document})


def show_document(document: dict[str, Any]) -> None:
    """Write a JSON document with a schema that ecsauth does not define."""
    sys.stdout.write(json.dumps(document, indent=2) + "\n")


_QUOTED = r"`[^`]*`"
_GLUE = "\0"


def wrapped(text: str, width: int) -> list[str]:
    """Return lines of at most `width` characters, if the words allow it. Text in backquotes is not split."""
    import textwrap  # for findings only

    glued = re.sub(_QUOTED, lambda match: match.group().replace(" ", _GLUE), text)
    lines = textwrap.wrap(glued, max(width, 1), break_long_words=False, break_on_hyphens=False)
    return [line.replace(_GLUE, " ") for line in lines]


def instructions(fix: str, width: int) -> list[str]:
    """Return the lines of a fix. Those after the first are commands to paste, which are not wrapped."""
    said, *commands = fix.splitlines() or [""]
    return [*wrapped(said, width), *commands]


# The exit status if the user declines, as a shell reports Ctrl-C.
DECLINED = 130


def is_possible() -> bool:
    """Tell whether a user can answer: stderr, for the question, and stdin, for the answer, are terminals."""
    return all(stream is not None and not stream.closed and stream.isatty() for stream in (sys.stdin, sys.stderr))


def is_yes(question: str, *, default: bool = False) -> bool:
    """Ask until the answer is valid. The end of input means no, an empty line means the default."""
    choices = "[Y/n]" if default else "[y/N]"
    while True:
        with progress.paused():
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


# Longer lines of prose are hard to read, even if the terminal is wider.
_WIDEST = 100
_NARROWEST = 40


class Style(NamedTuple):
    """The style of text for people: number of columns, and whether to use colours."""

    width: int = _WIDEST
    colours: bool = False

    def paint(self, codes: str, text: str) -> str:
        """Return the text in a colour (the parameters of SGR, as `1;31`), or unchanged."""
        return f"\033[{codes}m{text}\033[0m" if self.colours and text else text


def style(stream: TextIO) -> Style:
    """Return the style for a stream. Colours are used on terminals, unless NO_COLOR is set (no-color.org)."""
    is_terminal = stream.isatty()
    wanted = not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return Style(max(min(_columns(is_terminal), _WIDEST), _NARROWEST), is_terminal and wanted)


def printable(text: str) -> str:
    """Return the text with an escape for each invisible character and for each control character."""
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode("ascii")
        for character in text
    )


def _columns(is_terminal: bool) -> int:
    """Return the width of the terminal, as shutil does; but shutil loads compression libraries."""
    try:
        return int(os.environ.get("COLUMNS", "")) or _WIDEST
    except ValueError:
        pass
    try:
        return os.get_terminal_size(sys.__stderr__.fileno()).columns if is_terminal and sys.__stderr__ else _WIDEST
    except OSError:
        return _WIDEST
