"""Inputs to start from, taken out of the recorded vectors each time: they are stored there and nowhere else."""

from __future__ import annotations

import base64
import gzip
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ecsauth.agent import variables as agent_variables
from ecsauth.check import rules

if TYPE_CHECKING:
    from collections.abc import Iterator

_VECTORS = Path(__file__).resolve().parents[2] / "tests" / "vectors"
_TYPE, _DATA = "ECS_ENGINE_AUTH_TYPE", "ECS_ENGINE_AUTH_DATA"


def cases(kind: str) -> Iterator[dict[str, Any]]:
    """Yield the recorded cases of one kind: auth, config, dockerenv..."""
    with gzip.open(_VECTORS / f"{kind}.jsonl.gz", "rt", encoding="utf-8") as lines:
        yield from map(json.loads, lines)


def env_files() -> Iterator[bytes]:
    """Yield whole env-files: the recorded ones, the examples of the rules, and one for each credential and value."""
    for case in cases("dockerenv"):
        yield base64.b64decode(case["file_b64"])
    for rule in rules.RULES:
        yield from (text.encode("utf-8", "surrogateescape") for text in (rule.before, rule.after))
    for case in cases("auth"):
        yield f"ECS_CLUSTER=prod\n{_TYPE}={case['type']}\n{_DATA}=".encode() + auth_data(case) + b"\n"
    for case in cases("config"):
        yield "".join(f"{name}={value}\n" for name, value in variables(case).items()).encode("utf-8", "replace")


def catalogue() -> Iterator[bytes]:
    """Yield an assignment of each variable, most of them of its default."""
    for name in agent_variables.names():
        variable = agent_variables.find(name)
        yield f"{name}={variable.default if variable else ''}".encode()


def auth_data(case: dict[str, Any]) -> bytes:
    """Return the value of ECS_ENGINE_AUTH_DATA in a case of the kind auth."""
    encoded = case.get("data_b64")
    return base64.b64decode(encoded) if encoded else (case["data"] or "").encode("utf-8", "surrogatepass")


def variables(case: dict[str, Any]) -> dict[str, str]:
    """Return the variable that a case of the kind config is about, then the others."""
    return {case["var"]: case["value"] or "", **case["other_env"]}
