"""Killed at any of its changes, a boot that starts a service is ended by the next run, whatever S3 holds by then.

The disk is the real one, systemd and S3 are models. The service reads the env-file when it starts: what it was given is
compared with what is recorded.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Callable

import pytest
from boot_model import TEMPORARY, Offer, body, facts
from ecsauth.boot.outcome import BootOutcome
from ecsauth.boot.rejection import LONGEST_PAUSE
from ecsauth.errors import DeniedError, ExitCode, LaunchError, UnreachableError
from service_model import ServiceWorld, Unit, accepted_number
from tales import Told, distinct, runs

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


FOREIGN_FILE = b"ECS_CLUSTER=demo\n"
STARTED = (*(Offer(2, agent) for agent in ("healthy", "broken", "slow")), Offer(1, "healthy", force=True))
NOT_STARTED = (Offer(2, "none"),)
ONCE = (*STARTED, *NOT_STARTED)
TWICE = (Offer(2), Offer(2, "broken"))


@pytest.fixture
def world(quick_place: Path, monkeypatch: pytest.MonkeyPatch) -> ServiceWorld:
    """Give an instance. What is synced when is another test's subject, and would take most of the time here."""
    monkeypatch.setattr(os, "fsync", lambda _: None)
    return ServiceWorld(quick_place)


def nothing(_: ServiceWorld) -> None:
    """Leave the instance as it is."""


def empty(world: ServiceWorld) -> None:
    """Put an empty file there, as the AMI does; the service has not started yet."""
    world.disk.write_env_file(b"")


def foreign(world: ServiceWorld) -> None:
    """Put somebody else's file there, with which the service runs."""
    world.disk.write_env_file(FOREIGN_FILE)
    world.unit = Unit(FOREIGN_FILE, running=True, started=1.0)


def booted(world: ServiceWorld) -> None:
    """Boot with the first version."""
    world.boot(Offer(1))


STARTS = pytest.mark.parametrize("start", [nothing, empty, foreign, booted])


def told_from(world: ServiceWorld, start: Callable[[ServiceWorld], None]) -> Told:
    """Return the tale that begins here."""
    start(world)
    return Told(world.standing(), (start.__name__,), int(start is booted))


def tell(world: ServiceWorld, tales: Iterable[Told], offers: Iterable[Offer]) -> list[Told]:
    """Go on with each tale in every way; of those that lead to the same, keep one."""
    return distinct(told for before in tales for offer in offers for told in runs(world, before, offer))


def assert_converged(world: ServiceWorld, number: int, story: tuple[str, ...]) -> None:
    """Assert that files, record and service are all of that version, and that nothing else is left."""
    state = world.disk.state()
    assert world.disk.env_file() == world.disk.verified_copy() == body(number), story
    assert state.installed is not None
    assert (state.installed.facts, state.applied, state.verified) == (facts(number),) * 3, (state, story)
    assert (state.in_progress, state.previous, state.failure) == (None, None, None), (state, story)
    assert (world.unit.given, world.unit.running) == (body(number), True), story
    assert not [name for _, name, _ in world.files() if TEMPORARY in name], story
    assert ("ecsauth", "checked", b"") in world.files(), story


def assert_ends_well(world: ServiceWorld, told: Told, number: int) -> None:
    """Assert that a run that nothing happens to gets to the version, and that a second one leaves it alone."""
    world.stand(told.standing)
    offer = Offer(number, allow_older=number < told.newest)
    rejected = world.disk.state().rejected
    if rejected is not None and rejected.facts == facts(number) and runs_another(world, number):
        with pytest.raises(LaunchError, match="is rejected, because the agent did not come up"):
            world.boot(offer)
        assert world.unit.running, told.story
        world.rest(LONGEST_PAUSE)
    world.boot(offer)
    assert_converged(world, number, told.story)
    before = world.unit
    assert world.boot(offer._replace(force=False)).outcome is BootOutcome.UNCHANGED, told.story
    assert world.unit == before, told.story


def runs_another(world: ServiceWorld, number: int) -> bool:
    """Tell whether the service runs, no change is open, and it has not read that version."""
    is_other = world.unit.running and world.unit.given != body(number)
    return is_other and world.disk.state().in_progress is None


@STARTS
def test_killed_once(world: ServiceWorld, start: Callable[[ServiceWorld], None]) -> None:
    """Killed anywhere, the next run gets to whatever S3 holds: the same version, a newer one or an older one."""
    for told in tell(world, [told_from(world, start)], ONCE):
        for number in (1, 2, 3):
            assert_ends_well(world, told, number)


@STARTS
def test_killed_twice(world: ServiceWorld, start: Callable[[ServiceWorld], None]) -> None:
    """Killed twice, each time anywhere, it is the same."""
    for told in tell(world, tell(world, [told_from(world, start)], TWICE), [Offer(3, "broken")]):
        assert_ends_well(world, told, 2)


