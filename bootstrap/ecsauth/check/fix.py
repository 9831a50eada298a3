"""The canonical form of an env-file, which docker, ecs-init and systemd read alike.

UTF-8 without a byte order mark, LF, one NAME=VALUE on each line and each name once, no white space around names and
values, no `=` in comments, JSON on one line. No credential changes; nothing that would need a guess is fixed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, NoReturn, Optional

from ecsauth.agent import variables
from ecsauth.agent.names import in_other_letters
from ecsauth.check import file
from ecsauth.check.credentials import value_of
from ecsauth.check.examine import by_hand, examine
from ecsauth.check.fix_credentials import Auth, canonical_auth, compact
from ecsauth.check.lines import BYTE_ORDER_MARK, Line, LineKind, scan
from ecsauth.check.values import JSON_KINDS, plain, quoted
from ecsauth.errors import InvalidError
from ecsauth.finding import Severity
from ecsauth.go import json
from ecsauth.go.values import GO_SPACE
from ecsauth.registry import document_problems, meant_document
from ecsauth.registry.auth import DATA, TYPE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ecsauth.finding import Finding

_CONFIG_JSON = "F106"
# Errors in bytes and lines that only the author can fix.
_NEEDS_AUTHOR = frozenset({"F101", "F102", "F103", "F104", "F105", "F107", "F113", "F116", "F117", "F118", "F136"})


class _Settings(NamedTuple):
    """The corrected names of the assignments that have an effect, by line number, and the registry credentials."""

    names: dict[int, str]
    auth: Auth
    has_type: bool


def canonical(data: bytes) -> bytes:
    """Return the file in its canonical form; the same bytes if it already has that form.

    Raises InvalidError, naming line, variable or registry, if an error remains that only the author can fix. The
    exception has the findings; one that appears only after other fixes has no place.
    """
    findings, source = examine(data), data
    if any(finding.code == _CONFIG_JSON for finding in findings):
        source = _from_config_json(data, findings)
    elif any(finding.code in _NEEDS_AUTHOR for finding in findings):
        _refuse([finding for finding in findings if finding.code in _NEEDS_AUTHOR])
    result = "".join(f"{line}\n" for line in _written(scan(source))).encode()
    found = findings if result == data else examine(result)
    remaining = [finding for finding in found if finding.severity is Severity.ERROR]
    if remaining:
        codes = {finding.code for finding in remaining}
        known = [finding for finding in findings if finding.code in codes]
        # The line numbers of the result differ from those of the file.
        _refuse(known or [finding._replace(line=None, column=None) for finding in remaining])
    return result


def _refuse(findings: list[Finding]) -> NoReturn:
    """Raise InvalidError for errors that remain, with the fix of the first as hints."""
    findings = [by_hand(finding) for finding in findings]
    first = findings[0]
    place = "" if first.line is None else f"line {first.line}: "
    message = f"cannot be fixed automatically: {place}{first.message}"
    raise InvalidError(message, *first.fix.splitlines(), findings=tuple(findings))


def _from_config_json(data: bytes, findings: tuple[Finding, ...]) -> bytes:
    """Return an env-file with the registries of docker's config.json."""
    try:
        text = data.decode("utf-8-sig").strip()
        kind = document_problems.looks_like(json.decode(text))
    except (UnicodeDecodeError, json.JsonError):
        text, kind = "", None
    if kind is None:
        _refuse(list(findings))
    return f"{TYPE}={kind}\n{DATA}={compact(text)}\n".encode()


def _written(lines: tuple[Line, ...]) -> Iterator[str]:
    """Yield the lines of the canonical form."""
    settings = _settings(lines)
    for line in lines:
        if line.number in settings.names:
            yield from _assignment(line, settings)
        elif line.kind is LineKind.BLANK:
            yield ""
        elif line.kind in (LineKind.COMMENT, LineKind.COMMENT_ASSIGNS, LineKind.OTHER_COMMENT):
            yield from _comment(line.text.reveal().removeprefix(BYTE_ORDER_MARK).strip(GO_SPACE))


def _comment(text: str) -> Iterator[str]:
    """Yield the comment without `=`, so that no program reads it as an assignment; drop a commented-out secret."""
    if "=" in text and file.leaks(text):
        return
    if not text.startswith("#"):
        text = f"# {text.lstrip(';/ ')}"
    yield text.replace("=", ":").rstrip("\\" + GO_SPACE)


def _settings(lines: tuple[Line, ...]) -> _Settings:
    given = {line.name for line in lines if line.assigns}
    last: dict[str, Line] = {}
    for line in lines:
        if line.assigns:
            last[_name(line, given)] = line
    kind, data = last.get(TYPE), last.get(DATA)
    auth = canonical_auth(value_of(kind), value_of(data))
    return _Settings({line.number: name for name, line in last.items()}, auth, kind is not None)


def _name(line: Line, given: set[str]) -> str:
    """Return the name in the agent's spelling, unless another line already sets that name."""
    likely = line.likely
    return likely if likely and in_other_letters(line.name, likely) and likely not in given else line.name


def _assignment(line: Line, settings: _Settings) -> Iterator[str]:
    name, auth = settings.names[line.number], settings.auth
    if name == TYPE:
        yield f"{TYPE}={auth.kind or ''}"
    elif name == DATA:
        if auth.kind and not settings.has_type:
            yield f"{TYPE}={auth.kind}"
        yield f"{DATA}={auth.data.reveal() if auth.data else ''}"
    else:
        yield f"{name}={_plain(name, line.value.reveal())}"


def _plain(name: str, value: str) -> str:
    """Return a value without quotes around it and without a comment after JSON, which would become part of the value.

    Quotes stay if the variable is unknown, if a shell would do more than remove them, and around white space, which
    only some programs would keep without them.
    """
    variable: Optional[variables.Variable] = variables.find(name)
    if variable is not None and variable.kind in JSON_KINDS:
        value = meant_document.without_comment(value)
    if variable is None or not variable.keeps_quotes or not quoted(value):
        return value
    inner = plain(value)
    return value if inner is None else inner
