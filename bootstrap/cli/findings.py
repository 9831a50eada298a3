"""Findings as text and as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bootstrap.core.diagnostics import Severity

if TYPE_CHECKING:
    from bootstrap.core.diagnostics import Finding


def text(findings: tuple[Finding, ...], subject: str) -> str:
    """Return each finding with its place, consequence and fix, as compilers do."""
    return "".join(_paragraph(finding, subject) for finding in findings)


def document(findings: tuple[Finding, ...], subject: str) -> dict[str, Any]:
    """Return the JSON of `check`."""
    return {
        "file": subject,
        "findings": [{**finding._asdict(), "severity": finding.severity.value} for finding in findings],
        "summary": {f"{severity.value}s": count(findings, severity) for severity in Severity},
    }


def count(findings: tuple[Finding, ...], severity: Severity) -> int:
    """Return how many findings are of that severity."""
    return sum(1 for finding in findings if finding.severity is severity)


def summary(findings: tuple[Finding, ...]) -> str:
    """Return the counts in words, as `2 errors, 1 warning`."""
    counts = [(count(findings, severity), severity.value) for severity in Severity]
    return ", ".join(f"{number} {word}{'s' if number > 1 else ''}" for number, word in counts if number)


def _paragraph(finding: Finding, subject: str) -> str:
    place = ":".join(str(part) for part in (subject, finding.line, finding.column) if part is not None)
    lines = [f"{place}: {finding.severity.value}: {finding.message} [{finding.code}]"]
    lines.append(f"  consequence: {finding.consequence}")
    lines += [
        f"  fix: {line}" if not number else f"       {line}" for number, line in enumerate(finding.fix.splitlines())
    ]
    return "\n".join(lines) + "\n"
