"""What people and programs see.

Text for people goes to stderr, data to stdout. A message is one line, `ecsauth: error: …`, `ecsauth: warning: …`
or `ecsauth: hint: …`: lower case, no full stop; it names a file, line, variable or registry, never a value.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

from ecsauth.core.errors import InvalidError, LaunchError

if TYPE_CHECKING:
    from ecsauth.core.errors import EcsauthError

SCHEMA = 1
# sd-daemon(3): by these `journalctl --priority=err` finds what went wrong among all that was said.
_LEVELS = {"error: ": "<3>", "warning: ": "<4>", "hint: ": "<5>", "  | ": "<5>"}


def say(text: str) -> None:
    """Tell people what was done; what an agent or a registry calls itself must not command their terminal."""
    level = next((mark for start, mark in _LEVELS.items() if text.startswith(start)), "<6>") if _is_journal() else ""
    sys.stderr.write(f"{level}ecsauth: {''.join(letter if letter.isprintable() else '?' for letter in text)}\n")


def _is_journal() -> bool:
    """Tell whether a unit's standard error goes to the journal: systemd.exec(5), JOURNAL_STREAM."""
    stream = os.environ.get("JOURNAL_STREAM")
    if not stream:
        return False
    try:
        found = os.fstat(sys.stderr.fileno())
    except (OSError, ValueError):
        return False
    return stream == f"{found.st_dev}:{found.st_ino}"


def warn(text: str) -> None:
    """Tell people what they should look at."""
    say(f"warning: {text}")


def show(document: dict[str, Any]) -> None:
    """Give programs a JSON document."""
    show_document({"schema": SCHEMA, **document})


def show_document(document: dict[str, Any]) -> None:
    """Give programs a JSON document of somebody else's schema."""
    import json

    sys.stdout.write(json.dumps(document, indent=2) + "\n")


def explain_fault(fault: EcsauthError) -> None:
    """Tell people what went wrong and what to do."""
    if isinstance(fault, InvalidError) and fault.findings:
        from ecsauth.cli import findings

        found = tuple(one._replace(fix=findings.addressed(one.fix, fault.subject)) for one in fault.findings)
        sys.stderr.write(findings.text(found, fault.subject, fault.content))
    say(f"error: {fault.message}")
    for hint in fault.hints:
        say(f"hint: {hint}")
    if isinstance(fault, LaunchError) and fault.log:
        say("hint: what it wrote last, without what may be secret:")
        for line in fault.log:
            say(f"  | {line}")
