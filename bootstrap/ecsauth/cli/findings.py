"""Findings as text for people, as JSON, as SARIF and as annotations of GitHub."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Any, Optional

from ecsauth import __version__
from ecsauth.check import rules
from ecsauth.cli import console, inputs
from ecsauth.cli.console import printable
from ecsauth.cli.inputs import uri
from ecsauth.errors import InvalidError, LaunchError
from ecsauth.finding import Severity

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ecsauth.check.excerpt import Excerpts
    from ecsauth.check.rules import Rule
    from ecsauth.cli.console import Style
    from ecsauth.errors import EcsauthError
    from ecsauth.finding import Finding

_COLOURS = {Severity.ERROR: "1;31", Severity.WARNING: "1;33", Severity.NOTE: "1;36"}
_BOLD, _FRAME = "1", "1;34"
_NOT_SHOWN = "(not shown: it may contain a secret)"
_PLACEHOLDER = r"\bFILE\b"


def text(findings: tuple[Finding, ...], subject: str, data: Optional[bytes] = None) -> str:
    """Return each finding with its position, consequence and fix, as compilers do; with `data` also the masked line.

    Text of an earlier finding is not repeated.
    """
    excerpts = None
    if data is not None and findings:
        from ecsauth.check.excerpt import Excerpts  # a millisecond that a good file does not need

        excerpts = Excerpts(data)
    pages = _Pages(console.printable(subject), excerpts, console.style(sys.stderr))
    return "".join(map(pages.page, findings)) + pages.end()


def document(findings: tuple[Finding, ...], subject: str) -> dict[str, Any]:
    """Return the JSON of `check`."""
    return {
        "file": subject,
        "findings": [{**finding._asdict(), "severity": finding.severity.value} for finding in findings],
        "summary": {f"{severity.value}s": count(findings, severity) for severity in Severity},
    }


def count(findings: tuple[Finding, ...], severity: Severity) -> int:
    """Return the number of findings of that severity."""
    return sum(1 for finding in findings if finding.severity is severity)


def summary(findings: tuple[Finding, ...]) -> str:
    """Return the counts in words, as `2 errors, 1 warning`."""
    counts = [(count(findings, severity), severity.value) for severity in Severity]
    return ", ".join(f"{number} {word}{'s' if number > 1 else ''}" for number, word in counts if number)


def line(finding: Finding, subject: str) -> str:
    """Return a finding in one line, with its severity, for the messages of other commands than `check`."""
    return f"{subject}: {finding.message} [{finding.code}]"


def of(findings: tuple[Finding, ...], severity: Severity) -> tuple[Finding, ...]:
    """Return the findings of that severity."""
    return tuple(finding for finding in findings if finding.severity is severity)


def tell(findings: tuple[Finding, ...], subject: str) -> None:
    """Write warnings and notes, each in one line with its severity."""
    for finding in findings:
        console.say(f"{finding.severity.value}: {line(finding, subject)}")


def explain_fault(fault: EcsauthError) -> None:
    """Write an error and its hints for people."""
    if isinstance(fault, InvalidError) and fault.findings:
        found = tuple(one._replace(fix=addressed(one.fix, fault.subject)) for one in fault.findings)
        sys.stderr.write(text(found, fault.subject, fault.content))
    console.say(f"error: {fault.message}")
    for hint in fault.hints:
        console.say(f"hint: {hint}")
    if isinstance(fault, LaunchError) and fault.log:
        console.say("hint: its last output, without possible secrets:")
        for line in fault.log:
            console.say(f"  | {line}")


def addressed(fix: str, file: str) -> str:
    """Return a fix with the quoted file name instead of FILE; unchanged if it is not a file of this machine."""
    word = inputs.for_shell(file)
    return fix if word is None else re.sub(_PLACEHOLDER, lambda _: word, fix)


class _Pages:
    """Writes findings one after the other."""

    def __init__(self, subject: str, excerpts: Optional[Excerpts], style: Style) -> None:
        self._subject = subject
        self._excerpts = excerpts
        self._style = style
        self._said: dict[tuple[str, str, str], Optional[int]] = {}
        self._in_short = False

    def page(self, finding: Finding) -> str:
        """Return a finding in full, without repeated text, or in one line if its line was already shown."""
        advice = (finding.code, finding.consequence, finding.fix)
        is_new = advice not in self._said
        if not is_new and self._said[advice] == finding.line:
            self._in_short = True
            return f"{self._head(finding)} {self._frame('-->')} {self._place(finding)}\n"
        self._said[advice] = finding.line
        margin = " " * len(str(finding.line or " "))
        lines = [self._head(finding), f"{margin}{self._frame('-->')} {self._place(finding)}"]
        lines += self._source(finding, margin)
        if is_new:
            lines += self._advice(finding, margin)
        return self.end() + "\n".join(lines) + "\n\n"

    def end(self) -> str:
        """Return the blank line after a series of one-line findings."""
        gap = "\n" * self._in_short
        self._in_short = False
        return gap

    def _head(self, finding: Finding) -> str:
        code = self._style.paint(_COLOURS[finding.severity], f"{finding.severity.value}[{finding.code}]")
        return code + self._style.paint(_BOLD, f": {finding.message}")

    def _place(self, finding: Finding) -> str:
        return ":".join(str(part) for part in (self._subject, finding.line, finding.column) if part is not None)

    def _frame(self, mark: str) -> str:
        return self._style.paint(_FRAME, mark)

    def _source(self, finding: Finding, margin: str) -> list[str]:
        """Return the line with every value masked, and a caret below the position; empty if it must not be shown."""
        if self._excerpts is None or finding.line is None:
            return []
        width = self._style.width - len(margin) - len(" | ")
        shown = self._excerpts.excerpt(finding.line, finding.column, width)
        bar, number = f"{margin} {self._frame('|')}", self._frame(f"{finding.line} |")
        if shown is None:
            return [bar, f"{number} {_NOT_SHOWN}", bar]
        caret = self._style.paint(_COLOURS[finding.severity], "^")
        mark = bar if shown.mark is None else f"{bar} {' ' * shown.mark}{caret}"
        return [bar, f"{number} {shown.text}", mark]

    def _advice(self, finding: Finding, margin: str) -> list[str]:
        width = self._style.width - len(margin) - len(" = ")
        consequence = console.wrapped(finding.consequence, width - len("consequence: "))
        fix = console.instructions(finding.fix, width - len("fix: "))
        return [*self._item("consequence", consequence, margin), *self._item("fix", fix, margin)]

    def _item(self, name: str, content: list[str], margin: str) -> list[str]:
        first, *rest = content or [""]
        indent = margin + " " * len(f" = {name}: ")
        label = self._style.paint(_BOLD, f"{name}:")
        return [f"{margin} {self._frame('=')} {label} {first}", *(f"{indent}{line}" for line in rest)]


_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
# The base of relative URIs; by section 3.14.14 the reader of the log defines its value.
_ROOT = "%SRCROOT%"


def sarif(reports: Sequence[tuple[str, tuple[Finding, ...]]]) -> dict[str, Any]:
    """Return a SARIF log with one run: the results of all files, and the rules that they refer to."""
    codes = sorted({finding.code for _, findings in reports for finding in findings})
    found = [rule for rule in map(rules.find, codes) if rule is not None]
    driver = {"name": "ecsauth", "version": __version__, "rules": [_rule(rule) for rule in found]}
    return {
        "$schema": _SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": driver},
                "columnKind": "unicodeCodePoints",
                "results": [
                    _result(finding, _location(file), codes.index(finding.code))
                    for file, findings in reports
                    for finding in findings
                ],
            }
        ],
    }


def _location(file: str) -> dict[str, str]:
    place = uri(file)
    return {"uri": place} if "://" in place else {"uri": place, "uriBaseId": _ROOT}


def _rule(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.code,
        "shortDescription": {"text": rule.title},
        "fullDescription": {"text": rule.consequence},
        "help": {"text": rule.fix},
        "defaultConfiguration": {"level": rule.severity.value},
    }


def _result(finding: Finding, location: dict[str, str], index: int) -> dict[str, Any]:
    place: dict[str, Any] = {"artifactLocation": location}
    if finding.line is not None:
        column = {} if finding.column is None else {"startColumn": finding.column}
        place["region"] = {"startLine": finding.line, **column}
    return {
        "ruleId": finding.code,
        "ruleIndex": index,
        "level": finding.severity.value,
        "message": {"text": f"{finding.message}. Consequence: {finding.consequence}. Fix: {finding.fix}"},
        "locations": [{"physicalLocation": place}],
    }


_COMMANDS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "notice"}
# actions/toolkit, packages/core/src/command.ts: escapeData and escapeProperty.
_IN_MESSAGE = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A"})
_IN_PROPERTY = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A", ":": "%3A", ",": "%2C"})


def workflow_commands(findings: tuple[Finding, ...], file: str) -> str:
    """Return one workflow command per finding; without a file name if there is no file to annotate."""
    path = inputs.path(file)
    return "".join(_annotation(finding, None if path is None else printable(path)) for finding in findings)


def _annotation(finding: Finding, path: Optional[str]) -> str:
    place = {} if path is None else {"file": path, "line": finding.line, "col": finding.column}
    properties = {**place, "title": f"ecsauth {finding.code}"}
    given = ",".join(
        f"{name}={str(value).translate(_IN_PROPERTY)}" for name, value in properties.items() if value is not None
    )
    message = f"{finding.message}\nconsequence: {finding.consequence}\nfix: {finding.fix}"
    return f"::{_COMMANDS[finding.severity]} {given}::{message.translate(_IN_MESSAGE)}\n"
