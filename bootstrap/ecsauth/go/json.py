"""Decode JSON exactly as Go's encoding/json does, with the place of every value.

The agent decodes with Go 1.25's classic `json.Unmarshal`, which differs from Python's `json`: no NaN, no raw control
characters, nesting up to 10,000, lone surrogates and bytes that are not UTF-8 become U+FFFD, and the members of an
object keep their order and their duplicates. Source: encoding/json, scanner.go (validity) and decode.go `unquote`.

The texts are like those of `os.environ`: bytes that are not UTF-8 are surrogate escapes. Offsets count characters from
0. The scanner has its own stack, so nesting needs no recursion, and its time is linear.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import NamedTuple, NoReturn, Optional

from ecsauth.errors import InvalidError
from ecsauth.secret import Secret

MAX_DEPTH = 10_000
"""Deepest nesting that Go accepts: scanner.go, maxNestingDepth."""

KEPT_DEPTH = 3
"""Deepest object whose members are kept: document, registry, and one more for a nested `auths`."""

SPACE = " \t\r\n"
"""All white space of JSON."""

# Patterns are compiled when they are used (re caches them), so that this module is fast to import.
_PLAIN = r'[^"\\\x00-\x1f]*'
_WHOLE = rf'"({_PLAIN})"'
_ESCAPE = r'\\(?:["\\/bfnrt]|u[0-9A-Fa-f]{4})'
_NUMBER = r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?"
_PAIR = "[\ud800-\udbff][\udc00-\udfff]"
_SURROGATE = "[\ud800-\udfff]"

_UNESCAPED = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_SPACES = frozenset(SPACE)
_CLOSERS = {"{": "}", "[": "]"}


class JsonKind(Enum):
    """The kind of a JSON value, as the standard names it."""

    NULL = "null"
    BOOLEAN = "boolean"
    NUMBER = "number"
    STRING = "string"
    ARRAY = "array"
    OBJECT = "object"


class Flaw(Enum):
    """Why a text is not JSON: what the scanner expected, or what it found."""

    EMPTY = "only white space"
    TRUNCATED = "the text ends early"
    VALUE = "a value is missing here"
    KEY = "a quoted name is missing here"
    COLON = "a colon is missing after a name"
    COMMA = "a comma or a closing bracket is missing after a value"
    TRAILING_COMMA = "a comma before a closing bracket"
    TRAILING = "text after the end of the document"
    CONTROL = "a raw control character in a string"
    ESCAPE = "an unknown escape in a string"
    NUMBER = "an invalid number"
    DEPTH = "nested too deeply"


class JsonError(InvalidError):
    """The text is not JSON for Go. The error has the flaw and its offset, nothing of the text."""

    def __init__(self, flaw: Flaw, offset: int) -> None:
        super().__init__(f"not valid JSON at character {offset + 1}: {flaw.value}")
        self.flaw = flaw
        self.offset = offset


class Value(NamedTuple):
    """One value: `text` is set for strings, `members` for objects down to KEPT_DEPTH; the text is data[start:end]."""

    kind: JsonKind
    start: int
    end: int
    text: Optional[Secret] = None
    members: tuple[Member, ...] = ()

    @property
    def column(self) -> int:
        """The column of the value, counted from 1."""
        return self.start + 1


class Member(NamedTuple):
    """One name and value of an object, in the order of the text; names may repeat."""

    name: str
    start: int
    value: Value

    @property
    def column(self) -> int:
        """The column of the name's opening quote, counted from 1."""
        return self.start + 1


_WORDS = {"t": ("true", JsonKind.BOOLEAN), "f": ("false", JsonKind.BOOLEAN), "n": ("null", JsonKind.NULL)}


def decode(text: str) -> Value:
    """Return the JSON value of `text`; raise JsonError if Go's `checkValid` fails, for the same character."""
    return _Scanner(text).document()


class _Container:
    """An object or array that is still open."""

    __slots__ = ("bracket", "keeps", "members", "name", "name_start", "start")

    def __init__(self, bracket: str, start: int, *, keeps: bool) -> None:
        self.bracket = bracket
        self.start = start
        self.keeps = keeps
        self.members: list[Member] = []
        self.name = ""
        self.name_start = 0


