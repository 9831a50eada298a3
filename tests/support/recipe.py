"""What docs/operations.md says to do for Auto Scaling groups, and the script that it names."""

from __future__ import annotations

import re
from pathlib import Path

_ROOT = Path(__file__).parents[2]
_OPERATIONS = _ROOT / "docs" / "operations.md"
_SCRIPT = _ROOT / "scripts" / "ami" / "continue.sh"


def section() -> str:
    """Return the text under the heading."""
    return _OPERATIONS.read_text(encoding="utf-8").split("\n## Tell the Auto Scaling group\n")[1].split("\n## ")[0]


def block(language: str, start: str) -> str:
    """Return the one block of a language that begins so."""
    (found,) = re.findall(rf"^```{language}\n({re.escape(start)}.*?)^```$", section(), flags=re.MULTILINE | re.DOTALL)
    return str(found)


def script() -> str:
    """Return the script that is put in front of the user data."""
    return _SCRIPT.read_text(encoding="utf-8")
