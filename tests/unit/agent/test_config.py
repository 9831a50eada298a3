"""What stops the agent, which names do nothing, and the recorded cases."""

from __future__ import annotations

import gzip
import json
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pytest
from ecsauth.agent import variables
from ecsauth.agent.config import ConfigVerdict, Effect, effect
from hypothesis import given
from hypothesis import strategies as st

_ROOT = Path(__file__).parents[3]


def _cases() -> list[dict[str, Any]]:
    with gzip.open(_ROOT / "tests" / "vectors" / "config.jsonl.gz", "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


@pytest.fixture(scope="module")
def comparer() -> Any:
    """Load the comparison that `scripts/conformance` makes."""
    spec = spec_from_file_location("conformance_config", _ROOT / "scripts" / "conformance_kinds" / "config.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("case", _cases(), ids=lambda case: case["id"])
def test_recorded_case(comparer: Any, case: dict[str, Any]) -> None:
    """The model says what the real agent did."""
    assert comparer.disagreement(case) is None


_BLANK = "only white space, so the agent has no region"


@pytest.mark.parametrize(
    ("external", "region", "faults"),
    [
        ("", "", {}),
        ("false", "", {}),
        ("yes", "", {}),
        ("true", "us-west-2", {}),
        ("true", "", {"ECS_EXTERNAL": "true without AWS_DEFAULT_REGION"}),
        (" 1", "", {"ECS_EXTERNAL": "true without AWS_DEFAULT_REGION"}),
        ("", " \t", {"AWS_DEFAULT_REGION": _BLANK}),
        ("true", "\xa0", {"AWS_DEFAULT_REGION": _BLANK}),
    ],
)
def test_an_agent_without_a_region(external: str, region: str, faults: dict[str, str]) -> None:
    """An external instance needs a region, and a blank one is worse than none."""
    environment = {"ECS_EXTERNAL": external, "AWS_DEFAULT_REGION": region}
    effects = {name: effect(name, value, environment) for name, value in environment.items()}
    assert {name: one.reason for name, one in effects.items() if one.verdict is ConfigVerdict.FATAL} == faults


def test_no_region_from_anywhere() -> None:
    """Without a metadata service the file has to name the region."""
    outcome = effect("AWS_DEFAULT_REGION", "", {}, region_elsewhere=False)
    assert (outcome.verdict, outcome.reason) == (ConfigVerdict.FATAL, "the agent has no region")
    assert effect("AWS_DEFAULT_REGION", "", {}).verdict is not ConfigVerdict.FATAL


@pytest.mark.parametrize("name", ["", "FOO", "ecs_cluster", "ECS_CLUSTER ", "\udcff"])
def test_unknown_names_do_nothing(name: str) -> None:
    """What nobody reads has no effect, and none to lose."""
    assert effect(name, "x", {}) == Effect(ConfigVerdict.QUIET)


def test_ignored_names_lose_their_value() -> None:
    """A documented name that nothing reads is a setting that does not hold."""
    outcome = effect("ECS_OFFHOST_INTROSPECTION_INTERFACE_NAME", "eth1", {})
    assert outcome == Effect(ConfigVerdict.QUIET, lost=True, reason="no code reads it")
    assert not effect("ECS_OFFHOST_INTROSPECTION_INTERFACE_NAME", "", {}).lost


_VALUES = st.text(max_size=30) | st.sampled_from(
    ["true", "10m", "-5", '["a"]', '{"a":"b"}', "1,2", "1-2", "[[1]]", " "]
)


@given(
    st.sampled_from(variables.names()) | st.text(max_size=20),
    _VALUES,
    st.dictionaries(st.sampled_from(variables.names()), _VALUES, max_size=4),
)
def test_any_value_has_an_effect(name: str, value: str, other: dict[str, str]) -> None:
    """Nothing crashes; what stops the agent has no value in force; what is lost has a reason without the value."""
    outcome = effect(name, value, other)
    assert outcome.verdict is not ConfigVerdict.FATAL or (outcome.effective is None and outcome.lost)
    assert bool(outcome.reason) or not outcome.lost


@given(st.sampled_from(variables.names()), st.text(alphabet="äöü€☃", min_size=3, max_size=12))
def test_reasons_do_not_quote(name: str, value: str) -> None:
    """A reason never holds what stood in the file."""
    assert value not in effect(name, value, {}).reason
