"""Make a finding from a rule of the catalogue."""

from __future__ import annotations

import re
from typing import Optional

from ecsauth.agent.names import shown, shown_registry
from ecsauth.check import rules
from ecsauth.finding import Finding


def title(code: str) -> str:
    """Return the title of a rule: what is wrong."""
    return _rule(code).title


def fix_of(code: str) -> str:
    """Return the fix of a rule."""
    return _rule(code).fix


def _rule(code: str) -> rules.Rule:
    rule = rules.find(code)
    if rule is None:
        raise AssertionError(f"no rule {code}")
    return rule


def found(
    code: str,
    consumers: tuple[str, ...],
    place: tuple[Optional[int], Optional[int]] = (None, None),
    *,
    variable: Optional[str] = None,
    registry: Optional[str] = None,
    message: Optional[str] = None,
    consequence: Optional[str] = None,
    fix: Optional[str] = None,
) -> Finding:
    """Return the finding of a rule at a line and column.

    Names that may be secret are left out. The catalogue gives every text that is not passed; the message begins with
    the registry or variable.
    """
    rule = _rule(code)
    variable = shown(variable) if variable else None
    registry = shown_registry(registry)
    subject = registry or variable
    said = message or rule.title
    return Finding(
        code=rule.code,
        severity=rule.severity,
        message=f"{subject}: {said}" if subject and not _names(said, subject) else said,
        consequence=consequence or rule.consequence,
        fix=fix or rule.fix,
        line=place[0],
        column=place[1],
        variable=variable,
        registry=registry,
        consumers=consumers,
    )


def _names(text: str, subject: str) -> bool:
    """Tell whether the text has the subject as a whole name: AWS_ACCESS_KEY_ID does not name AWS_ACCESS_KEY."""
    return re.search(rf"(?<![\w.-]){re.escape(subject)}(?![\w-])", text) is not None
