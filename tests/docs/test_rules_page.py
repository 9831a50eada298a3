"""docs/rules.md says what the catalogue says."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from ecsauth.check import rules

_ROOT = Path(__file__).parents[2]
_PAGE = (_ROOT / "docs" / "rules.md").read_text(encoding="utf-8")
_MOST_WORDS_A_RULE = 55


def test_the_page_is_written_from_the_catalogue() -> None:
    """Run scripts/write-rules when this fails."""
    command = [sys.executable, str(_ROOT / "scripts" / "write-rules"), "--check"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_every_rule_has_a_section() -> None:
    """Links to a code lead to a section, and the sections have the order of the codes."""
    assert re.findall(r"^### (.*)$", _PAGE, flags=re.MULTILINE) == [rule.code for rule in rules.RULES]


def test_the_index_lists_every_rule() -> None:
    """The index at the top has code, link and severity of each rule before the first section."""
    index = _PAGE[: _PAGE.index("\n### ")]
    rows = re.findall(r"^\|\[([FVA]\d{3})\]\(#([fva]\d{3})\)\|(\w+)\|.+\|$", index, flags=re.MULTILINE)
    assert rows == [(rule.code, rule.code.lower(), rule.severity.value) for rule in rules.RULES]


@pytest.mark.parametrize("rule", rules.RULES, ids=lambda rule: rule.code)
def test_a_section_has_all_parts(rule: rules.Rule) -> None:
    """A section has title, consequence, fix, an example with a changed line, and source."""
    section = _PAGE.split(f"\n### {rule.code}\n")[1].split("\n##")[0]
    assert section.startswith(f"\n**{rule.severity.value}: ")
    assert re.search(r"\*\*\n\n\S.*\.\n\nFix: .+\n\n", section)
    assert re.search(r"^```diff\n(?:.*\n)*?[-+].*\n(?:.*\n)*?```\n\nSource: \S", section, flags=re.MULTILINE)


def test_the_page_is_short() -> None:
    """The page has few words for each rule, so that it can be read."""
    assert len(_PAGE.split()) <= _MOST_WORDS_A_RULE * len(rules.RULES)
