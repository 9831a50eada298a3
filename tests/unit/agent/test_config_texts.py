"""Words, ranges, limits, lists with commas and plain texts."""

from __future__ import annotations

import pytest
from ecsauth.agent.config import ConfigVerdict, Effect, effect

_TAKEN = Effect(ConfigVerdict.QUIET)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ECS_IMAGE_PULL_BEHAVIOR", ""),
        ("ECS_IMAGE_PULL_BEHAVIOR", "prefer-cached"),
        ("ECS_CONTAINER_INSTANCE_PROPAGATE_TAGS_FROM", "ec2_instance"),
        ("ECS_INSTANCE_IP_COMPATIBILITY", " IPv6 "),
        ("ECS_INSTANCE_IP_COMPATIBILITY", "  "),
        ("ECS_ENGINE_AUTH_TYPE", "\xa0docker "),
        ("ECS_LOGLEVEL", "DEBUG"),
        ("ECS_LOG_DRIVER", "awslogs"),
        ("ECS_CLUSTER", '"quoted"'),
        ("ECS_DATADIR", "   "),
        ("ECS_ENGINE_AUTH_DATA", "not even JSON"),
        ("AWS_MAX_ATTEMPTS", "many"),
        ("CREDENTIALS_FETCHER_HOST", "unix:///x.sock"),
        ("ECS_DYNAMIC_HOST_PORT_RANGE", ""),
        ("ECS_DYNAMIC_HOST_PORT_RANGE", "100-200"),
        ("ECS_DYNAMIC_HOST_PORT_RANGE", "100"),
        ("ECS_DYNAMIC_HOST_PORT_RANGE", "0-65535"),
        ("ECS_DYNAMIC_HOST_PORT_RANGE", "100-200-300"),
        ("ECS_DYNAMIC_HOST_PORT_RANGE", "1-1-x"),
        ("ECS_TASK_METADATA_RPS_LIMIT", ""),
        ("ECS_TASK_METADATA_RPS_LIMIT", " 100 , +150 "),
        ("ECS_EXCLUDE_UNTRACKED_IMAGE", "a,b,,"),
        ("ECS_LOG_MAX_FILE_SIZE_MB", "0.5"),
    ],
)
def test_taken(name: str, value: str) -> None:
    """Nothing is said and nothing is lost."""
    assert effect(name, value, {}) == _TAKEN


@pytest.mark.parametrize(
    ("name", "value", "verdict", "reason"),
    [
        (
            "ECS_IMAGE_PULL_BEHAVIOR",
            "always ",
            ConfigVerdict.QUIET,
            "not one of default, always, once, prefer-cached, so the default applies",
        ),
        ("ECS_IMAGE_PULL_BEHAVIOR", "Always", ConfigVerdict.QUIET, "not one of *"),
        ("ECS_CONTAINER_INSTANCE_PROPAGATE_TAGS_FROM", "ec2", ConfigVerdict.QUIET, "not one of *"),
        ("ECS_ENGINE_AUTH_TYPE", "Docker", ConfigVerdict.QUIET, "*, so the agent drops all registry credentials"),
        ("ECS_ENGINE_AUTH_TYPE", '"docker"', ConfigVerdict.QUIET, "*, so the agent drops all registry credentials"),
        (
            "ECS_INSTANCE_IP_COMPATIBILITY",
            "dualstack",
            ConfigVerdict.WARNED,
            "not one of ipv4, ipv6, so the agent asks the network",
        ),
        ("ECS_LOGLEVEL", "verbose", ConfigVerdict.WARNED, "not one of *"),
        ("ECS_LOGLEVEL", "info ", ConfigVerdict.WARNED, "not one of *"),
        ("ECS_LOG_DRIVER", "AWSLOGS", ConfigVerdict.WARNED, "not one of *"),
        ("ECS_LOG_ROLLOVER_TYPE", "daily", ConfigVerdict.QUIET, "*, so the log rolls over every hour"),
        (
            "CREDENTIALS_FETCHER_HOST",
            "/x.sock",
            ConfigVerdict.QUIET,
            "does not begin with unix://, so the default applies",
        ),
        (
            "ECS_DYNAMIC_HOST_PORT_RANGE",
            "200-100",
            ConfigVerdict.WARNED,
            "the last port is below the first, so the default applies",
        ),
        ("ECS_DYNAMIC_HOST_PORT_RANGE", "1-65536", ConfigVerdict.WARNED, "not two ports *"),
        ("ECS_DYNAMIC_HOST_PORT_RANGE", " 1-2", ConfigVerdict.WARNED, "not two ports *"),
        ("ECS_DYNAMIC_HOST_PORT_RANGE", "-100", ConfigVerdict.WARNED, "not two ports *"),
        ("ECS_DYNAMIC_HOST_PORT_RANGE", "100-", ConfigVerdict.WARNED, "not two ports *"),
        ("ECS_TASK_METADATA_RPS_LIMIT", "100", ConfigVerdict.WARNED, "not two integers *, so 40,60 applies"),
        ("ECS_TASK_METADATA_RPS_LIMIT", "1,2,3", ConfigVerdict.WARNED, "not two integers *"),
        ("ECS_TASK_METADATA_RPS_LIMIT", " ", ConfigVerdict.WARNED, "not two integers *"),
        ("ECS_TASK_METADATA_RPS_LIMIT", "9" * 20 + ",1", ConfigVerdict.WARNED, "not two integers *"),
        ("ECS_TASK_METADATA_RPS_LIMIT", "-1,0", ConfigVerdict.WARNED, "below 0, so 40,60 applies"),
        ("ECS_TASK_METADATA_RPS_LIMIT", "0,5", ConfigVerdict.QUIET, "0 counts as not set, so 40,60 applies"),
        ("ECS_LOG_MAX_FILE_SIZE_MB", "5MB", ConfigVerdict.WARNED, "not a number, so the default applies"),
    ],
)
def test_lost(name: str, value: str, verdict: ConfigVerdict, reason: str) -> None:
    """Something else is in force, with or without a log line."""
    outcome = effect(name, value, {})
    start, _star, end = reason.partition("*")
    assert (outcome.verdict, outcome.lost) == (verdict, True)
    assert outcome.reason.startswith(start)
    assert outcome.reason.endswith(end)


def test_white_space_in_a_list_is_told() -> None:
    """The agent takes the item with its space, and will meet no image of that name."""
    outcome = effect("ECS_EXCLUDE_UNTRACKED_IMAGE", "a, b", {})
    assert (outcome.verdict, outcome.lost) == (ConfigVerdict.QUIET, False)
    assert outcome.reason == "the white space beside a comma is part of the item"
