"""Findings about the registry credentials: the agent's problems with the two variables, with their places."""

from __future__ import annotations

from typing import TYPE_CHECKING, Callable, Optional

from ecsauth.check.found import found, title
from ecsauth.check.lines import LineKind
from ecsauth.go.values import trim_space
from ecsauth.registry import auth, document_problems, meant_document
from ecsauth.registry.auth import DATA, TYPE
from ecsauth.registry.document import FIELDS
from ecsauth.registry.keys import host_of, strip_scheme
from ecsauth.registry.problems import Problem, ProblemKind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ecsauth.check.lines import Line
    from ecsauth.finding import Finding
    from ecsauth.registry.auth import RegistryAuth


_AGENT = ("agent",)
# The columns of these problems count in the value of the type.
_ABOUT_TYPE = frozenset({ProblemKind.TYPE_IS_DATA, ProblemKind.TYPE_MISSPELT, ProblemKind.TYPE_UNKNOWN})
_OF_TYPE = _ABOUT_TYPE | {ProblemKind.TYPE_MISSING}

_IMPLIES = {
    ProblemKind.TYPE_IS_DATA: (ProblemKind.DATA_MISSING,),
    ProblemKind.TYPE_UNKNOWN: (ProblemKind.DATA_MISSING,),
    ProblemKind.TYPE_MISMATCH: (ProblemKind.TYPE_MISSPELT,),
}
"""Problems that follow from another one: they are reported only without their cause."""

_BY_SHELL = frozenset(
    {ProblemKind.JSON_UNQUOTED, ProblemKind.SHELL_ESCAPED, ProblemKind.NOT_JSON, ProblemKind.JSON_TRAILING}
)
"""Problems that a shell may have made."""

_EMPTY = frozenset({ProblemKind.ENTRY_EMPTY, ProblemKind.AUTH_MISSING})


def _registry(problem: Problem) -> str:
    return problem.registry or ""


def _host(problem: Problem) -> str:
    return host_of(strip_scheme(problem.registry or ""))


_SAME_SLIP: dict[ProblemKind, Callable[[Problem], object]] = {
    ProblemKind.CREDS_STORE: lambda _: None,
    ProblemKind.REGISTRY_KEY_MISSING: lambda _: None,
    ProblemKind.LINE_BREAK: _registry,
    ProblemKind.NUL_CHARACTER: _registry,
    ProblemKind.PLACEHOLDER: _registry,
    ProblemKind.PATH_PREFIX_NO_BOUNDARY: _host,
}
"""The key by which problems of one kind are one mistake; problems of other kinds are reported one by one."""

