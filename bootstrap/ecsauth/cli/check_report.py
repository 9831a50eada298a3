"""The report of `ecsauth check` on one or several files, in each of its formats."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any, NamedTuple, Optional

from ecsauth.aws_names import is_s3_uri
from ecsauth.check import check
from ecsauth.check.fix import canonical
from ecsauth.cli import console, findings, inputs
from ecsauth.cli.findings import sarif, workflow_commands
from ecsauth.errors import EcsauthError, ExitCode, InvalidError, UsageError
from ecsauth.finding import Finding, Severity
from ecsauth.secret import SecretBytes

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Sequence

    from ecsauth.finding import Finding


class FileReport(NamedTuple):
    """The report on one file: the findings in `data`, or the `fault` because of which it was not checked or not fixed.

    `is_authored`: the file is in another dialect than docker's; `data` has the same lines, but other columns.
    `can_fix`: --fix may help.
    """

    file: str
    found: tuple[Finding, ...] = ()
    data: SecretBytes = SecretBytes()
    is_authored: bool = False
    can_fix: bool = False
    fault: Optional[EcsauthError] = None

    @property
    def has_error(self) -> bool:
        """Tell whether an error was found."""
        return any(one.severity is Severity.ERROR for one in self.found)

    @property
    def status(self) -> ExitCode:
        """Return the exit status that this file alone has."""
        if self.fault is not None:
            return self.fault.exit_code
        return ExitCode.INVALID if self.has_error else ExitCode.OK


def show(report: FileReport, style: str) -> None:
    """Write the findings of the only file."""
    if style != "text":
        _show_data([report], style)
        return
    if _tell(report):
        _point_at_explain({one.code for one in report.found})
        _advise(report)


def show_all(reports: Iterable[FileReport], style: str) -> int:
    """Write the findings of several files, each text as soon as it is ready; return the highest exit status."""
    kept = []
    for report in reports:
        if style == "text" and report.found:
            _tell(report)
            _advise(report)
        if report.fault is not None:
            _tell_fault(report.file, report.fault)
        # Drop the bytes, which are no longer needed.
        kept.append(report._replace(data=SecretBytes()))
    if style == "text":
        _sum_up(kept)
    else:
        _show_data(kept, style)
    return max(report.status for report in kept)


def _show_data(reports: Sequence[FileReport], style: str) -> None:
    """Write the data for programs to standard output."""
    addressed = [(report.file, _addressed(report)) for report in reports]
    if style == "sarif":
        console.show_document(sarif(addressed))
    elif style == "github":
        sys.stdout.write("".join(workflow_commands(found, file) for file, found in addressed))
    elif len(reports) == 1:
        console.show(findings.document(addressed[0][1], reports[0].file))
    else:
        every = tuple(one for _, found in addressed for one in found)
        files = [_document(report, found) for report, (_, found) in zip(reports, addressed)]
        status = max(report.status for report in reports)
        console.show({"status": status, "files": files, "summary": findings.document(every, "")["summary"]})


def _document(report: FileReport, found: tuple[Finding, ...]) -> dict[str, Any]:
    """Return the JSON of one of several files: that of a single file, with the fault if there is one."""
    document = findings.document(found, report.file)
    if report.fault is None:
        return document
    fault = report.fault
    return {
        **document,
        "outcome": "failed",
        "status": fault.exit_code,
        "error": fault.message,
        "hints": list(fault.hints),
    }


def _addressed(report: FileReport) -> tuple[Finding, ...]:
    """Return the findings with the file's name in what is to be pasted."""
    if report.is_authored:
        # The line numbers are those of the authored file, but the columns are not.
        return tuple(one._replace(column=None) for one in report.found)
    return tuple(one._replace(fix=findings.addressed(one.fix, report.file)) for one in report.found)


def _tell(report: FileReport) -> bool:
    """Write the findings of a file for people; tell whether there are any."""
    name = inputs.for_people(report.file)
    if not report.found:
        console.say(f"{name}: no findings")
        return False

    sys.stderr.write(findings.text(_addressed(report), name, None if report.is_authored else report.data))
    console.say(f"{name}: {findings.summary(report.found)}")
    return True


