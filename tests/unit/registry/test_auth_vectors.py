"""The auth parser and the lookup against what the real agent was recorded to do (tests/vectors/README.md)."""

from __future__ import annotations

import base64
import gzip
import importlib
import json
import sys
from pathlib import Path
from typing import Any, Optional

import pytest

_ROOT = Path(__file__).parents[3]

sys.path.append(str(_ROOT / "scripts"))


def _recorded() -> list[dict[str, Any]]:
    with gzip.open(_ROOT / "tests" / "vectors" / "auth.jsonl.gz", "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def _disagreement(case: dict[str, Any]) -> Optional[str]:
    reason: Optional[str] = importlib.import_module("conformance_kinds.auth").disagreement(case)
    return reason


def _case(**changes: object) -> dict[str, Any]:
    """Make a case about bytes that are not UTF-8, as they would be recorded."""
    answer = dict.fromkeys(("password", "auth", "email", "serveraddress", "identitytoken", "registrytoken"), "")
    raw = base64.b64encode(b"u\xff").decode()
    return {
        "type": "dockercfg",
        "data": '{"reg.example.com":{"auth":"' + base64.b64encode(b"u\xff:p").decode() + '"},"x.y":{"auth":"!"}}',
        "answers": [
            {
                "image": "reg.example.com/app",
                "answers": [{**answer, "username": "u\ufffd", "username_b64": raw, "password": "p"}],
            }
        ],
        "nondeterministic": False,
        "warnings": ["Malformed auth data for registry x.y"],
        "stored_keys": ["reg.example.com"],
        **changes,
    }


@pytest.mark.parametrize("case", [pytest.param(case, id=f"{case['id']}-{case['note'][:40]}") for case in _recorded()])
def test_agrees_with_the_real_agent(case: dict[str, Any]) -> None:
    """One pair of variables: same stored keys, same log lines, same possible answers for each image."""
    assert _disagreement(case) is None


def test_bytes_are_compared_where_text_would_lose_them() -> None:
    """A credential that is not UTF-8 is compared by its bytes."""
    assert _disagreement(_case()) is None


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"stored_keys": []}, id="stored-keys"),
        pytest.param({"warnings": []}, id="warnings"),
        pytest.param({"nondeterministic": True}, id="nondeterministic"),
        pytest.param({"answers": [{**_case()["answers"][0], "image": "nginx"}]}, id="image"),
        pytest.param({"answers": [{**_case()["answers"][0], "answers": []}]}, id="answers"),
        pytest.param({"data": None, "data_b64": base64.b64encode(b"\xff").decode()}, id="data"),
    ],
)
def test_every_part_of_a_case_is_compared(change: dict[str, Any]) -> None:
    """A case that was recorded otherwise in any respect does not agree."""
    assert _disagreement(_case(**change)) is not None
