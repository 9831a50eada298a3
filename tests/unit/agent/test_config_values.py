"""Booleans, integers and durations: what the agent puts into force."""

from __future__ import annotations

import pytest
from ecsauth.agent.config import ConfigVerdict, Effect, effect

_SECOND = 1_000_000_000
_MINUTE = 60 * _SECOND
_HOUR = 60 * _MINUTE
_MILLISECOND = 1_000_000
_ON = {"ECS_POLL_METRICS": "true", "ECS_ENABLE_TASK_ENI": "true"}

# Constants of config.go and config_unix.go, agent 1.105.
_DEFAULTS = {
    "ECS_CGROUP_CPU_PERIOD": 100 * _MILLISECOND,
    "ECS_CONTAINER_CREATE_TIMEOUT": 4 * _MINUTE,
    "ECS_CONTAINER_START_TIMEOUT": 3 * _MINUTE,
    "ECS_CONTAINER_STOP_TIMEOUT": 30 * _SECOND,
    "ECS_ENGINE_TASK_CLEANUP_WAIT_DURATION": 3 * _HOUR,
    "ECS_ENGINE_TASK_CLEANUP_WAIT_DURATION_JITTER": 0,
    "ECS_IMAGE_CLEANUP_INTERVAL": 30 * _MINUTE,
    "ECS_IMAGE_MINIMUM_CLEANUP_AGE": _HOUR,
    "ECS_IMAGE_PULL_INACTIVITY_TIMEOUT": _MINUTE,
    "ECS_IMAGE_PULL_TIMEOUT": 2 * _HOUR,
    "ECS_MANIFEST_PULL_TIMEOUT": _MINUTE,
    "ECS_NUM_IMAGES_DELETE_PER_CYCLE": 5,
    "ECS_POLLING_METRICS_WAIT_DURATION": 10 * _SECOND,
    "ECS_RESERVED_MEMORY": 0,
    "ECS_TASK_PIDS_LIMIT": 0,
    "NONECS_NUM_CONTAINERS_DELETE_PER_CYCLE": 5,
    "NON_ECS_IMAGE_MINIMUM_CLEANUP_AGE": _HOUR,
    "ECS_ENABLE_TASK_CPU_MEM_LIMIT": True,
    "ECS_ENABLE_FIRELENS_ASYNC": True,
    "ECS_EBSTA_SUPPORTED": True,
    "ECS_ENABLE_HIGH_DENSITY_ENI": True,
    "ECS_EXCLUDE_IPV6_PORTBINDING": True,
    "ECS_CHECKPOINT": False,
    "ECS_EXTERNAL": False,
    "ECS_DISABLE_METRICS": False,
    "ECS_AGENT_RUN_PRIVILEGED": False,
}


@pytest.mark.parametrize(("name", "default"), _DEFAULTS.items())
def test_default(name: str, default: int) -> None:
    """An empty value counts as not set: the default, in silence, and nothing is lost."""
    assert effect(name, "", _ON) == Effect(ConfigVerdict.QUIET, default, default)


@pytest.mark.parametrize("value", ["true", "1", " t ", "\xa0TRUE", "True\t"])
@pytest.mark.parametrize("name", ["ECS_ENABLE_TASK_ENI", "ECS_ENABLE_GPU_SUPPORT"])
def test_true(name: str, value: str) -> None:
    """Both readers of the agent trim and take Go's spellings."""
    assert effect(name, value, {}) == Effect(ConfigVerdict.QUIET, effective=True, default=False)


@pytest.mark.parametrize(
    ("name", "verdict", "default"),
    [
        ("ECS_ENABLE_TASK_ENI", ConfigVerdict.WARNED, False),
        ("ECS_ENABLE_TASK_CPU_MEM_LIMIT", ConfigVerdict.WARNED, True),
        ("ECS_ENABLE_GPU_SUPPORT", ConfigVerdict.QUIET, False),
        ("ECS_EBSTA_SUPPORTED", ConfigVerdict.QUIET, True),
        ("ECS_SKIP_LOCALHOST_TRAFFIC_FILTER", ConfigVerdict.WARNED, False),
        ("ECS_AGENT_PID_NAMESPACE_HOST", ConfigVerdict.QUIET, False),
    ],
)
@pytest.mark.parametrize("value", ["yes", "on", "tRUE", '"true"', "true #x", "2"])
def test_no_boolean(name: str, verdict: ConfigVerdict, default: bool, value: str) -> None:
    """The default applies; whether a log line says so depends on who reads."""
    reason = "not a boolean, so the default applies"
    assert effect(name, value, {}) == Effect(verdict, default, default, lost=True, reason=reason)


