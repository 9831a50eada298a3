"""One credential as the agent sends it, and the `auth` value of dockercfg: base64 of `user:password`.

Source: dockerauth.go parseAuthData: StdEncoding.DecodeString, then strings.SplitN at the first colon.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple, Optional

from ecsauth.go import values
from ecsauth.registry.problems import ProblemKind
from ecsauth.secret import Secret

_LETTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789")
_EXAMPLES = frozenset({"zq212MzEXAMPLE7o6T25Dk0i", "fQ172MzEXAMPLEoF7225DU0j"})
"""The example values of the AWS documentation."""


class EntryRefusal(Enum):
    """Why the agent drops an entry; the value is the end of its log line."""

    NOT_BASE64 = ""
    NO_COLON = "; must contain ':'"


class Pair(NamedTuple):
    """The user name and password in an `auth` value; bytes that are not UTF-8 are surrogate escapes."""

    username: str
    password: Secret
    refusal: Optional[EntryRefusal] = None


def decode(text: str) -> Pair:
    """Decode an `auth` value as the agent does: to a user name and password, or to the refusal."""
    decoded = values.decode(text)
    if decoded is None:
        return Pair("", Secret(""), EntryRefusal.NOT_BASE64)
    username, colon, password = decoded.decode("utf-8", "surrogateescape").partition(":")
    if not colon:
        return Pair("", Secret(""), EntryRefusal.NO_COLON)
    return Pair(username, Secret(password))


def cause(text: str, refusal: EntryRefusal) -> ProblemKind:
    """Return the likeliest reason why the agent refused a value, which is not empty."""
    return _why_no_colon(text) if refusal is EntryRefusal.NO_COLON else _why_not_base64(text)


def _why_no_colon(text: str) -> ProblemKind:
    if text in _EXAMPLES:
        return ProblemKind.AUTH_EXAMPLE
    decoded = values.decode(text) or b""
    if decoded.isascii():
        twice = values.decode(decoded.decode("ascii").strip())
        if twice and b":" in twice:
            return ProblemKind.AUTH_DOUBLE_ENCODED
    return ProblemKind.AUTH_NO_COLON


def _why_not_base64(text: str) -> ProblemKind:
    others = set(text) - _LETTERS
    if text[:6].lower() == "basic ":
        return ProblemKind.AUTH_BASIC_PREFIX
    if ":" in others:
        return ProblemKind.AUTH_PLAIN_TEXT
    if any(character.isspace() for character in others - {"\r", "\n"}):
        return ProblemKind.AUTH_WHITE_SPACE
    if others & {"-", "_"} and others <= set("-_=\r\n"):
        return ProblemKind.AUTH_URLSAFE
    return ProblemKind.AUTH_PADDING if others <= set("+/=\r\n") else ProblemKind.AUTH_NOT_BASE64


_NOTHING = Secret("")


class Credential(NamedTuple):
    """The credential that the agent gives to docker for a pull (docker's registry.AuthConfig); empty if anonymous.

    Bytes that are not UTF-8 are surrogate escapes. They occur only in decoded base64 of dockercfg, and become U+FFFD in
    the header that docker receives.
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

    `key` is as written in the JSON, `registry` is the key without its scheme, `column` is the place of the key in the
    data, in characters from 1. A key may have a password (`user:password@host`): see `keys.shown_key`.
    """

    key: str
    registry: str
    credential: Credential
    column: int
