"""The credentials that the agent can send for an image, for every order in which Go may iterate over a map.

Source: amazon-ecs-agent, agent/dockerclient/dockerauth/dockerauth.go GetAuthconfig, and agent/utils/repotag.go.

The agent iterates over its map twice. At the start, the last one of several keys for the same registry stays. For each
pull, the first key of the image's host becomes the candidate, even if its path does not match; then each longer key
that is a prefix of the image replaces it. The order of both is random. So every key of the host can win that is not
shorter than the longest prefix of the image among them. If the bare host is a key, it is the first candidate, and
nothing is random.
"""

from __future__ import annotations

from collections import Counter
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple, Optional

from ecsauth.registry.credential import ANONYMOUS, Credential, Entry
from ecsauth.registry.keys import HUB_HOSTS, HUB_KEY, host_of, names_host

if TYPE_CHECKING:
    from collections.abc import Collection

    from ecsauth.registry.auth import RegistryAuth

HUB = "docker.io"
"""The host of an image name that names none (dockerauth.go, IndexName)."""


class MatchStepKind(Enum):
    """One step of the lookup, for an explanation of the result."""

    HOST = "host"  # the image's host, an implied docker.io too
    HUB_KEY = "hub-key"  # Docker Hub: only the key HUB_KEY is looked up, and it is there
    HUB_KEY_ABSENT = "hub-key-absent"
    HOST_KEY = "host-key"  # the bare host is a key: the default
    HOST_KEY_ABSENT = "host-key-absent"  # other keys of the host are there
    NO_KEY = "no-key"  # no key of the host at all
    PREFIX = "prefix"  # a key with a path that is a plain prefix of the image
    OTHER_PATH = "other-path"  # a key of the host that is no prefix of the image
    ONLY_KEY = "only-key"  # wins as the only key of the host, fit or not
    LONGEST_PREFIX = "longest-prefix"  # wins as the longest prefix
    MAP_ORDER = "map-order"  # can win: whichever Go's map gives first
    COLLISION = "collision"  # several keys are this registry: whichever Go's map gives last


class MatchStep(NamedTuple):
    """A step, with the host or registry concerned; a registry may have a password, see `keys.shown_key`."""

    kind: MatchStepKind
    registry: str


class Match(NamedTuple):
    """The credentials that the agent can send for one image.

    `candidates` has every entry that can win, with its credential; only (None, ANONYMOUS) if there is none.
    `deterministic` tells whether all candidates are the same credential.
    """

    host: str
    candidates: tuple[tuple[Optional[Entry], Credential], ...]
    deterministic: bool
    steps: tuple[MatchStep, ...]


def image_host(image: str) -> str:
    """Return the host that the agent finds in an image name, HUB if it has none.

    The tag is cut at the last colon unless a slash follows. If the rest has a slash, the part before the first slash is
    the host if it has a dot or colon or is `localhost`.
    """
    before, colon, tag = image.rpartition(":")
    repository = before if colon and "/" not in tag else image
    first, slash, _ = repository.partition("/")
    return first if slash and names_host(first) else HUB


def match(auth: RegistryAuth, image: str) -> Match:
    """Return every credential that the agent can send for `image`. Time is linear in the number of entries."""
    host = image_host(image)
    steps = [MatchStep(MatchStepKind.HOST, host)]
    wanted = host_of(HUB_KEY) if host in HUB_HOSTS else host
    entries = [entry for entry in auth.entries if host_of(entry.registry) == wanted]
    registries = dict.fromkeys(entry.registry for entry in entries)
    winners = _hub(registries, steps) if host in HUB_HOSTS else _winners(host, registries, image, steps)
    winning = [entry for entry in entries if entry.registry in winners]
    colliding = Counter(entry.registry for entry in winning)
    steps += [MatchStep(MatchStepKind.COLLISION, registry) for registry, count in colliding.items() if count > 1]
    candidates = tuple((entry, entry.credential) for entry in winning)
    deterministic = len({credential for _, credential in candidates}) <= 1
    return Match(host, candidates or ((None, ANONYMOUS),), deterministic, tuple(steps))


def _hub(registries: Collection[str], steps: list[MatchStep]) -> frozenset[str]:
    """Return the one key that serves Docker Hub, if it is there."""
    found = HUB_KEY in registries
    steps.append(MatchStep(MatchStepKind.HUB_KEY if found else MatchStepKind.HUB_KEY_ABSENT, HUB_KEY))
    return frozenset({HUB_KEY} if found else ())


def _winners(host: str, registries: Collection[str], image: str, steps: list[MatchStep]) -> frozenset[str]:
    """Return the keys of the image's host that can win; add the steps of the lookup to `steps`."""
    if not registries:
        steps.append(MatchStep(MatchStepKind.NO_KEY, host))
        return frozenset()
    steps.append(MatchStep(MatchStepKind.HOST_KEY if host in registries else MatchStepKind.HOST_KEY_ABSENT, host))
    longest = ""
    for registry in registries:
        fits = image.startswith(registry)
        if registry != host:
            steps.append(MatchStep(MatchStepKind.PREFIX if fits else MatchStepKind.OTHER_PATH, registry))
        if fits and len(registry) > len(longest):
            longest = registry
    if host in registries:
        winners, kind = [longest], MatchStepKind.LONGEST_PREFIX
    else:
        winners = [registry for registry in registries if _size(registry) >= _size(longest)]
        kind = MatchStepKind.LONGEST_PREFIX if winners == [longest] else MatchStepKind.MAP_ORDER
    if len(registries) == 1:
        kind = MatchStepKind.ONLY_KEY
    steps += [MatchStep(kind, registry) for registry in winners]
    return frozenset(winners)


def _size(registry: str) -> int:
    """Return the length in bytes, which Go compares."""
    return len(registry.encode("utf-8", "surrogateescape"))