def test_ecs_init_does_not_trim() -> None:
    """What the agent's own booleans take with a space is lost here."""
    assert effect("ECS_ALLOW_OFFHOST_INTROSPECTION_ACCESS", "true ", {}).lost


@pytest.mark.parametrize(("value", "on", "lost"), [("true", True, False), ("1", False, True), ("false", False, False)])
def test_exactly_true(value: str, on: bool, lost: bool) -> None:
    """ecs-init compares one variable with the text true."""
    outcome = effect("ECS_AGENT_RUN_PRIVILEGED", value, {})
    assert (outcome.verdict, outcome.effective, outcome.lost) == (ConfigVerdict.QUIET, on, lost)


@pytest.mark.parametrize(
    ("value", "directory", "on", "verdict"),
    [
        ("", "", False, ConfigVerdict.QUIET),
        ("", "/data/", True, ConfigVerdict.QUIET),
        ("", " ", True, ConfigVerdict.QUIET),
        ("false", "/data/", False, ConfigVerdict.QUIET),
        ("x", "/data/", True, ConfigVerdict.WARNED),
        ("x", "", False, ConfigVerdict.WARNED),
    ],
)
def test_checkpoint_follows_the_data_directory(value: str, directory: str, on: bool, verdict: ConfigVerdict) -> None:
    """ECS_DATADIR turns checkpoints on unless ECS_CHECKPOINT says no in words that Go understands."""
    outcome = effect("ECS_CHECKPOINT", value, {"ECS_DATADIR": directory})
    assert (outcome.effective, outcome.verdict) == (on, verdict)


@pytest.mark.parametrize(("compatibility", "default"), [("ipv6", False), (" IPv6", False), ("ipv4", True), ("6", True)])
def test_ipv6_only_instances_keep_ipv6_bindings(compatibility: str, default: bool) -> None:
    """The default of ECS_EXCLUDE_IPV6_PORTBINDING comes from ECS_INSTANCE_IP_COMPATIBILITY."""
    other = {"ECS_INSTANCE_IP_COMPATIBILITY": compatibility}
    assert effect("ECS_EXCLUDE_IPV6_PORTBINDING", "", other).effective is default


def test_unread_without_task_networking() -> None:
    """ECS_ENABLE_HIGH_DENSITY_ENI is not even parsed while ECS_ENABLE_TASK_ENI is off."""
    outcome = effect("ECS_ENABLE_HIGH_DENSITY_ENI", "nonsense", {})
    assert (outcome.verdict, outcome.lost) == (ConfigVerdict.QUIET, False)
    assert outcome.reason == "read only while ECS_ENABLE_TASK_ENI is on"
    assert effect("ECS_ENABLE_HIGH_DENSITY_ENI", "nonsense", _ON).verdict is ConfigVerdict.WARNED


@pytest.mark.parametrize(
    ("other", "on", "verdict"),
    [
        ({}, False, ConfigVerdict.QUIET),
        ({"CREDENTIALS_FETCHER_HOST_DIR": "/x"}, False, ConfigVerdict.WARNED),
        ({"CREDENTIALS_FETCHER_HOST_DIR": "/x", "ECS_DOMAIN_JOINED_LINUX_INSTANCE": "true"}, True, ConfigVerdict.QUIET),
        (
            {
                "CREDENTIALS_FETCHER_HOST_DIR": "/x",
                "CREDENTIALS_FETCHER_SECRET_NAME_FOR_DOMAINLESS_GMSA": "aws/directoryservice/x/gmsa",
            },
            True,
            ConfigVerdict.QUIET,
        ),
        ({"ZZZ_SKIP_DOMAIN_JOIN_CHECK_NOT_SUPPORTED_IN_PRODUCTION": "true"}, True, ConfigVerdict.QUIET),
    ],
)
def test_gmsa_takes_several_variables(other: dict[str, str], on: bool, verdict: ConfigVerdict) -> None:
    """ECS_GMSA_SUPPORTED is one condition of several, most of which ecs-init sees to."""
    outcome = effect("ECS_GMSA_SUPPORTED", "true", other)
    assert (outcome.effective, outcome.verdict) == (on, verdict)


def test_domainless_gmsa() -> None:
    """The switch of the domainless kind works with ECS_GMSA_SUPPORTED only."""
    name = "ZZZ_SKIP_DOMAIN_LESS_CHECK_NOT_SUPPORTED_IN_PRODUCTION"
    assert effect(name, "true", {}).effective is False
    assert effect(name, "true", {"ECS_GMSA_SUPPORTED": "1"}).effective is True


