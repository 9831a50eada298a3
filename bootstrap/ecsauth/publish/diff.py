"""The changes from one env-file to another, by variable and by registry, without any value."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Optional

from ecsauth import envfile
from ecsauth.agent.names import shown, shown_registry
from ecsauth.registry import auth as registry_auth
from ecsauth.registry.auth import DATA

if TYPE_CHECKING:
    from ecsauth.registry.credential import Credential
    from ecsauth.secret import Secret


class Change(NamedTuple):
    """One difference. `what` is for example `added` or `password changed`."""

    variable: str
    what: str
    registry: Optional[str] = None

    def __str__(self) -> str:
        place = f"{self.variable}, registry {self.registry}" if self.registry else self.variable
        return f"{place}: {self.what}"


def difference(old: bytes, new: bytes) -> tuple[Change, ...]:
    """Return the changes in the environment that docker would give to the agent."""
    before, after = envfile.docker(old).environment(), envfile.docker(new).environment()
    changes: list[Change] = []
    for name in sorted({*before, *after}):
        if before.get(name) == after.get(name):
            continue
        name_shown = shown(name) or "a variable with an unusual name"
        if name not in before or name not in after:
            changes.append(Change(name_shown, "added" if name in after else "removed"))
        elif name != DATA:
            changes.append(Change(name_shown, "changed"))
    if before.get(DATA) != after.get(DATA):
        changes += _registry_changes(before, after)
    return tuple(changes)


def _registry_changes(before: dict[str, Secret], after: dict[str, Secret]) -> list[Change]:
    """Return the registries whose credentials changed, or one change if only the spelling of the data differs."""
    old, new = _credentials(before), _credentials(after)
    changes = [
        Change(DATA, what, shown_registry(key) or "with a name that is not shown")
        for registry in sorted({*old, *new})
        for key, one, other in _pairs(old.get(registry, {}), new.get(registry, {}))
        for what in _entry_changes(one, other)
    ]
    both_set = DATA in before and DATA in after
    return changes or ([Change(DATA, "written differently, with the same credentials")] if both_set else [])


def _pairs(
    old: dict[str, Credential], new: dict[str, Credential]
) -> list[tuple[str, Optional[Credential], Optional[Credential]]]:
    """Return the pairs of entries of one registry to compare, each with the name to show; none if nothing changed.

    The agent cuts the scheme off a name, so entries whose names differ only in the scheme are the same entry.
    """
    if old and new and {*old.values()} == {*new.values()}:
        return []
    if len(old) == len(new) == 1:
        return [(next(iter(new)), next(iter(old.values())), next(iter(new.values())))]
    return [(key, old.get(key), new.get(key)) for key in sorted({*old, *new}) if old.get(key) != new.get(key)]


def _entry_changes(old: Optional[Credential], new: Optional[Credential]) -> list[str]:
    if old is None or new is None:
        return ["added" if old is None else "removed"]
    texts = {"username": "user name", "auth": "credential", "identitytoken": "identity token"}
    return [f"{texts.get(field, field)} changed" for field, one, other in zip(old._fields, old, new) if one != other]


def _credentials(environment: dict[str, Secret]) -> dict[str, dict[str, Credential]]:
    """Return the credentials by registry, as the agent knows it, and then by the name in the file."""
    found: dict[str, dict[str, Credential]] = {}
    for entry in registry_auth.in_environment(environment).entries:
        found.setdefault(entry.registry, {})[entry.key] = entry.credential
    return found
