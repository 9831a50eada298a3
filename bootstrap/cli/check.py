"""`ecsauth check`: what is wrong with an env-file, all at once."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from bootstrap.cli import options

if TYPE_CHECKING:
    import argparse


def add_to(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = options.command(commands, "check", run, "find what is wrong with an env-file", "ecsauth check ecs.config")
    parser.add_argument("file", metavar="FILE", help="a path, an S3URI, or - for standard input")
    options.add_aws(parser)
    options.add_format(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print the findings; the status is 3 if there is an error among them."""
    from bootstrap.cli import console, findings
    from bootstrap.cli.sources import read
    from bootstrap.core.check import check
    from bootstrap.core.diagnostics import Severity
    from bootstrap.core.errors import ExitCode

    data = read(arguments.file, arguments)
    found = check(data)
    if arguments.format == "json":
        console.show(findings.document(found, arguments.file))
    else:
        sys.stderr.write(findings.text(found, arguments.file))
        console.say(f"{arguments.file}: {findings.summary(found) or 'nothing wrong'}")
    return ExitCode.INVALID if findings.count(found, Severity.ERROR) else ExitCode.OK
