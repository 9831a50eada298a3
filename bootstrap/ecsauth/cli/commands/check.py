"""`ecsauth check`: validate env-files and report all findings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Optional

from ecsauth.check import check, rules
from ecsauth.check.examine import Target
from ecsauth.check.fix import canonical
from ecsauth.cli import authored, check_report, inputs, options, progress
from ecsauth.cli.check_report import FileReport
from ecsauth.command_hint import CommandHint
from ecsauth.errors import EcsauthError, ExitCode, InvalidError, UsageError
from ecsauth.finding import Severity
from ecsauth.secret import SecretBytes

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from ecsauth.cli.options import Parser

_WAITING = "checking the files"
_FORMATS = ("text", "json", "github", "sarif")


def add_arguments(parser: Parser) -> None:
    """Add the command's own arguments."""
    parser.add_argument(
        "files",
        metavar="FILE",
        nargs="+",
        type=options.file_name,
        help=options.A_FILE,
    )
    options.take_name(parser, "files")
    parser.add_argument(
        "--target",
        choices=("docker", "ecs-init", "all"),
        default="all",
        help="check for docker run --env-file, for the ecs service, or for both (default)",
    )
    parser.add_argument(
        "--ignore",
        metavar="CODE",
        action="append",
        default=[],
        help="omit warnings or notes with this code; repeatable",
    )
    options.add_dialect(parser)
    parser.add_argument(
        "--fix", action="store_true", help="write the canonical form, which all readers parse alike, mode 0600"
    )
    parser.add_argument("-o", "--output", metavar="FILE", help="output of --fix, - for stdout (default: replace FILE)")
    options.add_aws(parser)
    options.add_format(parser, _FORMATS)


def run(arguments: argparse.Namespace) -> int:
    """Print the findings and return 3 if one is an error. On an EcsauthError nothing is written.

    With several files each one is checked, even if another one fails; the highest status is returned.
    """
    ignored, targets = _ignored(arguments.ignore), _targets(arguments)
    if len(arguments.files) > 1:
        with progress.waiting(_WAITING):
            return check_report.show_all(_attempts(targets, ignored, arguments), arguments.format)
    (file,) = arguments.files
    report = _report(file, targets[file], ignored, arguments)
    if report.fault is None or arguments.format != "json":  # which has one document, that of the fault
        check_report.show(report, arguments.format)
    if report.fault is not None:
        raise report.fault
    return ExitCode.INVALID if report.has_error else ExitCode.OK


def _attempts(
    targets: dict[str, Optional[str]], ignored: frozenset[str], arguments: argparse.Namespace
) -> Iterator[FileReport]:
    """Yield the report on each of several files."""
    for number, file in enumerate(arguments.files):
        progress.tell(_WAITING, number, len(arguments.files))
        yield _attempt(file, targets[file], ignored, arguments)


def _attempt(file: str, target: Optional[str], ignored: frozenset[str], arguments: argparse.Namespace) -> FileReport:
    """Return the report on one of several files. A fault is part of the report, so that the others are checked, too."""
    try:
        return _report(file, target, ignored, arguments)
    except EcsauthError as fault:
        return FileReport(file, fault=fault)


def _report(file: str, target: Optional[str], ignored: frozenset[str], arguments: argparse.Namespace) -> FileReport:
    """Check a file, and write the fixed one with --fix; raise an EcsauthError."""
    reader = Target(arguments.target)
    data = inputs.read(file, arguments)
    is_authored = arguments.dialect != "docker"
    if is_authored:
        data = authored.from_dialect(data, file, arguments.dialect).data
    report = FileReport(file, check(data, reader, ignored), data, is_authored=is_authored, can_fix=target is None)
    if target is None:
        return report

    try:
        mended = canonical(data)
    except InvalidError as fault:
        return report._replace(fault=InvalidError(f"nothing was written: {fault.message}"))
    found = check(mended, reader, ignored)
    check_report.write(data, mended, file, target)
    return FileReport(target, found, SecretBytes(mended))


def _ignored(codes: list[str]) -> frozenset[str]:
    """Return the codes to ignore; raise UsageError if one is not the code of a warning or note."""
    if not codes:
        return frozenset()

    ignored = [code for text in codes for code in text.upper().split(",")]
    for code in ignored:
        rule = rules.find(code)
        if rule is None:
            raise UsageError("--ignore: no rule has this code", CommandHint("list all rules", "ecsauth", "explain"))
        if rule.severity is Severity.ERROR:
            raise UsageError(f"--ignore: {code} is an error; only warnings and notes can be ignored")
    return frozenset(ignored)


def _targets(arguments: argparse.Namespace) -> dict[str, Optional[str]]:
    """Return where --fix writes each file, None without it; raise UsageError for an invalid command line."""
    files: list[str] = arguments.files
    if files.count("-") > 1:
        raise UsageError("standard input can be read only once: give - once")
    if not arguments.fix and not arguments.output:
        return dict.fromkeys(files)

    if len(files) > 1 and (arguments.output or "-" in files):
        raise UsageError("--fix replaces each of several files, so -o and - are not allowed", "give a single FILE")
    return {file: check_report.destination(file, arguments) for file in files}
