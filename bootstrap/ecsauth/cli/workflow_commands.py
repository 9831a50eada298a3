"""Findings as GitHub Actions annotations ("Workflow commands for GitHub Actions")."""

from __future__ import annotations

from typing import TYPE_CHECKING, Optional

from ecsauth.cli import subject
from ecsauth.cli.terminal import printable
from ecsauth.core.diagnostics import Severity

if TYPE_CHECKING:
    from ecsauth.core.diagnostics import Finding

_COMMANDS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.NOTE: "notice"}
# actions/toolkit, packages/core/src/command.ts: escapeData and escapeProperty.
_IN_MESSAGE = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A"})
_IN_PROPERTY = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A", ":": "%3A", ",": "%2C"})


def workflow_commands(findings: tuple[Finding, ...], file: str) -> str:
    """Return one workflow command a finding; without a file where there is none to annotate."""
    path = subject.path(file)
    return "".join(_annotation(finding, None if path is None else printable(path)) for finding in findings)


def _annotation(finding: Finding, path: Optional[str]) -> str:
    place = {} if path is None else {"file": path, "line": finding.line, "col": finding.column}
    properties = {**place, "title": f"ecsauth {finding.code}"}
    given = ",".join(
        f"{name}={str(value).translate(_IN_PROPERTY)}" for name, value in properties.items() if value is not None
    )
    message = f"{finding.message}\nconsequence: {finding.consequence}\nfix: {finding.fix}"
    return f"::{_COMMANDS[finding.severity]} {given}::{message.translate(_IN_MESSAGE)}\n"
