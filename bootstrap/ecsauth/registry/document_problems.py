"""Problems of the whole ECS_ENGINE_AUTH_DATA: invalid JSON, wrong structure, wrong type."""

from __future__ import annotations

import re
from typing import Optional

from ecsauth.go import json
from ecsauth.go.json import SPACE, Flaw, JsonError, JsonKind, Member, Value
from ecsauth.registry.document import DOCKER, DOCKERCFG, known_field
from ecsauth.registry.keys import shown_key
from ecsauth.registry.problems import Problem, ProblemKind

_SMART_QUOTES = frozenset("\u2018\u2019\u201a\u201b\u201c\u201d\u201e\u201f\u00ab\u00bb\u2032\u2033`\u00b4")
_WORD = "[A-Za-z]*"
_DOUBLED_BACKSLASHES = r'[{\[]\s*\\\\"'
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
"""Flaws that are a cause by themselves; the cause of the others depends on the character at the error."""


def json_problem_of(data: str, error: JsonError) -> Problem:
    """Return the cause of a syntax error: a fault of the whole document, or else of the character at the error."""
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


def shell_wrote(name: str, value: str) -> bool:
    """Tell whether a shell has damaged a value that is not JSON: user data often writes it with echo, unquoted.

    The name is repeated (bash(1), Brace Expansion: `N={"a":1,"b":2}` becomes `N=a:1 N=b:2`), all quotes are gone, or
    their backslashes are doubled.
    """
    if re.search(rf"\s{re.escape(name)}=", value):
        return True
    return _has_lost_its_quotes(value) or re.match(_DOUBLED_BACKSLASHES, value) is not None


def _has_lost_its_quotes(value: str) -> bool:
    """Tell whether a shell removed the quotes (bash(1), Quote Removal); YAML has white space after its colons."""
    is_document = value[:1] in ("{", "[") and value[-1:] in ("}", "]")
    if not is_document or '"' in value or "'" in value:
        return False
    return re.search(r":\s", value) is None and re.search("[A-Za-z]", value) is not None


def is_shell_quoted(data: str) -> bool:
    """Tell whether an object has quotes around it that a shell would have removed."""
    body = data.strip(SPACE)
    return body[:1] in {"'", '"'} and body[1:].lstrip(SPACE)[:1] == "{"


def _is_prose(body: str) -> bool:
    """Tell whether a document clearly does not begin like JSON."""
    return body[0].isalnum() or body[0] in "_.$=%<@~&!?*"


def _met(data: str, error: JsonError) -> ProblemKind:
    """Return the cause for the character at the error."""
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
    """Return the cause if no value starts: a word, a number that Go does not read, or a text without quotes."""
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
    """Return the cause if a value is not followed by a comma."""
    if data[error.offset] in '"{':
        return ProblemKind.JSON_MISSING_COMMA
    after_string = data[error.offset - 1] == '"'
    return ProblemKind.JSON_INNER_QUOTE if after_string else ProblemKind.JSON_SYNTAX


def _colon(_data: str, _error: JsonError) -> ProblemKind:
    return ProblemKind.JSON_SYNTAX


_EXPECTED = {Flaw.VALUE: _value, Flaw.KEY: _key, Flaw.COLON: _colon}


_CREDENTIAL_HELPERS = frozenset({"credsStore", "credHelpers"})
_SETTINGS = frozenset(
    {
        *("HttpHeaders", "proxies", "detachKeys", "currentContext", "plugins", "cliPluginsExtraDirs", "aliases"),
        *("features", "experimental", "stackOrchestrator", "kubernetes", "pruneFilters"),
        *("psFormat", "imagesFormat", "networksFormat", "volumesFormat", "statsFormat", "servicesFormat"),
        *("tasksFormat", "nodesFormat", "secretFormat", "configFormat", "pluginsFormat", "serviceInspectFormat"),
    }
)
"""Settings of docker's config.json beside `auths` (docker/cli, cli/config/configfile/file.go)."""


def auths(value: Value) -> Optional[Member]:
    """Return the `auths` object of docker's config.json, which contains the registries; None if there is none.

    A registry whose name is `auths` has fields in it, not objects.
    """
    for member in value.members:
        if member.name == "auths" and member.value.kind is JsonKind.OBJECT:
            return member if all(inner.value.kind is JsonKind.OBJECT for inner in member.value.members) else None
    return None


