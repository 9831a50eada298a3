"""JSON documents as YAML, to be pasted into a template: blocks, and every scalar in quotes.

In quotes nothing is guessed: `2012-10-17` is no date, `off` is not false (YAML 1.1, which CloudFormation reads).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

_PLAIN_KEY = r"[A-Za-z][A-Za-z0-9]*"
# What YAML 1.1 takes for no string (https://yaml.org/type/bool.html, null.html).
_WORDS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})
_STEP = "  "


def dumps(document: Any) -> str:
    """Return the text of a document made of objects, lists and strings."""
    return "".join(f"{line}\n" for line in _block(document))


def _block(value: Any) -> Iterator[str]:
    """Yield the lines of a value, without indentation of its own."""
    if isinstance(value, dict) and value:
        for name, one in value.items():
            yield from _entry(f"{_key(name)}:", one, _STEP)
    elif isinstance(value, list) and value:
        for one in value:
            first, *rest = _block(one)
            yield f"- {first}"
            yield from (f"{_STEP}{line}" for line in rest)
    else:
        yield _scalar(value)


def _entry(name: str, value: Any, indent: str) -> Iterator[str]:
    if isinstance(value, (dict, list)) and value:
        yield name
        yield from (f"{indent}{line}" for line in _block(value))
    else:
        yield f"{name} {_scalar(value)}"


def _key(name: str) -> str:
    return name if re.fullmatch(_PLAIN_KEY, name) and name.lower() not in _WORDS else quoted(name)


def _scalar(value: Any) -> str:
    """Return a string in quotes, and what is empty; anything else stands in no policy."""
    if isinstance(value, str):
        return quoted(value)
    if value in ({}, []):
        return str(value)
    raise TypeError(type(value).__name__)


def quoted(text: str) -> str:
    """Return a string in double quotes, in ASCII."""
    return f'"{"".join(map(_letter, text))}"'


def _letter(letter: str) -> str:
    if letter in '"\\':
        return f"\\{letter}"
    return letter if " " <= letter <= "~" else f"\\U{ord(letter):08x}"
