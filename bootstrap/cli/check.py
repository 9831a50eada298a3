"""`ecsauth check`: what is wrong with an env-file, all at once."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from bootstrap.cli import options

if TYPE_CHECKING:
    import argparse

    from bootstrap.cli.options import Parser
    from bootstrap.core.authoring import Written
    from bootstrap.core.diagnostics import Finding


def add_arguments(parser: Parser) -> None:
    """Add the command's own arguments."""
    parser.add_argument("file", metavar="FILE", help="a path, an S3URI, or - for standard input")
    parser.add_argument(
        "--target",
        choices=("docker", "ecs-init", "all"),
        default="all",
        help="whose reading counts: docker run --env-file, the ecs service, or both (default)",
    )
    parser.add_argument("--ignore", metavar="CODE", action="append", default=[], help="leave out a warning or note")
    options.add_dialect(parser)
    parser.add_argument("--fix", action="store_true", help="write the form that all readers take alike, 0600")
    parser.add_argument("-o", "--output", metavar="FILE", help="where --fix writes (default: over FILE)")
    options.add_aws(parser)
    options.add_format(parser, ("text", "json", "github", "sarif"))


def run(arguments: argparse.Namespace) -> int:
    """Print the findings; the status is 3 if there is an error among them."""
    from bootstrap.cli import findings
    from bootstrap.cli.sources import from_dialect, read
    from bootstrap.core.check import Target, check
    from bootstrap.core.diagnostics import Severity
    from bootstrap.core.errors import ExitCode

    written = from_dialect(read(arguments.file, arguments), arguments.file, arguments.dialect)
    data = _fix(written.data, arguments) if arguments.fix else written.data
    ignored = frozenset(code.upper() for code in arguments.ignore)
    found = check(data, Target(arguments.target), ignored)
    if arguments.dialect != "docker" and not arguments.fix:
        found = tuple(_in_authored(finding, written) for finding in found)
    _show(found, data, arguments)
    return ExitCode.INVALID if findings.count(found, Severity.ERROR) else ExitCode.OK


def _in_authored(finding: Finding, written: Written) -> Finding:
    """Name the line that the author sees; the columns of the two files differ."""
    if finding.line is None or finding.line > len(written.lines):
        return finding._replace(line=None, column=None)
    return finding._replace(line=written.lines[finding.line - 1], column=None)


def _show(found: tuple[Finding, ...], data: bytes, arguments: argparse.Namespace) -> None:
    from bootstrap.cli import console, findings

    if arguments.format == "json":
        console.show(findings.document(found, arguments.file))
    elif arguments.format == "sarif":
        from bootstrap.cli.sarif import sarif

        console.show_document(sarif(found, arguments.file))
    elif arguments.format == "github":
        from bootstrap.cli.workflow_commands import workflow_commands

        sys.stdout.write(workflow_commands(found, arguments.file))
    else:
        sys.stderr.write(findings.text(found, arguments.file, data if arguments.dialect == "docker" else None))
        console.say(f"{arguments.file}: {findings.summary(found) or 'nothing wrong'}")


def _fix(data: bytes, arguments: argparse.Namespace) -> bytes:
    """Write the canonical form, and return it; raise an EcsauthError with nothing written."""
    from bootstrap.cli import console
    from bootstrap.cli.sources import write
    from bootstrap.core.canonical import canonical
    from bootstrap.core.difference import difference
    from bootstrap.core.errors import UsageError
    from bootstrap.core.s3_uri import is_s3_uri

    target = arguments.output or arguments.file
    if is_s3_uri(target):
        raise UsageError("--fix does not write to S3", "give -o FILE, look at it, then push it")
    if arguments.dialect != "docker" and not arguments.output:
        raise UsageError("--fix writes docker's dialect: give -o FILE, so that the authored file stays")
    mended = canonical(data)
    if mended == data and target == arguments.file:
        return mended
    write(target, mended)
    if target != "-":
        for change in difference(data, mended):
            console.say(f"fixed {change}")
        console.say(f"wrote {target}, 0600")
    return mended
