"""python-dotenv's dotenv_values(interpolate=False) against the authoring dialect."""

from __future__ import annotations

from typing import Any, Optional

from ecsauth.envfile import dotenv

from conformance_kinds._env_file import difference, file_of

_WARNING = "WARNING python-dotenv could not parse statement starting at line {line}"


def disagreement(case: dict[str, Any]) -> Optional[str]:
    """Compare the variables in order, the refusal, and the lines that python-dotenv warned of."""
    reading = dotenv.read(file_of(case))
    refused = case["error"] is not None
    if reading.refusal or refused:
        return difference("refusal", reading.refusal is not None, refused)
    ours = [(name, None if value is None else value.reveal()) for name, value in reading.environment().items()]
    warnings = [_WARNING.format(line=one.reported) for one in reading.unparsable]
    return difference("env", ours, list(case["env"].items())) or difference("warnings", warnings, case["warnings"])
