"""While ECS refuses, denies or is silent, and after it, with the agent as a service.

Once ECS is well, the next boot ends with a registered agent. The disk is the real one, systemd and S3 are models; a
boot in the outage is also killed at each of its changes.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Callable, Optional

import pytest
from boot_model import Offer, body, facts
from ecsauth.boot.rejection import FIRST_PAUSE, LONGEST_PAUSE
from ecsauth.errors import LaunchError
from service_model import ServiceWorld, Unit
from tales import Told, distinct, runs

if TYPE_CHECKING:
    from pathlib import Path

FOREIGN_FILE = b"ECS_CLUSTER=demo\n"
MINUTES = (0, 1, 5)


@pytest.fixture
def world(quick_place: Path, monkeypatch: pytest.MonkeyPatch) -> ServiceWorld:
    """Give an instance. What is synced when is another test's subject, and would take most of the time here."""
    monkeypatch.setattr(os, "fsync", lambda _: None)
    return ServiceWorld(quick_place)


def nothing(_: ServiceWorld) -> None:
    """Leave the instance as it is."""


def foreign(world: ServiceWorld) -> None:
    """Put somebody else's file there, with which the service runs."""
    world.disk.write_env_file(FOREIGN_FILE)
    world.unit = Unit(FOREIGN_FILE, running=True, started=1.0)


def booted(world: ServiceWorld) -> None:
    """Boot with the first version."""
    world.boot(Offer(1))


def rejected(world: ServiceWorld) -> None:
    """Boot with the first version; then the second one fails, which is not ECS's fault."""
    booted(world)
    with pytest.raises(LaunchError):
        world.boot(Offer(2, "broken"))


STARTS = pytest.mark.parametrize("start", [nothing, foreign, booted, rejected])
OUTAGES = pytest.mark.parametrize("ecs", ["refuses", "denies", "silent"])


def boot(world: ServiceWorld, offer: Offer) -> Optional[str]:
    """Boot; return what is said if the agent does not come up."""
    try:
        world.boot(offer)
    except LaunchError as fault:
        return fault.message
    return None


def assert_gets_there(world: ServiceWorld, story: tuple[str, ...]) -> None:
    """Assert that a boot with ECS well ends with a registered agent, and that the second version comes by itself."""
    said = boot(world, Offer(2))
    assert said is None or "is rejected, because the agent did not come up" in said, story
    assert world.unit.running, story
    assert world.unit.given == world.disk.env_file(), story
    assert world.disk.state().in_progress is None, story
    world.rest(LONGEST_PAUSE)
    assert world.boot(Offer(2)).outcome.value in {"started", "unchanged", "installed"}, story
    assert (world.disk.state().verified, world.disk.state().rejected) == (facts(2), None), story
    assert world.unit.given == body(2), story


@STARTS
@OUTAGES
@pytest.mark.parametrize("boots", [0, 1])
def test_comes_back(world: ServiceWorld, start: Callable[[ServiceWorld], None], ecs: str, boots: int) -> None:
    """Whatever boots in the outage have left, the first one killed or not, all is well after it."""
    start(world)
    begun = Told(world.standing(), (start.__name__,), 1)
    for told in distinct(runs(world, begun, Offer(2, ecs=ecs))):
        for minutes in MINUTES:
            world.stand(told.standing)
            world.rest(60 * minutes, ecs)
            for _ in range(boots):
                boot(world, Offer(2, ecs=ecs))
                world.rest(60 * minutes, ecs)
            assert_gets_there(world, (*told.story, f"{minutes} minutes"))


@pytest.mark.parametrize("ecs", ["refuses", "denies"])
def test_previous_agent_that_fails_alike(world: ServiceWorld, ecs: str) -> None:
    """The new version is not to blame for what the previous agent meets too: it is not rejected."""
    booted(world)
    said = boot(world, Offer(2, ecs=ecs))
    assert said is not None
    assert "; the previous env-file is restored; the previous agent does not stay up: the service exited" in said
    assert "fails like the new agent, so the version is not rejected" in said
    assert world.disk.state().rejected is None
    assert world.boot(Offer(2)).outcome.value == "started"


def test_previous_agent_that_stays_up(world: ServiceWorld) -> None:
    """A version that fails where the previous agent stays up is tried again after a pause, not before."""
    booted(world)
    assert (boot(world, Offer(2, "broken")) or "").endswith("; the previous state is restored")
    world.rest(FIRST_PAUSE - 1)
    assert "boot retries it after 1 second" in (boot(world, Offer(2)) or "")
    assert world.unit.given == body(1)
    world.rest(1)
    assert world.boot(Offer(2)).outcome.value == "started"


def test_final(world: ServiceWorld) -> None:
    """A version whose agent exits with 5, and the previous one does not, is never tried again by itself."""
    booted(world)
    assert "status 5, which a restart does not fix" in (boot(world, Offer(2, "terminal")) or "")
    world.rest(10 * LONGEST_PAUSE)
    said = boot(world, Offer(2))
    assert said is not None
    assert "is rejected, because the agent did not come up" in said
    assert "tried again" not in said
    assert world.unit.given == body(1)


@pytest.mark.parametrize("agent", ["broken", "terminal"])
def test_stopped_service_beside_a_rejected_version(world: ServiceWorld, agent: str) -> None:
    """A stopped service is started on the version that last registered, whatever is rejected."""
    booted(world)
    boot(world, Offer(2, agent))
    world.rest(121, "refuses")
    said = boot(world, Offer(2))
    assert said is not None
    assert "no agent was running, so version v1 was restarted, and has registered" in said
    assert (world.unit.given, world.unit.running) == (body(1), True)


def test_new_version_that_fails_beside_a_stopped_service(world: ServiceWorld) -> None:
    """A service that had stopped before the run is started again when the new version fails."""
    booted(world)
    world.rest(121, "denies")
    assert "the previous state is restored" in (boot(world, Offer(2, "broken")) or "")
    assert (world.unit.given, world.unit.running) == (body(1), True)
