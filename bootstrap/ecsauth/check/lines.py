"""The lines of an env-file, as their author meant them.

The readers of `envfile` say how each program reads a file. The rules also need what the author meant, so that one
mistake is one finding: after `export NAME=VALUE` every program loses the variable NAME, but a second finding that NAME
is not set would not help. Each line has one kind, the first that fits. An intended assignment has the intended name
and value; a value that runs over several lines is joined.

Lines end at LF. Bytes that are not UTF-8 and NUL are U+FFFD here, one for each byte; they have their own rules.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple, Optional

from ecsauth.agent.names import is_own_line, meant, shown
from ecsauth.go.values import GO_SPACE
from ecsauth.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Iterator

BYTE_ORDER_MARK = "\ufeff"

_PREFIX = r"(?:export|declare -x|setenv|set|env|ENV|--env|-e|-)[ \t]+([^\s=]+)"
_COLON = r"([A-Za-z_][A-Za-z0-9_]*)[ \t]*:[ \t]+"
_MARK = r'\\.|"|[][{}]'


# Finding the nearest name takes some hundred microseconds; no real file has this many misspelt names.
_MOST_GUESSES = 300


class LineKind(Enum):
    """The kind of a line; from the fifth member on, the value is the code of its rule."""

    BLANK = "blank"
    COMMENT = "comment"
    ASSIGNMENT = "assignment"
    CONTINUED = "continued"  # the rest of a value that began above
    COMMENT_ASSIGNS = "F122"
    INVISIBLE = "F112"
    NO_NAME = "F113"
    PREFIXED = "F114"
    SPACED = "F115"
    SPACE_IN_NAME = "F116"
    BARE = "F117"
    PROSE = "F118"
    COLON = "F119"
    OTHER_COMMENT = "F120"
    QUOTED_NAME = "F123"


class Joint(Enum):
    """How a value continues on the next lines; the member's value is the code of the rule."""

    OPEN = "F130"
    BACKSLASH = "F131"
    WRAPPED = "F136"  # inside a quoted text


class Piece(NamedTuple):
    """A part of a value: where it starts in the value, counted from 0, and in the file, counted from 1."""

    start: int
    line: int
    column: int


class Line(NamedTuple):
    """One line. `text` is the whole line without LF; `name` and `value` are the intended ones, the value trimmed.

    `written` is the text after the `=`, without one CR at the line's end. For a misspelt name, `likely` is the variable
    of the agent that was probably meant.
    """

    number: int
    kind: LineKind
    text: Secret
    column: int = 1
    name: str = ""
    value: Secret = Secret("")
    written: Secret = Secret("")
    pieces: tuple[Piece, ...] = ()
    joint: Optional[Joint] = None
    likely: Optional[str] = None

    @property
    def assigns(self) -> bool:
        """Whether the line is meant to set a variable."""
        return bool(self.name)

    def place(self, offset: int) -> tuple[int, int]:
        """Return line and column (from 1) of the character at an offset in the value (from 0, up to its length)."""
        low, high = 0, len(self.pieces)
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self.pieces[middle].start <= offset else (low, middle)
        piece = self.pieces[low]
        return piece.line, piece.column + max(offset - piece.start, 0)


def scan(data: bytes) -> tuple[Line, ...]:
    """Return every line of the file. The time is linear in its size."""
    text = data.decode("utf-8", "surrogateescape")
    if "\0" in text or not text.isascii():
        text = re.sub("[\0\ud800-\udfff]", "\ufffd", text)
    texts = text.split("\n")
    if not texts[-1]:
        texts.pop()
    return tuple(_lines(texts))


def _lines(texts: list[str]) -> Iterator[Line]:
    index = 0
    guesses: dict[str, Optional[str]] = {}
    while index < len(texts):
        line = _line(index + 1, texts[index])
        if line.assigns and (line.name in guesses or len(guesses) < _MOST_GUESSES):
            line = line._replace(likely=guesses.setdefault(line.name, meant(line.name)))
        below = _continuation(line, texts) if line.assigns and line.number < len(texts) else None
        if below is not None:
            line = _joined(line, below, texts)
        yield line
        index += 1
        for number in range(index, index + (len(below.inside) if below else 0)):
            yield Line(number + 1, LineKind.CONTINUED, Secret(texts[number]))
            index += 1


def _line(number: int, text: str) -> Line:
    """Return one line with its kind, without looking at other lines."""
    bare = text.removeprefix(BYTE_ORDER_MARK) if number == 1 else text
    body = bare.strip(GO_SPACE)
    column = len(text) - len(bare.lstrip(GO_SPACE)) + 1
    line = Line(number, LineKind.BLANK, Secret(text), column)
    if not body:
        return line
    if body[0] == "#":
        return line._replace(kind=LineKind.COMMENT_ASSIGNS if "=" in body else LineKind.COMMENT)
    if body.startswith((";", "//")):
        return line._replace(kind=LineKind.OTHER_COMMENT)
    kind, name, start = _sorted(body)
    if not name:
        return line._replace(kind=kind)
    written = text.removesuffix("\r")[column - 1 + start :]
    return _valued(line._replace(kind=kind, name=name, written=Secret(written)), column + start)


