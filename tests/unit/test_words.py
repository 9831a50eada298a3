"""Every text that a user can read keeps to the plain words of the field."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

_PACKAGE = Path(__file__).parents[2] / "bootstrap" / "ecsauth"
# The words that were replaced, as a pattern for whole words, and those to use.
_NOT_ANY_MORE = {
    r"last good": "last verified file",
    r"parked|parks?": "previous agent, rename",
    r"environment file": "env-file",
    r"silent|silently": "does not answer, is ignored",
    r"of before|from before": "previous",
    r"what stood|stood": "was",
    r"(?:is|was|are|were|been) told": "runs with, gets",
    r"(?:gone|goes|going|go) on with": "uses",
    r"(?:go|goes|going|gone|come|comes) back": "roll back, return",
    r"(?:is|are|was) back": "is restored",
    r"cannot be meant|can be meant|is meant|are meant": "invalid, did you mean",
    r"would not work": "is invalid",
    r"mend|mends|mended|mending": "fix",
    r"anew": "again",
    r"somebody|whoever": "the principal, the user, the operator",
    r"(?:it|this|that) is no (?!longer|more)\w+": "is not a",
    r"look closer": "find the cause",
    r"for want of|in vain": "without",
    r"file or no file": "with or without an env-file",
    r"nothing but": "only",
    r"checked file": "validated env-file",
    r"not to be trusted": "failed the verification",
    r"put there|puts? back|put one": "install, restore",
    r"holds? the service back|held back": "blocks the service",
    r"tried again by itself|may pass": "retried",
}
_PATTERN = re.compile("|".join(rf"\b(?:{words})\b" for words in _NOT_ANY_MORE), re.IGNORECASE)
# Internal texts: patterns that are matched with the messages of other programs.
_FOREIGN = frozenset({"boot/agent_log.py", "boot/command_error.py"})


def _texts(source: str) -> list[tuple[int, str]]:
    """Return the texts of a module with their lines, the parts of an f-string as one text; no docstring."""
    tree = ast.parse(source)
    statements = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    joined = [node for node in ast.walk(tree) if isinstance(node, ast.JoinedStr)]
    inner = {id(part) for node in joined for part in node.values}
    constants = [
        node for node in ast.walk(tree) if isinstance(node, ast.Constant) and id(node) not in statements | inner
    ]
    found = [(node.lineno, "".join(map(_part, node.values))) for node in joined]
    found += [(node.lineno, node.value) for node in constants if isinstance(node.value, str)]
    # A word alone is a name, a key of JSON or a part of a command.
    return sorted((line, text) for line, text in found if " " in text)


def _part(node: ast.expr) -> str:
    return str(node.value) if isinstance(node, ast.Constant) else "…"


def _modules() -> list[str]:
    names = (path.relative_to(_PACKAGE).as_posix() for path in _PACKAGE.rglob("*.py"))
    return sorted(name for name in names if name not in _FOREIGN)


@pytest.mark.parametrize("module", _modules())
def test_no_text_has_a_word_of_the_past(module: str) -> None:
    """No message, help or rule has a word or phrase that is replaced by a common one."""
    texts = _texts((_PACKAGE / module).read_text(encoding="utf-8"))
    assert [f"{line}: {text}" for line, text in texts if _PATTERN.search(text)] == []


def test_texts_are_found() -> None:
    """Texts and f-strings are read, docstrings and single words are not."""
    source = '"""The last good file."""\nkey = "silent"\nsaid = f"the {key} is parked"\nfix = "go back"\n'
    assert _texts(source) == [(3, "the … is parked"), (4, "go back")]
