"""Registry credentials in the form that the agent reads; every credential stays the same.

Mistakes of spelling are fixed: shell quotes, docker's `auths`, schemes, the names of Docker Hub, the type. Mistakes
whose fix would be a guess stay, and `check` reports them. Two different entries for one registry are refused here.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple, Optional

from ecsauth.agent.names import shown_registry
from ecsauth.errors import InvalidError
from ecsauth.go.json import JsonKind
from ecsauth.go.values import trim_space
from ecsauth.registry import auth, document_problems, meant_document
from ecsauth.registry.document import FIELDS
from ecsauth.registry.key_problems import flaw
from ecsauth.registry.keys import (
    HUB_HOSTS,
    HUB_KEY,
    canonical_registry,
    host_of,
    is_valid_host,
    names_host,
    strip_scheme,
)
from ecsauth.registry.problems import ProblemKind
from ecsauth.secret import Secret

if TYPE_CHECKING:
    from ecsauth.go.json import Member, Value
    from ecsauth.registry.credential import Credential, Entry
    from ecsauth.registry.problems import Problem

_MENDED_KEYS = frozenset(
    {
        ProblemKind.HUB_KEY_NEVER_USED,
        ProblemKind.KEY_UPPERCASE_SCHEME,
        ProblemKind.KEY_BAD_SCHEME,
        ProblemKind.KEY_WHITE_SPACE,
    }
)
# A string (group 1), or white space between the parts of a document.
_STRING_OR_SPACE = r'("(?:[^"\\]|\\.)*")|[ \t\r\n]+'


class Auth(NamedTuple):
    """The values of ECS_ENGINE_AUTH_TYPE and ECS_ENGINE_AUTH_DATA; None for a variable that is not written."""

    kind: Optional[str]
    data: Optional[Secret]


def canonical_auth(kind: Optional[str], data: Optional[str]) -> Auth:
    """Return both values in their canonical form, or unchanged if that would need a guess.

    Raises InvalidError if two names are the same registry with different credentials, and if fixing a name would change
    the credentials for other images of its host.
    """
    secret, value, _ = meant_document.read(data or "")
    text = secret.reveal()
    if value is None or value.kind is not JsonKind.OBJECT:
        return Auth(kind, None if data is None else Secret(data))
    before = auth.parse(kind, data)
    inside = before if text == data else auth.parse(kind, text)
    meant = _type(kind or "", text, inside.problems)
    if meant is None:
        return Auth(kind, Secret(compact(text)))
    mended = _render(_without_doubles(meant, _members(value), text), text)
    if before.kind == meant and mended != data:
        _refuse_changes(before.entries, auth.parse(meant, mended).entries)
    return Auth(meant, Secret(mended))


def _type(kind: str, data: str, problems: tuple[Problem, ...]) -> Optional[str]:
    """Return the intended type, None if it is unknown; `problems` are those of the data under the given one."""
    kind = trim_space(kind)
    if kind not in FIELDS:
        problem = document_problems.type_problem_of(kind, data)
        if problem is None or problem.kind not in (ProblemKind.TYPE_MISSPELT, ProblemKind.TYPE_MISSING):
            return None
        kind = problem.detail or ""
    other = next((problem.detail for problem in problems if problem.kind is ProblemKind.TYPE_MISMATCH), None)
    return other or kind or None


def _members(value: Value) -> list[tuple[str, Member]]:
    """Return the entries with their corrected names; of equal names only the last one, as Go does."""
    last = {member.name: member for member in value.members}
    return [(_key(name), member) for name, member in last.items()]


def _key(key: str) -> str:
    """Return the corrected name if the correction is clear; a name that the agent can look up stays."""
    meant = canonical_registry(key)
    return meant if flaw(key) in _MENDED_KEYS and not flaw(meant) else key


def _render(members: list[tuple[str, Member]], text: str) -> str:
    """Return one line of JSON; only white space in the values changes."""
    entries = (
        f"{json.dumps(key, ensure_ascii=False)}:{compact(text[member.value.start : member.value.end])}"
        for key, member in members
    )
    return "{" + ",".join(entries) + "}"


def compact(text: str) -> str:
    """Return valid JSON without the white space between its parts."""
    return re.sub(_STRING_OR_SPACE, lambda match: match.group(1) or "", text)


def _without_doubles(kind: str, members: list[tuple[str, Member]], text: str) -> list[tuple[str, Member]]:
    """Return one entry for each registry; raise InvalidError if two entries of one registry differ."""
    kept: dict[str, tuple[str, Member]] = {}
    count = Counter(strip_scheme(key) for key, _ in members)
    credentials: dict[str, list[Credential]] = {}
    for key, member in members:
        registry = strip_scheme(key)
        if count[registry] > 1:
            alone = auth.parse(kind, _render([(key, member)], text))
            found = [entry.credential for entry in alone.entries]
            if credentials.setdefault(registry, found) != found:
                raise InvalidError(
                    f"cannot be fixed automatically: {_named(key)}: two entries of this registry have different"
                    " credentials",
                    "delete the wrong entry",
                )
        kept.setdefault(registry, (key, member))
    return list(kept.values())


def _refuse_changes(before: tuple[Entry, ...], after: tuple[Entry, ...]) -> None:
    """Raise InvalidError if the credentials of a host would change."""
    old, new = _by_host(before), _by_host(after)
    for host, registries in old.items():
        if new.get(host) != registries:
            raise InvalidError(
                f"cannot be fixed automatically: {_named(host)}: a fixed name would change the credentials of other"
                " images of this host",
                "write each registry as it is in the names of the images",
            )


def _by_host(entries: tuple[Entry, ...]) -> dict[str, dict[str, frozenset[Credential]]]:
    """Return the credentials by host and registry, without registries that no image name can have."""
    hosts: dict[str, dict[str, frozenset[Credential]]] = {}
    for entry in entries:
        host = host_of(entry.registry)
        is_hub = host in HUB_HOSTS
        if entry.registry == HUB_KEY if is_hub else names_host(host) and is_valid_host(host):
            registries = hosts.setdefault(host, {})
            registries[entry.registry] = registries.get(entry.registry, frozenset()) | {entry.credential}
    return hosts


def _named(registry: str) -> str:
    return shown_registry(registry) or "registry"