class _Scanner:
    """One pass over one text."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._open: list[_Container] = []
        self._whole = re.compile(_WHOLE)
        self._plain = re.compile(_PLAIN)
        self._escapes = re.compile(_ESCAPE)

    def document(self) -> Value:
        """Return the only value of the text."""
        value = self._value()
        while value is None or self._open:
            value = self._value() if value is None else self._after(value)
        if self._peek():
            self._fail(Flaw.TRAILING)
        return value

    def _peek(self) -> str:
        """Skip white space; return the next character, empty at the end."""
        text, at = self._text, self._at
        character = text[at : at + 1]
        while character in _SPACES:
            at += 1
            character = text[at : at + 1]
        self._at = at
        return character

    def _fail(self, flaw: Flaw) -> NoReturn:
        """Raise JsonError for the current character; at the end of the text, the flaw is TRUNCATED or EMPTY."""
        if self._at >= len(self._text):
            flaw = Flaw.TRUNCATED if self._text.strip(SPACE) else Flaw.EMPTY
        raise JsonError(flaw, self._at)

    def _value(self) -> Optional[Value]:
        """Read a value; return None after the opening bracket of a container that is not empty."""
        character, start = self._peek(), self._at
        if character in _CLOSERS:
            return self._begin(character)
        if character == '"':
            text = self._string()
            return Value(JsonKind.STRING, start, self._at, Secret(text))
        word, kind = _WORDS.get(character, ("", JsonKind.NULL))
        if word and self._text.startswith(word, start):
            self._at += len(word)
            return Value(kind, start, self._at)
        if not character or character not in "-0123456789":
            self._fail(Flaw.VALUE)
        return self._number()

    def _begin(self, bracket: str) -> Optional[Value]:
        """Open a container and move to its first value; return the container if it is empty."""
        if len(self._open) >= MAX_DEPTH:
            self._fail(Flaw.DEPTH)
        parent_keeps = self._open[-1].keeps if self._open else True
        keeps = bracket == "{" and parent_keeps and len(self._open) < KEPT_DEPTH
        self._open.append(_Container(bracket, self._at, keeps=keeps))
        self._at += 1
        if self._peek() == _CLOSERS[bracket]:
            return self._end()
        if bracket == "{":
            self._name()
        return None

    def _end(self) -> Value:
        """Close the innermost container at the current bracket."""
        container = self._open.pop()
        self._at += 1
        kind = JsonKind.OBJECT if container.bracket == "{" else JsonKind.ARRAY
        return Value(kind, container.start, self._at, None, tuple(container.members))

    def _name(self) -> None:
        """Read a name and its colon."""
        container = self._open[-1]
        if self._peek() != '"':
            self._fail(Flaw.KEY)
        container.name_start = self._at
        container.name = self._string()
        if self._peek() != ":":
            self._fail(Flaw.COLON)
        self._at += 1

    def _after(self, value: Value) -> Optional[Value]:
        """Store a complete value; return its container if that is complete too."""
        container = self._open[-1]
        if container.keeps:
            container.members.append(Member(container.name, container.name_start, value))
        character = self._peek()
        closer = _CLOSERS[container.bracket]
        if character == closer:
            return self._end()
        if character != ",":
            self._fail(Flaw.COMMA)
        self._at += 1
        if self._peek() == closer:
            self._fail(Flaw.TRAILING_COMMA)
        if container.bracket == "{":
            self._name()
        return None

    def _number(self) -> Value:
        """Read a number; a digit, point or exponent that cannot follow it is a flaw of the number."""
        start = self._at
        match = re.compile(_NUMBER).match(self._text, start)
        if match is None:  # a lone minus
            self._at += 1
            self._fail(Flaw.NUMBER)
        self._at = match.end()
        if self._text[self._at : self._at + 1] in tuple("0123456789.eE"):
            self._fail(Flaw.NUMBER)
        return Value(JsonKind.NUMBER, start, self._at)

    def _string(self) -> str:
        """Read a quoted string and decode it."""
        whole = self._whole.match(self._text, self._at)
        if whole is not None:  # without an escape, as nearly all are
            self._at = whole.end()
            return _replaced(whole[1])
        pieces = []
        self._at += 1
        while True:
            match = self._plain.match(self._text, self._at)
            end = match.end() if match else self._at
            pieces.append(_replaced(self._text[self._at : end]))
            self._at = end
            character = self._text[end : end + 1]
            if character == '"':
                self._at += 1
                return _paired("".join(pieces)) if len(pieces) > 1 else pieces[0]
            if character != "\\":
                self._fail(Flaw.CONTROL)
            pieces.append(self._escape())

    def _escape(self) -> str:
        """Read one escape; half of a surrogate pair stays until the whole string is read."""
        match = self._escapes.match(self._text, self._at)
        if match is None:
            self._fail(Flaw.ESCAPE)
        self._at = match.end()
        escape = match.group()
        hexadecimal = escape[2:]
        return chr(int(hexadecimal, 16)) if hexadecimal else _UNESCAPED.get(escape[1], escape[1])


def _replaced(text: str) -> str:
    """Replace every surrogate (a byte that is not UTF-8, or half a pair) with U+FFFD."""
    return text if text.isascii() else re.sub(_SURROGATE, "\ufffd", text)


def _paired(text: str) -> str:
    """Join each pair of surrogates that escapes made; half a pair becomes U+FFFD (decode.go, unquoteBytes)."""
    if text.isascii():
        return text
    return _replaced(re.sub(_PAIR, lambda pair: pair.group().encode("utf-16", "surrogatepass").decode("utf-16"), text))
