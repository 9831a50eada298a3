"""What parliament, a linter of policies, finds in one, and which actions it knows."""

from __future__ import annotations

import fnmatch
import warnings
from typing import Any

# Imported so: it leaves files open, and the package that tells it its own place is said to be old.
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import parliament


def findings(text: str) -> set[str]:
    """Return each kind of finding in a policy's text, with what it is about, without the place."""
    return {f"{one.issue}: {_about(one.detail)}" for one in parliament.analyze_policy_string(text).findings}


def _about(detail: Any) -> str:
    if not isinstance(detail, list):
        return str(detail)
    return ", ".join(one if isinstance(one, str) else " needs ".join(one.values()) for one in detail)


def actions_of(pattern: str) -> set[str]:
    """Return the actions that a pattern, as `s3:Get*`, stands for."""
    prefix, _, name = pattern.partition(":")
    return {
        f"{prefix}:{one['privilege']}"
        for service in parliament.iam_definition
        if service["prefix"] == prefix
        for one in service["privileges"]
        if fnmatch.fnmatch(one["privilege"].lower(), name.lower())
    }
