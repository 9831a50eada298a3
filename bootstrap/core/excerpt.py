"""The line that a finding is about, with every value masked and the place of the finding marked.

Of a line that assigns nothing, or to a name that may itself be a secret, nothing is shown. Registry credentials are
written anew from what was decoded: the shape of the JSON, registries and field names, so that the mark has something
to point at; whatever else the line holds is not copied, so it cannot show.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Optional

from bootstrap.core import go_json
from bootstrap.core.auth_document import known_field
from bootstrap.core.checks.names import shown, shown_registry
from bootstrap.core.go_json import Kind

if TYPE_CHECKING:
    from bootstrap.core.go_json import Value

MASK = "***"
_AUTH_DATA = "ECS_ENGINE_AUTH_DATA"
_WRAPPERS = frozenset({"auths", "credsStore", "credHelpers"})
_WINDOW = 100
_BEFORE_MARK = 40
_CUT = "…"


class Excerpt(NamedTuple):
    """A masked line, perhaps cut, and how many characters stand before the mark; None for no mark."""

    text: str
    mark: Optional[int]


def excerpt(data: bytes, line: int, column: Optional[int]) -> Optional[Excerpt]:
    """Return what may be shown of line `line`, with the mark at `column` (both from 1); None for nothing."""
    written, equals, value = _line(data, line).partition("=")
    name = written.lstrip("\ufeff \t").removeprefix("export ").strip()
    if not equals or shown(name) is None:
        return None
    pen = _Pen()
    pen.write(0, written.replace("\ufeff", ""))
    pen.write(len(written), "=")
    _write_value(pen, name, value, len(written) + 1)
    return pen.window(None if column is None else column - 1)


class _Pen:
    """Writes the masked line, and remembers which place of the real one each part stands for."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._size = 0
        self._anchors: list[tuple[int, int]] = []

    def write(self, place: int, text: str) -> None:
        """Write what stands at offset `place` of the real line."""
        self._anchors.append((place, self._size))
        self._parts.append(text)
        self._size += len(text)

    def window(self, offset: Optional[int]) -> Excerpt:
        """Return the line around the mark, cut to a width that a terminal shows."""
        text = "".join(self._parts)
        mark = None if offset is None else max(there for place, there in self._anchors if place <= offset)
        start = max(0, (mark or 0) - _BEFORE_MARK) if len(text) > _WINDOW else 0
        cut = text[start : start + _WINDOW]
        left, right = _CUT if start else "", _CUT if start + _WINDOW < len(text) else ""
        return Excerpt(left + cut + right, None if mark is None else mark - start + len(left))


def _line(data: bytes, line: int) -> str:
    lines = data.split(b"\n")
    return lines[line - 1].decode("utf-8", "surrogateescape") if 0 < line <= len(lines) else ""


def _write_value(pen: _Pen, name: str, value: str, place: int) -> None:
    document = _document(value) if name == _AUTH_DATA else None
    if document is not None:
        _write_json(pen, document, place, depth=0)
    elif value.strip():
        pen.write(place, MASK)


def _document(value: str) -> Optional[Value]:
    try:
        return go_json.decode(value)
    except go_json.JsonError:
        return None


def _write_json(pen: _Pen, value: Value, place: int, depth: int) -> None:
    if value.kind is not Kind.OBJECT or (not value.members and value.end - value.start > len("{}")):
        pen.write(place + value.start, f'"{MASK}"' if value.kind is Kind.STRING else MASK)
        return
    pen.write(place + value.start, "{")
    for number, member in enumerate(value.members):
        name = member.name if _may_show(member.name, depth) else MASK
        pen.write(place + member.start, f'{"," if number else ""}"{name}":')
        _write_json(pen, member.value, place, depth + 1)
    pen.write(place + value.end - 1, "}")


def _may_show(name: str, depth: int) -> bool:
    """Registries and wrappers stand outside, fields inside; what is neither may be a secret."""
    if name in _WRAPPERS or (depth > 0 and known_field(name) is not None):
        return True
    return shown_registry(name) is not None
