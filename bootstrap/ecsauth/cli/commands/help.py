"""`ecsauth help`: the help of the program or of a command, or the explanation of a rule."""

from __future__ import annotations

import argparse
import re
import sys
from typing import TYPE_CHECKING

from ecsauth.cli.parser import make_parser
from ecsauth.errors import ExitCode

if TYPE_CHECKING:
    from ecsauth.cli.options import Parser

_RULE = re.compile(r"[A-Za-z][0-9]{3}")


def add_arguments(parser: Parser) -> None:
    """Add the command's own arguments."""
    parser.add_argument(
        "topic",
        metavar="TOPIC",
        nargs="*",
        help="a command, with its subcommand if it has any, or the code of a rule (default: all commands)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Print the help; raise UsageError if there is none for the topic."""
    topic: list[str] = arguments.topic
    if len(topic) == 1 and _RULE.fullmatch(topic[0]):
        from ecsauth.cli.commands import explain  # loads the rules

        return explain.run(argparse.Namespace(code=topic[0], format="text"))
    sys.stdout.write(make_parser().find(topic).format_help())
    return ExitCode.OK
