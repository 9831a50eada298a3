"""Registry keys that the agent never looks up, that win at random, or that match more images than they seem to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Optional

from ecsauth.registry.keys import (
    HUB_KEY,
    host_of,
    is_api_path,
    is_hub_alias,
    is_valid_host,
    is_valid_path,
    names_host,
    path_of,
    shown_key,
    strip_scheme,
)
from ecsauth.registry.problems import Problem, ProblemKind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ecsauth.registry.credential import Entry
    from ecsauth.registry.document import RawEntry


def problems_of(drafts: tuple[RawEntry, ...], entries: tuple[Entry, ...]) -> Iterator[Problem]:
    """Yield the problems of each key, then those between the keys of one host."""
    useful = set()
    for draft in drafts:
        kind = flaw(draft.key)
        if kind is not None:
            yield draft.problem(kind)
        if kind is None or kind is ProblemKind.KEY_UPPERCASE_HOST:
            useful.add(draft.key)
    hosts: dict[str, dict[str, list[Entry]]] = {}
    for entry in entries:
        if entry.key in useful:
            hosts.setdefault(host_of(entry.registry), {}).setdefault(entry.registry, []).append(entry)
    for host, registries in hosts.items():
        for same in registries.values():
            yield from _collision(same)
        if host != host_of(HUB_KEY):
            yield from _paths(host, {registry: same[0] for registry, same in registries.items()})


def flaw(key: str) -> Optional[ProblemKind]:
    """Return why a key serves no image, or only images in the same capitals; None if the key itself is valid."""
    registry = strip_scheme(key)
    host = host_of(registry)
    if not registry.strip("/ "):
        return ProblemKind.KEY_EMPTY
    if "@" in key:
        return ProblemKind.KEY_HAS_USERINFO
    if " " in key or not key.isprintable():  # of all white space only a space is printable
        return ProblemKind.KEY_WHITE_SPACE
    if "://" in registry or not host or registry.lower().startswith(("http:", "https:")):
        capitals = key.lower().startswith(("http://", "https://")) and registry == key
        return ProblemKind.KEY_UPPERCASE_SCHEME if capitals else ProblemKind.KEY_BAD_SCHEME
    if is_hub_alias(registry):
        return None if registry == HUB_KEY else ProblemKind.HUB_KEY_NEVER_USED
    if "*" in host:
        return ProblemKind.KEY_WILDCARD
    if not names_host(host):
        return ProblemKind.KEY_NOT_A_HOST
    if not is_valid_host(host):
        return ProblemKind.KEY_INVALID
    return ProblemKind.KEY_UPPERCASE_HOST if host != host.lower() else None


def _problem(kind: ProblemKind, entry: Entry) -> Problem:
    return Problem(kind, entry.column, shown_key(entry.key))


def _collision(same: list[Entry]) -> Iterator[Problem]:
    """Yield a problem if several keys are the same registry to the agent."""
    if len(same) > 1:
        random = len({entry.credential for entry in same}) > 1
        yield _problem(ProblemKind.KEY_COLLISION if random else ProblemKind.KEY_REDUNDANT, same[1])


def _paths(host: str, keys: dict[str, Entry]) -> Iterator[Problem]:
    """Yield the problems of the keys of one host; the bare host, if it is a key, is the default."""
    if host in keys:
        yield from _beside_host(keys[host], [entry for registry, entry in keys.items() if registry != host])
    elif len(keys) == 1:
        ((registry, entry),) = keys.items()
        api = is_api_path(registry)
        yield _problem(ProblemKind.KEY_API_PATH if api else ProblemKind.PATH_KEY_SERVES_HOST, entry)
    else:
        first = min(keys.values(), key=lambda entry: entry.column)
        random = len({entry.credential for entry in keys.values()}) > 1
        yield _problem(ProblemKind.PATH_KEYS_RANDOM if random else ProblemKind.PATH_KEY_SERVES_HOST, first)


def _beside_host(bare: Entry, others: list[Entry]) -> Iterator[Problem]:
    """Yield the problems of keys with a path if the bare host is a key too."""
    for entry in others:
        path = path_of(entry.registry)
        if not path:
            same = entry.credential == bare.credential
            yield _problem(ProblemKind.KEY_REDUNDANT if same else ProblemKind.KEY_SHADOWED, bare)
        elif is_api_path(entry.registry):
            yield _problem(ProblemKind.API_PATH_NEVER_USED, entry)
        elif not is_valid_path(path):
            yield _problem(ProblemKind.KEY_PATH_INVALID, entry)
        elif not path.endswith("/"):
            yield _problem(ProblemKind.PATH_PREFIX_NO_BOUNDARY, entry)
