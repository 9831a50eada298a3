"""Reports as inventory and as instances give them, forged ones too; and who holds the bytes of a version."""

from __future__ import annotations

from typing import Any, Optional

import pytest
from ecsauth.boot.state import State
from ecsauth.errors import UsageError
from ecsauth.fleet.answers import parse
from ecsauth.fleet.census import Tag, cluster, instance_id, parse_tag
from ecsauth.fleet.holders import holders
from ecsauth.fleet.instances import FleetInstance, FleetReport, from_document, from_inventory
from ecsauth.status import instance_report
from ecsauth.status.instance_report import ATTRIBUTES, OnDisk

NOTHING = dict.fromkeys(ATTRIBUTES, "-")


def test_inventory_is_read() -> None:
    """Each attribute is where the report has it."""
    content = {
        **NOTHING,
        "Uri": "s3://b/k",
        "Installed": "v2",
        "Released": "v1",
        "Ahead": "v2",
        "Rejected": "v0",
        "AgentRegistered": "true",
        "OnDiskPreImage": "v1",
        "OnDiskLastVerified": "v2",
        "AgentStartedFrom": "v2",
        "LastRunAt": "17",
        "LastRunStatus": "8",
        "ConfirmedAt": "16",
        "Program": "0.4",
    }
    held = frozenset({"v1", "v2"})
    expected = FleetReport("s3://b/k", "v2", "v1", "v2", "v0", registered=True, held=held)
    assert from_inventory(content) == expected._replace(run_at=17, run_status=8, confirmed_at=16, program="0.4")


@pytest.mark.parametrize(
    "content",
    [{}, NOTHING, {"Other": "x"}, {"Installed": ""}, {"Installed": ["v"]}, {"Installed": "x" * 5000}, {"Uri": "a\nb"}],
)
def test_what_is_no_report(content: dict[str, Any]) -> None:
    """What ecsauth never writes is no report."""
    assert from_inventory(content) is None


@pytest.mark.parametrize("value", ["-1", "1e9", "9" * 13, "nan", "½", " 1"])
def test_forged_numbers_are_unknown(value: str) -> None:
    """A time that is none does not reach the arithmetic."""
    found = from_inventory({**NOTHING, "Uri": "s3://b/k", "ConfirmedAt": value, "LastRunStatus": value})
    assert found is not None
    assert (found.confirmed_at, found.run_status) == (None, None)


def test_the_report_of_an_instance_is_read() -> None:
    """The document that an instance writes and the inventory that it sends are the same report."""
    document = instance_report.document(State(), OnDisk(verified_copy=True, pre_image=True, backup=True), None)
    found = from_document(document)
    assert found is not None
    assert found.held == {"unknown"}


@pytest.mark.parametrize("document", [None, [], "x", {}, {"installed": "v"}, 3])
def test_what_is_no_document(document: Any) -> None:
    """Anything else than a report is none."""
    assert from_document(document) is None


@pytest.mark.parametrize(
    ("output", "alarms", "installed"),
    [
        ('{"alarms":["stale"],"report":{"installed":"v","on_disk":{},"agent":{}}}', ("stale",), "v"),
        ('warning\n{"alarms":[],"report":{"installed":"v","on_disk":{},"agent":{}}}\n', (), "v"),
        ('{"alarms":["forged","stale"],"report":null}', ("stale",), None),
        ('… "report": {"installed":"v","on_disk":{},"agent":{}}, "cut', (), "v"),
        ('{"alarms":["stale"],"report":{"inst', (), None),
        ("[1]", (), None),
        ("", (), None),
        ("{" * 5000, (), None),
    ],
)
def test_answers_are_read(output: str, alarms: tuple[str, ...], installed: Optional[str]) -> None:
    """The answer to the status document is read as far as it goes; what it is not is ignored."""
    found = parse(output)
    assert found.alarms == alarms
    assert (found.report.installed if found.report else None) == installed


def test_a_boot_that_was_killed_holds_the_version_that_it_wrote() -> None:
    """The file of an open change may be on the disk already."""
    found = from_inventory({**NOTHING, "Uri": "s3://b/k", "Installed": "v1", "OpenChange": "v2"})
    assert found is not None
    assert found.held == {"v1", "v2"}


def _instance(held: Optional[set[str]], installed: Optional[str] = None, ahead: Optional[str] = None) -> FleetInstance:
    if held is None:
        return FleetInstance("i-1", ping="Online")
    report = FleetReport("s3://b/k", installed, None, ahead, None, registered=True, held=frozenset(held))
    return FleetInstance("i-1", ping="Online", report=report)


@pytest.mark.parametrize(
    ("instance", "certain"),
    [
        (_instance({"v1", "v2"}), True),
        (_instance({"v2"}, installed="v1"), True),
        (_instance({"v2"}, ahead="v1"), True),
        (_instance({"v2"}), None),
        (_instance({"v2", "unknown"}), False),
        (_instance({"v1", "unknown"}), True),
        (_instance(set()), None),
        (_instance(None), False),
    ],
)
def test_holders(instance: FleetInstance, certain: Optional[bool]) -> None:
    """Who has the bytes of a version is a holder, and so is one of which that is not known."""
    found = holders([instance], frozenset({"v1"}))
    assert [one.is_certain for one in found] == ([] if certain is None else [certain])


def test_holders_by_another_id() -> None:
    """An instance that has the bytes under another version ID is a holder, and the reason names that ID."""
    (found,) = holders([_instance({"c1"}, installed="c1")], frozenset({"v1", "c1"}))
    assert (found.is_certain, found.reason) == (True, "version c1 is installed")


@pytest.mark.parametrize("text", ["Environment=prod", "ecs:cluster=a b", "a=b=c"])
def test_tags(text: str) -> None:
    """A tag is written as it is read."""
    name, _, value = text.partition("=")
    assert parse_tag(text) == Tag(name, value)
    assert str(parse_tag(text)) == text


@pytest.mark.parametrize("text", ["", "a", "=b", "a=", "a=\n", "é=b"])
def test_tags_that_are_refused(text: str) -> None:
    """A tag has a name and a value."""
    with pytest.raises(UsageError):
        parse_tag(text)


@pytest.mark.parametrize("text", ["", "-a", "a b", "i-1;"])
def test_names_that_are_refused(text: str) -> None:
    """Neither a cluster nor an instance has such a name."""
    for parse_name in (cluster, instance_id):
        with pytest.raises(UsageError):
            parse_name(text)
