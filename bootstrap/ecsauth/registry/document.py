"""The JSON of ECS_ENGINE_AUTH_DATA as Go decodes it into the agent's map of structs.

Source: encoding/json, decode.go `object` and `literalStore`, fold.go `foldName`. A known field matches exactly or
case-folded. Of equal fields the last one wins, but null leaves the earlier value. A repeated registry key replaces the
whole entry. A wrong type of a known field fails the document (Go goes on decoding and reports it at the end). Unknown
fields may have any value. The structs: docker's registry.AuthConfig for `docker`, dockercfgConfigEntry for `dockercfg`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Optional

from ecsauth.go.json import JsonKind, Member, Value
from ecsauth.registry.credential import Credential
from ecsauth.registry.keys import shown_key
from ecsauth.registry.problems import Problem, ProblemKind

if TYPE_CHECKING:
    from collections.abc import Mapping

DOCKER = "docker"
DOCKERCFG = "dockercfg"

FIELDS: Mapping[str, tuple[str, ...]] = {DOCKER: Credential._fields, DOCKERCFG: ("auth",)}
"""The fields that each type reads; all others may have any value."""

_FOLD = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ\u017f\u212a", "abcdefghijklmnopqrstuvwxyzsk")


class RawEntry(NamedTuple):
    """One registry of the document, before base64 is decoded and the scheme is cut.

    `fields` are those that the type reads, as Go reads them; `wrong` are those whose value is not a string, even once;
    `unread` are the members that the type ignores.
    """

    key: str
    column: int
    value: Value
    fields: Mapping[str, Value]
    wrong: frozenset[str]
    unread: tuple[Member, ...]

    def text(self, name: str) -> str:
        """Return a field's text, empty if it is absent or null, like Go's zero value."""
        field = self.fields.get(name)
        return field.text.reveal() if field and field.text else ""

    def column_of(self, name: str) -> int:
        """Return the column of a field's value; the column of the key if the field is absent."""
        field = self.fields.get(name)
        return field.column if field else self.column

    def problem(self, kind: ProblemKind, column: Optional[int] = None, detail: Optional[str] = None) -> Problem:
        """Return a problem of this registry, by default at its key."""
        return Problem(kind, self.column if column is None else column, shown_key(self.key), detail)


class Document(NamedTuple):
    """All registries, one for each distinct key.

    `readable` is false if Go refuses the whole document; `drafts` then serve only for the diagnosis. `problems` are
    those of the decoding itself: repeated keys and fields, wrong types of fields.
    """

    drafts: tuple[RawEntry, ...]
    problems: tuple[Problem, ...]
    readable: bool


def known_field(name: str) -> Optional[str]:
    """Return the field of either type that Go matches with `name`, None if it matches none."""
    folded = name.translate(_FOLD)
    return folded if folded in Credential._fields else None


def read(value: Value, kind: str) -> Document:
    """Read a decoded document for one of the two types."""
    problems: list[Problem] = []
    drafts: dict[str, RawEntry] = {}
    readable = _is_struct(value)
    for member in value.members:
        if member.name in drafts:
            problems.append(Problem(ProblemKind.KEY_DUPLICATE, member.column, shown_key(member.name)))
        draft = _draft(member, kind, problems)
        drafts[member.name] = draft
        readable = readable and _is_struct(member.value) and not draft.wrong
    return Document(tuple(drafts.values()), tuple(problems), readable)


def _is_struct(value: Value) -> bool:
    """Tell whether Go decodes the value into a map or struct; null is allowed and changes nothing."""
    return value.kind in {JsonKind.OBJECT, JsonKind.NULL}


def _draft(member: Member, kind: str, problems: list[Problem]) -> RawEntry:
    """Read one registry; append its problems to `problems`."""
    fields: dict[str, Value] = {}
    seen: set[str] = set()
    wrong: set[str] = set()
    unread = []
    for part in member.value.members:
        name = known_field(part.name)
        if name is None or name not in FIELDS[kind]:
            unread.append(part)
            continue
        if name in seen:
            problems.append(Problem(ProblemKind.FIELD_DUPLICATE, part.column, shown_key(member.name), name))
        seen.add(name)
        if part.value.kind is JsonKind.STRING:
            fields[name] = part.value
        elif part.value.kind is not JsonKind.NULL:
            wrong.add(name)
            problems.append(Problem(ProblemKind.FIELD_NOT_STRING, part.value.column, shown_key(member.name), name))
    return RawEntry(member.name, member.column, member.value, fields, frozenset(wrong), tuple(unread))
