"""A staged rollout on three instances with systemd, where the units run the agent's service."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from ecsauth.boot import units
from instance import Instance
from instance_boots import assert_agent_has, recorded, refresh, said, started, user_data, wait_ended
from machine import FIRST, SECOND
from s3_server import S3Server

if TYPE_CHECKING:
    from collections.abc import Iterator

    from program import Ended

OK, LAUNCH = 0, 7
FLAGS = ("--persist", "--deadline=6", "--wait=20")


class Fleet(NamedTuple):
    """Three instances that have booted from one object."""

    one: Instance
    two: Instance
    three: Instance

    def offer(self, body: bytes) -> str:
        """Put a candidate and return its version ID."""
        key, s3 = self.one.key, self.one.server.s3
        made = s3.put_object(
            Bucket=self.one.bucket,
            Key="prod/ecs.config.candidate",
            Body=body,
            ServerSideEncryption="aws:kms",
            SSEKMSKeyId=key,
            ChecksumAlgorithm="CRC32",
        )
        return str(made["VersionId"])


def as_persisted(instance: Instance, *options: str) -> Ended:
    """Do what a command from afar does."""
    return instance.run("ecsauth", "boot", "--as-persisted", *options, check=False)


def report(instance: Instance) -> dict[str, Any]:
    """Return the report of the instance."""
    found: dict[str, Any] = json.loads(instance.read("/var/lib/ecsauth/report.json") or b"{}")
    return found


@pytest.fixture(scope="module")
def fleet(instance_image: str) -> Iterator[Fleet]:
    """Boot three instances from user data, one after the other."""
    with S3Server.as_process() as server, Instance(instance_image, server) as one:
        one.put(FIRST)
        with Instance(instance_image, server, one) as two, Instance(instance_image, server, one) as three:
            for instance in (one, two, three):
                instance.user_data(user_data(instance, *FLAGS))
                assert instance.boot() == "running"
                assert wait_ended(instance, units.VERIFY) == OK
            yield Fleet(one, two, three)


def test_a_staged_rollout(fleet: Fleet) -> None:
    """One takes the candidate and keeps it, over a reboot too; one fails with it; promotion is for all."""
    one, two, three = fleet
    version = fleet.offer(SECOND)

    done = as_persisted(one, "--candidate", version)
    assert done.status == OK, done.err
    assert_agent_has(one, SECOND)
    assert report(one)["ahead"]["version"] == version
    assert refresh(one) == OK
    assert "ahead since" in said(one, units.REFRESH)
    assert_agent_has(one, SECOND)

    two.agent_behaves("only-if=second-password", "exit=5")
    assert as_persisted(two, "--candidate", version).status == LAUNCH
    two.agent_behaves()
    assert recorded(two, "rejected_candidate") == version
    assert report(two)["ahead"] is None

    assert one.reboot() == "running"
    assert wait_ended(one, units.VERIFY) == OK
    assert_agent_has(one, SECOND)
    assert report(one)["ahead"]["version"] == version

    before = started(one)
    released = one.put(SECOND)
    assert {refresh(instance) for instance in (one, three)} == {OK}
    assert started(one) == before
    assert_agent_has(three, SECOND)
    assert {report(instance)["installed"] for instance in (one, three)} == {released}
    assert report(one)["agent"] == {"started_from": released, "registered": True}


def test_withdrawn(fleet: Fleet) -> None:
    """A candidate that was taken and withdrawn leaves the agent on the released version."""
    three = fleet.three
    before = report(three)["installed"]
    version = fleet.offer(FIRST)
    assert as_persisted(three, "--candidate", version).status == OK
    assert_agent_has(three, FIRST)
    done = as_persisted(three, "--withdraw")
    assert done.status == OK, done.err
    assert_agent_has(three, SECOND)
    assert (report(three)["installed"], report(three)["ahead"]) == (before, None)


def test_forgotten(fleet: Fleet) -> None:
    """After a rotation nothing of the credential of before is left on the disk."""
    three = fleet.three
    assert report(three)["on_disk"]["pre_image"] is not None
    done = as_persisted(three, "--forget-previous")
    assert done.status == OK, done.err
    found = three.run("grep", "-rl", "first-password", "/etc", "/var/lib/ecsauth", check=False)
    assert found.out == ""
    assert report(three)["on_disk"]["pre_image"] is None


def test_nothing_else_from_afar(fleet: Fleet) -> None:
    """Whoever triggers it chooses a version; another object or key is refused."""
    assert as_persisted(fleet.three, "--kms-key", fleet.one.key).status == 2
