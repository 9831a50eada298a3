"""`docker run --env-file` against readers.docker."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Optional

from ecsauth import envfile

from conformance_kinds._env_file import difference, file_of, process_difference, strings

if TYPE_CHECKING:
    from collections.abc import Mapping

_HOSTS = {"neutral": {}, "hostvar": {"ECS_HOST_VAR": "from-host"}}

# The end of docker's message, or the part before the text it quotes, for each refusal.
_MESSAGES = {
    envfile.RefusalReason.INVALID_UTF8: "invalid utf8 bytes at line {line}:",
    envfile.RefusalReason.LINE_TOO_LONG: "bufio.Scanner: token too long",
    envfile.RefusalReason.EMPTY_NAME: "no variable name on line ",
    envfile.RefusalReason.NAME_WITH_SPACE: "contains whitespaces",
}


def disagreement(case: dict[str, Any]) -> Optional[str]:
    """Compare the refusal, every occurrence in order, and what the process started in the neutral host has."""
    data = file_of(case)
    for name, host in _HOSTS.items():
        reason = _reading_difference(envfile.docker(data, host), case[name])
        if reason:
            return f"{name}: {reason}"
    neutral = envfile.docker(data)
    return None if neutral.refusal else process_difference(neutral, case["process_env"])


def _reading_difference(reading: envfile.Reading, theirs: Mapping[str, Any]) -> Optional[str]:
    if reading.refusal is None:
        if theirs["error"] is not None:
            return "we read it, docker refuses it"
        ours = strings((one.name, one.value) for one in reading.assignments)
        return difference("config_env", ours, theirs["config_env"])
    if theirs["error"] is None:
        return f"we refuse it ({reading.refusal.reason.value}), docker reads it"
    expected = _MESSAGES[reading.refusal.reason].format(line=reading.refusal.line)
    return None if expected in theirs["error"] else f"docker refuses it for another reason than {expected!r}"
