"""Import docker's logins into an env-file: each login is taken, or left out with a reason.

For each registry, docker uses the helper of `credHelpers`, else the helper of `credsStore`, else the entry in the file
(docker/cli cli/config/configfile/file.go, GetCredentialsStore and GetAllCredentials). With `credsStore`, docker does
not use the entries in the file.
"""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, NamedTuple, Optional, Protocol, Union

from ecsauth import envfile
from ecsauth.check import check
from ecsauth.errors import InvalidError, LocalError, UsageError
from ecsauth.finding import Severity
from ecsauth.registry import auth as registry_auth
from ecsauth.registry import expiry
from ecsauth.registry.auth import DATA, TYPE
from ecsauth.registry.docker_config import named
from ecsauth.registry.document import DOCKER, DOCKERCFG
from ecsauth.registry.keys import (
    CANONICAL_HUB_KEY,
    canonical_registry,
    host_of,
    is_valid_host,
    names_host,
    strip_scheme,
)
from ecsauth.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from ecsauth.registry.auth import RegistryAuth
    from ecsauth.registry.credential import Credential
    from ecsauth.registry.docker_config import DockerConfig, DockerLogin


def fresh(kind: str, credentials: Mapping[str, Credential]) -> bytes:
    """Return an env-file of two lines: type and data."""
    lines = _values(kind, list(credentials.items()))
    return b"".join(name.encode() + b"=" + value + b"\n" for name, value in lines.items())


def kind_of(data: bytes) -> Optional[str]:
    """Return the type of the credentials in an env-file, None if it has none."""
    return _auth(data).kind or None


def merged(data: bytes, kind: str, credentials: Mapping[str, Credential]) -> bytes:
    """Return the env-file with these credentials; all other registries and all other lines stay.

    The last line of each of the two variables is replaced and keeps its line end; earlier lines of the variable, which
    have no effect, are removed. A missing variable is appended. Docker and the agent have to be able to read the file.
    """
    auth = _auth(data)
    entries = _entries(auth, credentials)
    if auth.kind == kind and entries == [(entry.key, entry.credential) for entry in auth.entries]:
        return data
    if kind == DOCKERCFG:
        for key, credential in entries:
            if credential.identitytoken or credential.registrytoken:
                raise InvalidError(f"{named(key)}: the type dockercfg cannot store a token", "give --type docker")
    return _replaced(data, _values(kind, entries))


def _auth(data: bytes) -> RegistryAuth:
    return registry_auth.in_environment(envfile.docker(data).environment())


def _entries(auth: RegistryAuth, credentials: Mapping[str, Credential]) -> list[tuple[str, Credential]]:
    """Return the file's entries in order; a given credential replaces the first entry of its registry."""
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
    return {TYPE: kind.encode(), DATA: render(kind, entries).reveal().encode()}


def render(kind: str, credentials: Iterable[tuple[str, Credential]]) -> Secret:
    """Return the data for `kind` ("docker" or "dockercfg") with one key for each registry.

    Writes only fields that the type reads, and no empty field. Raises InvalidError for a user name with a colon
    (dockercfg) and for bytes that are not UTF-8 (docker): the type cannot hold them.
    """
    body = _docker if kind == DOCKER else _dockercfg
    document = {registry: body(credential) for registry, credential in credentials}
    return Secret(json.dumps(document, ensure_ascii=False, separators=(",", ":")))


def _docker(credential: Credential) -> dict[str, str]:
    texts = {name: value if isinstance(value, str) else value.reveal() for name, value in credential._asdict().items()}
    if any("\udc80" <= character <= "\udcff" for text in texts.values() for character in text):
        raise InvalidError("the type docker cannot store a credential that is not UTF-8")
    return {name: text for name, text in texts.items() if text}


def _dockercfg(credential: Credential) -> dict[str, str]:
    if ":" in credential.username:
        raise InvalidError("the type dockercfg cannot store a user name with a colon")
    pair = f"{credential.username}:{credential.password.reveal()}".encode("utf-8", "surrogateescape")
    return {"auth": base64.b64encode(pair).decode("ascii")}


def _replaced(data: bytes, values: dict[str, bytes]) -> bytes:
    places = {one.line - 1: one.name for one in envfile.docker(data).assignments if one.name in values}
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


PROGRAM = "docker-credential-"
# Longest name of a registry that is passed to a helper, in characters: a DNS name, a port and a path.
_LONGEST_KEY = 1024
_LOGIN = "log in again: docker login"


class Helpers(Protocol):
    """docker's credential helpers, by their name in config.json; each method may raise LocalError."""

    def servers(self, helper: str) -> tuple[str, ...]:
        """Return the servers that the helper has credentials for."""

    def credential(self, helper: str, server: str) -> Optional[Credential]:
        """Return the credential for a server, None if the helper has none."""


class Taken(NamedTuple):
    """An imported login: the agent's key, the credential it will send, docker's key, and the helper it comes from."""

    registry: str
    credential: Credential
    key: str
    helper: Optional[str] = None


class LeftOut(NamedTuple):
    """A login that is not imported; `registry` may be shown."""

    registry: str
    reason: str
    hint: str = ""


class Import(NamedTuple):
    """The result for all logins; at most one login of each registry is taken."""

    taken: tuple[Taken, ...]
    refusals: tuple[LeftOut, ...]


class _Candidate(NamedTuple):
    """Where docker looks for one key: in a helper, or in an entry of the file, which may be unusable."""

    key: str
    helper: Optional[str]
    login: Optional[DockerLogin] = None


