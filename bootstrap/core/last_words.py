"""What an agent that failed wrote last, without what is secret in its env-file.

The agent logs names of registries and an unknown type as they are (amazon-ecs-agent, dockerauth.go), and nobody knows
what its next version logs; so everything of the file that may be secret is masked, however the log writes it.
"""

from __future__ import annotations

import base64
import binascii
import json
from typing import TYPE_CHECKING, Any

from bootstrap.core import agent_variables, readers

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_LINES = 10
_LONGEST_LINE = 300
_MASK = "***"


def last_words(log: str, data: bytes) -> tuple[str, ...]:
    """Return the last lines of an agent's log, printable and masked; `data` are the bytes of its env-file."""
    for secret in sorted(_secrets(data), key=len, reverse=True):
        log = log.replace(secret, _MASK)
    lines = [line.rstrip() for line in log.splitlines() if line.strip()]
    return tuple(_printable(line)[:_LONGEST_LINE] for line in lines[-MOST_LINES:])


def _printable(line: str) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in line)


def _secrets(data: bytes) -> set[str]:
    """Return every text that may be secret, also as JSON or Go's %q would write it."""
    found: set[str] = set()
    for reading in (readers.docker(data), readers.ecs_init(data)):
        for assignment in reading.assignments:
            variable = agent_variables.find(assignment.name)
            # Of a name that nobody knows the value may be anything.
            if variable is None or variable.sensitive or assignment.name.startswith("ECS_ENGINE_AUTH_"):
                found.update(_parts(assignment.value.reveal()))
    written = {json.dumps(text, ensure_ascii=plain)[1:-1] for text in found for plain in (True, False)}
    lines = {line for text in (*found, *written) for line in (text, *text.splitlines())}
    return {text for text in lines if text.strip()} - {"docker", "dockercfg"}


def _parts(value: str) -> Iterator[str]:
    """Yield a value and, where it is credentials, each text in them."""
    yield value
    yield value.strip()
    try:
        document = json.loads(value)
    except (ValueError, RecursionError):
        return
    yield from _texts(document)


def _texts(document: Any) -> Iterator[str]:
    ahead = [document]
    while ahead:
        one = ahead.pop()
        if isinstance(one, dict):
            ahead += one.values()
            yield from (name for name in one if "@" in name)
        elif isinstance(one, list):
            ahead += one
        elif isinstance(one, str):
            yield one
            yield from _decoded(one)


def _decoded(text: str) -> Iterator[str]:
    """Yield user and password of an `auth`."""
    try:
        decoded = base64.b64decode(text, validate=True).decode()
    except (binascii.Error, ValueError):
        return
    yield decoded
    yield from decoded.split(":", 1)