def _advise(report: FileReport) -> None:
    """Say what --fix would fix, unless the only finding says so itself."""
    if not report.can_fix or report.is_authored:
        return
    says_it = len(report.found) == 1 and "check --fix" in report.found[0].fix
    advice = None if says_it else fix_advice(report.found, report.data, report.file)
    if advice:
        console.say(f"hint: {advice}")


def _point_at_explain(codes: set[str]) -> None:
    one = len(codes) == 1
    console.say(f"hint: see {'the' if one else 'a'} rule: ecsauth explain {codes.pop() if one else 'CODE'}")


def _tell_fault(file: str, fault: EcsauthError) -> None:
    """Say why one of several files was not checked or not fixed, with its name."""
    message = fault.message if file in fault.message else f"{inputs.for_people(file)}: {fault.message}"
    console.say(f"error: {message}")
    for hint in fault.hints:
        console.say(f"hint: {hint}")


def _sum_up(reports: Sequence[FileReport]) -> None:
    """Write the counts of all files together."""
    found = tuple(one for report in reports for one in report.found)
    failed = sum(report.fault is not None for report in reports)
    parts = [findings.summary(found)] if found else []
    parts += [f"{failed} failed"] if failed else []
    console.say(f"{len(reports)} files: {', '.join(parts) or 'no findings'}")
    if found:
        _point_at_explain({one.code for one in found})


def destination(file: str, arguments: argparse.Namespace) -> Optional[str]:
    """Return where --fix writes a file, None without it; raise UsageError for an invalid command line."""
    if not arguments.fix:
        if arguments.output:
            raise UsageError("-o is the output of --fix: give both")
        return None
    target: str = arguments.output or file
    if is_s3_uri(target):
        raise UsageError("--fix does not write to S3", "write a file with -o FILE, review it, then push it")
    if arguments.dialect != "docker" and _is_same(target, file) and arguments.output != "-":
        raise UsageError("--fix writes docker's dialect: give -o FILE, to keep the original file")
    if target == "-" and arguments.format != "text":
        raise UsageError(f"--format {arguments.format} and the fixed file both go to stdout", "give -o FILE")
    return target


def _is_same(one: str, other: str) -> bool:
    return os.path.realpath(one) == os.path.realpath(other)


def write(authored: bytes, data: bytes, file: str, target: str) -> None:
    """Write the canonical form, unless the file has it already; report the changes, never a value."""
    name = inputs.for_people(target)
    if data == authored and target == file != "-":
        console.say(f"{name}: nothing to fix")
        return
    inputs.write(target, data)
    for line in _news(authored, data):
        console.say(f"fixed {line}")
    if target != "-":
        console.say(f"wrote {name}, 0600")


def fix_advice(found: tuple[Finding, ...], data: bytes, file: str) -> Optional[str]:
    """Return the command that fixes the file, and how many findings it fixes; None if it fixes none."""
    word = inputs.for_shell(file)
    if word is None:
        return None
    try:
        mended = canonical(data)
    except InvalidError:
        return None
    if mended == data:
        return None
    gone = len(_gone(found, check(mended)))
    how_much = "all findings" if gone == len(found) else f"{gone} of {len(found)} findings"
    return f"fix {how_much}: ecsauth check --fix {word}" if gone else None


def _news(before: bytes, after: bytes) -> list[str]:
    """Say which findings were fixed, or that only the form has changed."""
    gone = _gone(check(before), check(after))
    places = ["" if one.line is None else f"line {one.line}: " for one in gone]
    news = [f"{place}{one.message} [{one.code}]" for place, one in zip(places, gone)]
    return news or ["the form; docker reads the same variables"] * (before != after)


def _gone(before: tuple[Finding, ...], after: tuple[Finding, ...]) -> list[Finding]:
    """Return the findings that are gone. Their lines may have moved, so these are not compared."""
    left = {(one.code, one.variable, one.registry) for one in after}
    return [one for one in before if (one.code, one.variable, one.registry) not in left]
