"""ECS_ENGINE_AUTH_DATA written anew: one line of JSON that the agent reads as the same credentials."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING

from ecsauth.errors import InvalidError
from ecsauth.registry.document import DOCKER
from ecsauth.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ecsauth.registry.credential import Credential


def render(kind: str, credentials: Iterable[tuple[str, Credential]]) -> Secret:
    """Return the data for `kind` ("docker" or "dockercfg") with a key for each pair of registry and credential.

    Only what that type reads is written, and no empty field. Raise InvalidError for a user name with a colon under
    dockercfg, and for bytes that are not UTF-8 under docker: neither can be written there.
    """
    body = _docker if kind == DOCKER else _dockercfg
    document = {registry: body(credential) for registry, credential in credentials}
    return Secret(json.dumps(document, ensure_ascii=False, separators=(",", ":")))


def _docker(credential: Credential) -> dict[str, str]:
    texts = {name: value if isinstance(value, str) else value.reveal() for name, value in credential._asdict().items()}
    if any("\udc80" <= character <= "\udcff" for text in texts.values() for character in text):
        raise InvalidError("a credential with bytes that are not UTF-8 cannot be written for the type docker")
    return {name: text for name, text in texts.items() if text}


def _dockercfg(credential: Credential) -> dict[str, str]:
    if ":" in credential.username:
        raise InvalidError("a user name with a colon cannot be written for the type dockercfg")
    pair = f"{credential.username}:{credential.password.reveal()}".encode("utf-8", "surrogateescape")
    return {"auth": base64.b64encode(pair).decode("ascii")}
