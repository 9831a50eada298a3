"""python-dotenv's dialect: read such a file, and write its variables for docker and ecs-init.

The dialect has quotes, `export`, inline comments and values over several lines; docker and ecs-init have none of them.
`write` writes the plain value of each variable and reports each line that docker would have read differently.
"""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING, NamedTuple, Optional

from ecsauth.agent.names import shown
from ecsauth.envfile import Refusal, RefusalReason
from ecsauth.errors import InvalidError
from ecsauth.go import json
from ecsauth.go.values import GO_SPACE
from ecsauth.secret import Secret, SecretBytes

if TYPE_CHECKING:
    from collections.abc import Iterable

LONGEST_BLANK = 1000
"""Most characters of white space in a row that python-dotenv gets.

It searches for a comment after an unquoted value with `\\s+#.*` (dotenv/parser.py, parse_unquoted_value), whose time is
quadratic in each run of white space: half a second for 256 KiB with this limit, hours without it.
"""

_AUTH_DATA = "ECS_ENGINE_AUTH_DATA"
_UNNAMED = "a variable"
_LINE_END = "\r\n|\r|\n"
_BLANK_RUN = r"[^\S\r\n]+"
# What may be around a name (dotenv/parser.py, parse_binding).
_BEFORE_VALUE = (
    (r"\s*export\s", "export"),
    (r"\s*(?:export\s+)?'", "quotes around the name"),
    (r".*\s$", "white space behind the name"),
)


class AuthoredVariable(NamedTuple):
    """One name and its value for python-dotenv, None for a name without `=`; `line` is the line of the name."""

    name: str
    value: Optional[Secret]
    line: int


class Written(NamedTuple):
    """The same file in docker's dialect, each variable on the line where it was authored.

    `differences` are pairs of a line and a text that says what was removed from the authored line.
    """

    data: SecretBytes
    differences: tuple[tuple[int, str], ...] = ()


def refuse_long_blanks(authored: bytes) -> None:
    """Raise InvalidError for runs of white space that python-dotenv would take too long to read."""
    text = authored.decode("utf-8", "surrogateescape")
    run = next((run for run in re.finditer(_BLANK_RUN, text) if run.end() - run.start() > LONGEST_BLANK), None)
    if run is not None:
        line = len(re.split(_LINE_END, text[: run.start()]))
        raise InvalidError(
            f"line {line}: more than {LONGEST_BLANK} blanks in a row: python-dotenv would need too long to read them",
            "remove them",
        )


def write(authored: bytes, bindings: Iterable[AuthoredVariable]) -> Written:
    """Return the file that docker reads as python-dotenv reads `authored`.

    Raises InvalidError for a value over several lines that is not JSON, and for a name that docker would split
    differently: no line of an env-file can hold them.
    """
    last = {binding.name: binding for binding in bindings}
    texts = re.split(_LINE_END, authored.decode("utf-8-sig", "surrogateescape"))
    lines: list[str] = []
    differences: list[tuple[int, str]] = []
    for binding in sorted(last.values(), key=lambda binding: binding.line):
        difference = _difference(binding, texts[binding.line - 1])
        if difference:
            differences.append((binding.line, f"{shown(binding.name) or _UNNAMED}: {difference}"))
        if binding.value is not None:
            lines += [""] * (binding.line - 1 - len(lines))
            lines.append(f"{_name(binding)}={_one_line(binding)}")
    data = "".join(f"{line}\n" for line in lines).encode("utf-8", "surrogateescape")
    return Written(SecretBytes(data), tuple(differences))


def _difference(binding: AuthoredVariable, text: str) -> str:
    """Return what was removed from the authored line for docker, empty if nothing; never a value."""
    if binding.value is None:
        return "left out, because it has no value"
    before, _, after = text.partition("=")
    gone = [what for pattern, what in _BEFORE_VALUE if re.match(pattern, before)]
    value, meant = after.strip(GO_SPACE), binding.value.reveal()
    if "\n" in meant:
        gone.append("line breaks")
    if value[:1] in ("'", '"') and value != meant:
        gone.append("quotes")
    elif value != meant:
        gone.append("comment")
    elif after != meant:
        gone.append("white space around the value")
    return f"written without {' and '.join(gone)}, which docker would not remove" if gone else ""


