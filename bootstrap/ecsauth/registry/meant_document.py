"""The JSON document that is meant, where something stands around it that is no guess to remove."""

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
    """The text of the document and its value; None for one that is no JSON, which is then as it was given.

    `is_wrapped`: docker's auths stood around it.
    """

    text: Secret
    value: Optional[Value]
    is_wrapped: bool = False


def read(data: str) -> Meant:
    """Return the document without a mark, the quotes of a shell, a comment behind it and docker's auths around it."""
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
    """Return the text up to a # behind a complete document, the text itself where there is none.

    JSON cannot go on there, and no reader of the file knows comments behind a value.
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
    """Return what a shell would have made of a quoted or escaped document; the text itself if that is not clear."""
    body = text.strip(json.SPACE)
    is_quoted = is_shell_quoted(text) and body[-1] == body[0]
    inner = body[1:-1] if is_quoted else body
    unescaped = re.sub(_SHELL_ESCAPE, "", inner)
    # Backslashes are a shell's only where every quote has one; else they are those of JSON.
    if is_quoted and (body[0] == "'" or '"' in unescaped):
        return inner
    return text if '"' in unescaped or "\\" in unescaped else re.sub(_SHELL_ESCAPE, r"\1", inner)
