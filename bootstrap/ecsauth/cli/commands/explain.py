"""`ecsauth explain`: one rule, in full; without a code, the list of all rules."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from ecsauth.check import rules
from ecsauth.cli import console, options
from ecsauth.cli.console import printable
from ecsauth.command_hint import CommandHint
from ecsauth.errors import ExitCode, UsageError

if TYPE_CHECKING:
    import argparse

    from ecsauth.check.rules import Rule
    from ecsauth.cli.options import Parser

_INDENT = "  "
# Some examples are long, because the rule is about length. More of their lines would add nothing.
_MOST_LINES = 12
_LONGEST_LINE = 300
_CUT = "…"


def add_arguments(parser: Parser) -> None:
    """Add the command's own arguments."""
    parser.add_argument(
        "code", metavar="CODE", nargs="?", help="code of a finding, as printed by check (default: list all rules)"
    )
    options.add_format(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print the rule, or all rules in one line each; raise UsageError if no rule has this code."""
    if arguments.code is None:
        _list(rules.RULES, arguments.format)
        return ExitCode.OK
    rule = rules.find(arguments.code)
    if rule is None:
        raise UsageError("no rule has this code", CommandHint("list all rules", "ecsauth", "explain"))
    if arguments.format == "json":
        console.show(_document(rule))
    else:
        sys.stdout.write(_page(rule))
    return ExitCode.OK


def _list(catalogue: tuple[Rule, ...], style: str) -> None:
    if style == "json":
        console.show({"rules": [_document(rule) for rule in catalogue]})
    else:
        sys.stdout.write("".join(f"{rule.code} {rule.severity.value:7} {rule.title}\n" for rule in catalogue))


def _document(rule: Rule) -> dict[str, str]:
    return {**rule._asdict(), "severity": rule.severity.value}


def _page(rule: Rule) -> str:
    style = console.style(sys.stdout)
    width = style.width - len(_INDENT)
    parts = [
        ("Consequence", console.wrapped(rule.consequence, width)),
        ("Fix", console.instructions(rule.fix, width)),
        ("Before", _example(rule.before)),
        ("After", _example(rule.after)),
        ("Source", console.wrapped(rule.source, width)),
    ]
    pages = [style.paint("1", f"{rule.code} ({rule.severity.value}): {rule.title}")]
    for title, lines in parts:
        pages.append("\n".join([style.paint("1", title), *(f"{_INDENT}{line}" for line in lines)]))
    return "\n\n".join(pages) + "\n"


def _example(text: str) -> list[str]:
    """Return the lines of an example, with invisible characters made visible."""
    # Surrogates stand for bytes that are not UTF-8.
    raw = text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    lines = [printable(line) for line in raw.removesuffix("\n").split("\n")]
    if len(lines) > _MOST_LINES:
        lines = [*lines[:2], f"{_CUT} {len(lines) - 3} more lines", lines[-1]]
    return [line if len(line) <= _LONGEST_LINE else line[:60] + _CUT + line[-10:] for line in lines]
