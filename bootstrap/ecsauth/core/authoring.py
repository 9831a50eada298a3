"""An env-file written in python-dotenv's dialect, turned into the one that docker and ecs-init read.

The dialect has quotes, `export`, inline comments and values over several lines; none of them exists where the file is
read in the end. What was meant is written out, and each place where docker would have taken it otherwise is told.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple, Optional

from ecsauth.core.auth import go_json
from ecsauth.core.checks.names import shown
from ecsauth.core.errors import InvalidError
from ecsauth.core.go_space import GO_SPACE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ecsauth.core.secret import Secret

LONGEST_BLANK = 1000
"""Characters of white space in a row that python-dotenv is given.

Behind an unquoted value it looks for a comment with `\\s+#.*` (dotenv/parser.py, parse_unquoted_value), which takes
time as the square of each run of white space: with this bound half a second for 256 KiB, without it hours.
"""

_AUTH_DATA = "ECS_ENGINE_AUTH_DATA"
_UNNAMED = "a variable"
_LINE_END = "\r\n|\r|\n"
_BLANK_RUN = r"[^\S\r\n]+"
# What may stand around a name (dotenv/parser.py, parse_binding).
_BEFORE_VALUE = (
    (r"\s*export\s", "export"),
    (r"\s*(?:export\s+)?'", "quotes around the name"),
    (r".*\s$", "white space behind the name"),
)


class Binding(NamedTuple):
    """One name and what python-dotenv makes of its value, None for a bare name; `line` counts from 1."""

    name: str
    value: Optional[Secret]
    line: int


class Written(NamedTuple):
    """The same file in docker's dialect, each variable in the line in which it was authored.

    `differences` are (line, what had to go from the authored line).
    """

    data: bytes
    differences: tuple[tuple[int, str], ...] = ()

    def __repr__(self) -> str:
        return f"Written(***, {self.differences!r})"


def refuse_long_blanks(authored: bytes) -> None:
    """Raise InvalidError for white space that python-dotenv would take too long to read."""
    text = authored.decode("utf-8", "surrogateescape")
    run = next((run for run in re.finditer(_BLANK_RUN, text) if run.end() - run.start() > LONGEST_BLANK), None)
    if run is not None:
        line = len(re.split(_LINE_END, text[: run.start()]))
        raise InvalidError(
            f"line {line}: more than {LONGEST_BLANK} blanks in a row: python-dotenv takes too long over them",
            "remove them",
        )


def write(authored: bytes, bindings: Iterable[Binding]) -> Written:
    """Return the file that docker reads as python-dotenv reads `authored`.

    Raises InvalidError for what no line of an env-file can hold: a value over several lines that is not JSON, and a
    name that docker would end elsewhere.
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
    return Written(data, tuple(differences))


def _difference(binding: Binding, text: str) -> str:
    """Return what had to go from the authored line for docker's sake, empty where nothing had to; never a value."""
    if binding.value is None:
        return "left out, for it has no value"
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


def _name(binding: Binding) -> str:
    """Return a name that docker reads as it is; what is odd in it otherwise is for `check` to find."""
    name = binding.name
    if "=" in name or "\n" in name or "\r" in name or name.startswith("#"):
        raise InvalidError(f"line {binding.line}: a name that an env-file cannot hold", "write the name without quotes")
    return name


def _one_line(binding: Binding) -> str:
    value = binding.value.reveal() if binding.value is not None else ""
    if "\n" not in value and "\r" not in value:
        return value
    if binding.name == _AUTH_DATA:
        try:
            go_json.decode(value)
        except go_json.JsonError:
            pass
        else:
            # Valid JSON has line breaks between its parts only: inside a string they would be escaped.
            return value.replace("\r", " ").replace("\n", " ")
    raise InvalidError(
        f"line {binding.line}: {shown(binding.name) or _UNNAMED} has a value over several lines, which an env-file"
        " cannot hold",
        "write it on one line",
    )
