"""The catalogue of variables that an ecs.config may have, for one release of the agent.

The facts are in variables.json beside this file, which is read once, when it is first used. They are JSON and not a
Python literal, because a boot archive that runs from sources would compile such a module at every run.
"""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple, Optional

if TYPE_CHECKING:
    from collections.abc import Mapping

# A name that is shorter or longer is not a misspelt one.
_SHORTEST_NAME, _LONGEST_NAME = 6, 96
# A name of at most this length may differ by one character, a longer one by two.
_SHORT_NAME = 8


class Variable(NamedTuple):
    """One variable of one release of the agent and of ecs-init.

    kind: bool, int, float, duration, enum, string, path, string-list, port-range, rate-limits, json-list,
    json-object, registry-auth or aws-sdk.
    accepted: the accepted values, a phrase for a message.
    default: the default on Linux, spelt like a value if it can be one.
    read_by: agent, ecs-init or both. ecs_init_way: where ecs-init itself reads it: in its environment, which is
    systemd's EnvironmentFile= ("systemd"), in the text of the file ("file", ecs-init/docker/docker.go, getEnvVars) or
    "both"; empty if it does not read it. ecs_init_source: file and line of that in ecs-init.
    sensitive: it may have a secret. logged: the agent or ecs-init logs the value or its invalid part. platform: all,
    linux or windows.
    deprecated: the reason not to use the name any more. ignored: why nothing on Linux reads it.
    meant: the right name, if this one is misspelt in the agent's documentation. ecs_init_sets: the value that ecs-init
    gives the agent if the file has none. source: file and line in amazon-ecs-agent.
    parsing: how the value is read, for `agent.config`.
    """

    name: str
    kind: str
    accepted: str
    default: str
    read_by: str
    ecs_init_way: str
    ecs_init_source: str
    sensitive: bool
    logged: bool
    platform: str
    deprecated: Optional[str]
    ignored: Optional[str]
    notes: str
    source: str
    meant: Optional[str]
    ecs_init_sets: Optional[str]
    parsing: Mapping[str, Any]

    @property
    def is_read_through_systemd(self) -> bool:
        """Whether ecs-init gets the value from systemd."""
        return self.ecs_init_way in ("systemd", "both")

    @property
    def keeps_quotes(self) -> bool:
        """Whether quotes around the value become part of it: every program except systemd keeps them."""
        return self.read_by != "ecs-init" or self.ecs_init_way != "systemd"


def find(name: str) -> Optional[Variable]:
    """Return the variable with this name, None if it is unknown. Names are case-sensitive, as in environments."""
    return _variable(name) if name in _catalogue()["variables"] else None


@cache
def _variable(name: str) -> Variable:
    catalogue = _catalogue()
    facts = catalogue["variables"][name]
    known = {**catalogue["kinds"].get(facts["kind"], {}), **facts}
    parsing = known.get("parsing", {})
    return Variable(
        name=name,
        kind=known["kind"],
        accepted=known.get("accepted") or "one of " + ", ".join(parsing.get("values", ())),
        default=known.get("default", ""),
        read_by=known.get("read_by", "agent"),
        ecs_init_way=known.get("ecs_init_way", ""),
        ecs_init_source=known.get("ecs_init_source", ""),
        sensitive=known.get("sensitive", False),
        logged=known.get("logged", False),
        platform=known.get("platform", "all"),
        deprecated=known.get("deprecated"),
        ignored=known.get("ignored"),
        notes=known.get("notes", ""),
        source=known.get("source", ""),
        meant=known.get("meant"),
        ecs_init_sets=known.get("ecs_init_sets"),
        parsing=parsing,
    )


def names() -> tuple[str, ...]:
    """Return all names of the catalogue in alphabetical order, also those that no program reads."""
    return tuple(_catalogue()["variables"])


def agent_version() -> str:
    """Return the release of amazon-ecs-agent that the catalogue describes."""
    version: str = _catalogue()["agent"]
    return version


