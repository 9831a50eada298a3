"""The end of a failed agent's log, with the secrets of its env-file masked.

The agent logs registry names, and an unknown auth type, verbatim (amazon-ecs-agent, dockerauth.go), and later versions
may log more. So every value of the env-file that may be secret is masked, in each form in which a log may write it.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, quote_plus

from ecsauth import envfile
from ecsauth.agent.names import is_public
from ecsauth.boot.command_error import shortened

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_LINES = 10
_LONGEST_LINE = 300
_MASK = "***"
# As logfmt, JSON and the agent's older format write it.
_ERROR = r"\blevel=(?:error|critical)\b|\"level\":\s*\"(?:error|critical)\"|\[(?i:error|critical)\]"
# Lines of every agent's start; some of them have the level error without being one (amazon-ecs-agent, issue 4375).
_START = (
    r"Loading configuration|Starting Amazon Elastic Container Service Agent|Starting Amazon ECS Agent"
    r"|Amazon ECS agent Version|Image excluded from cleanup|Creating (?:root ecs )?cgroup|Loading state!"
    r"|Event stream \w+ start listening|Registered transformation function|log level mapping not found"
    r"|Successfully got ECS instance credentials|ECS task resource limits cgroupv2 functionality initialized"
    r"|Remaining memory|Initializing host resource manager|Successfully loaded \w+ agent container tarball"
    r"|format error: unrecognized formatter"
)
# The last code point that Go writes with four digits.
_WIDEST_SHORT = 0xFFFF


def redacted_log(log: str, *files: bytes) -> tuple[str, ...]:
    """Return the last lines of an agent's log and its first error, printable and masked.

    `files` are the env-files that the agent may have read.
    """
    secrets = {secret for data in files for secret in _secrets(data)}
    for secret in sorted(secrets, key=len, reverse=True):
        log = log.replace(secret, _MASK)
    lines = [line.rstrip() for line in log.splitlines() if line.strip()]
    return tuple(shortened(_printable(line), _LONGEST_LINE) for line in _relevant(lines))


def _relevant(lines: list[str]) -> list[str]:
    """Return the last lines and the first error, without the lines of every start unless there are no others."""
    told = [line for line in lines if not re.search(_START, line)] or lines
    last = told[-MOST_LINES:]
    error = next((line for line in told if re.search(_ERROR, line)), None)
    return last if error is None or error in last else [error, *last[1:]]


def _printable(line: str) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in line)


def _secrets(data: bytes) -> set[str]:
    """Return every text of the env-file that may be secret, in each form in which a log may write it."""
    found: set[str] = set()
    for reading in (envfile.docker(data), envfile.ecs_init(data)):
        for assignment in reading.assignments:
            name, value = assignment.name, assignment.value.reveal()
            if not is_public(name, value):
                found.update(_parts(value))
    written = {form for text in found for form in _forms(text)}
    lines = {line for text in (*found, *written) for line in (text, *text.splitlines())}
    return {text for text in lines if text.strip()}


def _forms(text: str) -> Iterator[str]:
    """Yield the text as JSON, Go's JSON and Go's %q write it, escaped once and twice; in a URL; in base64."""
    once = {json.dumps(text, ensure_ascii=plain)[1:-1] for plain in (True, False)}
    once |= {_go_json(form) for form in once} | {_go_quoted(text)}
    yield from once
    yield from (json.dumps(form, ensure_ascii=False)[1:-1] for form in once)
    raw = text.encode("utf-8", "surrogateescape")
    yield from (quote(raw, safe=""), quote(raw), quote_plus(raw))
    for encoded in (base64.b64encode(raw), base64.urlsafe_b64encode(raw)):
        yield encoded.decode()
        yield encoded.decode().rstrip("=")


def _go_json(form: str) -> str:
    """Escape `&`, `<` and `>` as Go does (encoding/json, HTMLEscape)."""
    return form.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def _go_quoted(text: str) -> str:
    """Escape a text as Go's %q does (strconv.Quote)."""
    escapes = {"\a": "\\a", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\v": "\\v"}
    return "".join(escapes.get(letter) or _go_letter(letter) for letter in text)


def _go_letter(letter: str) -> str:
    if letter in '"\\':
        return "\\" + letter
    if letter.isprintable():
        return letter
    number = ord(letter)
    if letter.isascii():
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number <= _WIDEST_SHORT else f"\\U{number:08x}"


def _parts(value: str) -> Iterator[str]:
    """Yield a value and, if it is JSON, each text in it that may be secret."""
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
            user, password = one.get("username"), one.get("password")
            if isinstance(user, str) and isinstance(password, str):
                # HTTP Basic encodes them in this form.
                yield f"{user}:{password}"
        elif isinstance(one, list):
            ahead += one
        elif isinstance(one, str):
            yield one
            yield from _decoded(one)


def _decoded(text: str) -> Iterator[str]:
    """Yield user name and password of an `auth`."""
    try:
        decoded = base64.b64decode(text, validate=True).decode()
    except (binascii.Error, ValueError):
        return
    yield decoded
    yield from decoded.split(":", 1)