CODES: dict[ProblemKind, str] = {
    ProblemKind.TYPE_MISSING: "A302",
    ProblemKind.TYPE_IS_DATA: "A303",
    ProblemKind.TYPE_MISSPELT: "A304",
    ProblemKind.TYPE_UNKNOWN: "A305",
    ProblemKind.DATA_MISSING: "A306",
    ProblemKind.JSON_EMPTY: "A306",
    ProblemKind.JSON_BOM: "A311",
    ProblemKind.SHELL_QUOTED: "A312",
    ProblemKind.SHELL_ESCAPED: "A313",
    ProblemKind.JSON_SINGLE_QUOTED: "A314",
    ProblemKind.JSON_SMART_QUOTED: "A315",
    ProblemKind.JSON_UNQUOTED: "A316",
    ProblemKind.JSON_COMMENT: "A317",
    ProblemKind.JSON_WORD: "A318",
    ProblemKind.JSON_NUMBER: "A319",
    ProblemKind.JSON_CONTROL: "A320",
    ProblemKind.JSON_ESCAPE: "A321",
    ProblemKind.JSON_INNER_QUOTE: "A322",
    ProblemKind.JSON_WHITE_SPACE: "A323",
    ProblemKind.JSON_TRAILING_COMMA: "A324",
    ProblemKind.JSON_MISSING_COMMA: "A325",
    ProblemKind.JSON_TRAILING: "A326",
    ProblemKind.JSON_TRUNCATED: "A327",
    ProblemKind.JSON_DEPTH: "A328",
    ProblemKind.NOT_JSON: "A329",
    ProblemKind.JSON_SYNTAX: "A330",
    ProblemKind.CREDS_STORE: "A340",
    ProblemKind.AUTHS_WRAPPER: "A341",
    ProblemKind.CONFIG_FILE_FIELD: "A342",
    ProblemKind.REGISTRY_KEY_MISSING: "A343",
    ProblemKind.DOCUMENT_NOT_OBJECT: "A344",
    ProblemKind.REGISTRY_NOT_OBJECT: "A345",
    ProblemKind.FIELD_NOT_STRING: "A346",
    ProblemKind.DOCUMENT_EMPTY: "A347",
    ProblemKind.TYPE_MISMATCH: "A348",
    ProblemKind.FORMAT_MIXED: "A350",
    ProblemKind.AUTH_PLAIN_TEXT: "A351",
    ProblemKind.AUTH_BASIC_PREFIX: "A352",
    ProblemKind.AUTH_URLSAFE: "A353",
    ProblemKind.AUTH_WHITE_SPACE: "A354",
    ProblemKind.AUTH_PADDING: "A355",
    ProblemKind.AUTH_NOT_BASE64: "A356",
    ProblemKind.AUTH_DOUBLE_ENCODED: "A357",
    ProblemKind.AUTH_NO_COLON: "A358",
    ProblemKind.AUTH_EMPTY: "A359",
    ProblemKind.AUTH_MISSING: "A360",
    ProblemKind.ENTRY_EMPTY: "A361",
    ProblemKind.IDENTITY_TOKEN: "A362",
    ProblemKind.TOKEN_IGNORED: "A363",
    ProblemKind.EXPIRING_LOGIN: "A364",
    ProblemKind.AUTH_EXAMPLE: "A365",
    ProblemKind.PLACEHOLDER: "A366",
    ProblemKind.HUB_KEY_NEVER_USED: "A370",
    ProblemKind.KEY_EMPTY: "A371",
    ProblemKind.KEY_HAS_USERINFO: "A372",
    ProblemKind.KEY_UPPERCASE_SCHEME: "A373",
    ProblemKind.KEY_BAD_SCHEME: "A374",
    ProblemKind.KEY_WHITE_SPACE: "A375",
    ProblemKind.KEY_WILDCARD: "A376",
    ProblemKind.KEY_NOT_A_HOST: "A377",
    ProblemKind.KEY_INVALID: "A378",
    ProblemKind.KEY_SHADOWED: "A379",
    ProblemKind.API_PATH_NEVER_USED: "A380",
    ProblemKind.KEY_PATH_INVALID: "A381",
    ProblemKind.KEY_UPPERCASE_HOST: "A382",
    ProblemKind.KEY_COLLISION: "A383",
    ProblemKind.PATH_KEYS_RANDOM: "A384",
    ProblemKind.PATH_KEY_SERVES_HOST: "A385",
    ProblemKind.PATH_PREFIX_NO_BOUNDARY: "A386",
    ProblemKind.KEY_API_PATH: "A387",
    ProblemKind.KEY_REDUNDANT: "A388",
    ProblemKind.KEY_DUPLICATE: "A389",
    ProblemKind.FIELD_MISSPELT: "A390",
    ProblemKind.FIELD_DUPLICATE: "A391",
    ProblemKind.TEXT_REPLACED: "A392",
    ProblemKind.AUTH_NOT_UTF8: "A393",
    ProblemKind.USERNAME_EMPTY: "A394",
    ProblemKind.PASSWORD_EMPTY: "A395",
    ProblemKind.USERNAME_COLON: "A396",
    ProblemKind.LINE_BREAK: "A397",
    ProblemKind.NUL_CHARACTER: "A398",
    ProblemKind.FIELD_IGNORED: "A399",
}
"""The rule of each kind of problem."""

_SET_TYPE = f"write {TYPE}={{detail}}"
_FIXES = {
    "A302": f"add {TYPE}={{detail}}",
    "A304": _SET_TYPE,
    "A305": _SET_TYPE,
    "A326": "delete the comment, or move it to a line of its own:\necsauth check --fix FILE",
    "A341": 'write only the contents of `auths`, as ECS_ENGINE_AUTH_DATA={{"registry":{{…}}}}, with'
    f" {TYPE}={{detail}}:\necsauth check --fix FILE",
    "A348": _SET_TYPE,
    "A356": "write base64 of user:password, or expand it in the template:\necsauth explain A366",
    "A390": 'write the field as "{detail}"',
}
"""More specific fixes, for problems that have a detail."""

_DETAILS = {
    "A302": "{title}; the data has the form of type {detail}",
    "A304": "{title}; the agent knows {detail}",
    "A305": "{title}; the data has the form of type {detail}",
    "A326": "a comment follows the JSON",
    "A341": "{title}",
    "A348": "every entry has the form of type {detail}",
    "A350": "the entry has the form of type {detail}",
    "A390": "{title}; the agent reads {detail}",
}
"""Messages with the detail of a problem; for other codes the detail follows the title in brackets."""


def findings(lines: tuple[Line, ...]) -> Iterator[Finding]:
    """Yield a finding for each problem that the agent has with the two variables."""
    kind, data = _last(lines, TYPE), _last(lines, DATA)
    if kind is None and data is None:
        if not any("ECS_ENGINE_AUTH" in line.text.reveal() for line in lines if line.kind is not LineKind.COMMENT):
            yield found("A301", _AGENT)
        return
    if not value_of(kind) and not value_of(data):
        yield from _empty([line for line in (kind, data) if line is not None])
        return
    parsed = auth.parse(value_of(kind), value_of(data))
    for problem in _causes((*parsed.problems, *_inside(value_of(kind) or "", value_of(data) or "", parsed))):
        line = kind if data is None or (kind is not None and problem.kind in _ABOUT_TYPE) else data
        if line is not None:
            yield _finding(problem, line)


