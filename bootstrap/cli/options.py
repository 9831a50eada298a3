"""Options that several commands share."""

from __future__ import annotations

import argparse
import os
from typing import TYPE_CHECKING, Callable, Optional, TypeVar

from bootstrap.core.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

Value = TypeVar("Value")


def command(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    run: Callable[[argparse.Namespace], int],
    summary: str,
    example: str,
) -> argparse.ArgumentParser:
    """Add a subcommand with an example in its help."""
    parser = commands.add_parser(
        name,
        help=summary,
        description=summary[0].upper() + summary[1:] + ".",
        epilog=f"example:\n  {example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.set_defaults(run=run, format="text")
    return parser


def add_format(parser: argparse.ArgumentParser, choices: Sequence[str] = ("text", "json")) -> None:
    """Add `--format`."""
    parser.add_argument(
        "--format", choices=choices, default="text", help="text for people (default), json for programs"
    )


def add_aws(parser: argparse.ArgumentParser) -> None:
    """Add what every AWS tool takes."""
    parser.add_argument("--profile", metavar="NAME", help="profile of ~/.aws to use")
    parser.add_argument("--region", metavar="REGION", help="the bucket's region")


def region(arguments: argparse.Namespace) -> Optional[str]:
    """Return the region that was named: by the option, or by the variable that all SDKs but Python's read."""
    return arguments.region or os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")


def parsed(parse: Callable[[str], Value]) -> Callable[[str], Value]:
    """Make a parser of the core usable as an argument's `type`."""

    def convert(text: str) -> Value:
        try:
            return parse(text)
        except UsageError as fault:
            raise argparse.ArgumentTypeError("; ".join((fault.message, *fault.hints)).replace("%", "%%")) from None

    return convert
