"""The texts of rules and findings: short, and in the words of the project."""

from __future__ import annotations

import importlib
import re
import sys
from functools import cache
from pathlib import Path

import pytest
from ecsauth.check import check, rules

sys.path.append(str(Path(__file__).parents[3] / "scripts"))

_MOST_WORDS = 25
# Words that a reader may not know, or that have another word in this project ("instead of", "silent": "unreachable").
_UNUSED = re.compile(
    r"\b(?:config(?:uration)? files?|environment files?|proves?|proven|trust\w*|parks?|parked|silent(?:ly)?|mend\w*"
    r"|told|tells?|meant|stands?|behind|(?:some|no|every)body|last good|of before|(?:go|come)s? back|take away"
    r"|in (?:the |its )?place(?: of)?|what is wrong|is used|are used|a no)\b",
    re.IGNORECASE,
)

_each_rule = pytest.mark.parametrize("rule", rules.RULES, ids=lambda rule: rule.code)


@cache
def _findings() -> frozenset[tuple[str, str, str, str]]:
    """Return code and texts of all findings in the recorded files and in the examples of the rules."""
    seeds = importlib.import_module("_fuzz.seeds")
    found = (finding for data in (*seeds.env_files(), *seeds.catalogue()) for finding in check(data))
    return frozenset((each.code, each.message, each.consequence, each.fix) for each in found)


def _said(fix: str) -> str:
    """Return a fix without its command."""
    return fix.partition("\n")[0]


def _long(*texts: str) -> list[str]:
    return [text for text in texts if len(text.split()) > _MOST_WORDS]


def _unused(*texts: str) -> list[str]:
    return [match[0] for text in texts for match in _UNUSED.finditer(text)]


@_each_rule
def test_a_rule_is_short(rule: rules.Rule) -> None:
    """Title, consequence and fix have at most 25 words each; the command of a fix does not count."""
    assert _long(rule.title, rule.consequence, _said(rule.fix)) == []


@_each_rule
def test_a_rule_uses_the_words_of_the_project(rule: rules.Rule) -> None:
    """No text of a rule has a word that the project does not use."""
    assert _unused(rule.title, rule.consequence, rule.fix) == []


def test_a_finding_is_short() -> None:
    """Message, consequence and fix have at most 25 words each, also with the names and details of a file."""
    assert [(code, text) for code, *texts in sorted(_findings()) for text in _long(*texts[:2], _said(texts[2]))] == []


def test_a_finding_uses_the_words_of_the_project() -> None:
    """No text of a finding has a word that the project does not use, also where a detail completes it."""
    assert [(code, word) for code, *texts in sorted(_findings()) for word in _unused(*texts)] == []


def test_the_recorded_files_have_findings_of_every_rule() -> None:
    """The tests of findings above see each rule."""
    assert {code for code, *_ in _findings()} == {rule.code for rule in rules.RULES}
