"""`ecsauth fleet` on models of instances: what it decides in good and bad cases, over the API of the services."""

from __future__ import annotations

from typing import TYPE_CHECKING

import json_service
import pytest
from fleet_world import CANDIDATE, KEY, RELEASED
from machine import auth_file

if TYPE_CHECKING:
    from canary import Canary
    from fleet_world import FleetWorld
    from json_service import Call


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
    assert models.model_versions == {models.candidates[0]}


def test_json(models: FleetWorld) -> None:
    """Each command prints one document, which its schema fits."""
    rolled = models.roll(CANDIDATE, "--format=json").document
    assert (rolled["outcome"], [wave["done"] for wave in rolled["waves"]]) == ("promoted", [1, 3, 4])
    back = models.fleet("back", "--yes", "--format=json").document
    assert (back["back"], len(back["done"])) == (True, 8)
    assert models.fleet("halt", "--format=json").document["halted"] is False
    assert models.ask("holders", "--version", models.candidates[0])["holders"] == []
    found = models.fleet("doctor", models.models[0].id, "--format=json").document["instances"]
    assert [one["instance"] for one in found] == [models.models[0].id]


def test_holders_of_a_promoted_version(models: FleetWorld) -> None:
    """Instances have its bytes as those of its candidate until their timers run, and a rollback makes a third ID."""
    assert models.roll().status == 0
    promoted = models.releases[0]
    done = models.fleet("holders", "--version", promoted)
    assert (done.status, f"version {promoted}: held by 8 of 8 instances" in done.err) == (3, True)
    assert models.ask("holders", "--version", promoted)["same_bytes"] == [models.candidates[0]]
    models.fleet("back", "--yes")
    assert models.releases[0] in models.ask("holders", "--version", models.released)["same_bytes"]


def test_holders_of_a_version_that_is_not_there(models: FleetWorld) -> None:
    """A version ID with a typing error is not reported as held by none."""
    done = models.fleet("holders", "--version", "typo")
    assert (done.status, "S3 has no version typo" in done.err) == (3, True)


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
        models.in_order[-1].fails.add(models.candidates[0])

    models.before_first_script(fail)
    assert models.roll(CANDIDATE, "--max-errors", limit).status == status
    assert (models.store.get(KEY) == CANDIDATE) is (status == 0)


def test_errors_over_batches(fleet_world: FleetWorld) -> None:
    """A wave of more than fifty instances is several commands, whose errors count together."""
    fleet_world.launch_models(120)

    def fail() -> None:
        for number in (10, 70, 110):
            fleet_world.in_order[number].fails.add(fleet_world.candidates[0])

    fleet_world.before_first_script(fail)
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
    assert fleet_world.model_versions == {fleet_world.candidates[0]}


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
    assert models.model_versions == {models.released, models.candidates[0]}


def test_an_alarm(models: FleetWorld) -> None:
    """An alarm that goes on while a wave runs halts the roll."""
    models.before_first_script(lambda: models.engine.alarms.add("errors"))
    done = models.roll(CANDIDATE, "--alarm=errors", "--waves=8,100%")
    assert (done.status != 0, models.releases) == (True, [models.released])
    assert "errors" in done.err


def test_status_tells_why_a_roll_was_halted(models: FleetWorld) -> None:
    """The line about the candidate has the reason."""
    models.before_first_script(lambda: models.engine.alarms.add("errors"))
    models.roll(CANDIDATE, "--alarm=errors", "--waves=8,100%")
    said = models.fleet("status").out
    assert f"candidate {models.candidates[0]}, halted" in said
    assert ": by alarm errors\n" in said, said


def test_an_alarm_after_the_last_wave(models: FleetWorld) -> None:
    """An alarm that goes on while the last wave is watched halts the roll: nothing is promoted."""

    def ring(call: Call) -> None:
        if "look" in call.parameters["Comment"]:
            models.engine.alarms.add("errors")

    models.service.inject(ring, operation="SendCommand")
    done = models.roll(CANDIDATE, "--alarm=errors", "--waves=100%")
    assert (done.status, models.releases) == (7, [models.released])
    assert "alarm errors stopped it" in done.err