def _empty(given: list[Line]) -> Iterator[Finding]:
    """Yield a finding if both variables are empty; a misspelt name has its own finding."""
    named = [line for line in given if line.name in (TYPE, DATA)]
    if named:
        first = min(named, key=lambda line: line.number)
        yield found("A307", _AGENT, (first.number, first.column), variable=first.name)


def _inside(kind: str, data: str, parsed: RegistryAuth) -> tuple[Problem, ...]:
    """Return the problems of the document inside quotes, a comment or docker's `auths`, which the agent does not see.

    Without this, they would be reported only after the text around the document is removed.
    """
    if parsed.is_bare:
        return ()
    meant = meant_document.read(data)
    text = meant.text.reveal()
    if meant.value is None or text == data:
        return ()
    looks_like = document_problems.looks_like(meant.value)
    around = {problem.kind for problem in parsed.problems}
    if looks_like is None and ProblemKind.CREDS_STORE in around:
        return ()  # the entries are empty because of the helper
    # The fix for a config.json names the type; for any other document, a wrong type is a separate mistake.
    given = trim_space(kind)
    inner = given if given in FIELDS and not meant.is_wrapped else looks_like or given
    start = data.find(text)  # -1: the text had escapes, so no column is right
    found = [
        problem._replace(column=problem.column + start if start >= 0 else 1)
        for problem in auth.parse(inner, text).problems
        if problem.kind not in _OF_TYPE
    ]
    if meant.is_wrapped and ProblemKind.AUTHS_WRAPPER not in around:
        found.insert(0, Problem(ProblemKind.AUTHS_WRAPPER, max(start, 0) + 1, detail=looks_like))
    return tuple(found)


def _causes(problems: tuple[Problem, ...]) -> Iterator[Problem]:
    """Yield the problems without those that follow from another one, and without repetitions of one mistake."""
    kinds = {problem.kind for problem in problems}
    implied = {kind for cause in kinds for kind in _IMPLIES.get(cause, ())}
    if {ProblemKind.CREDS_STORE, ProblemKind.AUTHS_WRAPPER} <= kinds:
        # If its entries are empty, the config.json keeps the passwords in a helper: removing `auths` would not help.
        has_credentials = any(one.kind is ProblemKind.AUTHS_WRAPPER and one.detail for one in problems)
        implied.add(ProblemKind.CREDS_STORE if has_credentials else ProblemKind.AUTHS_WRAPPER)
    empty = {problem.registry for problem in problems if problem.kind in _EMPTY}
    seen = set()
    for problem in problems:
        slip = (problem.kind, _SAME_SLIP.get(problem.kind, id)(problem))
        explained = problem.kind is ProblemKind.FIELD_IGNORED and problem.registry in empty
        if problem.kind not in implied and slip not in seen and not explained:
            yield problem
        seen.add(slip)


def _last(lines: tuple[Line, ...], name: str) -> Optional[Line]:
    """Return the last line that sets the variable; if there is none, the last line that sets a misspelling of it."""
    setting = [line for line in lines if line.assigns and line.name == name]
    setting = setting or [line for line in lines if line.assigns and line.likely == name]
    return setting[-1] if setting else None


def value_of(line: Optional[Line]) -> Optional[str]:
    """Return the intended value: without quotes around JSON on several lines, which has its own finding."""
    if line is None:
        return None
    value = line.value.reveal()
    return value.strip("'\"") if line.joint is not None else value


def _code(problem: Problem, line: Line) -> str:
    """Return the rule of a problem; a shell script that wrote the value has its own rule, as it would do so again."""
    is_candidate = problem.kind in _BY_SHELL and problem.detail is None and line.name == DATA
    is_written = is_candidate and document_problems.shell_wrote(DATA, line.value.reveal())
    return "A331" if is_written else CODES[problem.kind]


def _finding(problem: Problem, line: Line) -> Finding:
    code = _code(problem, line)
    quotes = len(line.value.reveal()) - len(line.value.reveal().lstrip("'\"")) if line.joint is not None else 0
    place = line.place(problem.column - 1 + quotes)
    message = fix = None
    if problem.detail is not None:
        message = _DETAILS.get(code, "{title} ({detail})").format(title=title(code), detail=problem.detail)
        fix = _FIXES[code].format(detail=problem.detail) if code in _FIXES else None
    variable = line.name
    return found(code, _AGENT, place, variable=variable, registry=problem.registry, message=message, fix=fix)
