"""The `auth` value of dockercfg: base64 of `user:password`, and what goes wrong with it.

Source: dockerauth.go parseAuthData: StdEncoding.DecodeString, then strings.SplitN at the first colon.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple, Optional

from ecsauth.core.auth import go_base64
from ecsauth.core.auth.auth_problem import ProblemKind
from ecsauth.core.secret import Secret

_LETTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789")
_EXAMPLES = frozenset({"zq212MzEXAMPLE7o6T25Dk0i", "fQ172MzEXAMPLEoF7225DU0j"})
"""What the AWS page shows in place of a value."""


class Refusal(Enum):
    """Why the agent drops an entry; the value ends its log line."""

    NOT_BASE64 = ""
    NO_COLON = "; must contain ':'"


class Pair(NamedTuple):
    """What the agent reads out of an `auth` value; bytes that are not UTF-8 as surrogateescape."""

    username: str
    password: Secret
    refusal: Optional[Refusal] = None


def decode(text: str) -> Pair:
    """Return user name and password, or the refusal."""
    decoded = go_base64.decode(text)
    if decoded is None:
        return Pair("", Secret(""), Refusal.NOT_BASE64)
    username, colon, password = decoded.decode("utf-8", "surrogateescape").partition(":")
    if not colon:
        return Pair("", Secret(""), Refusal.NO_COLON)
    return Pair(username, Secret(password))


def cause(text: str, refusal: Refusal) -> ProblemKind:
    """Return the likeliest reason why a value that is not empty was refused."""
    return _why_no_colon(text) if refusal is Refusal.NO_COLON else _why_not_base64(text)


def _why_no_colon(text: str) -> ProblemKind:
    if text in _EXAMPLES:
        return ProblemKind.AUTH_EXAMPLE
    decoded = go_base64.decode(text) or b""
    if decoded.isascii():
        twice = go_base64.decode(decoded.decode("ascii").strip())
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
