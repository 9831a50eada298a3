"""Every variable that may stand in an ecs.config, and what is known of it: the catalogue of one agent release.

The facts are data, in variables.json beside this file, read once and only when asked for. JSON and not a Python
literal, because a boot archive that runs from sources would compile a module again at every run.
"""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple, Optional

if TYPE_CHECKING:
    from collections.abc import Mapping

# Shorter and longer names are nobody's slip of the pen.
_SHORTEST_NAME, _LONGEST_NAME = 6, 96
# A name this short is misspelt by one character at most, a longer one by two.
_SHORT_NAME = 8


class Variable(NamedTuple):
    """What one release of the agent and of ecs-init makes of one name.

    kind: bool, int, float, duration, enum, string, path, string-list, port-range, rate-limits, json-list,
    json-object, registry-auth or aws-sdk.
    accepted: what may be given, a phrase for a message.
    default: what holds on Linux where nothing is given, in the same spelling as a value where it can be one.
    read_by: agent, ecs-init or both. ecs_init_way: how ecs-init itself reads it: from its environment, which is
    systemd's EnvironmentFile= ("systemd"), from the text of the file ("file", ecs-init/docker/docker.go, getEnvVars)
    or in both ways; empty where it does not read it. ecs_init_source: file and line of that.
    sensitive: may hold a secret. logged: the agent or ecs-init writes the value,
    or the part that it cannot use, to a log. platform: all, linux or windows.
    deprecated: what to know about a name that should not be used any more. ignored: why nothing on Linux reads it.
    meant: the name that is documented wrongly as this one. ecs_init_sets: what ecs-init gives the agent unless the
    file says otherwise. source: file and line in amazon-ecs-agent.
    parsing: how the value is read, for `agent_config`.
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
        """Whether what systemd makes of the line counts."""
        return self.ecs_init_way in ("systemd", "both")

    @property
    def keeps_quotes(self) -> bool:
        """Whether a program takes quotes around the value for a part of it: every reader but systemd does."""
        return self.read_by != "ecs-init" or self.ecs_init_way != "systemd"


def find(name: str) -> Optional[Variable]:
    """Return what is known of the name, None if nothing is. Names are case-sensitive, as environments are."""
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
    """Return all names of the catalogue in alphabetical order, those that nothing reads included."""
    return tuple(_catalogue()["variables"])


def agent_version() -> str:
    """Return the release of amazon-ecs-agent that the catalogue describes."""
    version: str = _catalogue()["agent"]
    return version


def nearest(name: str) -> Optional[str]:
    """Return the name that a misspelt one was probably meant to be, None where no guess is plausible.

    None as well for a name that is right. Tried in this order: a name documented wrongly, other case or separators,
    one or two characters off, one word too many or too few; two equally near names are no guess.
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
    candidates = _one_slip_off(spelt, read) or _one_word_off(spelt)
    return candidates[0] if len(candidates) == 1 else None


def _one_slip_off(name: str, known: tuple[str, ...]) -> tuple[str, ...]:
    """Return the names nearest to this one, if they are one or two characters off."""
    limit = 1 if len(name) <= _SHORT_NAME else 2
    near: dict[int, list[str]] = {}
    for candidate in known:
        if abs(len(candidate) - len(name)) <= limit:
            near.setdefault(_distance(name, candidate, limit), []).append(candidate)
    return tuple(next((near[distance] for distance in range(1, limit + 1) if distance in near), ()))


def _distance(left: str, right: str, limit: int) -> int:
    """Return how many insertions, deletions, changes and swaps of neighbours turn one into the other.

    What exceeds `limit` comes back as some number above it. The ends that both share are cut off first, so that
    nothing long is left of two names that are near, and what is left of others is refused by its letters.
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
    """Return the names of the agent that have all words of this one, in order, and one more, or else one less."""
    words = name.split("_")
    if words[0] != "ECS" or len(words) < 2:  # noqa: PLR2004 -- the prefix alone says nothing
        return ()
    longer = _shortened_names().get(name)
    return tuple(longer or _without_a_word(name).intersection(_read_names()))


def _without_a_word(name: str) -> set[str]:
    """Return the name's shorter forms: each lacks one word behind the prefix, and none is the prefix alone."""
    words = name.split("_")
    return {"_".join(words[:i] + words[i + 1 :]) for i in range(1, len(words))} - {words[0]}


@cache
def _shortened_names() -> dict[str, set[str]]:
    """Return the names by what is left of them without one of their words."""
    shortened: dict[str, set[str]] = {}
    for name in _read_names():
        for shorter in _without_a_word(name):
            shortened.setdefault(shorter, set()).add(name)
    return shortened


@cache
def _read_names() -> tuple[str, ...]:
    """Return the names that something on Linux reads."""
    return tuple(name for name, facts in _catalogue()["variables"].items() if "ignored" not in facts)


@cache
def _catalogue() -> dict[str, Any]:
    """Read the data through this module's own loader, which knows files and zip archives alike.

    pkgutil.get_data does the same and would cost two milliseconds to import.
    """
    loader: Any = __spec__.loader
    catalogue: dict[str, Any] = json.loads(loader.get_data(__file__.rpartition(".")[0] + ".json"))
    return catalogue
