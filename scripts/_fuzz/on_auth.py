"""auth: the agent's parser of registry credentials, and its lookup of an image.

An input is the type, a line break, an image, a line break, and the data.
"""

from __future__ import annotations

import itertools
import json
from typing import TYPE_CHECKING, NoReturn

from ecsauth.go import json as go_json
from ecsauth.registry import auth as registry_auth
from ecsauth.registry import match
from ecsauth.registry.document import DOCKER, DOCKERCFG
from ecsauth.registry.keys import HUB_HOSTS, HUB_KEY, shown_key
from ecsauth.registry.problems import ProblemKind

from _fuzz.seeds import auth_data, cases
from _fuzz.target import holds

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ecsauth.registry.auth import RegistryAuth
    from ecsauth.registry.credential import Entry

_ABOUT_TYPE = (ProblemKind.TYPE_IS_DATA, ProblemKind.TYPE_MISSPELT, ProblemKind.TYPE_UNKNOWN)
# Two walks over a map of so many entries are 120 x 120 orders.
_MOST_ENTRIES = 4
_SHALLOW = 200


def seeds() -> Iterator[bytes]:
    """Yield the recorded cases, each with its first image."""
    for case in cases("auth"):
        image = next(iter(case["images"]), "")
        yield f"{case['type']}\n{image}\n".encode("utf-8", "replace") + auth_data(case)


def run(data: bytes) -> None:
    """Parse with the type given and with the real ones, and look the image up."""
    given, _, rest = data.decode("utf-8", "surrogateescape").partition("\n")
    image, _, text = rest.partition("\n")
    _check_decoder(text)
    for kind in (given, DOCKER, DOCKERCFG):
        auth = registry_auth.parse(kind, text)
        _check_parsed(auth, kind, text)
        _check_match(auth, image)
        for entry in auth.entries[:_MOST_ENTRIES]:
            _check_match(auth, f"{entry.registry}/app:1")


def _check_parsed(auth: RegistryAuth, kind: str, text: str) -> None:
    for problem in auth.problems:
        about = kind if problem.kind in _ABOUT_TYPE else text
        holds(1 <= problem.column <= len(about) + 1, f"{problem.kind} points outside")
        registry = problem.registry
        holds(registry is None or shown_key(registry) is not None, f"{problem.kind} tells a key that is not shown")
    holds(list(auth.warnings) == sorted(auth.warnings), "the warnings are not sorted")
    holds(len({entry.key for entry in auth.entries}) == len(auth.entries), "a key is there twice")
    for entry in auth.entries:
        holds(text[entry.column - 1] == '"', "a key is not in its place")
    holds(registry_auth.parse(kind, text) == auth, "the outcome is not the same twice")


def _check_match(auth: RegistryAuth, image: str) -> None:
    found = match.match(auth, image)
    credentials = {credential for _, credential in found.candidates}
    holds(found.candidates, "nothing can be sent, not even nothing")
    holds(found.deterministic == (len(credentials) == 1), "random and certain at once")
    if len(auth.entries) <= _MOST_ENTRIES:
        expected = _all_orders(auth.entries, image, found.host)
        holds({entry.key if entry else None for entry, _ in found.candidates} == expected, "not what the walks give")


def _all_orders(entries: tuple[Entry, ...], image: str, host: str) -> set[str | None]:
    """Return the keys that win in some order of the map at start and in some order at the lookup."""
    winners: set[str | None] = set()
    for start in itertools.permutations(entries):
        stored = {entry.registry: entry for entry in start}
        if host in HUB_HOSTS:
            winners.add(stored[HUB_KEY].key if HUB_KEY in stored else None)
            continue
        fitting = [registry for registry in stored if registry.split("/", 1)[0] == host]
        for walk in itertools.permutations(fitting):
            best = host if host in stored else None
            for registry in walk:
                longer = best is not None and len(_utf8(registry)) > len(_utf8(best))
                if best is None or (longer and image.startswith(registry)):
                    best = registry
            winners.add(None if best is None else stored[best].key)
    return winners


def _utf8(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _check_decoder(text: str) -> None:
    """Compare with Python's json, which takes the same texts if it is told to refuse its constants."""
    try:
        value = go_json.decode(text)
    except go_json.JsonError as error:
        holds(0 <= error.offset <= len(text), "the flaw is outside")
        holds(error.flaw is go_json.Flaw.DEPTH or not _is_json(text), "refused, but Python takes it")
    else:
        holds(text[value.start : value.end].strip(go_json.SPACE) == text.strip(go_json.SPACE), "not the whole text")
        holds(text.count("[") + text.count("{") > _SHALLOW or _is_json(text), "taken, but Python refuses it")


def _is_json(text: str) -> bool:
    try:
        json.loads(text, parse_constant=_refuse, parse_int=len, parse_float=len)
    except (ValueError, RecursionError):
        return False
    return True


def _refuse(_name: str) -> NoReturn:
    raise ValueError
