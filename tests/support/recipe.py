"""What docs/operations.md tells to do for Auto Scaling groups, word for word."""

from __future__ import annotations

import re
from pathlib import Path

_OPERATIONS = Path(__file__).parents[2] / "docs" / "operations.md"


def section() -> str:
    """Return the text under the heading."""
    return _OPERATIONS.read_text(encoding="utf-8").split("\n## Telling the Auto Scaling group\n")[1].split("\n## ")[0]


def block(language: str, start: str) -> str:
    """Return the one block of a language that begins so."""
    (found,) = re.findall(rf"^```{language}\n({re.escape(start)}.*?)^```$", section(), flags=re.MULTILINE | re.DOTALL)
    return str(found)


def script() -> str:
    """Return the script that is put in front of the user data."""
    return block("shell", "#!/bin/sh\n")
