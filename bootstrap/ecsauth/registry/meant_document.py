"""Find the intended JSON document inside text that can be removed without a guess."""

from __future__ import annotations

import re
from typing import NamedTuple, Optional

from ecsauth.go import json
from ecsauth.go.json import Flaw, JsonError, Value
from ecsauth.registry import document_problems
from ecsauth.registry.document_problems import is_shell_quoted
from ecsauth.secret import Secret

_SHELL_ESCAPE = r'\\(["\\$`])'


class Meant(NamedTuple):
    """The text of the document and its value, None if it is not JSON.

    `is_wrapped`: the document was inside docker's `auths`.
    """

    text: Secret
    value: Optional[Value]
    is_wrapped: bool = False


def read(data: str) -> Meant:
    """Return the document without a byte order mark, shell quotes, a comment after it and docker's `auths`."""
    text, value = _without_comment(data.removeprefix("\ufeff"))
    if value is None or value.kind is json.JsonKind.STRING:
        text = _unquoted(text)
        value = _decode(text)
    wrapper = document_problems.auths(value) if value is not None else None
    if wrapper is None:
        return Meant(Secret(text), value)
    text = text[wrapper.value.start : wrapper.value.end]
    return Meant(Secret(text), _decode(text), is_wrapped=True)


def without_comment(text: str) -> str:
    """Return the text without a comment (`#`) after a complete document.

    JSON cannot continue there, and no program that reads the file supports comments after a value.
    """
    return _without_comment(text)[0]


def _without_comment(text: str) -> tuple[str, Optional[Value]]:
    """Return the text, without a comment behind it, and its value."""
    try:
        return text, json.decode(text)
    except JsonError as error:
        if error.flaw is not Flaw.TRAILING or text[error.offset] != "#":
            return text, None
        text = text[: error.offset].rstrip(json.SPACE)
    return text, _decode(text)


def _decode(text: str) -> Optional[Value]:
    try:
        return json.decode(text)
    except JsonError:
        return None


def _unquoted(text: str) -> str:
    """Remove shell quotes and escapes from a document; return the text unchanged if the result is not clear."""
    body = text.strip(json.SPACE)
    is_quoted = is_shell_quoted(text) and body[-1] == body[0]
    inner = body[1:-1] if is_quoted else body
    unescaped = re.sub(_SHELL_ESCAPE, "", inner)
    # The backslashes are those of a shell only if every quote has one; else they belong to the JSON.
    if is_quoted and (body[0] == "'" or '"' in unescaped):
        return inner
    return text if '"' in unescaped or "\\" in unescaped else re.sub(_SHELL_ESCAPE, r"\1", inner)
