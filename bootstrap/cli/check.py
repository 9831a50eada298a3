"""`ecsauth check`: what is wrong with an env-file, all at once."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Optional

from bootstrap.cli import options

if TYPE_CHECKING:
    import argparse

    from bootstrap.cli.options import Parser
    from bootstrap.core.diagnostics import Finding

_FORMATS = ("text", "json", "github", "sarif")


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
    parser.add_argument("-o", "--output", metavar="FILE", help="where --fix writes, - for stdout (default: over FILE)")
    options.add_aws(parser)
    options.add_format(parser, _FORMATS)


def run(arguments: argparse.Namespace) -> int:
    """Print the findings; the status is 3 if there is an error among them. Raise an EcsauthError, nothing written."""
    from bootstrap.cli import sources
    from bootstrap.core.check import Target, check
    from bootstrap.core.diagnostics import Severity
    from bootstrap.core.errors import ExitCode

    ignored, target = _ignored(arguments.ignore), _target(arguments)
    data = sources.read(arguments.file, arguments)
    if arguments.dialect != "docker":
        data = sources.from_dialect(data, arguments.file, arguments.dialect).data
    found = check(data, Target(arguments.target), ignored)
    if target is None:
        _show(found, data, arguments)
    else:
        from bootstrap.cli import fix

        mended = _mended(data, found, arguments)
        found = check(mended, Target(arguments.target), ignored)
        fix.write(data, mended, arguments.file, target)
        _show(found, mended, arguments, target)
    return ExitCode.INVALID if any(one.severity is Severity.ERROR for one in found) else ExitCode.OK


def _ignored(codes: list[str]) -> frozenset[str]:
    """Return the codes to leave out; raise UsageError for one that no warning or note has."""
    if not codes:
        return frozenset()
    from bootstrap.core import rules
    from bootstrap.core.diagnostics import Severity
    from bootstrap.core.errors import UsageError

    ignored = [code for text in codes for code in text.upper().split(",")]
    for code in ignored:
        rule = rules.find(code)
        if rule is None:
            raise UsageError("--ignore: there is no rule of that code", "ecsauth explain lists all rules")
        if rule.severity is Severity.ERROR:
            raise UsageError(f"--ignore: {code} is an error, and a file with an error does not work")
    return frozenset(ignored)


def _target(arguments: argparse.Namespace) -> Optional[str]:
    if not arguments.fix and not arguments.output:
        return None
    from bootstrap.cli import fix

    return fix.destination(arguments)


def _mended(data: bytes, found: tuple[Finding, ...], arguments: argparse.Namespace) -> bytes:
    """Return the canonical form; raise InvalidError, and tell what is wrong, where only the author knows it."""
    from bootstrap.core.canonical import canonical
    from bootstrap.core.errors import InvalidError

    try:
        return canonical(data)
    except InvalidError as fault:
        if arguments.format != "json":  # which has one document, that of the fault
            _show(found, data, arguments)
        raise InvalidError(f"nothing was written: {fault.message}") from None


def _show(
    found: tuple[Finding, ...], data: bytes, arguments: argparse.Namespace, written: Optional[str] = None
) -> None:
    """Write the findings in the format that was asked for; `written` is where the bytes are that they are about."""
    from bootstrap.cli import console

    file = written or arguments.file
    if not found and arguments.format == "text":
        from bootstrap.cli import subject

        console.say(f"{subject.for_people(file)}: nothing wrong")
        return
    from bootstrap.cli import findings

    is_authored = arguments.dialect != "docker" and written is None
    if is_authored:
        # The lines are those of the authored file, the columns are not.
        found = tuple(one._replace(column=None) for one in found)
    else:
        found = tuple(one._replace(fix=findings.addressed(one.fix, file)) for one in found)
    if arguments.format == "json":
        console.show(findings.document(found, file))
    elif arguments.format == "sarif":
        from bootstrap.cli.sarif import sarif

        console.show_document(sarif(found, file))
    elif arguments.format == "github":
        from bootstrap.cli.workflow_commands import workflow_commands

        sys.stdout.write(workflow_commands(found, file))
    else:
        _tell(found, None if is_authored else data, file, can_fix=not arguments.fix)


def _tell(found: tuple[Finding, ...], data: Optional[bytes], file: str, *, can_fix: bool) -> None:
    """Write the findings for people, and what to do next."""
    from bootstrap.cli import console, findings, fix, subject

    name = subject.for_people(file)
    sys.stderr.write(findings.text(found, name, data))
    console.say(f"{name}: {findings.summary(found)}")
    codes = {one.code for one in found}
    console.say(f"hint: ecsauth explain {codes.pop() if len(codes) == 1 else 'CODE'} tells more")
    says_it = len(found) == 1 and "check --fix" in found[0].fix
    advice = fix.advice(found, data, file) if can_fix and data is not None and not says_it else None
    if advice:
        console.say(f"hint: {advice}")
