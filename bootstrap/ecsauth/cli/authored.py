"""Files that were authored in another dialect than docker's, as docker reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ecsauth.cli import console, inputs
from ecsauth.envfile import dotenv
from ecsauth.errors import InvalidError

if TYPE_CHECKING:
    from ecsauth.envfile.dotenv import AuthoredVariable, Written
    from ecsauth.secret import SecretBytes

# Line numbers in a message.
_MOST_LINES = 5


def from_dialect(data: SecretBytes, file: str, dialect: str) -> Written:
    """Return what was authored as docker reads it, line by line, and tell what had to be changed for that.

    Raises InvalidError for a file that python-dotenv cannot read, or that no env-file can say.
    """
    if dialect == "docker":
        return dotenv.Written(data)

    name = inputs.for_people(file)
    try:
        written = dotenv.write(data, _bindings(data))
    except InvalidError as fault:
        raise InvalidError(f"{name}: {fault.message}", *fault.hints) from None
    for line, difference in written.differences:
        console.say(f"note: {name}:{line}: {difference}")
    return written


def _bindings(data: bytes) -> tuple[AuthoredVariable, ...]:
    """Return what python-dotenv reads; raise InvalidError for what it skips or would take too long over."""
    dotenv.refuse_long_blanks(data)
    reading = dotenv.read(data)
    if reading.refusal is not None:
        raise InvalidError(f"line {reading.refusal.line}: not UTF-8", "save the file as UTF-8")
    if reading.unparsable:
        lines = [str(statement.line) for statement in reading.unparsable]
        more = f" and {len(lines) - _MOST_LINES} more" if len(lines) > _MOST_LINES else ""
        raise InvalidError(
            f"python-dotenv cannot read line{'s' if len(lines) > 1 else ''} {', '.join(lines[:_MOST_LINES])}{more}",
            "write NAME=VALUE; a line is unreadable if text follows a closing quote, or if a quote is not closed",
        )
    return reading.entries
