"""The authoring dialect: what python-dotenv makes of a file, without interpolation.

This is a convenience on the operator's side. No program on the instance reads this dialect.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, NamedTuple, Optional

from ecsauth.core.readers import Refusal, RefusalReason
from ecsauth.core.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dotenv.parser import Binding

    Parser = Callable[[io.StringIO], Iterator[Binding]]

_BYTE_ORDER_MARK = "\ufeff"


class DotenvEntry(NamedTuple):
    """One binding; `value` is None for a bare name. `line` is where the name stands, as python-dotenv counts."""

    name: str
    value: Optional[Secret]
    line: int


class Unparsable(NamedTuple):
    """A statement that python-dotenv skips; never its text.

    `line` is where its text stands; `reported` is the line in python-dotenv's own warning, which counts from the
    blank lines before it.
    """

    line: int
    reported: int


class DotenvReading(NamedTuple):
    """What python-dotenv makes of a file: every binding in file order, and the statements that it skips.

    Lines count from 1 and end at LF, CR or CR LF. `refusal` is set where the file is not UTF-8.
    """

    entries: tuple[DotenvEntry, ...]
    unparsable: tuple[Unparsable, ...]
    refusal: Optional[Refusal]

    def environment(self) -> dict[str, Optional[Secret]]:
        """Return the last of each name; None for a bare name, which also hides an earlier value."""
        return {entry.name: entry.value for entry in self.entries}


def read(text_bytes: bytes) -> DotenvReading:
    """Read the file as `dotenv_values(path, interpolate=False)` does.

    The parser below dotenv_values() is called, for it alone gives the lines and has nothing to log: dotenv_values()
    is a dict of its bindings, and a warning a statement that it could not parse (dotenv/main.py, DotEnv.parse).
    What a version reads differently is read so here, but for a leading byte order mark, which is removed for those
    that do not. python-dotenv's time grows with the square of the white space in a row after an unquoted value.
    """
    from dotenv.parser import parse_stream

    try:
        text = text_bytes.decode("utf-8")
    except UnicodeDecodeError as error:
        before = text_bytes[: error.start].replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        return DotenvReading((), (), Refusal(RefusalReason.INVALID_UTF8, before.count(b"\n") + 1))
    if text.startswith(_BYTE_ORDER_MARK) and not _removes_byte_order_mark(parse_stream):
        text = text[1:]
    entries: list[DotenvEntry] = []
    unparsable: list[Unparsable] = []
    # newline=None: universal newlines, as open() has them.
    for binding in parse_stream(io.StringIO(text, newline=None)):
        statement = binding.original.string
        blank = statement[: len(statement) - len(statement.lstrip())]
        line = binding.original.line + blank.count("\n")
        if binding.error:
            unparsable.append(Unparsable(line, binding.original.line))
        elif binding.key is not None:
            value = None if binding.value is None else Secret(binding.value)
            entries.append(DotenvEntry(binding.key, value, line))
    return DotenvReading(tuple(entries), tuple(unparsable), None)


def _removes_byte_order_mark(parser: Parser) -> bool:
    """Tell whether this python-dotenv does it, for 1.2.1 does not: asked of it, so that no second one is removed."""
    return next(parser(io.StringIO(f"{_BYTE_ORDER_MARK}A="))).key == "A"
