"""An env-file written in python-dotenv's dialect, turned into the one that docker and ecs-init read.

The dialect has quotes, `export`, inline comments and values over several lines; none of them exists where the file is
read in the end. What was meant is written out, and each place where the readers would have taken it otherwise is told.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Optional

from bootstrap.core import go_json, readers
from bootstrap.core.checks.names import shown
from bootstrap.core.errors import InvalidError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bootstrap.core.secret import Secret

_AUTH_DATA = "ECS_ENGINE_AUTH_DATA"
_UNNAMED = "a variable"


class Binding(NamedTuple):
    """One name and what python-dotenv makes of its value, None for a bare name; `line` counts from 1."""

    name: str
    value: Optional[Secret]
    line: int


class Written(NamedTuple):
    """The same file in docker's dialect.

    `lines` gives for each of its lines the line of the authored file; `differences` are (line, what was changed).
    """

    data: bytes
    lines: tuple[int, ...]
    differences: tuple[tuple[int, str], ...]

    def __repr__(self) -> str:
        return f"Written(***, {self.differences!r})"


def write(authored: bytes, bindings: Iterable[Binding]) -> Written:
    """Return the file that docker reads as python-dotenv reads `authored`.

    Raises InvalidError for a value over several lines that is not JSON: one line cannot hold it.
    """
    last = {binding.name: binding for binding in bindings}
    as_docker = {assignment.line: assignment for assignment in readers.docker(authored).assignments}
    output: list[bytes] = []
    lines: list[int] = []
    differences: list[tuple[int, str]] = []
    for binding in last.values():
        name = shown(binding.name) or _UNNAMED
        if binding.value is None:
            differences.append((binding.line, f"{name} has no value and is left out"))
            continue
        value = _one_line(binding, name)
        present = as_docker.get(binding.line)
        if present is None or (present.name, present.value.reveal()) != (binding.name, value):
            differences.append((binding.line, f"{name}: written out without quotes, export, escapes or comments"))
        output.append(f"{binding.name}={value}\n".encode("utf-8", "surrogateescape"))
        lines.append(binding.line)
    return Written(b"".join(output), tuple(lines), tuple(differences))


def _one_line(binding: Binding, name: str) -> str:
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
        f"line {binding.line}: {name} has a value over several lines, which an env-file cannot hold",
        "write it on one line",
    )
