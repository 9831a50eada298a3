"""Registry credentials with every value masked: only brackets, registries and field names are shown.

Only text that cannot be a secret is copied: punctuation, names that `agent.names` allows, and fields that docker
knows. A text that is not valid JSON is masked part by part up to the error; the rest is one mask, because names and
values cannot be told apart there.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple, Optional

from ecsauth.agent.names import shown_registry
from ecsauth.go import json
from ecsauth.go.json import Flaw, JsonError
from ecsauth.registry.document import known_field
from ecsauth.registry.document_problems import is_shell_quoted

if TYPE_CHECKING:
    from collections.abc import Iterator

MASK = "***"
_BYTE_ORDER_MARK = "\ufeff"
# docker/cli, cli/config/configfile/file.go: objects that contain registries, and a setting beside them.
_WRAPPERS = frozenset({"auths", "credHelpers"})
_HELPER = "credsStore"
# A string (the last one may be cut off), punctuation, or any other word.
_PART = r'(?s)"[^"\\]*(?:\\.[^"\\]*)*(?:"|\\?\Z)|[][{}:,]|[^][{}:,"\s]+'
_COLON = r"[ \t\r\n]*:"


class _Level(Enum):
    """What the names in an object are."""

    REGISTRIES = "registries"
    FIELDS = "fields"
    OTHERS = "others"


class _Object(NamedTuple):
    """An object that is open, and the level of the value that its last name introduced."""

    level: _Level
    below: _Level = _Level.OTHERS


def masked(text: str) -> Iterator[tuple[int, str]]:
    """Yield (offset in the text, text to show) from left to right. The time is linear."""
    if text.startswith(_BYTE_ORDER_MARK):
        yield 0, "\\ufeff"
        yield from _moved(text[1:], 1)
    elif is_shell_quoted(text):
        quote = text[0]
        closed = len(text) > 1 and text.endswith(quote)
        yield 0, quote
        yield from _moved(text[1 : -1 if closed else None], 1)
        if closed:
            yield len(text) - 1, quote
    else:
        yield from _moved(text, 0)


def _moved(text: str, start: int) -> Iterator[tuple[int, str]]:
    for offset, part in _Masking(text).parts():
        yield start + offset, part


class _Masking:
    """One pass over one text."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._flaw: Optional[Flaw] = None
        self._end = len(text)
        try:
            json.decode(text)
        except JsonError as error:
            self._flaw, self._end = error.flaw, error.offset
        self._objects: list[_Object] = []
        self._hidden = 0
        self._wants_name = False
        self._is_cut = False
        self._colon = re.compile(_COLON)

    def parts(self) -> Iterator[tuple[int, str]]:
        """Yield the parts of the masked text, as `masked` returns them."""
        for match in re.compile(_PART).finditer(self._text, 0, self._end):
            shown = self._part(match)
            if shown:
                yield match.start(), shown
        yield from self._rest()

    def _part(self, match: re.Match[str]) -> str:
        """Return the text to show for one part, empty inside a value that is one mask."""
        part = match.group()
        if part in ("{", "["):
            return self._open(part)
        if self._hidden:
            self._hidden -= part in ("}", "]")
            return ""
        if part == "}":
            self._objects.pop()
            self._wants_name = False
        elif part == ",":
            self._wants_name = True
        elif part != ":":
            return self._word(match)
        return part

    def _open(self, bracket: str) -> str:
        below = self._objects[-1].below if self._objects else _Level.REGISTRIES
        if self._hidden or bracket == "[" or below is _Level.OTHERS:
            self._hidden += 1
            return MASK if self._hidden == 1 else ""
        self._objects.append(_Object(below))
        self._wants_name = True
        return bracket

    def _word(self, match: re.Match[str]) -> str:
        """Return a name that may be shown, or the mask."""
        part = match.group()
        is_text = part[0] == '"'
        if self._wants_name and self._colon.match(self._text, match.end(), self._end):
            self._wants_name = False
            name = json.decode(part).text
            return f'"{self._name(name.reveal() if name else "")}"'
        self._is_cut = is_text and match.end() == self._end and self._flaw in (Flaw.CONTROL, Flaw.ESCAPE)
        if self._is_cut:
            return '"'
        return f'"{MASK}"' if is_text else MASK

    def _name(self, name: str) -> str:
        """Return the name of a member, masked unless it may be shown, and record the level of its value."""
        level, is_top = self._objects[-1].level, len(self._objects) == 1
        below = {_Level.REGISTRIES: _Level.FIELDS}.get(level, _Level.OTHERS)
        is_wrapper = is_top and name in _WRAPPERS
        self._objects[-1] = _Object(level, _Level.REGISTRIES if is_wrapper else below)
        if is_wrapper or (is_top and name == _HELPER) or known_field(name) is not None:
            return name
        return name if level is _Level.REGISTRIES and shown_registry(name) is not None else MASK

    def _rest(self) -> Iterator[tuple[int, str]]:
        """Yield one mask for the text that Go does not read; after a trailing comma, the bracket is shown too."""
        if self._flaw is None or self._hidden:
            return
        end, rest = self._end, self._text[self._end :]
        if self._flaw is Flaw.TRAILING_COMMA:
            yield end, rest[0]
            end, rest = end + 1, rest[1:]
        elif self._flaw is Flaw.TRAILING and self._text[end - 1].isspace():
            yield end - 1, " "
        yield end, MASK if rest.strip() else ""
