"""The catalogue: every rule is whole, its examples are true, and its edition changes with it."""

from __future__ import annotations

import re
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from ecsauth.check import check, rules

if TYPE_CHECKING:
    from ecsauth.check.rules import Rule

_NOTE_OF_ABSENCE = "A301"
"""Found in every example without registry credentials."""

_EDITIONS = Path(__file__).parents[2] / "fixtures" / "rule_editions.txt"

_each_rule = pytest.mark.parametrize("rule", rules.RULES, ids=lambda rule: rule.code)


def _codes(text: str) -> list[str]:
    return [finding.code for finding in check(text.encode("utf-8", "surrogateescape"))]


@_each_rule
def test_the_example_before_has_this_finding_and_no_other(rule: Rule) -> None:
    """One slip is one finding: the example of each rule triggers that rule alone."""
    assert [code for code in _codes(rule.before) if code in (rule.code, *_other_than_absence(rule.before))] == [
        rule.code
    ]


def _other_than_absence(text: str) -> list[str]:
    return [code for code in _codes(text) if code != _NOTE_OF_ABSENCE]


@_each_rule
def test_the_example_after_is_clean(rule: Rule) -> None:
    """The mended example of each rule has nothing wrong with it."""
    assert _other_than_absence(rule.after) == []
    assert rule.code not in _codes(rule.after)


@_each_rule
def test_texts_are_written_as_messages_are(rule: Rule) -> None:
    """A title is one line; title and consequence begin in lower case and end without a full stop."""
    assert re.fullmatch(r"[FVA][123][0-9]{2}", rule.code)
    assert "\n" not in rule.title
    for text in (rule.title, rule.consequence):
        assert text
        assert not text.endswith(".")
        assert (
            text[0].islower() or text.split()[0].isupper() or text.startswith(("ECS_", "Docker", "Go", "JSON", "Basic"))
        )
    assert rule.fix
    assert rule.source


def test_codes_are_unique_and_in_order() -> None:
    """The catalogue lists every code once: file, variables, registry credentials."""
    codes = [rule.code for rule in rules.RULES]
    assert codes == sorted(set(codes), key=lambda code: ("FVA".index(code[0]), code))


@pytest.mark.parametrize("rule", rules.RULES[:3], ids=lambda rule: rule.code)
def test_find_takes_any_case(rule: Rule) -> None:
    """Codes are found in small letters too."""
    assert rules.find(rule.code.lower()) is rules.find(rule.code) is rule


@pytest.mark.parametrize("code", ["", "F", "F999", "X101", "F1O1", "101"])
def test_find_knows_no_other_codes(code: str) -> None:
    """A code that no rule has is None."""
    assert rules.find(code) is None


def test_the_edition_changes_with_the_catalogue() -> None:
    """A changed catalogue needs a new EDITION, with its digest on a line of its own in rule_editions.txt."""
    said = "\n".join(f"{rule.code} {rule.severity.value}: {rule.title}" for rule in rules.RULES)
    editions = dict(line.split() for line in _EDITIONS.read_text().splitlines())
    assert editions.get(rules.EDITION) == f"{zlib.crc32(said.encode()):08x}"
