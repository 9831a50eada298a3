"""The report of an instance: what is in it, what never is, and its size."""

from __future__ import annotations

import json
from typing import Optional

import pytest
from ecsauth.boot import state as states
from ecsauth.boot.state import Ahead, Installed, Rejected, Source, State
from ecsauth.boot.trust import ObjectFacts
from ecsauth.status import instance_report
from ecsauth.status.instance_report import LARGEST, OnDisk, Run

URI = "s3://bucket/prod/ecs.config"
SOURCE = Source(URI, "111122223333", ("arn:key",), "/etc/ecs/ecs.config", ("ECS_CLUSTER=prod",), "1")
ONE, TWO = ObjectFacts('"e1"', 1, "v1"), ObjectFacts('"e2"', 2, "v2")
RUN = Run(1_700_000_100, 0, "1.2.3")
NOTHING = OnDisk(verified_copy=False, pre_image=False, backup=False)
ALL = OnDisk(verified_copy=True, pre_image=True, backup=True)
RELEASED = State(
    installed=Installed(ONE, SOURCE, 1_700_000_000, sha256="0123canary"), applied=ONE, verified=ONE, pre_image_of="v0"
)
AHEAD = State(
    installed=Installed(TWO, SOURCE, 1_700_000_000, ahead=Ahead(ONE, 1_700_000_000, 1_700_086_400)),
    applied=TWO,
    verified=TWO,
)


def test_empty() -> None:
    """An instance on which nothing is installed says so by null."""
    assert instance_report.document(State(), NOTHING, None) == {
        "schema": 1,
        "ecsauth": None,
        "last_run": None,
        "uri": None,
        "installed": None,
        "released": None,
        "ahead": None,
        "rejected": None,
        "open_change": None,
        "confirmed_at": None,
        "on_disk": {"installed": None, "last_verified": None, "pre_image": None, "backup": None},
        "agent": {"started_from": None, "registered": False},
    }


def test_released() -> None:
    """Versions of all bytes that are on the disk, and of those that the agent was started with."""
    found = instance_report.document(RELEASED, ALL, RUN)
    assert found["on_disk"] == {"installed": "v1", "last_verified": "v1", "pre_image": "v0", "backup": "unknown"}
    assert found["agent"] == {"started_from": "v1", "registered": True}
    assert (found["installed"], found["released"], found["ahead"]) == ("v1", "v1", None)
    assert (found["last_run"], found["confirmed_at"]) == ({"at": 1_700_000_100, "status": 0}, 1_700_000_000)


OLD, NEW = b"old", b"new"
OPEN = RELEASED._replace(
    in_progress=TWO, installed=Installed(ONE, SOURCE, 1_700_000_000, sha256=states.digest(OLD)), previous=None
)
FIRST = OPEN._replace(installed=None)


@pytest.mark.parametrize(
    ("state", "env_file", "verified_copy", "found"),
    [
        (OPEN, OLD, OLD, ("v1", "v1")),
        (OPEN, OLD, NEW, ("v1", "v2")),
        (OPEN, NEW, NEW, ("v2", "v2")),
        (OPEN, b"edited", OLD, ("unknown", "v1")),
        (OPEN, None, OLD, (None, "v1")),
        (OPEN._replace(previous=OPEN.installed, installed=None), OLD, NEW, ("v1", "v2")),
        (FIRST, None, None, (None, None)),
        (FIRST, b"of the AMI", None, ("unknown", None)),
        (FIRST, None, NEW, (None, "v2")),
        (FIRST, NEW, NEW, ("v2", "v2")),
        (OPEN._replace(in_progress=None), b"edited", OLD, None),
    ],
)
def test_bytes_while_a_change_is_open(
    state: State,
    env_file: Optional[bytes],
    verified_copy: Optional[bytes],
    found: Optional[tuple[Optional[str], Optional[str]]],
) -> None:
    """A killed run may have written a file that is not recorded: its bytes are compared with the recorded digest."""
    assert instance_report.while_open(state, env_file, verified_copy) == found


def test_what_is_on_disk_while_a_change_is_open() -> None:
    """The report names the versions by the bytes, not by the record."""
    found = instance_report.document(OPEN, ALL._replace(while_open=("v1", "v2")), RUN)
    assert (found["on_disk"]["installed"], found["on_disk"]["last_verified"]) == ("v1", "v2")