@pytest.mark.parametrize(
    ("name", "value", "verdict", "effective", "lost"),
    [
        pytest.param("ECS_NUM_IMAGES_DELETE_PER_CYCLE", "+7", ConfigVerdict.QUIET, 7, False, id="a sign"),
        pytest.param("ECS_NUM_IMAGES_DELETE_PER_CYCLE", " 7", ConfigVerdict.WARNED, 5, True, id="not trimmed"),
        pytest.param("ECS_NUM_IMAGES_DELETE_PER_CYCLE", "0", ConfigVerdict.QUIET, 5, True, id="0 is not set"),
        pytest.param("ECS_NUM_IMAGES_DELETE_PER_CYCLE", "-1", ConfigVerdict.WARNED, 5, True, id="below the minimum"),
        pytest.param(
            "ECS_NUM_IMAGES_DELETE_PER_CYCLE", "9" * 20, ConfigVerdict.WARNED, 2**63 - 1, True, id="overflow kept"
        ),
        pytest.param(
            "ECS_NUM_IMAGES_DELETE_PER_CYCLE", "-" + "9" * 20, ConfigVerdict.WARNED, 5, True, id="and bounded"
        ),
        pytest.param(
            "NONECS_NUM_CONTAINERS_DELETE_PER_CYCLE", "-1", ConfigVerdict.QUIET, -1, False, id="no lower bound"
        ),
        pytest.param("NONECS_NUM_CONTAINERS_DELETE_PER_CYCLE", "-" + "9" * 20, ConfigVerdict.WARNED, -(2**63), True),
        pytest.param("ECS_TASK_PIDS_LIMIT", " 7 ", ConfigVerdict.QUIET, 7, False, id="trimmed"),
        pytest.param("ECS_TASK_PIDS_LIMIT", " ", ConfigVerdict.WARNED, 0, True, id="white space is no number"),
        pytest.param("ECS_TASK_PIDS_LIMIT", "0", ConfigVerdict.WARNED, 0, True, id="0 is below the minimum"),
        pytest.param("ECS_TASK_PIDS_LIMIT", "4194304", ConfigVerdict.QUIET, 4_194_304, False, id="the maximum"),
        pytest.param("ECS_TASK_PIDS_LIMIT", "4194305", ConfigVerdict.WARNED, 0, True, id="above it"),
        pytest.param("ECS_TASK_PIDS_LIMIT", "9" * 20, ConfigVerdict.WARNED, 0, True, id="overflow dropped"),
        pytest.param("ECS_RESERVED_MEMORY", "0", ConfigVerdict.QUIET, 0, False, id="0 is the default"),
        pytest.param("ECS_RESERVED_MEMORY", "065535", ConfigVerdict.QUIET, 65_535, False, id="16 bits"),
        pytest.param("ECS_RESERVED_MEMORY", "65536", ConfigVerdict.WARNED, 0, True, id="17 bits"),
        pytest.param("ECS_RESERVED_MEMORY", "+5", ConfigVerdict.WARNED, 0, True, id="unsigned"),
        pytest.param("ECS_LOG_MAX_ROLL_COUNT", "0", ConfigVerdict.QUIET, 0, False, id="0 is taken"),
        pytest.param("ECS_LOG_MAX_ROLL_COUNT", "9" * 20, ConfigVerdict.WARNED, 24, True, id="overflow of the logger's"),
    ],
)
def test_integer(name: str, value: str, verdict: ConfigVerdict, effective: int, lost: bool) -> None:
    """Each integer has its own ways with white space, zero, bounds and overflow."""
    outcome = effect(name, value, {})
    assert (outcome.verdict, outcome.effective, outcome.lost) == (verdict, effective, lost)


