"""Findings as GitHub Actions annotations ("Workflow commands for GitHub Actions")."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bootstrap.core.diagnostics import Severity

if TYPE_CHECKING:
    from bootstrap.core.diagnostics import Finding

_COMMANDS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "notice"}
_IN_MESSAGE = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A"})
_IN_PROPERTY = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A", ":": "%3A", ",": "%2C"})


def workflow_commands(findings: tuple[Finding, ...], subject: str) -> str:
    """Return one workflow command a finding."""
    return "".join(_annotation(finding, subject) for finding in findings)


def _annotation(finding: Finding, subject: str) -> str:
    properties = {"file": subject, "line": finding.line, "col": finding.column, "title": finding.code}
    given = ",".join(
        f"{name}={str(value).translate(_IN_PROPERTY)}" for name, value in properties.items() if value is not None
    )
    message = f"{finding.message}\nconsequence: {finding.consequence}\nfix: {finding.fix}"
    return f"::{_COMMANDS[finding.severity]} {given}::{message.translate(_IN_MESSAGE)}\n"
