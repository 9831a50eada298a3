"""Check an env-file: return all findings, or refuse it before it is pushed or installed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ecsauth.check.examine import OFFER, Target, by_hand, examine
from ecsauth.check.fix import canonical
from ecsauth.errors import InvalidError
from ecsauth.finding import Severity

if TYPE_CHECKING:
    from ecsauth.finding import Finding


def check(data: bytes, target: Target = Target.ALL, ignore: frozenset[str] = frozenset()) -> tuple[Finding, ...]:
    """Return all findings of `examine`; their fixes offer `--fix` only if it can fix this file."""
    findings = examine(data, target, ignore)
    if any(OFFER in finding.fix for finding in findings) and not _is_mended_by_itself(data):
        return tuple(map(by_hand, findings))
    return findings


def _is_mended_by_itself(data: bytes) -> bool:
    try:
        canonical(data)
    except InvalidError:
        return False
    return True


def approve(data: bytes, subject: str) -> tuple[Finding, ...]:
    """Return the warnings and notes on an env-file; raise InvalidError, with all findings, if one is an error."""
    findings = check(data)
    errors = sum(1 for finding in findings if finding.severity is Severity.ERROR)
    if errors:
        raise InvalidError(
            f"{subject} is invalid: {errors} error{'s' if errors > 1 else ''}",
            findings=findings,
            subject=subject,
            content=data,
        )
    return findings
