"""`ecsauth fleet` on instances that run the documents for real: roll, halt, resume, back, doctor, holders."""

from __future__ import annotations

import base64
import json
import urllib.parse
from typing import TYPE_CHECKING

import pytest
from canary import Canary
from fleet_world import CANDIDATE, RELEASED
from machine import auth_file

if TYPE_CHECKING:
    from fleet_world import FleetWorld
    from program import Ended

pytestmark = pytest.mark.slow


def test_roll(fleet: FleetWorld) -> None:
    """All instances get the candidate in waves, and it is released."""
    done = fleet.roll()
    assert done.status == 0, done.err
    assert fleet.files() == [CANDIDATE] * 4
    assert fleet.store.get("prod/ecs.config") == CANDIDATE
    assert [len(one["InstanceIds"]) for one in fleet.sent()] == [1, 1, 2]
    assert fleet.fleet("status").status == 0


def test_promotion_on_the_instances(fleet: FleetWorld) -> None:
    """The next run of the timer notes that the candidate was released; no agent is started again."""
    assert fleet.roll().status == 0
    agents = [(node.root / "docker/ecs-agent/id").read_text() for node in fleet.nodes]
    for node in fleet.nodes:
        assert node.boot().code == 0
    assert [(node.root / "docker/ecs-agent/id").read_text() for node in fleet.nodes] == agents
    assert {node.report["installed"] for node in fleet.nodes} == {fleet.releases[0]}


def test_a_roll_that_halts(fleet: FleetWorld) -> None:
    """The second instance fails: it rolls back, nothing begins elsewhere, and the released version is untouched."""

    def let_second_fail(_node: str, _script: str) -> None:
        fleet.node(fleet.order(fleet.candidates[0])[1]).let_fail(fleet.candidates[0])

    fleet.engine.before_script = let_second_fail
    done = fleet.roll()
    assert done.status == 7
    assert f"{fleet.order(fleet.candidates[0])[1]}: its boot ended with exit status 7" in done.err
    assert fleet.releases == [fleet.released]
    assert sorted(fleet.files()) == sorted([CANDIDATE, *[RELEASED] * 3])
    assert fleet.ask("status")["roll"]["state"] == "halted"


def test_a_reboot_while_ahead(fleet: FleetWorld) -> None:
    """An instance that boots again keeps the candidate, which is not released yet."""
    assert fleet.roll(CANDIDATE, "--no-promote").status == 0
    rebooted = fleet.nodes[0]
    assert rebooted.boot().code == 0
    assert rebooted.env_file.read_bytes() == CANDIDATE
    assert fleet.releases == [fleet.released]


def test_back(fleet: FleetWorld) -> None:
    """Before the promotion `back` withdraws the candidate where it is."""
    assert fleet.roll(CANDIDATE, "--no-promote").status == 0
    done = fleet.fleet("back", "--yes")
    assert done.status == 0, done.err
    assert fleet.files() == [RELEASED] * 4
    assert fleet.fleet("status").status == 0


def test_back_after_promotion(fleet: FleetWorld) -> None:
    """After the promotion `back` releases the version before it, and the instances follow."""
    assert fleet.roll().status == 0
    done = fleet.fleet("back", "--yes")
    assert done.status == 0, done.err
    assert fleet.store.get("prod/ecs.config") == RELEASED
    assert fleet.files() == [RELEASED] * 4


def test_holders(fleet: FleetWorld) -> None:
    """After a roll the old version is the previous file of each instance, until that is forgotten."""
    assert fleet.roll().status == 0
    assert len(fleet.ask("holders", "--version", fleet.released)["holders"]) == 4
    for node in fleet.nodes:
        assert node.boot("--forget-previous").code == 0
    fleet.engine.managed.collect()
    done = fleet.fleet("holders", "--version", fleet.released)
    assert done.status == 0, done.out


def test_status_now(fleet: FleetWorld) -> None:
    """With --now the instances are asked: what Systems Manager has collected is not used."""
    fleet.engine.collects = False
    fleet.engine.managed.items.clear()
    assert fleet.ask("status")["groups"]["unknown"] == 4
    assert fleet.ask("status", "--now")["groups"]["current"] == 4


def test_doctor(fleet: FleetWorld) -> None:
    """Each instance's own findings come back: these have no socket of docker."""
    done = fleet.fleet("doctor", *(node.id for node in fleet.nodes[:2]))
    assert (done.status, done.out.count("failed   docker")) == (3, 2)


def test_an_instance_without_ecsauth(fleet: FleetWorld) -> None:
    """Its command fails, and the roll halts."""
    for node in fleet.nodes:
        node.uninstall()
    done = fleet.roll()
    assert done.status == 7
    assert "its boot ended with exit status 127" in done.err


def _planted(password: str) -> str:
    """Return a log that has the password as it is, in base64, as part of a URL, and escaped in JSON."""
    user = base64.b64encode(f"fleet:{password}".encode()).decode()
    url = f"https://fleet:{urllib.parse.quote(password)}@registry.example.com"
    return (
        f'level=critical msg="no login with {password}"\nAuthorization: Basic {user}\n{url}\n{json.dumps(password)}\n'
    )


def test_no_secret_anywhere(fleet: FleetWorld) -> None:
    """Commands, answers, inventory and events do not contain it, even if the agents log it."""
    canary = Canary('tr0ub"adour\\&3+/=% x')
    log = _planted(canary.password)
    fleet.engine.before_script = lambda node, _script: fleet.node(node).let_fail(fleet.candidates[0], log=log)
    content = auth_file(json.dumps(canary.password)[1:-1])
    shown: list[Ended] = [fleet.roll(content), fleet.fleet("status"), fleet.fleet("status", "--now")]
    shown += [fleet.fleet("doctor", fleet.nodes[0].id), fleet.fleet("back", "--yes")]
    assert [done.status for done in shown] == [7, 3, 3, 3, 0]
    for done in shown:
        canary.assert_not_in(done.out + done.err, "the output of a command")
    outputs = [one.out + one.err for command in fleet.engine.commands for one in command.invocations.values()]
    assert "level=critical" in "".join(outputs)
    canary.assert_not_in("".join(outputs), "the output of a document")
    for what in (fleet.engine.events, list(fleet.engine.managed.items.values()), list(fleet.service.calls)):
        canary.assert_not_in(json.dumps(what), "the events, the inventory or the calls")
    for node in fleet.nodes:
        canary.assert_not_under(node.inventory_folder)
        canary.assert_not_in((node.state_place / "report.json").read_bytes(), "a report")
