"""Findings about the file itself: text that no program can read, or that the programs read differently."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Optional

from ecsauth.agent.names import holds_secret, looks_secret
from ecsauth.check.found import found, title
from ecsauth.check.lines import BYTE_ORDER_MARK, Line, LineKind
from ecsauth.envfile import LARGEST

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ecsauth.finding import Finding

# Go bufio.MaxScanTokenSize, less the LF.
_LONGEST_LINE = 65_535
_SAMPLE = 512
_ALL = ("docker", "ecs-init", "systemd")
_AGENT = ("docker", "ecs-init")
_CONSUMERS = {
    LineKind.COMMENT_ASSIGNS: ("ecs-init",),
    LineKind.OTHER_COMMENT: _AGENT,
    LineKind.NO_NAME: _AGENT,
    LineKind.SPACED: _AGENT,
}
_IN_ORDER = frozenset({LineKind.BLANK, LineKind.COMMENT, LineKind.ASSIGNMENT, LineKind.CONTINUED})
# Lines without an assignment that probably were meant as one.
_ATTEMPTS = frozenset({LineKind.BARE, LineKind.PROSE, LineKind.NO_NAME, LineKind.SPACE_IN_NAME})
_LEAK = "F121"
# A field of registry credentials.
_CREDENTIALS = r'"(?:auth|password|identitytoken|registrytoken)"\s*:'
# Matches only from the start of a run of letters: from every letter, the time would be quadratic.
_BASE64 = "(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{16,}(?==)"
_MOST_LINES = 5


def refusal(data: bytes) -> Optional[Finding]:
    """Return the finding for a file that is not an env-file at all, None if it can be read line by line."""
    if len(data) > LARGEST:
        return found("F101", _ALL)
    if _is_utf_16(data):
        return found("F103", _ALL)
    start = data[: LARGEST // 4].removeprefix(b"\xef\xbb\xbf").lstrip()
    if start.startswith(b"{"):
        return found("F106", _ALL, (data.count(b"\n", 0, data.index(b"{")) + 1, None))
    return None


def findings(data: bytes, lines: tuple[Line, ...]) -> Iterator[Finding]:
    """Yield findings about the bytes and the form of the lines; one alone for a script or a file without a setting."""
    script = _script(data, lines)
    if script is not None:
        yield script
        return
    if not any(line.assigns or line.kind in _ATTEMPTS for line in lines):
        yield found("F102", _ALL)
        return
    yield from _bytes(data)
    yield from _byte_order_mark(lines)
    yield from _shapes(lines)
    yield from _joints(lines)
    yield from _line_ends(lines)


def _is_utf_16(data: bytes) -> bool:
    """Tell whether the bytes are UTF-16: by its mark, or by every second byte being NUL."""
    sample = data[:_SAMPLE]
    halves = (sample[0::2], sample[1::2])
    return data.startswith((b"\xff\xfe", b"\xfe\xff")) or any(
        len(half) > 1 and half.count(0) > len(half) // 2 for half in halves
    )


def _script(data: bytes, lines: tuple[Line, ...]) -> Optional[Finding]:
    """Return a finding for a script or cloud-config, None for a file of assignments that only begins like one."""
    is_script = data.startswith((b"#!", b"#cloud-config", b"Content-Type: multipart/"))
    odd = {LineKind.BARE, LineKind.PROSE, LineKind.SPACE_IN_NAME, LineKind.COLON, LineKind.PREFIXED}
    return found("F107", _ALL, (1, 1)) if is_script and any(line.kind in odd for line in lines) else None


def _bytes(data: bytes) -> Iterator[Finding]:
    """Yield one finding, at its first place, for each kind of invalid byte and for lines that are too long."""
    raw = data.split(b"\n")
    yield from _at_first("F108", ("docker",), [(n, 1) for n, line in enumerate(raw, 1) if len(line) > _LONGEST_LINE])
    if b"\0" in data:
        places = [(n, _column(line, line.index(0))) for n, line in enumerate(raw, 1) if b"\0" in line]
        yield from _at_first("F105", _ALL, places)
    try:
        data.decode()
    except UnicodeDecodeError:
        yield from _at_first("F104", _ALL, list(_undecodable(raw)))


def _undecodable(raw: list[bytes]) -> Iterator[tuple[int, int]]:
    for number, line in enumerate(raw, start=1):
        try:
            line.decode()
        except UnicodeDecodeError as error:
            yield number, _column(line, error.start)


def _column(line: bytes, offset: int) -> int:
    return len(line[:offset].decode("utf-8", "surrogateescape")) + 1


def _byte_order_mark(lines: tuple[Line, ...]) -> Iterator[Finding]:
    if lines and lines[0].text.reveal().startswith(BYTE_ORDER_MARK):
        code = "F110" if lines[0].assigns else "F111"
        yield found(code, ("ecs-init", "systemd"), (1, 1), variable=lines[0].name)


def _shapes(lines: tuple[Line, ...]) -> Iterator[Finding]:
    """Yield one finding for each kind of mistake, also if several lines have it."""
    by_code: dict[str, list[Line]] = {}
    for line in lines:
        if line.kind not in _IN_ORDER:
            secret = line.kind is LineKind.COMMENT_ASSIGNS and leaks(line.text.reveal())
            by_code.setdefault(_LEAK if secret else line.kind.value, []).append(line)
    _move_types(by_code)
    for code, same in by_code.items():
        places = [(line.number, line.column) for line in same]
        fix = _without(places) if code == _LEAK else None
        name = same[0].text.reveal().strip() if same[0].kind is LineKind.BARE else same[0].name
        yield from _at_first(code, _CONSUMERS.get(same[0].kind, _ALL), places, name, fix)


def _move_types(by_code: dict[str, list[Line]]) -> None:
    """Move the commented-out type to the commented-out credentials: it is the same mistake."""
    others = by_code.get(LineKind.COMMENT_ASSIGNS.value, [])
    types = [line for line in others if "ECS_ENGINE_AUTH_TYPE" in line.text.reveal()]
    if types and _LEAK in by_code:
        by_code[_LEAK] = sorted(by_code[_LEAK] + types, key=lambda line: line.number)
        by_code[LineKind.COMMENT_ASSIGNS.value] = [line for line in others if line not in types]
        if len(types) == len(others):
            del by_code[LineKind.COMMENT_ASSIGNS.value]


def leaks(comment: str) -> bool:
    """Tell whether a commented-out assignment has a secret, judged by its name and the form of its value."""
    before, _, value = comment.strip(" \t#").partition("=")
    encoded = any(_is_encoded(run) for run in re.findall(_BASE64, comment))
    first = next(iter(value.split()), "").strip("\"'")
    secret = encoded or looks_secret(comment) or holds_secret(before.split(" ")[-1], first)
    return secret or re.search(_CREDENTIALS, comment) is not None


def _is_encoded(run: str) -> bool:
    """Tell whether letters before a `=` are more likely base64 than a name."""
    return not (run.islower() or run.isupper()) and any(map(str.isdigit, run))


def _without(places: list[tuple[int, int]]) -> str:
    """Return the fix that deletes commented-out secrets."""
    deletions = "; ".join(f"{number}d" for number, _ in places)
    return f"delete the lines; older versions of the S3 object keep the secret:\nsed -i '{deletions}' FILE"


def _joints(lines: tuple[Line, ...]) -> Iterator[Finding]:
    for line in lines:
        if line.joint is not None:
            yield found(line.joint.value, _ALL, (line.number, line.column), variable=line.name)


def _line_ends(lines: tuple[Line, ...]) -> Iterator[Finding]:
    texts = [(line.number, line.text.reveal()) for line in lines]
    ended = [(number, text) for number, text in texts if text.endswith("\r")]
    inner = [(number, text.index("\r") + 1) for number, text in texts if "\r" in text.removesuffix("\r")]
    yield from _at_first("F134", _ALL, inner)
    yield from _at_first("F135", _ALL, [(number, len(text)) for number, text in ended])


def _at_first(
    code: str,
    consumers: tuple[str, ...],
    places: Sequence[tuple[int, int]],
    variable: Optional[str] = None,
    fix: Optional[str] = None,
) -> Iterator[Finding]:
    """Yield one finding at the first place; its message has the lines of the others."""
    first = next(iter(places), None)
    if first is None:
        return
    others = places[1:]
    numbers = [str(number) for number, _ in others]
    if len(numbers) > _MOST_LINES:
        numbers = [*numbers[:_MOST_LINES], f"{len(numbers) - _MOST_LINES} more"]
    also = f" (also in line{'s' if len(others) > 1 else ''} {', '.join(numbers)})" if others else ""
    yield found(code, consumers, first, variable=variable, message=title(code) + also, fix=fix)