def _name(binding: AuthoredVariable) -> str:
    """Return the name; raise InvalidError if docker would read it differently. `check` finds other faults in it."""
    name = binding.name
    if "=" in name or "\n" in name or "\r" in name or name.startswith("#"):
        raise InvalidError(
            f"line {binding.line}: a name that an env-file cannot contain", "write the name without quotes"
        )
    return name


def _one_line(binding: AuthoredVariable) -> str:
    value = binding.value.reveal() if binding.value is not None else ""
    if "\n" not in value and "\r" not in value:
        return value
    if binding.name == _AUTH_DATA:
        try:
            json.decode(value)
        except json.JsonError:
            pass
        else:
            # Valid JSON has line breaks between its parts only: inside a string they would be escaped.
            return value.replace("\r", " ").replace("\n", " ")
    raise InvalidError(
        f"line {binding.line}: {shown(binding.name) or _UNNAMED} has a value over several lines, which an env-file"
        " cannot contain",
        "write it on one line",
    )


if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from dotenv.parser import Binding

    Parser = Callable[[io.StringIO], Iterator[Binding]]

_BYTE_ORDER_MARK = "\ufeff"


class Unparsable(NamedTuple):
    """A statement that python-dotenv skips, without its text.

    `line` is the line of its text; `reported` is the line in python-dotenv's own warning, which is that of the first
    blank line before it.
    """

    line: int
    reported: int


class DotenvReading(NamedTuple):
    """A file as python-dotenv reads it: every binding in file order, and the statements that it skips.

    Lines count from 1 and end at LF, CR or CR LF. `refusal` is set if the file is not UTF-8.
    """

    entries: tuple[AuthoredVariable, ...]
    unparsable: tuple[Unparsable, ...]
    refusal: Optional[Refusal]

    def environment(self) -> dict[str, Optional[Secret]]:
        """Return the last value of each name; None for a name without `=`, which also hides an earlier value."""
        return {entry.name: entry.value for entry in self.entries}


def read(text_bytes: bytes) -> DotenvReading:
    """Read the file as `dotenv_values(path, interpolate=False)` does.

    Calls the parser below dotenv_values(), which gives the lines and logs nothing: dotenv_values() makes a dict of its
    bindings and logs a warning for each statement that it could not parse (dotenv/main.py, DotEnv.parse). The result
    depends on the installed version of python-dotenv, except for a leading byte order mark, which is always removed.
    python-dotenv's time is quadratic in each run of white space after an unquoted value.
    """
    from dotenv.parser import parse_stream

    try:
        text = text_bytes.decode("utf-8")
    except UnicodeDecodeError as error:
        before = text_bytes[: error.start].replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        return DotenvReading((), (), Refusal(RefusalReason.INVALID_UTF8, before.count(b"\n") + 1))
    if text.startswith(_BYTE_ORDER_MARK) and not _removes_byte_order_mark(parse_stream):
        text = text[1:]
    entries: list[AuthoredVariable] = []
    unparsable: list[Unparsable] = []
    # newline=None: universal newlines, as in open().
    for binding in parse_stream(io.StringIO(text, newline=None)):
        statement = binding.original.string
        blank = statement[: len(statement) - len(statement.lstrip())]
        line = binding.original.line + blank.count("\n")
        if binding.error:
            unparsable.append(Unparsable(line, binding.original.line))
        elif binding.key is not None:
            value = None if binding.value is None else Secret(binding.value)
            entries.append(AuthoredVariable(binding.key, value, line))
    return DotenvReading(tuple(entries), tuple(unparsable), None)


def _removes_byte_order_mark(parser: Parser) -> bool:
    """Test whether this python-dotenv removes the mark (1.2.1 does not), so that a second mark is not removed."""
    return next(parser(io.StringIO(f"{_BYTE_ORDER_MARK}A="))).key == "A"
