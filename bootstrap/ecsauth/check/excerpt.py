"""The lines of an env-file with every value masked: the line of a finding, or all lines.

A line without an assignment is not shown, nor is one whose name may be a secret. Values are never copied: registry
credentials are written again from their structure (see `redact`), any other value is one mask. Invisible characters
are made visible: white space around a value as `·`, other unprintable characters as escapes.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import TYPE_CHECKING, NamedTuple, Optional

from ecsauth.agent import variables
from ecsauth.agent.names import is_plain, is_public, shown
from ecsauth.check.lines import Joint, Line, LineKind, scan
from ecsauth.check.redact import MASK, masked
from ecsauth.check.values import quoted
from ecsauth.go.values import GO_SPACE

if TYPE_CHECKING:
    from collections.abc import Iterator

_AUTH_VARIABLES = frozenset({"ECS_ENGINE_AUTH_DATA", "ECS_ENGINE_AUTH_TYPE"})
_WIDTH = 100
_CUT = "…"
_BLANK = "·"
# In lines of these kinds, white space around the value is usual and not the problem.
_SPACED = frozenset({LineKind.SPACED, LineKind.COLON})
_COMMENTED_OUT = r"[#\s]*(?![#\s])(?:export\s+)?([^\s=]+)\s*="
_ACCEPTANCE = r"#+[ \t]*ecsauth:[ \t]*accept(?:[ \t,]+[A-Za-z][0-9]{3})*"


class Excerpt(NamedTuple):
    """A masked line, possibly cut. `mark` is the number of characters before the mark, None without a mark."""

    text: str
    mark: Optional[int]


class Excerpts:
    """The masked lines of one file; each line is masked only once."""

    def __init__(self, data: bytes) -> None:
        self._lines = scan(data)
        self._owners: list[Line] = []
        for line in self._lines:
            self._owners.append(self._owners[-1] if line.kind is LineKind.CONTINUED else line)
        self._pens: dict[int, dict[int, _Pen]] = {}

    def excerpt(self, line: int, column: Optional[int], width: int = _WIDTH) -> Optional[Excerpt]:
        """Return the masked line with the mark at a column (both from 1), None if nothing of it may be shown."""
        if not 0 < line <= len(self._lines):
            return None
        owner = self._owners[line - 1]
        if owner.number not in self._pens:
            self._pens[owner.number] = _masked(owner)
        pen = self._pens[owner.number].get(line)
        return None if pen is None else pen.window(None if column is None else column - 1, width)


class _Pen:
    """Write a masked line, and record the offset in the real line of each part."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._size = 0
        self._places: list[int] = []
        self._sizes: list[int] = []
        self._text: Optional[str] = None

    def write(self, place: int, text: str) -> None:
        """Write the text for offset `place` of the real line; offsets have to ascend."""
        self._places.append(place)
        self._sizes.append(self._size)
        self._parts.append(text)
        self._size += len(text)

    def copy(self, place: int, text: str) -> None:
        """Write a text that may be shown, with unprintable characters as escapes."""
        for offset, character in enumerate(text):
            self.write(place + offset, _visible(character))

    def window(self, offset: Optional[int], width: int) -> Excerpt:
        """Return the part of the line around the mark, at most `width` characters."""
        if self._text is None:
            self._text = "".join(self._parts)
        text = self._text
        mark = None if offset is None else self._sizes[max(bisect_right(self._places, offset) - 1, 0)]
        if len(text) <= width:
            return Excerpt(text, mark)
        start = max(0, min((mark or 0) - width * 2 // 5, len(text) - width + 1))
        room = width - (start > 0)
        cut = text[start : start + room]
        if start + room < len(text):
            cut = cut[:-1] + _CUT
        left = _CUT if start else ""
        return Excerpt(left + cut, None if mark is None else mark - start + len(left))


def _visible(character: str) -> str:
    if character == "\t":
        return " "
    return character if character.isprintable() else character.encode("unicode_escape").decode("ascii")


def _masked(line: Line) -> dict[int, _Pen]:
    """Return the masked line, and the lines that continue its value, by line number."""
    if line.assigns:
        return _assignment(line) if shown(line.name) else {}
    pen = _Pen()
    text = line.text.reveal()
    body = text.strip(GO_SPACE)
    if line.kind is LineKind.COMMENT_ASSIGNS:
        match = re.match(_COMMENTED_OUT, text)
        if match is None or shown(match[1]) is None:
            return {}
        pen.copy(0, match.group())
        pen.write(match.end(), MASK)
    elif _is_plain(line.kind, body):
        pen.copy(line.column - 1, body)
    elif line.kind in (LineKind.NO_NAME, LineKind.OTHER_COMMENT):
        pen.copy(line.column - 1, body[: 2 if body.startswith("//") else 1])
        pen.write(line.column + 1, MASK)
    else:
        return {}
    return {line.number: pen}


def _is_plain(kind: LineKind, body: str) -> bool:
    """Tell whether a line without an assignment cannot contain a secret."""
    if kind is LineKind.COMMENT:
        return re.fullmatch(_ACCEPTANCE, body) is not None
    return kind is LineKind.BARE and variables.find(body) is not None


def _assignment(line: Line) -> dict[int, _Pen]:
    """Mask the value of a line whose name may be shown, in every line over which the value runs."""
    pens = {piece.line: _Pen() for piece in line.pieces}
    first = pens[line.number]
    text, start = line.text.reveal(), line.pieces[0].column - 1
    head = text[:start]
    if line.kind not in _SPACED:
        head = head.rstrip(GO_SPACE)
    first.copy(0, head)
    _write_blanks(first, len(head), text[len(head) : start])
    for piece in line.pieces[1:]:
        pens[piece.line].write(0, " " * (piece.column - 1))
    if line.joint is not None and not _is_auth(line):
        for piece in line.pieces:
            goes_on = line.joint is Joint.BACKSLASH and piece is not line.pieces[-1]
            pens[piece.line].write(piece.column - 1, MASK + "\\" * goes_on)
        return pens
    for offset, part in _value(line):
        number, column = line.place(offset)
        pens[number].write(column - 1, part)
    if line.joint is None:
        end = start + len(line.value.reveal())
        _write_blanks(first, end, text[end:].removesuffix("\r"))
    return pens


def _is_auth(line: Line) -> bool:
    return line.name in _AUTH_VARIABLES or line.likely in _AUTH_VARIABLES


def _write_blanks(pen: _Pen, place: int, text: str) -> None:
    for offset, character in enumerate(text):
        pen.write(place + offset, _BLANK if character in " \t" else _visible(character))


def _value(line: Line) -> Iterator[tuple[int, str]]:
    """Yield (offset in the value, masked text)."""
    value = line.value.reveal()
    if _is_auth(line):
        yield from masked(value)
    elif quoted(value) and is_public(line.name):
        yield 0, value[0]
        yield 1, MASK
        yield len(value) - 1, value[0]
    elif value:
        yield 0, MASK
        comment = value.find(" #")
        if comment > 0 and is_public(line.name):
            yield comment, " "
            yield comment + 1, f"#{MASK}"


_COMMENTS = frozenset({LineKind.COMMENT, LineKind.COMMENT_ASSIGNS, LineKind.OTHER_COMMENT})
# More characters than a masked line of any file that docker accepts.
_WHOLE_LINE = 1 << 18


def masked_lines(data: bytes) -> tuple[str, ...]:
    """Return all lines masked; comments too, because people leave old passwords in them."""
    excerpts = Excerpts(data)
    found = []
    for line in scan(data):
        shown = excerpts.excerpt(line.number, None, _WHOLE_LINE)
        if _shows_its_value(line):
            found.append(f"{line.name}={line.value.reveal()}")
        elif shown is not None:
            found.append(shown.text)
        elif line.kind is LineKind.BLANK:
            found.append("")
        else:
            found.append(f"# {MASK}" if line.kind in _COMMENTS else MASK)
    if found and not found[-1]:
        # The empty text after the last line end.
        found.pop()
    return tuple(found)


def _shows_its_value(line: Line) -> bool:
    """Tell whether a line has only a name and a value that may be shown."""
    value = line.value.reveal()
    is_bare = line.kind is LineKind.ASSIGNMENT and line.text.reveal().removesuffix("\r") == f"{line.name}={value}"
    return is_bare and line.joint is None and is_plain(line.name, value)
