"""The catalogue of rules: the meaning, the consequence and the fix of each finding. Data only.

Codes are stable: F1xx for the file, V2xx for the variables, A3xx for the registry credentials. A code is never used
again for another rule. `RULES` is the whole catalogue, in the order of the codes. It is loaded only when it is used,
because most files have no finding.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Optional

if TYPE_CHECKING:
    from ecsauth.check.rules.rule import Rule

__all__ = ["EDITION", "RULES", "Rule", "find"]

EDITION = "5"
"""Changes whenever a rule is added or means something else: a file accepted under another edition is checked again."""

RULES: tuple[Rule, ...]

_FAMILIES = ("F", "V", "A")


def find(code: str) -> Optional[Rule]:
    """Return the rule with this code, in upper or lower case; None if no rule has it."""
    return _family(code[:1].upper()).get(code.upper())


@cache
def _family(letter: str) -> dict[str, Rule]:
    rules: tuple[Rule, ...] = ()
    if letter == "F":
        from ecsauth.check.rules import file

        rules = file.RULES
    elif letter == "V":
        from ecsauth.check.rules import variables

        rules = variables.RULES
    elif letter == "A":
        from ecsauth.check.rules import auth_document, auth_entry, auth_json, auth_key

        rules = (*auth_document.RULES, *auth_entry.RULES, *auth_json.RULES, *auth_key.RULES)
    return {rule.code: rule for rule in sorted(rules, key=lambda rule: rule.code)}


def __getattr__(name: str) -> object:
    if name == "RULES":
        return tuple(rule for letter in _FAMILIES for rule in _family(letter).values())
    if name == "Rule":
        from ecsauth.check.rules.rule import Rule

        return Rule
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
