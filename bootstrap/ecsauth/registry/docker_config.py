"""Read the registries in docker's config.json and .dockercfg, and the answers of credential helpers.

Source: docker/cli cli/config/configfile/file.go, LoadFromReader, decodeAuth and (until 20.10) LegacyLoadFromReader;
credentials/file_store.go for the meaning of an entry. Fields are read as Go's encoding/json reads them: names in any
case, the last of equal names, null like an absent field. All other settings, such as proxies and HttpHeaders, are
ignored. Text that is not JSON, or a value of the wrong type, raises an InvalidError that names the place, never a
value.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple, Optional

from ecsauth.agent.names import shown_registry
from ecsauth.errors import InvalidError
from ecsauth.go import json
from ecsauth.go.json import JsonKind, Value
from ecsauth.registry import credential as registry_credential
from ecsauth.registry.credential import Credential
from ecsauth.registry.document import known_field
from ecsauth.registry.document_problems import is_registry
from ecsauth.registry.keys import CANONICAL_HUB_KEY, host_of, names_host, strip_scheme
from ecsauth.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Iterator

_AUTHS, _STORE, _HELPERS = "auths", "credsstore", "credhelpers"
_NAMES = {_AUTHS: "auths", _STORE: "credsStore", _HELPERS: "credHelpers"}
# The form before JSON: one account, of Docker Hub.
_TWO_LINES = r"\s*auth = (\S+)[ \t\r]*(?:\n[^\n]*)?\s*"


class DockerLogin(NamedTuple):
    """One entry of `auths`; empty if the credential is elsewhere, as with Docker Desktop.

    `is_readable` is false if docker cannot decode its `auth`; docker then refuses the whole file.
    """

    key: str
    credential: Credential
    is_readable: bool = True


class DockerConfig(NamedTuple):
    """The settings for credentials: entries, the helper for all registries, and helpers by registry.

    `repeated` are keys that occur twice; docker takes the last one.
    """

    logins: tuple[DockerLogin, ...] = ()
    store: Optional[str] = None
    helpers: tuple[tuple[str, str], ...] = ()
    repeated: tuple[str, ...] = ()


def parse(data: bytes) -> DockerConfig:
    """Read the file; raise InvalidError if docker could not read it, or would read something else than was written."""
    text = _text(data)
    if not text.strip():
        return DockerConfig()
    old = re.fullmatch(_TWO_LINES, text)
    if old:
        return DockerConfig((_login(CANONICAL_HUB_KEY, {"auth": old[1]}),))
    try:
        document = json.decode(text)
    except json.JsonError as fault:
        line, column = text.count("\n", 0, fault.offset) + 1, fault.offset - text.rfind("\n", 0, fault.offset)
        raise InvalidError(f"line {line}, column {column}: not JSON: {fault.flaw.value}") from None
    _expect(document, JsonKind.OBJECT, "the document")
    return _old(document) if _is_old(document) else _config(document)


def _text(data: bytes) -> str:
    try:
        # docker refuses the byte order mark that editors on Windows write; here it is harmless.
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        line = data.count(b"\n", 0, fault.start) + 1
        raise InvalidError(f"line {line}: not UTF-8", "save the file as UTF-8") from None


def _is_old(document: Value) -> bool:
    """Tell whether registries are at the top, as in .dockercfg: docker knows it by the name of the file."""
    is_new = any(member.name.lower() in _NAMES for member in document.members)
    return not is_new and any(_names_registry(member.name, member.value) for member in document.members)


def _names_registry(name: str, value: Value) -> bool:
    return is_registry(name, value) and names_host(host_of(strip_scheme(name)))


def _old(document: Value) -> DockerConfig:
    members = [member for member in document.members if _names_registry(member.name, member.value)]
    return _with_logins(DockerConfig(), document._replace(members=tuple(members)), "")


def _config(document: Value) -> DockerConfig:
    config, store = DockerConfig(), ""
    helpers: dict[str, str] = {}
    for member in document.members:
        name = member.name.lower()
        if name == _AUTHS:
            config = _with_logins(config, member.value, "auths: ")
        elif name == _STORE:
            store = _string(member.value, _NAMES[name], store)
        elif name == _HELPERS:
            _expect(member.value, JsonKind.OBJECT, _NAMES[name])
            for each in member.value.members:
                helpers[each.name] = _string(each.value, f"credHelpers: {named(each.name)}", "")
    return config._replace(store=store or None, helpers=tuple(helpers.items()))


def _with_logins(config: DockerConfig, registries: Value, where: str) -> DockerConfig:
    """Return the config with these entries; one of the same key replaces an earlier one entirely."""
    _expect(registries, JsonKind.OBJECT, "auths")
    logins = {login.key: login for login in config.logins}
    repeated = list(config.repeated)
    for member in registries.members:
        place = f"{where}{named(member.name)}"
        _expect(member.value, JsonKind.OBJECT, place)
        if member.name in logins:
            repeated.append(member.name)
        logins[member.name] = _login(member.name, dict(_fields(member.value, place)))
    return config._replace(logins=tuple(logins.values()), repeated=tuple(repeated))


def _fields(entry: Value, place: str) -> Iterator[tuple[str, str]]:
    for part in entry.members:
        name = known_field(part.name)
        if name is not None and part.value.kind is not JsonKind.NULL:
            yield name, _string(part.value, f"{place}: {name}", "")


def _login(key: str, fields: dict[str, str]) -> DockerLogin:
    """Return an entry; `auth`, where there is one, replaces user name and password."""
    username, password, is_readable = fields.get("username", ""), fields.get("password", ""), True
    if fields.get("auth"):
        pair = registry_credential.decode(fields["auth"])
        # decodeAuth: without a user name it is an error; NULs around the password go.
        username, password = pair.username, pair.password.reveal().strip("\0")
        is_readable = pair.refusal is None and bool(username)
    identity, registry = Secret(fields.get("identitytoken", "")), Secret(fields.get("registrytoken", ""))
    credential = Credential(username, Secret(password), identitytoken=identity, registrytoken=registry)
    return DockerLogin(key, credential, is_readable)


def _string(value: Value, place: str, absent: str) -> str:
    if value.kind is JsonKind.NULL:
        return absent
    _expect(value, JsonKind.STRING, place)
    return value.text.reveal() if value.text else ""


def _expect(value: Value, kind: JsonKind, place: str) -> None:
    """Raise InvalidError for a value of another kind; null counts as absent, except for the document."""
    if value.kind is kind or (value.kind is JsonKind.NULL and place != "the document"):
        return
    raise InvalidError(f"{place} must be {_a(kind)}, not {_a(value.kind)}: docker cannot read the file")


def _a(kind: JsonKind) -> str:
    if kind is JsonKind.NULL:
        return "null"
    return f"an {kind.value}" if kind in (JsonKind.OBJECT, JsonKind.ARRAY) else f"a {kind.value}"


def named(key: str) -> str:
    """Return a registry's name for a message, without a name that may hold a secret."""
    return shown_registry(key) or "a registry with an unusual name"


