"""Why a text is no JSON to Go, in the words of somebody who wrote it."""

from __future__ import annotations

import re

from ecsauth.core.auth.auth_problem import Problem, ProblemKind
from ecsauth.core.auth.go_json import SPACE, Flaw, JsonError

_SMART_QUOTES = frozenset("\u2018\u2019\u201a\u201b\u201c\u201d\u201e\u201f\u00ab\u00bb\u2032\u2033`\u00b4")
_WORD = "[A-Za-z]*"
_WORDS = frozenset({"nan", "inf", "infinity", "true", "false", "none", "null", "undefined", "nil"})
_SAYS_IT: dict[Flaw, ProblemKind] = {
    Flaw.EMPTY: ProblemKind.JSON_EMPTY,
    Flaw.TRUNCATED: ProblemKind.JSON_TRUNCATED,
    Flaw.CONTROL: ProblemKind.JSON_CONTROL,
    Flaw.ESCAPE: ProblemKind.JSON_ESCAPE,
    Flaw.NUMBER: ProblemKind.JSON_NUMBER,
    Flaw.DEPTH: ProblemKind.JSON_DEPTH,
    Flaw.TRAILING_COMMA: ProblemKind.JSON_TRAILING_COMMA,
}
"""Flaws that are a cause by themselves; the others depend on the character that was met."""


def problem_of(data: str, error: JsonError) -> Problem:
    """Return the cause of a syntax error: the whole document's where there is one, else the character's."""
    body = data.lstrip(SPACE)
    start = len(data) - len(body)
    if body.startswith("\ufeff"):
        return Problem(ProblemKind.JSON_BOM, start + 1)
    if is_shell_quoted(data):
        return Problem(ProblemKind.SHELL_QUOTED, start + 1)
    if error.offset == start and error.flaw is Flaw.VALUE and _is_prose(body):
        return Problem(ProblemKind.NOT_JSON, start + 1)
    kind = _SAYS_IT.get(error.flaw) or _met(data, error)
    is_comment = kind is ProblemKind.JSON_TRAILING and data[error.offset] == "#"
    return Problem(kind, error.offset + 1, detail="comment" if is_comment else None)


def is_shell_quoted(data: str) -> bool:
    """Tell whether quotes that a shell would have removed stand around an object."""
    body = data.strip(SPACE)
    return body[:1] in {"'", '"'} and body[1:].lstrip(SPACE)[:1] == "{"


def _is_prose(body: str) -> bool:
    """Tell whether a document begins like none that anybody takes for JSON."""
    return body[0].isalnum() or body[0] in "_.$=%<@~&!?*"


def _met(data: str, error: JsonError) -> ProblemKind:
    """Return the cause that the character at the error tells."""
    character, following = data[error.offset], data[error.offset + 1 : error.offset + 2]
    if error.flaw is Flaw.TRAILING and character in {"'", '"'} and not following:
        return ProblemKind.SHELL_QUOTED
    if character.isspace() or not character.isprintable():
        return ProblemKind.JSON_WHITE_SPACE
    if error.flaw is Flaw.TRAILING:
        return ProblemKind.JSON_TRAILING
    if character == "\\":
        return ProblemKind.SHELL_ESCAPED
    if character == "'":
        return ProblemKind.JSON_SINGLE_QUOTED
    if character in _SMART_QUOTES:
        return ProblemKind.JSON_SMART_QUOTED
    if character == "#" or (character == "/" and following in {"/", "*"}):
        return ProblemKind.JSON_COMMENT
    return _EXPECTED.get(error.flaw, _comma)(data, error)


def _value(data: str, error: JsonError) -> ProblemKind:
    """Return why no value starts: a word, a number that Go does not know, or a text without quotes."""
    character = data[error.offset]
    match = re.compile(_WORD).match(data, error.offset)
    if (match and match.group().lower() in _WORDS) or data.startswith("nul", error.offset):
        return ProblemKind.JSON_WORD
    if character in "+.":
        return ProblemKind.JSON_NUMBER
    return ProblemKind.JSON_UNQUOTED if character.isalnum() or character in "_$" else ProblemKind.JSON_SYNTAX


def _key(data: str, error: JsonError) -> ProblemKind:
    character = data[error.offset]
    return ProblemKind.JSON_UNQUOTED if character.isalnum() or character in "_.*-" else ProblemKind.JSON_SYNTAX


def _comma(data: str, error: JsonError) -> ProblemKind:
    """Return what stands after a finished value in place of a comma."""
    if data[error.offset] in '"{':
        return ProblemKind.JSON_MISSING_COMMA
    after_string = data[error.offset - 1] == '"'
    return ProblemKind.JSON_INNER_QUOTE if after_string else ProblemKind.JSON_SYNTAX


def _colon(_data: str, _error: JsonError) -> ProblemKind:
    return ProblemKind.JSON_SYNTAX


_EXPECTED = {Flaw.VALUE: _value, Flaw.KEY: _key, Flaw.COLON: _colon}
