"""ecs-init's getEnvVars, and the engine that gets the result, against readers.ecs_init."""

from __future__ import annotations

import base64
from typing import Any, Optional

from ecsauth import envfile
from ecsauth.envfile.reading import as_sent

from conformance_kinds._env_file import difference, file_of, process_difference


def disagreement(case: dict[str, Any]) -> Optional[str]:
    """Compare the map that ecs-init reads, what the engine is sent, whether it creates and starts, and the process."""
    reading = envfile.ecs_init(file_of(case))
    ours = {one.name: one.value.reveal() for one in reading.assignments}
    sent = sorted(as_sent(f"{name}={value}") for name, value in ours.items())
    refused_at_create = (case["engine_error"] or "").startswith("400 ")
    return (
        difference("env", ours, _recorded(case))
        or difference("api_env", sent, sorted(case["api_env"]))
        or difference("refusal at create", reading.refusal is not None, refused_at_create)
        or process_difference(reading, case["process_env"])
    )


def _recorded(case: dict[str, Any]) -> dict[str, str]:
    if case["env"] is not None:
        return dict(case["env"])
    return {_bytes_text(name): _bytes_text(value) for name, value in case["env_b64"]}


def _bytes_text(encoded: str) -> str:
    return base64.b64decode(encoded).decode("utf-8", "surrogateescape")