@pytest.mark.parametrize(
    ("name", "value", "verdict", "effective", "reason"),
    [
        ("ECS_IMAGE_PULL_TIMEOUT", "1h30m", ConfigVerdict.QUIET, 90 * _MINUTE, ""),
        (
            "ECS_IMAGE_PULL_TIMEOUT",
            "0",
            ConfigVerdict.QUIET,
            2 * _HOUR,
            "0 counts as not set, so the default applies",
        ),
        (
            "ECS_IMAGE_PULL_TIMEOUT",
            "-1m",
            ConfigVerdict.QUIET,
            -_MINUTE,
            "every image pull times out at once",
        ),
        (
            "ECS_IMAGE_PULL_TIMEOUT",
            "10",
            ConfigVerdict.WARNED,
            2 * _HOUR,
            "a number without a unit such as s, m or h, so the default applies",
        ),
        (
            "ECS_IMAGE_PULL_TIMEOUT",
            "10m ",
            ConfigVerdict.WARNED,
            2 * _HOUR,
            "white space beside the duration, so the default applies",
        ),
        (
            "ECS_IMAGE_PULL_TIMEOUT",
            "1d",
            ConfigVerdict.WARNED,
            2 * _HOUR,
            "not a duration such as 10m or 1h30m, so the default applies",
        ),
        (
            "ECS_CONTAINER_STOP_TIMEOUT",
            "999ms",
            ConfigVerdict.WARNED,
            _SECOND,
            "below the minimum of 1s, which applies",
        ),
        (
            "ECS_CONTAINER_STOP_TIMEOUT",
            "-1h",
            ConfigVerdict.WARNED,
            _SECOND,
            "below the minimum of 1s, which applies",
        ),
        ("ECS_CONTAINER_STOP_TIMEOUT", "1s", ConfigVerdict.QUIET, _SECOND, ""),
        (
            "ECS_CONTAINER_START_TIMEOUT",
            "44s",
            ConfigVerdict.WARNED,
            45 * _SECOND,
            "below the minimum of 45s, which applies",
        ),
        (
            "ECS_CONTAINER_CREATE_TIMEOUT",
            "59s",
            ConfigVerdict.WARNED,
            _MINUTE,
            "below the minimum of 1m, which applies",
        ),
        (
            "ECS_MANIFEST_PULL_TIMEOUT",
            "29s",
            ConfigVerdict.WARNED,
            30 * _SECOND,
            "below the minimum of 30s, which applies",
        ),
        (
            "ECS_IMAGE_PULL_INACTIVITY_TIMEOUT",
            "1s",
            ConfigVerdict.WARNED,
            _MINUTE,
            "below the minimum of 1m, which applies",
        ),
        (
            "ECS_IMAGE_CLEANUP_INTERVAL",
            "9m59s",
            ConfigVerdict.WARNED,
            30 * _MINUTE,
            "below the minimum of 10m, so the default applies",
        ),
        (
            "ECS_ENGINE_TASK_CLEANUP_WAIT_DURATION",
            "1ms",
            ConfigVerdict.WARNED,
            3 * _HOUR,
            "below the minimum of 1s, so the default applies",
        ),
        ("ECS_CGROUP_CPU_PERIOD", "8ms", ConfigVerdict.QUIET, 8 * _MILLISECOND, ""),
        (
            "ECS_CGROUP_CPU_PERIOD",
            "7ms",
            ConfigVerdict.WARNED,
            100 * _MILLISECOND,
            "below the minimum of 8ms, so the default applies",
        ),
        (
            "ECS_CGROUP_CPU_PERIOD",
            "101ms",
            ConfigVerdict.WARNED,
            100 * _MILLISECOND,
            "above the maximum of 100ms, so the default applies",
        ),
        ("ECS_ENGINE_TASK_CLEANUP_WAIT_DURATION_JITTER", "0", ConfigVerdict.QUIET, 0, ""),
        (
            "ECS_ENGINE_TASK_CLEANUP_WAIT_DURATION_JITTER",
            "-1s",
            ConfigVerdict.QUIET,
            -_SECOND,
            "the agent crashes at its first task cleanup",
        ),
        (
            "ECS_POLLING_METRICS_WAIT_DURATION",
            "1s",
            ConfigVerdict.WARNED,
            5 * _SECOND,
            "below the minimum of 5s, which applies",
        ),
        (
            "ECS_POLLING_METRICS_WAIT_DURATION",
            "1m",
            ConfigVerdict.WARNED,
            20 * _SECOND,
            "above the maximum of 20s, which applies",
        ),
        (
            "ECS_POLLING_METRICS_WAIT_DURATION",
            "0s",
            ConfigVerdict.QUIET,
            10 * _SECOND,
            "0 counts as not set, so the default applies",
        ),
    ],
)
def test_duration(name: str, value: str, verdict: ConfigVerdict, effective: int, reason: str) -> None:
    """Some bounds take the place of the value, others give the default; some values are taken and do harm."""
    outcome = effect(name, value, _ON)
    start, _star, end = reason.partition("*")
    assert (outcome.verdict, outcome.effective) == (verdict, effective)
    assert outcome.lost is (verdict is ConfigVerdict.WARNED or "default" in outcome.reason)
    assert outcome.reason.startswith(start)
    assert outcome.reason.endswith(end)


def test_bounds_that_hold_with_another_variable_only() -> None:
    """The polling interval is bounded while ECS_POLL_METRICS is on, and unused otherwise."""
    outcome = effect("ECS_POLLING_METRICS_WAIT_DURATION", "1m", {"ECS_POLL_METRICS": "no"})
    assert (outcome.verdict, outcome.effective, outcome.lost) == (ConfigVerdict.QUIET, _MINUTE, False)
    assert outcome.reason == "used only while ECS_POLL_METRICS is on"
