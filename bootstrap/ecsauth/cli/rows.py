"""The common layout of `status` and `doctor`: one line per topic, one for all skipped ones, then causes and fixes."""

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

# The widths of the longest word and the longest topic, so that the columns are the same in every run.
_WORD, _TOPIC = len("warning"), len("environment")


class Row(NamedTuple):
    """One line; if `is_blamed`, it is repeated at the end with its fix."""

    outcome: CheckOutcome
    topic: str
    said: str
    fix: str = ""
    is_blamed: bool = False


def show(rows: Sequence[Row]) -> None:
    """Print the rows, and at the end the fixes of the blamed ones, where the reader looks first."""
    style = console.style(sys.stdout)
    lines = [_line(row, style) for row in rows if row.outcome is not CheckOutcome.SKIPPED]
    lines += _folded([row for row in rows if row.outcome is CheckOutcome.SKIPPED], style)
    lines += _ending([row for row in rows if row.is_blamed], style)
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    # Messages that follow go to another stream.
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
    """Return the one line of the skipped topics, grouped by reason."""
    reasons: dict[str, list[str]] = {}
    for row in rows:
        reasons.setdefault(row.said + (f" ({row.fix})" if row.fix else ""), []).append(row.topic)
    text = "; ".join(f"{', '.join(topics)}: {reason}" for reason, topics in reasons.items())
    return [f"{_word(CheckOutcome.SKIPPED, style)}  {printable(text)}"] if text else []


def _ending(rows: Sequence[Row], style: Style) -> list[str]:
    """Return the causes, with each fix once, after all causes that it fixes."""
    by_fix: dict[str, list[Row]] = {}
    for row in rows:
        by_fix.setdefault(row.fix, []).append(row)
    lines = []
    for fix, causes in by_fix.items():
        lines += [f"{style.paint(_CAUSE, 'cause:')} {printable(f'{one.topic}: {one.said}')}" for one in causes]
        lines += [f"{style.paint(_FIX, 'fix:')} {printable(_pasteable(fix))}"] if fix else []
    return lines


def _pasteable(fix: str) -> str:
    """Return a command to paste, with its purpose after it as a shell comment."""
    return f"{shlex.join(fix.words)}  # {fix.why}" if isinstance(fix, CommandHint) else fix
