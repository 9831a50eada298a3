"""The groups of instances, as a table: what an instance reports, and what ECS and Systems Manager say of it."""

from __future__ import annotations

from typing import Any, Optional

import pytest
from ecsauth.fleet.groups import Group, Wanted, counts, place
from ecsauth.fleet.instances import FleetInstance, FleetReport

URI = "s3://fleet/prod/ecs.config"
NOW = 1_700_000_000
DAY = 86_400
WANTED = Wanted(URI, "r1", NOW, candidate="c1")
HEALTHY = FleetReport(URI, "r1", "r1", None, None, registered=True, held=frozenset({"r1"}), confirmed_at=NOW)


def _instance(report: Optional[FleetReport], **more: Any) -> FleetInstance:
    return FleetInstance("i-1", "demo", more.get("connected", True), more.get("ping", "Online"), report)


@pytest.mark.parametrize(
    ("changes", "group"),
    [
        ({}, Group.CURRENT),
        ({"ahead": "c1", "installed": "c1"}, Group.AHEAD),
        ({"ahead": "c0", "installed": "c0"}, Group.AHEAD),
        ({"installed": "r0"}, Group.BEHIND),
        ({"installed": None}, Group.BEHIND),
        ({"rejected": "c1"}, Group.REJECTED),
        ({"rejected": "r1", "installed": "r0"}, Group.REJECTED),
        ({"rejected": "c1", "registered": False}, Group.REJECTED),
        # It was rejected long ago; what is released now runs.
        ({"rejected": "c0"}, Group.CURRENT),
        ({"registered": False}, Group.NOT_REGISTERED),
        ({"registered": False, "ahead": "c1"}, Group.NOT_REGISTERED),
        ({"run_status": 8}, Group.STALE),
        ({"confirmed_at": NOW - DAY - 1}, Group.STALE),
        ({"confirmed_at": NOW - DAY}, Group.CURRENT),
        ({"confirmed_at": None}, Group.STALE),
        ({"confirmed_at": NOW - DAY - 1, "installed": "r0"}, Group.STALE),
        ({"uri": "s3://fleet/test/ecs.config"}, Group.UNKNOWN),
        ({"uri": None}, Group.UNKNOWN),
    ],
)
def test_group_by_report(changes: dict[str, Any], group: Group) -> None:
    """Each report puts its instance into one group."""
    assert place(_instance(HEALTHY._replace(**changes)), WANTED).group is group


@pytest.mark.parametrize(
    ("more", "group"),
    [
        ({"ping": None}, Group.UNKNOWN),
        ({"ping": "ConnectionLost"}, Group.UNKNOWN),
        ({"ping": "Inactive"}, Group.UNKNOWN),
        ({"connected": False}, Group.NOT_REGISTERED),
        ({"ping": None, "connected": False}, Group.UNKNOWN),
        # ECS was not asked.
        ({"connected": None}, Group.CURRENT),
    ],
)
def test_group_by_service(more: dict[str, Any], group: Group) -> None:
    """A report is not believed against ECS, nor if Systems Manager has lost the instance."""
    assert place(_instance(HEALTHY, **more), WANTED).group is group


def test_no_report_is_unknown() -> None:
    """An instance without a report may run anything."""
    found = place(_instance(None), WANTED)
    assert (found.group, found.reason) == (Group.UNKNOWN, "it has sent no report")


def test_a_promoted_candidate_is_current() -> None:
    """An instance that still calls itself ahead of a version that was promoted from its candidate has its bytes."""
    report = HEALTHY._replace(installed="c1", ahead="c1", released="r0")
    assert place(_instance(report), Wanted(URI, "r1", NOW, same="c1")).group is Group.CURRENT


def test_each_group_but_current_has_a_reason() -> None:
    """Who is not current learns why."""
    changes: list[dict[str, Any]] = [
        {"ahead": "c1"},
        {"installed": "r0"},
        {"rejected": "c1"},
        {"registered": False},
        {"run_status": 8},
        {"uri": None},
    ]
    assert all(place(_instance(HEALTHY._replace(**each)), WANTED).reason for each in changes)


def test_counts_name_every_group() -> None:
    """A group without instances has 0."""
    found = counts([Group.CURRENT, Group.CURRENT, Group.STALE])
    assert found == {
        "current": 2,
        "ahead": 0,
        "behind": 0,
        "rejected": 0,
        "stale": 1,
        "not registered": 0,
        "unknown": 0,
    }
