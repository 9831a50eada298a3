"""A registry credential, and the entry that it stands in."""

from __future__ import annotations

from typing import NamedTuple

from ecsauth.core.secret import Secret

_NOTHING = Secret("")


class Credential(NamedTuple):
    """What the agent hands to docker with a pull (docker's registry.AuthConfig); all empty is an anonymous pull.

    Bytes that are not UTF-8 stand as surrogateescape; they occur only in what dockercfg's base64 decodes to, and
    become U+FFFD in the header that docker receives.
    """

    username: str = ""
    password: Secret = _NOTHING
    auth: Secret = _NOTHING
    email: str = ""
    serveraddress: str = ""
    identitytoken: Secret = _NOTHING
    registrytoken: Secret = _NOTHING


ANONYMOUS = Credential()


class Entry(NamedTuple):
    """One entry that the agent keeps.

    `key` is as written in the JSON, `registry` the same without its scheme, `column` the place of the key in the
    data, in characters from 1. A key may hold a password (`user:password@host`): see registry_key.printable.
    """

    key: str
    registry: str
    credential: Credential
    column: int