def _dies_in_wave(models: FleetWorld, number: int) -> None:
    """Let the client of the operator die when the command of a wave is sent."""

    def die(call: Call) -> None:
        if f" wave {number}/" in call.parameters["Comment"]:
            models.cut_off_after(0)

    models.service.inject(die, operation="SendCommand")


def test_resume_keeps_the_alarm(models: FleetWorld) -> None:
    """A roll with an alarm that is resumed without one has it in each command, and halts while it is on."""
    _dies_in_wave(models, 2)
    assert models.roll(CANDIDATE, "--alarm=errors").status != 0
    models.mend()
    models.engine.alarms.add("errors")
    done = models.resume()
    assert (done.status, models.releases) == (7, [models.released])
    assert "the roll keeps its alarm errors" in done.err
    assert "--alarm errors" in done.err.rpartition("fleet resume")[2].partition("\n")[0]


def test_resume_without_the_alarm(models: FleetWorld) -> None:
    """An operator who knows that the alarm has another cause leaves it out; it stays out at the next resume."""
    _dies_in_wave(models, 2)
    assert models.roll(CANDIDATE, "--alarm=errors").status != 0
    models.mend()
    _dies_in_wave(models, 3)
    assert models.resume("--no-alarm").status != 0
    models.mend()
    models.engine.alarms.add("errors")
    assert models.resume().status == 0
    assert [one.get("AlarmConfiguration") is None for one in models.sent()] == [False, False, True]
    assert "AlarmConfiguration" not in models.sent("status")[-1]


@pytest.mark.parametrize("action", ["halt", "roll"])
def test_hints_name_the_alarm_of_the_roll(models: FleetWorld, action: str) -> None:
    """The command that continues a roll is whole, also if a command without the alarm prints it."""
    _dies_in_wave(models, 2)
    assert models.roll(CANDIDATE, "--alarm=errors").status != 0
    models.mend()
    done = models.fleet("halt") if action == "halt" else models.roll(auth_file("another"))
    assert "--alarm errors" in done.err.partition("fleet resume")[2].partition("\n")[0]


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
    assert models.model_versions == {models.candidates[0]}


def test_a_second_roll(models: FleetWorld) -> None:
    """While one is in progress another one is refused, and puts nothing."""
    models.service.inject(json_service.expired, operation="SendCommand")
    assert models.roll().status != 0
    models.mend()
    done = models.roll(auth_file("the-other-candidate"))
    assert (done.status, len(models.candidates)) == (9, 1)
    assert "resume" in done.err


@pytest.mark.parametrize("operation", ["ListContainerInstances", "DescribeInstanceInformation"])
def test_a_roll_that_is_started_meanwhile(models: FleetWorld, operation: str) -> None:
    """If another candidate is put after the check for another roll, it is not replaced."""
    theirs: list[str] = []

    def put(_: Call) -> None:
        if not theirs:
            theirs.append(models.store.put(auth_file("their-candidate"), f"{KEY}.candidate"))

    models.service.inject(put, operation=operation)
    done = models.roll()
    assert (done.status, models.candidates) == (9, theirs), done.err
    assert theirs[0] in done.err


def test_a_roll_after_another_one(models: FleetWorld) -> None:
    """A candidate whose roll has ended is replaced."""
    assert models.roll().status == 0
    done = models.roll(auth_file("the-next-candidate"))
    assert (done.status, len(models.candidates)) == (0, 2), done.err


def test_the_same_content(models: FleetWorld) -> None:
    """A roll of what is released does nothing."""
    done = models.roll(RELEASED)
    assert (done.status, models.candidates) == (0, [])


def test_neither_file_nor_version(models: FleetWorld) -> None:
    """A roll without a FILE and without --version is an invalid command line, and the message says of which command."""
    done = models.fleet("roll")
    assert (done.status, models.candidates) == (2, [])
    assert "error: fleet roll takes either a FILE or --version V" in done.err


def test_an_invalid_file(models: FleetWorld, canary: Canary) -> None:
    """It is refused before anything is put, and not quoted."""
    done = models.roll(f"ECS_ENGINE_AUTH_DATA={{{canary.password}\n".encode())
    assert (done.status, models.candidates) == (3, [])
    canary.assert_not_in(done.err, "standard error")
