"""Env-files with the credentials of registries, and what `verify` says of them."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import program

if TYPE_CHECKING:
    from pathlib import Path

ENVIRONMENT = {"PATH": os.environ.get("PATH", os.defpath)}
Credentials = dict[str, dict[str, str]]


def pair(username: str, password: str) -> dict[str, str]:
    """Return the fields of a login."""
    return {"username": username, "password": password}


def write(folder: Path, credentials: Credentials) -> Path:
    """Write an env-file and return its path."""
    file = folder / "ecs.config"
    lines = ("ECS_CLUSTER=prod", "ECS_ENGINE_AUTH_TYPE=docker", f"ECS_ENGINE_AUTH_DATA={json.dumps(credentials)}")
    file.write_text("".join(f"{line}\n" for line in lines))
    return file


def verify(folder: Path, credentials: Credentials, *arguments: str, **environment: str) -> program.Ended:
    """Run `ecsauth verify` on such a file, for JSON, in this process."""
    file = write(folder, credentials)
    return program.run_here(
        "verify", str(file), "--format=json", *arguments, env={**ENVIRONMENT, "HOME": str(folder), **environment}
    )


def only(ended: program.Ended) -> dict[str, Any]:
    """Return the only result."""
    (result,) = ended.document["results"]
    found: dict[str, Any] = result
    return found
