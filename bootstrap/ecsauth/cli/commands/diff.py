"""`ecsauth diff`: compare two env-files by variable and registry, without values."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from ecsauth.cli import console, inputs, options
from ecsauth.errors import ExitCode, UsageError
from ecsauth.publish.diff import difference

if TYPE_CHECKING:
    import argparse

    from ecsauth.cli.options import Parser


def add_arguments(parser: Parser) -> None:
    """Add the command's own arguments."""
    what = "a path, an S3URI or an environment, with ?versionId=V for one version, or - for standard input"
    parser.add_argument("old", metavar="A", help=what)
    parser.add_argument("new", metavar="B", help="as A")
    for name in ("old", "new"):
        options.take_name(parser, name)
    options.add_aws(parser)
    options.add_format(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print the changes from A to B; return 3 if the bytes differ."""
    if arguments.old == arguments.new == "-":
        raise UsageError("only one of A and B can be standard input")
    old, new = (inputs.read(file, arguments) for file in (arguments.old, arguments.new))
    changes = difference(old, new)
    if arguments.format == "json":
        console.show(
            {
                "old": arguments.old,
                "new": arguments.new,
                "same": old == new,
                "changes": [change._asdict() for change in changes],
            }
        )
    else:
        sys.stdout.write("".join(f"{change}\n" for change in changes))
        sys.stdout.flush()
        names = " and ".join(inputs.for_people(file) for file in (arguments.old, arguments.new))
        if old == new:
            console.say(f"{names} are identical")
        elif not changes:
            console.say(f"{names} differ in their text, but docker reads the same variables")
    return ExitCode.OK if old == new else ExitCode.INVALID
