"""Changes an input by words instead of bytes, so that what was JSON or an assignment often still is one."""

from __future__ import annotations

import random
import re
from typing import TYPE_CHECKING

from _fuzz import dictionary

if TYPE_CHECKING:
    from collections.abc import Callable

    Change = Callable[[random.Random, list[bytes]], None]

_TOKEN = rb'"[^"\n]{0,200}"|[A-Za-z0-9_]+|[ \t]+|(?s:.)'
# A registry, a field with its value, a line: what a token by itself is no part of.
_PIECES = (
    b'"reg.example.com":{"username":"u","password":"p"}',
    b'"reg.example.com/team":{"auth":"dTpw"}',
    b'"https://index.docker.io/v1/":{"auth":"dTpw"}',
    b'"docker.io":{"username":"u","password":"p"}',
    b'"auths":{}',
    b'"credsStore":"desktop"',
    b'"identitytoken":"t"',
    b'"email":null',
    b"\nECS_CLUSTER=prod\n",
    b"\n# a comment\n",
    b"\n",
    b",",
    b" ",
    b"'",
    b'"',
    b"\\",
)


def mutate(data: bytes, seed: int) -> bytes:
    """Return the input with one to four changes."""
    chance = random.Random(seed)  # noqa: S311 - a fuzzer has to repeat itself
    tokens = re.findall(_TOKEN, data)
    for _ in range(chance.randint(1, 4)):
        chance.choice(_CHANGES)(chance, tokens)
    return b"".join(tokens)


def _insert(chance: random.Random, tokens: list[bytes]) -> None:
    tokens.insert(chance.randint(0, len(tokens)), chance.choice(_PIECES))


def _insert_word(chance: random.Random, tokens: list[bytes]) -> None:
    tokens.insert(chance.randint(0, len(tokens)), chance.choice(dictionary.words()))


def _replace(chance: random.Random, tokens: list[bytes]) -> None:
    if tokens:
        tokens[chance.randrange(len(tokens))] = chance.choice(dictionary.words())


def _replace_text(chance: random.Random, tokens: list[bytes]) -> None:
    texts = [place for place, token in enumerate(tokens) if token.startswith(b'"')]
    if texts:
        tokens[chance.choice(texts)] = b'"' + chance.choice(dictionary.words()).replace(b'"', b"") + b'"'


def _delete(chance: random.Random, tokens: list[bytes]) -> None:
    if tokens:
        start = chance.randrange(len(tokens))
        del tokens[start : start + chance.randint(1, 3)]


def _copy(chance: random.Random, tokens: list[bytes]) -> None:
    if tokens:
        start = chance.randrange(len(tokens))
        place = chance.randint(0, len(tokens))
        tokens[place:place] = tokens[start : start + chance.randint(1, 12)]


def _swap(chance: random.Random, tokens: list[bytes]) -> None:
    if tokens:
        one, other = chance.randrange(len(tokens)), chance.randrange(len(tokens))
        tokens[one], tokens[other] = tokens[other], tokens[one]


_CHANGES: tuple[Change, ...] = (_insert, _insert_word, _replace, _replace_text, _delete, _copy, _swap)