def _valued(line: Line, column: int) -> Line:
    """Return the assignment with its intended value and the place of it; the text after the `=` begins at `column`."""
    written = line.written.reveal()
    value = written.strip(GO_SPACE)
    if line.kind is LineKind.QUOTED_NAME and value[-1:] in ("'", '"') and value[:1] not in ("'", '"'):
        value = value[:-1].rstrip(GO_SPACE)  # "NAME=VALUE"
    place = column + len(written) - len(written.lstrip(GO_SPACE))
    return line._replace(value=Secret(value), pieces=(Piece(0, line.number, place),))


def _sorted(body: str) -> tuple[LineKind, str, int]:
    """Return the kind of a line that is not a comment, the intended name, and the offset of its value."""
    name, equals, _ = body.partition("=")
    # Compiling the pattern takes time, so first test for the colon that it needs: most files have none.
    colon = re.match(_COLON, name if equals else body) if ":" in name else None
    if colon and shown(colon[1]):
        return LineKind.COLON, colon[1], colon.end()
    if not equals:
        return (LineKind.BARE if shown(body) else LineKind.PROSE), "", 0
    start = len(name) + 1
    if not name:
        return LineKind.NO_NAME, "", 0
    stripped = name.rstrip(" \t")
    if " " in stripped or "\t" in stripped:
        prefixed = re.fullmatch(_PREFIX, stripped)
        if prefixed is None:
            return LineKind.SPACE_IN_NAME, "", 0
        return LineKind.PREFIXED, _meant(prefixed[1].strip("\"'"), stripped), start
    if stripped[0] in "\"'":
        return LineKind.QUOTED_NAME, _meant(stripped.strip("\"'"), stripped), start
    if not stripped.isprintable():
        return LineKind.INVISIBLE, _meant(stripped, stripped), start
    return (LineKind.SPACED if stripped != name else LineKind.ASSIGNMENT), stripped, start


def _meant(name: str, written: str) -> str:
    """Return a name without invisible characters; `written` if a comment or nothing would be left."""
    visible = "".join(filter(str.isprintable, name))
    return written if visible[:1] in ("", "#") else visible


class _Continuation(NamedTuple):
    """How a value continues on the next lines: for each line, whether it begins inside a quoted text."""

    joint: Joint
    inside: tuple[bool, ...]


def _continuation(line: Line, texts: list[str]) -> Optional[_Continuation]:
    """Return the lines that continue a value, None if it ends on its own line."""
    value = line.value.reveal()
    # The document may also begin on the line after the name.
    opened = (value or texts[line.number].strip(GO_SPACE)).lstrip("'\"")
    is_open = opened[:1] in ("{", "[")
    if not is_open and not value.endswith("\\"):
        return None
    below = texts[line.number].strip(GO_SPACE)
    if below.startswith("#") or is_own_line(below):
        return None
    if is_open:
        return _open(opened if value else "", texts, line.number)
    return _backslashes(texts, line.number) if below else None


def _backslashes(texts: list[str], start: int) -> _Continuation:
    """Return the lines from `start` to the first one that does not end in a backslash."""
    end = start
    while end + 1 < len(texts) and texts[end].rstrip(GO_SPACE).endswith("\\"):
        end += 1
    return _Continuation(Joint.BACKSLASH, (False,) * (end + 1 - start))


class _Brackets:
    """Count the open brackets of a JSON text, line by line."""

    def __init__(self) -> None:
        self.depth = 0
        self.inside = False

    def take(self, text: str) -> bool:
        """Read more text; tell whether a bracket is still open."""
        for match in re.finditer(_MARK, text):
            mark = match.group()
            if mark == '"':
                self.inside = not self.inside
            elif not self.inside and len(mark) == 1:
                self.depth += 1 if mark in "{[" else -1
                if self.depth <= 0:
                    return False
        return True


def _open(value: str, texts: list[str], start: int) -> Optional[_Continuation]:
    """Return the lines up to the one that closes all brackets, or to the line before one that begins something else."""
    brackets = _Brackets()
    is_open = brackets.take(value)
    inside: list[bool] = []
    while is_open and start + len(inside) < len(texts):
        text = texts[start + len(inside)]
        if is_own_line(text) or (text.lstrip().startswith("#") and not brackets.inside):
            break
        inside.append(brackets.inside)
        is_open = brackets.take(text.removesuffix("\r").removesuffix("\\"))
    while inside and not texts[start + len(inside) - 1].strip():
        inside.pop()
    return _Continuation(Joint.OPEN, tuple(inside)) if inside else None


def _joined(line: Line, below: _Continuation, texts: list[str]) -> Line:
    """Join the parts of a value: without a space inside a quoted text and after a backslash, else with one."""
    parts = [line.value.reveal().removesuffix("\\")]
    pieces = list(line.pieces)
    length = len(parts[0])
    for number, inside in enumerate(below.inside, start=line.number):
        text = texts[number]
        part = (text.removesuffix("\r") if inside else text.strip(GO_SPACE)).removesuffix("\\")
        gap = "" if inside or not length or below.joint is Joint.BACKSLASH else " "
        lead = 0 if inside else len(text) - len(text.lstrip(GO_SPACE))
        pieces.append(Piece(length + len(gap), number + 1, lead + 1))
        parts += [gap, part]
        length += len(gap) + len(part)
    # White space before a removed backslash goes too.
    value = Secret("".join(parts).rstrip(GO_SPACE))
    joint = Joint.WRAPPED if any(below.inside) else below.joint
    return line._replace(value=value, written=value, pieces=tuple(pieces), joint=joint)
