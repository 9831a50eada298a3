"""What of an input must not come out in any message: an oracle that errs on the side of finding a leak."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import ecsauth
from ecsauth import envfile
from ecsauth.agent.names import shown, shown_registry
from ecsauth.go import json
from ecsauth.go import values as go_values
from ecsauth.registry.document import FIELDS, known_field

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ecsauth.go.json import Value

SHORTEST = 6
"""Characters of a text that is long enough to be nobody's accident."""

_WORD = r"[^\s\"'{}\[\]:,;=/@\\()<>#]+"
_NAME = r"[A-Za-z0-9_.-]+"
_OPEN = "[\\s\ufeff'\"]*[{[]"
_BEFORE_VALUE = r"(?:^|[\r\n])[^\r\n=:]*"
# The name of a member, in a text that need not be JSON.
_MEMBER = r'"([^"]*)"\s*:'


def secrets(*files: bytes) -> frozenset[str]:
    """Return each value that a reader sees, what is inside registry credentials, names that are unusual; their words.

    Left out is what also stands as a name that may be shown, and what the program says by itself.
    """
    names = {name for data in files for name in _names(data)}
    values = {one.value.reveal() for data in files for one in _assignments(data)}
    decoded = {value: _decoded(value) for value in values}
    documents = [document for document in decoded.values() if document is not None]
    keys = {key for document in documents for key in _keys(document)}
    keys |= {key for data in files for text in _joined(data) for key in re.findall(_MEMBER, text)}
    hidden = values | {text for document in documents for text in _texts(document)}
    odd = {name for name in names if shown(name) is None} | {key for key in keys if shown_registry(key) is None}
    visible = {"".join(filter(str.isprintable, name)) for name in names}
    public = {word for name in names | visible for word in re.findall(_NAME, name) if shown(word)}
    public |= {key for key in keys if shown_registry(key) or known_field(key)}
    said = "\n".join((*public, _own_words()))
    words = {word for text in hidden | odd for word in re.findall(_WORD, text) if word not in said}
    # A document, and what is made of names alone, may be shown as far as it is made of names.
    whole = {text for text in hidden if decoded.get(text) is None and not re.match(_OPEN, text)}
    whole = {text for text in whole if not words.isdisjoint(re.findall(_WORD, text))}
    candidates = {text.strip() for text in whole | words}
    return frozenset(text for text in candidates if len(text) >= SHORTEST and text not in said)


def assert_hidden(secret: Iterable[str], texts: Iterable[object]) -> None:
    """Fail if one of the texts holds a secret."""
    everything = "\n".join(str(text) for text in texts if text is not None)
    for text in secret:
        if text in everything:
            raise AssertionError(f"shown: {text!r} in {everything!r}")


def _assignments(data: bytes) -> Iterator[envfile.Assignment]:
    for read in (envfile.docker, envfile.ecs_init, envfile.systemd):
        yield from read(data).assignments


def _names(data: bytes) -> Iterator[str]:
    """Yield what stands in the place of a name, with what is written around it; all of a line without `=`."""
    yield from (one.name for one in _assignments(data))
    yield from re.findall(_BEFORE_VALUE, data.decode("utf-8", "surrogateescape"))


def _joined(data: bytes) -> tuple[str, ...]:
    """Return the text without a shell's escapes, as it is and with its lines joined in the ways that may be meant."""
    text = data.decode("utf-8", "replace").replace("\0", "\ufffd").replace('\\"', '"')
    lines = [line.removesuffix("\r").removesuffix("\\") for line in text.split("\n")]
    return (text, "".join(lines), "".join(map(str.strip, lines)))


def _decoded(value: str) -> Value | None:
    try:
        return json.decode(value)
    except json.JsonError:
        return None


def _texts(value: Value) -> Iterator[str]:
    """Yield the strings of a document, and what those that are base64 stand for."""
    if value.text is not None:
        text = value.text.reveal()
        yield text
        pair = go_values.decode(text)
        if pair is not None:
            yield from pair.decode("utf-8", "surrogateescape").split(":", 1)
    for member in value.members:
        yield from _texts(member.value)


def _keys(value: Value) -> Iterator[str]:
    """Yield the names of a document's members."""
    for member in value.members:
        yield member.name
        yield from _keys(member.value)


@lru_cache(maxsize=1)
def _own_words() -> str:
    """Return everything that the program can say by itself."""
    types = [f"ECS_ENGINE_AUTH_TYPE={kind}" for kind in FIELDS]
    sources = [*Path(ecsauth.__file__).parent.rglob("*.py"), *Path(ecsauth.__file__).parent.rglob("*.json")]
    return "\n".join((*types, *(source.read_text(encoding="utf-8") for source in sources)))
