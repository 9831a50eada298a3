"""`ecsauth completion`: a script for a shell, made from the parsers by shtab."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from ecsauth.check import rules
from ecsauth.cli.parser import make_parser
from ecsauth.errors import ExitCode

if TYPE_CHECKING:
    import argparse

    from ecsauth.cli.options import Parser

# The placeholders for a path of this machine in the usage of the commands.
_PATHS = frozenset({"FILE", "PATH", "A", "B"})


def add_arguments(parser: Parser) -> None:
    """Add the command's own arguments."""
    parser.add_argument("shell", metavar="SHELL", choices=("bash", "zsh", "fish"), help="bash, zsh or fish")


def run(arguments: argparse.Namespace) -> int:
    """Print the script."""
    import shtab

    parser = make_parser()
    _prepare(parser, shtab.FILE)
    sys.stdout.write(shtab.complete(parser, arguments.shell) + "\n")
    return ExitCode.OK


def _prepare(parser: Parser, files: Any) -> None:
    """Tell shtab which arguments, also those of subcommands, are files or codes of rules."""
    for action in parser._actions:  # noqa: SLF001 - what shtab reads, too
        if action.metavar in _PATHS:
            action.complete = files  # type: ignore[attr-defined]  # shtab's own
        elif action.metavar == "CODE":
            action.choices = [rule.code for rule in rules.RULES]
    for command, _ in parser.commands().values():
        _prepare(command, files)