def test_ahead() -> None:
    """A candidate, and the released version beside it."""
    found = instance_report.document(AHEAD, NOTHING, RUN)
    assert found["ahead"] == {"version": "v2", "since": 1_700_000_000, "until": 1_700_086_400}
    assert (found["installed"], found["released"], found["uri"]) == ("v2", "v1", URI)


@pytest.mark.parametrize(
    "state",
    [
        RELEASED._replace(in_progress=TWO),
        RELEASED._replace(verified=None),
        RELEASED._replace(verified=TWO),
    ],
    ids=["open change", "none", "another version"],
)
def test_not_registered(state: State) -> None:
    """An agent counts as registered only with the installed version."""
    assert instance_report.document(state, ALL, RUN)["agent"]["registered"] is False


def test_rejected() -> None:
    """A rejected version with its tries; the reason is text from the agent, which is left out."""
    state = RELEASED._replace(rejected=Rejected(TWO, "plan", "canary reason", 1, tries=3))
    assert instance_report.document(state, ALL, RUN)["rejected"] == {"version": "v2", "tries": 3}


def test_rejected_candidate() -> None:
    """A candidate that failed comes first; while another one runs, the released version does not matter."""
    record = Rejected(TWO, "plan", "canary reason", 1, tries=3)
    both = RELEASED._replace(rejected=record._replace(tries=1), rejected_candidate=record)
    assert instance_report.document(both, ALL, RUN)["rejected"]["tries"] == 3
    assert instance_report.document(AHEAD._replace(rejected=record), ALL, RUN)["rejected"] is None
    assert instance_report.document(AHEAD._replace(rejected=record), ALL, None)["rejected"] is None
    late = RUN._replace(at=1_700_086_400)
    assert instance_report.document(AHEAD._replace(rejected=record), ALL, late)["rejected"]["version"] == "v2"


def test_nothing_made_from_content() -> None:
    """No digest of the file, no message and no setting is in it."""
    state = RELEASED._replace(rejected=Rejected(TWO, "plan", "canary", 1))
    report = instance_report.document(state, ALL, RUN)
    for data in (instance_report.to_json(report), instance_report.inventory(report)):
        for word in (b"canary", b"ECS_CLUSTER", b"sha256"):
            assert word not in data


def test_unknown_pre_image() -> None:
    """Bytes that are there without a version ID are not passed over."""
    state = RELEASED._replace(pre_image_of=None)
    assert instance_report.document(state, ALL, RUN)["on_disk"]["pre_image"] == "unknown"


def test_size() -> None:
    """Version IDs and keys may have 1,024 bytes each: the report stays below its limit and parses."""
    long = ObjectFacts('"e"', 1, "v" * 1024)
    state = State(
        installed=Installed(long, SOURCE._replace(uri=f"s3://b/{'k' * 1024}"), 1), applied=long, verified=long
    )
    data = instance_report.to_json(instance_report.document(state, ALL, RUN))
    assert len(data) <= LARGEST
    assert json.loads(data)["installed"] == "unknown"


def test_inventory_limits() -> None:
    """Systems Manager takes 50 attributes, names of 64 characters, values that are texts of at most 4,096."""
    item = json.loads(instance_report.inventory(instance_report.document(AHEAD, ALL, RUN)))
    assert (item["TypeName"], item["SchemaVersion"]) == ("Custom:Ecsauth", "1.0")
    content = item["Content"]
    assert len(content) <= 50
    assert all(len(name) <= 64 and 0 < len(value) <= 4096 for name, value in content.items())
    assert (content["Ahead"], content["AheadUntil"], content["AgentRegistered"]) == ("v2", "1700086400", "true")
    assert content["Rejected"] == "-"


def test_every_field_has_an_attribute() -> None:
    """Each field of the report but the schema and what repeats another is in the inventory item."""
    report = instance_report.document(AHEAD, ALL, RUN)
    flat: set[tuple[str, ...]] = {
        (name, inner) if isinstance(value, dict) else (name,)
        for name, value in report.items()
        for inner in (value if isinstance(value, dict) else ("",))
    }
    left = flat - set(instance_report.ATTRIBUTES.values())
    assert left == {("schema",), ("ahead", "since"), ("on_disk", "installed"), ("rejected",)}