def registry(text: str) -> str:
    """Return the agent's key for a registry; raise UsageError if the text is not the name of a registry."""
    key = canonical_registry(text)
    if not _is_registry(key):
        raise UsageError("--registry must be the name of a registry, such as registry.example.com:5000 or docker.io")
    return key


def collect(config: DockerConfig, helpers: Helpers, kind: str, wanted: tuple[str, ...] = ()) -> Import:
    """Return the logins that an instance can use with this type; only the `wanted` registries, if any are given.

    Raises InvalidError if two logins are one registry with different credentials, or if a wanted login cannot be
    imported; LocalError if the helper of `credsStore` cannot list its servers, or fails for a wanted registry.
    """
    found: dict[str, list[Taken]] = {}
    refused: dict[str, list[LeftOut]] = {}
    for candidate in _candidates(config, helpers, wanted):
        key = canonical_registry(candidate.key)
        try:
            result = _resolved(candidate, helpers, kind)
        except LocalError as fault:
            if wanted:
                raise
            result = LeftOut(named(candidate.key), fault.message, *fault.hints[:1])
        if isinstance(result, Taken):
            found.setdefault(key, []).append(result)
        else:
            refused.setdefault(key, []).append(result)
    for key in wanted:
        if key not in found:
            raise _absent(key, refused.get(key, []))
    # If a registry is imported, another spelling of it that is left out is not reported.
    refusals = [refusal for key, each in refused.items() if key not in found for refusal in each]
    return Import(tuple(_one_of(each) for each in found.values()), tuple(refusals))


def _absent(key: str, refusals: list[LeftOut]) -> InvalidError:
    for refusal in refusals:
        hints = [refusal.hint] if refusal.hint else []
        return InvalidError(f"{refusal.registry} cannot be imported: {refusal.reason}", *hints)
    return InvalidError(f"there is no docker login for {named(key)}", "log in first: docker login")


def _candidates(config: DockerConfig, helpers: Helpers, wanted: tuple[str, ...]) -> Iterator[_Candidate]:
    """Yield where docker looks for each key that it knows, or for each `wanted` one."""

    def is_asked(key: str) -> bool:
        return not wanted or canonical_registry(key) in wanted

    entries = {canonical_registry(login.key): login for login in reversed(config.logins)}
    own = {canonical_registry(host) for host, _ in config.helpers}
    for host, helper in config.helpers:
        if is_asked(host):
            yield _Candidate(host, helper or None, None if helper else entries.get(canonical_registry(host)))
    others = [one for one in config.logins if canonical_registry(one.key) not in own and is_asked(one.key)]
    if config.store is None:
        yield from (_Candidate(login.key, None, login) for login in others)
        return
    # A wanted registry is looked up as docker does for a pull: some helpers cannot list their servers.
    listed = wanted or helpers.servers(config.store)
    known = [key for key in listed if canonical_registry(key) not in own]
    yield from (_Candidate(key, config.store) for key in known)
    stored = {canonical_registry(key) for key in known}
    for login in others:
        if canonical_registry(login.key) not in stored:
            yield _Candidate(login.key, config.store, login)


def _resolved(candidate: _Candidate, helpers: Helpers, kind: str) -> Union[Taken, LeftOut]:
    """Return the login of one key, or the reason to leave it out; raise LocalError if its helper fails."""
    key, helper, login = candidate
    name, registry_key = named(key), canonical_registry(key)
    if not _is_registry(registry_key):
        return LeftOut(name, "this is not a registry: no image name can contain it")
    reason = expiry.of_registry(registry_key)
    if reason is not None:
        return LeftOut(name, *reason)
    if helper is not None and login is not None:
        return LeftOut(name, f"docker uses only {PROGRAM}{helper}, which has no credential for it", _LOGIN)
    if login is not None and not login.is_readable:
        return LeftOut(name, "its auth is not base64 of user:password", _LOGIN)
    credential = helpers.credential(helper, key) if helper else login.credential if login else None
    if credential is None or not any(credential):
        return LeftOut(name, _nothing(helper), _LOGIN)
    reason = expiry.of_credential(credential)
    if reason is not None:
        return LeftOut(name, *reason)
    credential = credential._replace(email="", serveraddress="")
    flaw = _flaw(kind, registry_key, credential)
    return LeftOut(name, flaw) if flaw else Taken(registry_key, credential, key, helper)


def _nothing(helper: Optional[str]) -> str:
    if helper:
        return f"{PROGRAM}{helper} has no credential for it"
    return "its entry is empty: the credential is stored elsewhere, for example by Docker Desktop"


def _is_registry(key: str) -> bool:
    host = host_of(strip_scheme(key))
    return len(key) <= _LONGEST_KEY and names_host(host) and is_valid_host(host)


def _flaw(kind: str, key: str, credential: Credential) -> str:
    """Return why the agent cannot use a credential, empty if it can: the errors of a file with only this credential."""
    try:
        found = check(fresh(kind, {key: credential}))
    except InvalidError as fault:
        return fault.message
    errors = [one.message for one in found if one.severity is Severity.ERROR]
    return errors[0].removeprefix(f"{key}: ") if errors else ""


def _one_of(logins: list[Taken]) -> Taken:
    """Return the login to use for one registry: all are equal, or the key of one is exactly the agent's key.

    Raises InvalidError if they differ. For Docker Hub no key is preferred: several of its names are in use.
    """
    first = logins[0]
    others = [each for each in logins if each.credential != first.credential]
    exact = [each for each in logins if each.key == each.registry != CANONICAL_HUB_KEY]
    if not others or exact:
        return exact[0] if exact else first
    raise InvalidError(
        f"{named(first.key)} and {named(others[0].key)} are the same registry, {named(first.registry)}, with different"
        " credentials",
        "remove the login that you do not use: docker logout",
    )
