"""Problems of the fields of one registry."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Optional

from ecsauth.go.json import JsonKind, Member
from ecsauth.registry import credential
from ecsauth.registry.credential import Credential
from ecsauth.registry.document import DOCKER, DOCKERCFG, FIELDS, RawEntry, known_field
from ecsauth.registry.keys import host_of, names_host, strip_scheme
from ecsauth.registry.problems import Problem, ProblemKind

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

_MEANT: Mapping[str, str] = {
    **{name: name for name in Credential._fields},
    "user": "username",
    "usr": "username",
    "login": "username",
    "pass": "password",
    "passwd": "password",
    "pwd": "password",
    "secret": "password",
    "token": "password",
    "auths": "auth",
    "authorization": "auth",
    "mail": "email",
}
"""The letters of misspelt names, and the intended field."""

_ESCAPED_BYTE = "[\udc80-\udcff]"
PLACEHOLDER = r"\$\{[A-Za-z_!][^{}]*\}|\$[A-Z_][A-Z0-9_]+|\{\{.*\}\}|<[^<>]+>|%[A-Z_][A-Z0-9_]*%"
"""A placeholder that a template or a script did not fill in: of a shell, Terraform, Jinja, a document."""
_UNFILLED = "a placeholder"
_TOKENS = ("identitytoken", "registrytoken")
_ECR_USER = "AWS"
_EXPIRING_USERS = frozenset({"oauth2accesstoken", "00000000-0000-0000-0000-000000000000"})
"""Google's and Azure's user names for access tokens, which expire after one or a few hours."""


def problems_of(drafts: tuple[RawEntry, ...], data: str, kind: str) -> Iterator[Problem]:
    """Yield the problems of each entry; if all entries have the format of the other type, that is one problem."""
    other = {draft.key for draft in drafts if _in_other_format(draft, kind)}
    meant = DOCKERCFG if kind == DOCKER else DOCKER
    mismatch = bool(other) and all(draft.key in other or _is_bare(draft) for draft in drafts)
    if mismatch:
        first = next(draft for draft in drafts if draft.key in other)
        yield Problem(ProblemKind.TYPE_MISMATCH, first.column, None, meant)
    for draft in drafts:
        yield from _replaced(draft, data)
        if _is_remark(draft):
            continue
        if draft.key not in other:
            yield from (_docker(draft) if kind == DOCKER else _dockercfg(draft))
        elif not mismatch:
            yield draft.problem(ProblemKind.FORMAT_MIXED, detail=meant)


def _in_other_format(draft: RawEntry, kind: str) -> bool:
    """Tell whether an entry has only fields that the other type reads, and none that `kind` reads."""
    if kind == DOCKERCFG:
        unread = {known_field(member.name) for member in draft.unread if _says_something(member)}
        return not draft.text("auth") and bool(unread & {"username", "password"})
    return bool(draft.text("auth")) and not any(map(draft.text, ("username", "password", *_TOKENS)))


def _is_remark(draft: RawEntry) -> bool:
    """Tell whether an entry is a remark: the agent can use neither its key nor its members."""
    return not names_host(host_of(strip_scheme(draft.key))) and not any(
        known_field(member.name) for member in draft.value.members
    )


def _is_bare(draft: RawEntry) -> bool:
    """Tell whether an entry has no members."""
    return not draft.fields and not draft.unread


def _says_something(member: Member) -> bool:
    """Tell whether a value is neither null nor an empty string."""
    return member.value.kind is not JsonKind.NULL and (
        member.value.kind is not JsonKind.STRING or bool(member.value.text)
    )


def _replaced(draft: RawEntry, data: str) -> Iterator[Problem]:
    """Yield a problem for each text that is read with more U+FFFD than the data has in its place."""
    texts = [(draft.key, draft.column - 1, draft.value.start)]
    texts += [(draft.text(name), value.start, value.end) for name, value in draft.fields.items()]
    for text, start, end in texts:
        if "\ufffd" not in text:
            continue
        written = data[start:end].lower()
        if text.count("\ufffd") > written.count("\ufffd") + written.count("\\ufffd"):
            yield draft.problem(ProblemKind.TEXT_REPLACED, start + 1)


def _unread(draft: RawEntry, kind: str) -> Iterator[Problem]:
    """Yield a problem for each member with a value that the type does not read, except the documented `email`."""
    for member in filter(_says_something, draft.unread):
        name = known_field(member.name)
        meant = "" if name else _MEANT.get("".join(filter(str.isalpha, member.name.lower())), "")
        if meant in FIELDS[kind] and not draft.text(meant):
            yield draft.problem(ProblemKind.FIELD_MISSPELT, member.column, meant)
        elif name in _TOKENS:
            yield draft.problem(ProblemKind.TOKEN_IGNORED, member.column, name)
        elif name != "email":
            yield draft.problem(ProblemKind.FIELD_IGNORED, member.column, name)


def _docker(draft: RawEntry) -> Iterator[Problem]:
    unread = list(_unread(draft, DOCKER))
    yield from unread
    tokens = [name for name in _TOKENS if draft.text(name)]
    for name in tokens:
        yield draft.problem(ProblemKind.IDENTITY_TOKEN, draft.column_of(name), name)
        yield from _placeholder(draft, name, draft.text(name))
    username, password = draft.text("username"), draft.text("password")
    explained = {problem.detail for problem in unread if problem.kind is ProblemKind.FIELD_MISSPELT} | draft.wrong
    explained |= {"username", "password"} if tokens else set()
    if username or password:
        yield from _pair(draft, username, password, explained)
        if draft.text("auth"):
            yield draft.problem(ProblemKind.FIELD_IGNORED, draft.column_of("auth"), "auth")
    elif not explained & {"username", "password", *_TOKENS}:
        yield draft.problem(ProblemKind.ENTRY_EMPTY)


def _dockercfg(draft: RawEntry) -> Iterator[Problem]:
    text, column = draft.text("auth"), draft.column_of("auth")
    unread = list(_unread(draft, DOCKERCFG))
    yield from unread
    explained = {problem.kind for problem in unread} & {ProblemKind.FIELD_MISSPELT, ProblemKind.TOKEN_IGNORED}
    if text:
        pair = credential.decode(text)
        if pair.refusal is not None and re.fullmatch(PLACEHOLDER, text):
            yield draft.problem(ProblemKind.AUTH_NOT_BASE64, column, _UNFILLED)
        elif pair.refusal is not None:
            yield draft.problem(credential.cause(text, pair.refusal), column)
        else:
            yield from _pair(draft, pair.username, pair.password.reveal(), {"password"} if explained else set())
    elif "auth" in draft.fields:
        yield draft.problem(ProblemKind.AUTH_EMPTY, column)
    elif not explained and "auth" not in draft.wrong:
        yield draft.problem(ProblemKind.AUTH_MISSING)


def _pair(draft: RawEntry, username: str, password: str, explained: Collection[Optional[str]]) -> Iterator[Problem]:
    """Yield the problems of a user name and password; `explained` are fields whose absence has its own problem."""
    for name, text, empty in (
        ("username", username, ProblemKind.USERNAME_EMPTY),
        ("password", password, ProblemKind.PASSWORD_EMPTY),
    ):
        column = draft.column_of(name if name in draft.fields else "auth")
        if not text and name not in explained:
            yield draft.problem(empty, column)
        yield from _placeholder(draft, name, text)
        if name == "username" and ":" in text:
            yield draft.problem(ProblemKind.USERNAME_COLON, column)
        if name == "username" and _expires(text, draft.key):
            yield draft.problem(ProblemKind.EXPIRING_LOGIN, column)
        if "\n" in text or "\r" in text:
            yield draft.problem(ProblemKind.LINE_BREAK, column, name)
        if "\0" in text:
            yield draft.problem(ProblemKind.NUL_CHARACTER, column, name)
        if not text.isascii() and re.search(_ESCAPED_BYTE, text):
            yield draft.problem(ProblemKind.AUTH_NOT_UTF8, column, name)


def _placeholder(draft: RawEntry, name: str, text: str) -> Iterator[Problem]:
    """Yield a problem if the whole text is a placeholder; a part that looks like one may belong to a password."""
    if text and re.fullmatch(PLACEHOLDER, text):
        yield draft.problem(ProblemKind.PLACEHOLDER, draft.column_of(name if name in draft.fields else "auth"), name)


def _expires(username: str, key: str) -> bool:
    """Tell whether the user name is one of a cloud's short-lived tokens."""
    host = host_of(strip_scheme(key))
    return username in _EXPIRING_USERS or (username == _ECR_USER and (".dkr.ecr" in host or host == "public.ecr.aws"))