def nearest(name: str) -> Optional[str]:
    """Return the name that a misspelt one probably means, None for a correct name or if there is no clear candidate.

    Tried in this order: a misspelling of the agent's documentation, another case or other separators, one or two wrong
    characters, one word too many or too few. Two equally near names give None.
    """
    variable = find(name)
    if variable is not None:
        return variable.meant
    if not _SHORTEST_NAME <= len(name) <= _LONGEST_NAME:
        return None
    spelt = name.strip().upper().replace("-", "_").replace(".", "_").replace(" ", "_")
    if not spelt.replace("_", "").isalnum():
        return None
    read = _read_names()
    if spelt in read:
        return spelt
    candidates = _one_typo_off(spelt, read) or _one_word_off(spelt)
    return candidates[0] if len(candidates) == 1 else None


def _one_typo_off(name: str, known: tuple[str, ...]) -> tuple[str, ...]:
    """Return the nearest names that differ in one or two characters."""
    limit = 1 if len(name) <= _SHORT_NAME else 2
    near: dict[int, list[str]] = {}
    for candidate in known:
        if abs(len(candidate) - len(name)) <= limit:
            near.setdefault(_distance(name, candidate, limit), []).append(candidate)
    return tuple(next((near[distance] for distance in range(1, limit + 1) if distance in near), ()))


def _distance(left: str, right: str, limit: int) -> int:
    """Return the number of insertions, deletions, changes and swaps of neighbours that turn one name into the other.

    A distance above `limit` is returned as any number above it. For speed, the common start and end are cut off first,
    and names whose remaining letters differ too much are not compared.
    """
    start = 0
    while start < min(len(left), len(right)) and left[start] == right[start]:
        start += 1
    left, right = left[start:], right[start:]
    while left and right and left[-1] == right[-1]:
        left, right = left[:-1], right[:-1]
    if len(set(left) ^ set(right)) > 2 * limit:
        return limit + 1
    before: list[int] = []
    row = list(range(len(right) + 1))
    for i, letter in enumerate(left, start=1):
        last, before, row = before, row, [i]
        for j, other in enumerate(right, start=1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (letter != other))
            if i > 1 and j > 1 and letter == right[j - 2] and left[i - 2] == other:
                cost = min(cost, last[j - 2] + 1)
            row.append(cost)
        if min(row) > limit:
            return limit + 1
    return row[-1]


def _one_word_off(name: str) -> tuple[str, ...]:
    """Return the agent's names with all words of this one, in order, and one more; else those with one less."""
    words = name.split("_")
    if words[0] != "ECS" or len(words) < 2:  # noqa: PLR2004 -- the prefix alone says nothing
        return ()
    longer = _shortened_names().get(name)
    return tuple(longer or _without_a_word(name).intersection(_read_names()))


def _without_a_word(name: str) -> set[str]:
    """Return every form of the name without one word after the prefix, except the prefix alone."""
    words = name.split("_")
    return {"_".join(words[:i] + words[i + 1 :]) for i in range(1, len(words))} - {words[0]}


@cache
def _shortened_names() -> dict[str, set[str]]:
    """Return the agent's names by each form without one of their words."""
    shortened: dict[str, set[str]] = {}
    for name in _read_names():
        for shorter in _without_a_word(name):
            shortened.setdefault(shorter, set()).add(name)
    return shortened


@cache
def _read_names() -> tuple[str, ...]:
    """Return the names that a program on Linux reads."""
    return tuple(name for name, facts in _catalogue()["variables"].items() if "ignored" not in facts)


@cache
def _catalogue() -> dict[str, Any]:
    """Read the data with this module's own loader, which reads files and zip archives.

    pkgutil.get_data does the same, but its import takes two milliseconds.
    """
    loader: Any = __spec__.loader
    catalogue: dict[str, Any] = json.loads(loader.get_data(__file__.rpartition(".")[0] + ".json"))
    return catalogue
