"""Findings as SARIF 2.1.0, the OASIS format that code-scanning services read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from bootstrap import __version__
from bootstrap.core import rules

if TYPE_CHECKING:
    from bootstrap.core.diagnostics import Finding
    from bootstrap.core.rules import Rule

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"


def sarif(findings: tuple[Finding, ...], subject: str) -> dict[str, Any]:
    """Return a log with one run, the rules that found something and their results."""
    codes = sorted({finding.code for finding in findings})
    found = [rule for rule in map(rules.find, codes) if rule is not None]
    driver = {"name": "ecsauth", "version": __version__, "rules": [_rule(rule) for rule in found]}
    return {
        "$schema": _SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {"driver": driver},
                "columnKind": "unicodeCodePoints",
                "results": [_result(finding, subject, codes.index(finding.code)) for finding in findings],
            }
        ],
    }


def _rule(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.code,
        "shortDescription": {"text": rule.title},
        "fullDescription": {"text": rule.consequence},
        "help": {"text": rule.fix},
        "defaultConfiguration": {"level": rule.severity.value},
    }


def _result(finding: Finding, subject: str, index: int) -> dict[str, Any]:
    place: dict[str, Any] = {"artifactLocation": {"uri": quote(subject)}}
    if finding.line is not None:
        place["region"] = {"startLine": finding.line, "startColumn": finding.column or 1}
    return {
        "ruleId": finding.code,
        "ruleIndex": index,
        "level": finding.severity.value,
        "message": {"text": f"{finding.message}. Consequence: {finding.consequence}. Fix: {finding.fix}"},
        "locations": [{"physicalLocation": place}],
    }
