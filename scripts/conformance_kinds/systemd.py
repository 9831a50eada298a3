"""systemd 252's EnvironmentFile= against readers.systemd."""

from __future__ import annotations

from typing import Any, Optional

from ecsauth import envfile

from conformance_kinds._env_file import difference, file_of, strings

_MESSAGES = {
    envfile.RefusalReason.NUL: "Failed to load environment files: Bad message",
    envfile.RefusalReason.INVALID_UTF8: "invalid UTF-8",
}


def disagreement(case: dict[str, Any]) -> Optional[str]:
    """Compare the unit's variables with and without the dash, the refusal, and whether an assignment was dropped."""
    reading = envfile.systemd(file_of(case))
    log = "\n".join(case["messages"])
    if reading.refusal:
        reason = None if _MESSAGES[reading.refusal.reason] in log else f"not {reading.refusal.reason.value}"
        return reason or difference("env", [], case["env"]) or difference("strict_env", None, case["strict_env"])
    ours = None if reading.start_failure else sorted(strings(reading.process_environment().items()))
    dropped = any(one.reason is envfile.SkipReason.INVALID_NAME for one in reading.skipped)
    return (
        difference("env", ours, _sorted(case["env"]))
        or difference("strict_env", ours, _sorted(case["strict_env"]))
        or difference("dropped assignments", dropped, "Ignoring invalid environment assignment" in log)
    )


def _sorted(recorded: Optional[list[str]]) -> Optional[list[str]]:
    return None if recorded is None else sorted(recorded)