_NOT_FOUND = b"credentials not found in native keychain"
# docker/cli credentials/native_store.go: the user name that stands for "the secret is an identity token".
_TOKEN_USER = "<token>"  # noqa: S105 - a user name


def is_not_found(output: bytes) -> bool:
    """Tell whether a helper failed because it has no such credential."""
    return output.strip() == _NOT_FOUND


def credential(output: bytes) -> Optional[Credential]:
    """Return the credential in the answer to `get`, None if the answer is malformed."""
    fields = _strings(output)
    if fields is None:
        return None
    lowered = {name.lower(): text for name, text in fields.items()}
    username, secret = lowered.get("username", ""), Secret(lowered.get("secret", ""))
    return Credential(identitytoken=secret) if username == _TOKEN_USER else Credential(username, secret)


def servers(output: bytes) -> Optional[tuple[str, ...]]:
    """Return the servers in the answer to `list`, None if the answer is malformed."""
    fields = _strings(output)
    return None if fields is None else tuple(fields)


def _strings(output: bytes) -> Optional[dict[str, str]]:
    """Return the strings of a JSON object (null members are left out); None if it has any other value."""
    try:
        value = json.decode(output.decode("utf-8"))
    except (UnicodeDecodeError, json.JsonError):
        return None
    if value.kind is JsonKind.NULL:
        return {}
    if value.kind is not JsonKind.OBJECT or any(_wrong(member.value) for member in value.members):
        return None
    return {member.name: member.value.text.reveal() for member in value.members if member.value.text is not None}


def _wrong(value: Value) -> bool:
    return value.kind not in (JsonKind.STRING, JsonKind.NULL)
