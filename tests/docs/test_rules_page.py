"""docs/rules.md says what the catalogue says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from ecsauth.check import rules

_ROOT = Path(__file__).parents[2]


def test_the_page_is_written_from_the_catalogue() -> None:
    """Run scripts/write-rules when this fails."""
    command = [sys.executable, str(_ROOT / "scripts" / "write-rules"), "--check"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_every_rule_has_a_section() -> None:
    """Links to a code arrive somewhere."""
    headings = set((_ROOT / "docs" / "rules.md").read_text(encoding="utf-8").splitlines())
    assert {f"### {rule.code}" for rule in rules.RULES} <= headings
