"""What a docker-credential-NAME program answers, as docker understands it.

Source: docker/docker-credential-helpers client/client.go (Get, List) and credentials/error.go. The answer is JSON on
standard output; an error is a message there, too, with exit status 1.
"""

from __future__ import annotations

from typing import Optional

from ecsauth.core.auth import go_json
from ecsauth.core.auth.credential import Credential
from ecsauth.core.auth.go_json import Kind, Value
from ecsauth.core.secret import Secret

_NOT_FOUND = b"credentials not found in native keychain"
# docker/cli credentials/native_store.go: the user name that stands for "the secret is an identity token".
_TOKEN_USER = "<token>"  # noqa: S105 - a user name


def is_not_found(output: bytes) -> bool:
    """Tell whether a helper that failed says that it has no such credential."""
    return output.strip() == _NOT_FOUND


def credential(output: bytes) -> Optional[Credential]:
    """Return what `get` answered, None where that is rubbish; without user name and secret there is no credential."""
    fields = _strings(output)
    if fields is None:
        return None
    lowered = {name.lower(): text for name, text in fields.items()}
    username, secret = lowered.get("username", ""), Secret(lowered.get("secret", ""))
    return Credential(identitytoken=secret) if username == _TOKEN_USER else Credential(username, secret)


def servers(output: bytes) -> Optional[tuple[str, ...]]:
    """Return the servers that `list` answered with, None where that is rubbish."""
    fields = _strings(output)
    return None if fields is None else tuple(fields)


def _strings(output: bytes) -> Optional[dict[str, str]]:
    """Return the members of an object that are strings; None for everything else than an object with only such."""
    try:
        value = go_json.decode(output.decode("utf-8"))
    except (UnicodeDecodeError, go_json.JsonError):
        return None
    if value.kind is Kind.NULL:
        return {}
    if value.kind is not Kind.OBJECT or any(_wrong(member.value) for member in value.members):
        return None
    return {member.name: member.value.text.reveal() for member in value.members if member.value.text is not None}


def _wrong(value: Value) -> bool:
    return value.kind not in (Kind.STRING, Kind.NULL)
