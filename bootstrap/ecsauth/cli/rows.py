"""The one look of `status` and `doctor`: a line a topic, what was skipped in one line, and in the end cause and fix."""

from __future__ import annotations

import shlex
import sys
from typing import TYPE_CHECKING, NamedTuple

from ecsauth.cli import console
from ecsauth.cli.console import printable
from ecsauth.command_hint import CommandHint
from ecsauth.status.judgement import CheckOutcome

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ecsauth.cli.console import Style

# SGR parameters, as in the findings of check.
_COLOURS = {CheckOutcome.OK: "32", CheckOutcome.WARNING: "1;33", CheckOutcome.FAILED: "1;31", CheckOutcome.SKIPPED: "2"}
_CAUSE, _FIX = "1;31", "1"

# Of the longest word and the longest topic: the columns stay where they are from run to run.
_WORD, _TOPIC = len("warning"), len("environment")


class Row(NamedTuple):
    """One line; `is_blamed`: with its fix it stands at the end too."""

    outcome: CheckOutcome
    topic: str
    said: str
    fix: str = ""
    is_blamed: bool = False


def show(rows: Sequence[Row]) -> None:
    """Print the rows; what to do about what is blamed stands at the end, where the eye goes."""
    style = console.style(sys.stdout)
    lines = [_line(row, style) for row in rows if row.outcome is not CheckOutcome.SKIPPED]
    lines += _folded([row for row in rows if row.outcome is CheckOutcome.SKIPPED], style)
    lines += _ending([row for row in rows if row.is_blamed], style)
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    # What is said next goes to another stream.
    sys.stdout.flush()


def document(row: Row) -> dict[str, object]:
    """Return a row for programs."""
    return {"check": row.topic, "outcome": row.outcome.value, "message": row.said, "fix": row.fix or None}


def _word(outcome: CheckOutcome, style: Style) -> str:
    return style.paint(_COLOURS[outcome], outcome.value) + " " * (_WORD - len(outcome.value))


def _line(row: Row, style: Style) -> str:
    fix = f": {row.fix}" if row.fix and not row.is_blamed else ""
    return f"{_word(row.outcome, style)}  {printable(f'{row.topic:{_TOPIC}}  {row.said}{fix}')}"


def _folded(rows: Sequence[Row], style: Style) -> list[str]:
    """Return the one line of what was skipped, by its reasons."""
    reasons: dict[str, list[str]] = {}
    for row in rows:
        reasons.setdefault(row.said + (f" ({row.fix})" if row.fix else ""), []).append(row.topic)
    text = "; ".join(f"{', '.join(topics)}: {reason}" for reason, topics in reasons.items())
    return [f"{_word(CheckOutcome.SKIPPED, style)}  {printable(text)}"] if text else []


def _ending(rows: Sequence[Row], style: Style) -> list[str]:
    """Return the causes, each fix once, behind all that it mends."""
    by_fix: dict[str, list[Row]] = {}
    for row in rows:
        by_fix.setdefault(row.fix, []).append(row)
    lines = []
    for fix, causes in by_fix.items():
        lines += [f"{style.paint(_CAUSE, 'cause:')} {printable(f'{one.topic}: {one.said}')}" for one in causes]
        lines += [f"{style.paint(_FIX, 'fix:')} {printable(_pasteable(fix))}"] if fix else []
    return lines


def _pasteable(fix: str) -> str:
    """Return a command as it is pasted, what it is good for behind it, where a shell reads no further."""
    return f"{shlex.join(fix.words)}  # {fix.why}" if isinstance(fix, CommandHint) else fix
