"""The env-file of the demo, with a password made up for each run."""

from __future__ import annotations

import json
import os
import secrets
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

_HUB = "https://index.docker.io/v1/"


class SampleFile:
    """An env-file in the agent's `docker` format. `auth_data` is the value that the agent has to end up with."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.auth_data = ""
        self.change_password()

    def change_password(self) -> None:
        """Write the file with another password."""
        self._write({_HUB: self._credentials()})

    def wrap_in_auths(self) -> None:
        """Write it as docker's config.json has it, which the agent does not understand."""
        self._write({"auths": {_HUB: self._credentials()}})

    def _credentials(self) -> dict[str, Any]:
        return {"username": "my_name", "password": secrets.token_urlsafe(18), "email": "email@example.com"}

    def _write(self, document: dict[str, Any]) -> None:
        self.auth_data = json.dumps(document, separators=(",", ":"))
        text = f"ECS_CLUSTER=demo\nECS_ENGINE_AUTH_TYPE=docker\nECS_ENGINE_AUTH_DATA={self.auth_data}\n"
        descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
