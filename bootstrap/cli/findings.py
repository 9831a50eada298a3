"""Findings as text for people, and as the JSON of `check`."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any, Optional

from bootstrap.core.diagnostics import Severity

if TYPE_CHECKING:
    from bootstrap.core.diagnostics import Finding

_COLOURS = {Severity.ERROR: "1;31", Severity.WARNING: "1;33", Severity.NOTE: "1;36"}


def text(findings: tuple[Finding, ...], subject: str, data: Optional[bytes] = None) -> str:
    """Return each finding with its place, consequence and fix, as compilers do; with `data` also the masked line."""
    colours = _wants_colours()
    return "".join(_paragraph(finding, subject, data, colours=colours) for finding in findings)


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


def _paragraph(finding: Finding, subject: str, data: Optional[bytes], *, colours: bool) -> str:
    head = f"{finding.severity.value}[{finding.code}]"
    if colours:
        head = f"\033[{_COLOURS[finding.severity]}m{head}\033[0m"
    place = ":".join(str(part) for part in (subject, finding.line, finding.column) if part is not None)
    margin = " " * len(str(finding.line or ""))
    lines = [f"{head}: {finding.message}", f"{margin}--> {place}", *_source(finding, data, margin)]
    lines += _item("consequence", finding.consequence, margin) + _item("fix", finding.fix, margin)
    return "\n".join(lines) + "\n\n"


def _source(finding: Finding, data: Optional[bytes], margin: str) -> list[str]:
    """Return the line with every value masked, and a caret under the place; nothing where it may not be shown."""
    if data is None or finding.line is None:
        return []
    from bootstrap.core.excerpt import excerpt

    shown = excerpt(data, finding.line, finding.column)
    if shown is None:
        return [f"{margin} |", f"{finding.line} | (not shown: it may hold a secret)", f"{margin} |"]
    caret = [] if shown.mark is None else [f"{margin} | {' ' * shown.mark}^"]
    return [f"{margin} |", f"{finding.line} | {shown.text}", *caret]


def _item(name: str, content: str, margin: str) -> list[str]:
    first, *rest = content.splitlines() or [""]
    indent = " " * (len(name) + 2)
    return [f"{margin} = {name}: {first}", *(f"{margin}   {indent}{line}" for line in rest)]


def _wants_colours() -> bool:
    """Colour is for terminals, and for those who have not said no (no-color.org)."""
    return sys.stderr.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
