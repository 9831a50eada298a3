"""Findings as SARIF 2.1.0, the OASIS format that code-scanning services read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ecsauth import __version__
from ecsauth.cli.subject import uri
from ecsauth.core import rules

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ecsauth.core.diagnostics import Finding
    from ecsauth.core.rules import Rule

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
# What relative URIs start from; section 3.14.14 leaves its value to whoever reads the log.
_ROOT = "%SRCROOT%"


def sarif(reports: Sequence[tuple[str, tuple[Finding, ...]]]) -> dict[str, Any]:
    """Return a log with one run: of each file the results, and the rules that found something in any."""
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
