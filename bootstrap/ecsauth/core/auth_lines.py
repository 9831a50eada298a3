"""The two lines of an env-file that hold registry credentials, written anew or into a file that has other lines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Optional

from ecsauth.core import readers
from ecsauth.core.auth import auth_writer, registry_auth
from ecsauth.core.auth.auth_document import DOCKERCFG
from ecsauth.core.auth.registry_key import canonical_registry
from ecsauth.core.checks.auth import DATA, TYPE
from ecsauth.core.docker_config import named
from ecsauth.core.errors import InvalidError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ecsauth.core.auth.credential import Credential
    from ecsauth.core.auth.registry_auth import RegistryAuth


def fresh(kind: str, credentials: Mapping[str, Credential]) -> bytes:
    """Return an env-file of the two lines."""
    lines = _values(kind, list(credentials.items()))
    return b"".join(name.encode() + b"=" + value + b"\n" for name, value in lines.items())


def kind_of(data: bytes) -> Optional[str]:
    """Return the type that an env-file says, None where it says none."""
    return _auth(data).kind or None


def merged(data: bytes, kind: str, credentials: Mapping[str, Credential]) -> bytes:
    """Return an env-file in which these registries have these credentials; all others, and all other lines, stay.

    The two variables are replaced in the lines where they count, with the ends that these lines have, or appended;
    lines of theirs that do not count, being repeated, go. The file has to be one that docker and the agent read.
    """
    auth = _auth(data)
    entries = _entries(auth, credentials)
    if auth.kind == kind and entries == [(entry.key, entry.credential) for entry in auth.entries]:
        return data
    if kind == DOCKERCFG:
        for key, credential in entries:
            if credential.identitytoken or credential.registrytoken:
                raise InvalidError(
                    f"{named(key)}: a token cannot be kept under the type dockercfg", "give --type docker"
                )
    return _replaced(data, _values(kind, entries))


def _auth(data: bytes) -> RegistryAuth:
    environment = readers.docker(data).environment()
    kind, value = environment.get(TYPE), environment.get(DATA)
    return registry_auth.parse(kind.reveal() if kind else None, value.reveal() if value else None)


def _entries(auth: RegistryAuth, credentials: Mapping[str, Credential]) -> list[tuple[str, Credential]]:
    """Return the file's entries in their order, a new one in the place of the first that is the same registry."""
    left = dict(credentials)
    entries = []
    for entry in auth.entries:
        registry = canonical_registry(entry.key)
        if registry not in credentials:
            entries.append((entry.key, entry.credential))
        elif registry in left:
            given = left.pop(registry)
            entries.append((entry.key if given == entry.credential else registry, given))
    return [*entries, *left.items()]


def _values(kind: str, entries: list[tuple[str, Credential]]) -> dict[str, bytes]:
    return {TYPE: kind.encode(), DATA: auth_writer.render(kind, entries).reveal().encode()}


def _replaced(data: bytes, values: dict[str, bytes]) -> bytes:
    places = {one.line - 1: one.name for one in readers.docker(data).assignments if one.name in values}
    last = {name: number for number, name in places.items()}
    lines = data.split(b"\n")
    kept = []
    for number, line in enumerate(lines):
        name = places.get(number)
        if name is None:
            kept.append(line)
        elif last[name] == number:
            kept.append(name.encode() + b"=" + values[name] + (b"\r" if line.endswith(b"\r") else b""))
    end = b"\r" if kept[0].endswith(b"\r") else b""
    new = [name.encode() + b"=" + value + end for name, value in values.items() if name not in last]
    if not new:
        return b"\n".join(kept)
    whole = kept[:-1] if not kept[-1] else [*kept[:-1], kept[-1] + end]
    return b"".join(line + b"\n" for line in (*whole, *new))
