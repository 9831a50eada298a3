"""`ecsauth explain`: one rule, in full."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from bootstrap.cli import options

if TYPE_CHECKING:
    import argparse

    from bootstrap.cli.options import Parser
    from bootstrap.core.rules import Rule


def add_arguments(parser: Parser) -> None:
    """Add the command's own arguments."""
    parser.add_argument("code", metavar="CODE", help="the code that check prints with a finding")
    options.add_format(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print the rule; raise UsageError if there is none of that code."""
    from bootstrap.cli import console
    from bootstrap.core import rules
    from bootstrap.core.errors import ExitCode, UsageError

    rule = rules.find(arguments.code)
    if rule is None:
        raise UsageError("there is no rule of that code", "all rules: docs/rules.md")
    if arguments.format == "json":
        console.show({**rule._asdict(), "severity": rule.severity.value})
    else:
        sys.stdout.write(_page(rule))
    return ExitCode.OK


def _page(rule: Rule) -> str:
    parts = [
        f"{rule.code} ({rule.severity.value}): {rule.title}",
        f"What happens\n{_indented(rule.consequence)}",
        f"What to do\n{_indented(rule.fix)}",
        f"Before\n{_indented(rule.before)}",
        f"After\n{_indented(rule.after)}",
        f"Source\n{_indented(rule.source)}",
    ]
    return "\n\n".join(parts) + "\n"


def _indented(text: str) -> str:
    printable = text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return "\n".join(f"  {line}" if line else "" for line in printable.rstrip("\n").split("\n"))