def is_bare(value: Value) -> bool:
    """Tell whether nothing stands around a document: no quotes, and no docker's auths."""
    return value.kind is not JsonKind.STRING and auths(value) is None


def is_registry(name: str, value: Value) -> bool:
    """Tell whether a member of the document is a registry, not a setting of config.json or a field."""
    return name not in _SETTINGS | _CREDENTIAL_HELPERS and value.kind in {JsonKind.OBJECT, JsonKind.NULL}


def looks_like(value: Value) -> Optional[str]:
    """Return the type that a document is written for, with or without `auths`; None if that is not clear."""
    wrapper = auths(value)
    registries = (wrapper.value if wrapper else value).members
    fields = {known_field(part.name) for registry in registries for part in registry.value.members}
    if "auth" in fields:
        return DOCKERCFG
    return DOCKER if fields & {"username", "password", "identitytoken", "registrytoken"} else None


def problems_of(value: Value, data: str) -> list[Problem]:
    """Return the problems of a valid JSON document that is not an object of registries."""
    if value.kind is JsonKind.STRING and is_shell_quoted(data):
        return [Problem(ProblemKind.SHELL_QUOTED, value.column)]
    wrapper = auths(value)
    if wrapper is not None:
        helpers = [_member_problem(member) for member in value.members if member.name in _CREDENTIAL_HELPERS]
        return [Problem(ProblemKind.AUTHS_WRAPPER, wrapper.column, detail=looks_like(value)), *filter(None, helpers)]
    if value.kind is JsonKind.NULL or (value.kind is JsonKind.OBJECT and not value.members):
        return [Problem(ProblemKind.DOCUMENT_EMPTY, value.column)]
    if value.kind is not JsonKind.OBJECT:
        return [Problem(ProblemKind.DOCUMENT_NOT_OBJECT, value.column, detail=value.kind.value)]
    return list(filter(None, map(_member_problem, value.members)))


def _member_problem(member: Member) -> Optional[Problem]:
    """Return the likeliest reason why a member of the document is not a registry, None if it may be one."""
    if member.name in _CREDENTIAL_HELPERS:
        return Problem(ProblemKind.CREDS_STORE, member.column, detail=member.name)
    if member.name in _SETTINGS:
        return Problem(ProblemKind.CONFIG_FILE_FIELD, member.column, detail=member.name)
    if member.value.kind in {JsonKind.OBJECT, JsonKind.NULL}:
        return None
    field = known_field(member.name)
    if field is not None:
        return Problem(ProblemKind.REGISTRY_KEY_MISSING, member.column, detail=field)
    kind = member.value.kind.value
    return Problem(ProblemKind.REGISTRY_NOT_OBJECT, member.value.column, shown_key(member.name), kind)


_MEANT = {
    "docker": DOCKER,
    "dockercfg": DOCKERCFG,
    "dockerconf": DOCKERCFG,
    "dockerconfig": DOCKERCFG,
    "dockerconfigjson": DOCKERCFG,
    "kubernetesiodockercfg": DOCKERCFG,
    "kubernetesiodockerconfigjson": DOCKERCFG,
}
"""The letters of misspelt types, and the intended type."""


def type_problem_of(kind: str, data: str) -> Optional[Problem]:
    """Return the problem of a type that the agent does not know, None if neither variable is set."""
    if kind.startswith(("{", "[", '"{', "'{")):
        return Problem(ProblemKind.TYPE_IS_DATA)
    letters = "".join(filter(str.isalpha, kind.split("#", 1)[0].lower()))
    if letters in _MEANT:
        return Problem(ProblemKind.TYPE_MISSPELT, detail=_MEANT[letters])
    if kind or data:
        return Problem(ProblemKind.TYPE_UNKNOWN if kind else ProblemKind.TYPE_MISSING, detail=_looks_like(data))
    return None


def _looks_like(data: str) -> Optional[str]:
    """Return the type that the data is written for, None if that is not clear."""
    try:
        return looks_like(json.decode(data))
    except json.JsonError:
        return None
