"""The places of the keys and tables in a TOML document. The parser of the standard library does not tell them.

Source: TOML 1.0. The document has to be valid: the parser has read it before.
"""

from __future__ import annotations

import contextlib
import re
import sys
from typing import NamedTuple, Optional

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

_BLANK = re.compile(r"[ \t]*")
# Spaces, line ends and comments, as between the pairs of a table and the items of an array.
_BETWEEN = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
# A number, a date or a boolean: the only values that do not end with a bracket or a quote.
_SCALAR = re.compile(r"[^,\]}\r\n#]*")
_LONG = ('"""', "'''")
# TOML 1.0, "String": one or two quotes may stand directly before the closing three.
_MORE_QUOTES = 2


class KeyPlace(NamedTuple):
    """The place of a key with its value, or of the header of a table, which has no `value`.

    `path` has the names of the tables and of the key. `start` and the two numbers of `value` are offsets in the text.
    """

    path: tuple[str, ...]
    start: int
    value: Optional[tuple[int, int]] = None


def places(text: str) -> tuple[KeyPlace, ...]:
    """Return the places of all keys and headers, in order; of a document that is no TOML, those before the fault."""
    scanner = _Scanner(text)
    # If the parser and this scanner disagree, a message without a line is better than none.
    with contextlib.suppress(IndexError, ValueError, RecursionError):
        scanner.document()
    return tuple(sorted(scanner.found, key=lambda place: place.start))


def line_of(text: str, path: tuple[str, ...]) -> Optional[int]:
    """Return the line of a key or table, None if it is unknown. A table without a header is at its first key."""
    found = places(text)
    at = next((one.start for one in found if one.path == path), None)
    if at is None:
        at = next((one.start for one in found if one.path[: len(path)] == path), None)
    return None if at is None else text.count("\n", 0, at) + 1


class _Scanner:
    """Walks through a document once, from left to right."""

    def __init__(self, text: str) -> None:
        self._text, self._at = text, 0
        self.found: list[KeyPlace] = []

    def document(self) -> None:
        """Find all keys and headers."""
        table: tuple[str, ...] = ()
        while self._pass(_BETWEEN) < len(self._text):
            if self._text[self._at] == "[":
                table = self._header()
            else:
                self._pair(table)

    def _header(self) -> tuple[str, ...]:
        start = self._at
        brackets = 2 if self._text.startswith("[[", start) else 1
        self._at += brackets
        path = self._key()
        self._at += brackets
        self.found.append(KeyPlace(path, start))
        return path

    def _pair(self, table: tuple[str, ...]) -> None:
        start = self._at
        path = (*table, *self._key())
        # The equals sign.
        self._at += 1
        value = self._pass(_BLANK)
        self._value(path)
        self.found.append(KeyPlace(path, start, (value, self._at)))

    def _key(self) -> tuple[str, ...]:
        """Pass a key, dotted or not, and the blanks after it; return its names."""
        names: list[str] = []
        while True:
            start = self._pass(_BLANK)
            if self._text[start] in "\"'":
                self._string(self._text[start])
                # The parser itself resolves the escapes of the name.
                names += tomllib.loads(f"{self._text[start : self._at]} = 0")
            else:
                self._pass(_BARE_KEY)
                names.append(self._text[start : self._at])
            if self._at == start:
                raise ValueError
            if self._text[self._pass(_BLANK)] != ".":
                return tuple(names)
            self._at += 1

    def _value(self, path: tuple[str, ...]) -> None:
        first = self._text[self._at]
        if first in "\"'":
            long = self._text[self._at : self._at + len(_LONG[0])]
            self._string(long if long in _LONG else first)
        elif first in "[{":
            self._at += 1
            self._items(path, "]" if first == "[" else "}")
        else:
            matched = _SCALAR.match(self._text, self._at)
            self._at += len(matched.group().rstrip(" \t")) if matched else 0

    def _items(self, path: tuple[str, ...], end: str) -> None:
        """Pass the items of an array, or the pairs of an inline table, and the bracket at the end."""
        while self._text[self._pass(_BETWEEN)] != end:
            start = self._at
            if self._text[start] == ",":
                self._at += 1
            elif end == "}":
                self._pair(path)
            else:
                self._value(path)
            if self._at == start:
                raise ValueError
        self._at += 1

    def _string(self, quotes: str) -> None:
        """Pass a string, with its quotes. Only a basic string, in double quotes, has escapes."""
        self._at += len(quotes)
        while not self._text.startswith(quotes, self._at):
            is_escape = self._text[self._at] == "\\" and quotes[0] == '"'
            self._at += 2 if is_escape else 1
        self._at += len(quotes)
        if quotes in _LONG:
            more = self._text[self._at : self._at + _MORE_QUOTES]
            self._at += len(more) - len(more.lstrip(quotes[0]))

    def _pass(self, pattern: re.Pattern[str]) -> int:
        """Pass what the pattern matches; return the offset after it."""
        matched = pattern.match(self._text, self._at)
        self._at = matched.end() if matched else self._at
        return self._at