@STARTS
def test_killed_and_then_a_version_that_fails(world: ServiceWorld, start: Callable[[ServiceWorld], None]) -> None:
    """Killed anywhere, a next run that fails goes back to a service and a file that belong together."""
    # Each in full, though some of both lead to the same: of a run that starts no agent less is asserted.
    begun = told_from(world, start)
    for told in (*tell(world, [begun], STARTED), *tell(world, [begun], NOT_STARTED)):
        world.stand(told.standing)
        with pytest.raises(LaunchError) as raised:
            world.boot(Offer(5, "broken"))
        if "there is no previous version to roll back to" in raised.value.message:
            assert start in {nothing, empty}, told.story
            assert not world.unit.running, told.story
            continue
        state = world.disk.state()
        assert state.in_progress is None, told.story
        assert world.unit.given in (None, world.disk.env_file()), told.story
        # A run that starts no agent does not know whether one ran.
        if "agent='none'" not in told.story[1]:
            had_agent = start in {foreign, booted} or state.verified is not None
            assert world.unit.running is had_agent, told.story
        assert world.disk.env_file() in (FOREIGN_FILE, body(1), body(2)), told.story


@STARTS
def test_killed_and_then_no_s3(world: ServiceWorld, start: Callable[[ServiceWorld], None]) -> None:
    """While S3 does not answer, the service runs on a version that is known to be good, or is left as it is."""
    for told in tell(world, [told_from(world, start)], TWICE):
        world.stand(told.standing)
        try:
            report = world.boot(Offer(None))
        except UnreachableError:
            assert start is not booted, told.story
            assert world.unit == told.standing.unit, told.story
        except LaunchError:
            assert world.disk.state().rejected is not None, told.story
        else:
            assert report.exit_code is ExitCode.STALE, told.story
            assert_converged(world, accepted_number(report.accepted), told.story)
        assert_ends_well(world, told._replace(standing=world.standing()), 2)


@STARTS
def test_killed_and_the_machine_restarted(world: ServiceWorld, start: Callable[[ServiceWorld], None]) -> None:
    """After a reboot the service starts with a checked file or that of before, or is held back; all ends well."""
    allowed = {body(1), body(2), FOREIGN_FILE if start is foreign else None, None}
    for told in tell(world, [told_from(world, start)], TWICE):
        world.stand(told.standing)
        world.restart_machine(Offer(2))
        assert world.unit.given in allowed, told.story
        assert_ends_well(world, told._replace(standing=world.standing()), 2)


def test_under_cloud_init(world: ServiceWorld) -> None:
    """While cloud-init runs the service is only queued; a run after that finds it right and ends the change."""
    world.booting = True
    report = world.boot(Offer(1))
    assert (report.outcome, report.exit_code) == (BootOutcome.QUEUED, ExitCode.OK)
    assert (world.job, world.unit.running) == ("restart", False)
    assert world.disk.state().in_progress == facts(1)
    world.booting = False
    world.settle(Offer(1))
    started = world.unit.started
    assert world.boot(Offer(1)).outcome is BootOutcome.STARTED
    assert_converged(world, 1, ())
    assert world.unit.started == started


def test_file_that_has_gone(world: ServiceWorld) -> None:
    """A file that was removed is no checked one: with a denial the service is held back from then on, not stopped."""
    booted(world)
    world.disk.write_env_file(None)
    with pytest.raises(DeniedError):
        world.boot(Offer(0))
    assert ("ecsauth", "checked", b"") not in world.files()
    assert world.standing().unit.running
    world.restart_machine(Offer(1))
    assert not world.standing().unit.running
    world.boot(Offer(1))
    assert_converged(world, 1, ())


def test_verified_copy_that_has_gone(world: ServiceWorld) -> None:
    """S3 does not answer, and the env-file is as it was installed: after a reboot the service starts with it."""
    booted(world)
    started = world.unit.started
    world.disk.write_verified_copy(None)
    assert world.boot(Offer(None)).exit_code is ExitCode.STALE
    assert_converged(world, 1, ())
    assert world.unit.started == started
    world.restart_machine(Offer(1))
    assert world.unit.given == body(1)


def test_slow_agent_is_not_restarted(world: ServiceWorld) -> None:
    """An agent that has not registered in time is left to itself, however often one looks."""
    assert world.boot(Offer(1, "slow")).outcome is BootOutcome.PENDING
    started = world.unit.started
    assert world.boot(Offer(1, "slow")).outcome is BootOutcome.PENDING
    assert world.boot(Offer(1)).outcome is BootOutcome.STARTED
    assert world.unit.started == started


def test_file_edited_by_hand(world: ServiceWorld) -> None:
    """A service that may have read a file edited by hand is started anew with the right one."""
    booted(world)
    world.disk.write_env_file(FOREIGN_FILE)
    started = world.unit.started
    assert world.boot(Offer(1)).outcome is BootOutcome.STARTED
    assert_converged(world, 1, ())
    assert world.unit.started > started
