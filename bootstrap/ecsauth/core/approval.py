"""The gate before S3 and before the instance's disk: an env-file with an error does not pass."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ecsauth.core.check import check
from ecsauth.core.diagnostics import Severity
from ecsauth.core.errors import InvalidError

if TYPE_CHECKING:
    from ecsauth.core.diagnostics import Finding


def approve(data: bytes, subject: str) -> tuple[Finding, ...]:
    """Return the warnings and notes on an env-file; raise InvalidError, with all findings, if one is an error."""
    findings = check(data)
    errors = sum(1 for finding in findings if finding.severity is Severity.ERROR)
    if errors:
        raise InvalidError(
            f"{subject} would not work: {errors} error{'s' if errors > 1 else ''}",
            findings=findings,
            subject=subject,
            content=data,
        )
    return findings
