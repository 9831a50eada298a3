"""While ECS refuses, denies or is silent, and after it: once ECS is well, the next boot ends with a registered agent.

The disk is the real one, docker and S3 are models; a boot in the outage is also killed at each of its changes.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Callable, Optional

import pytest
import tales
from boot_model import USED_UP, Offer, World, body, facts
from docker_starts import FOREIGN_FILE, booted, foreign, nothing
from ecsauth.boot.docker_plan import NAME
from ecsauth.boot.rejection import FIRST_PAUSE, LONGEST_PAUSE
from ecsauth.errors import LaunchError, UnreachableError
from tales import Told, distinct

if TYPE_CHECKING:
    from pathlib import Path

MINUTES = (0, 1, 5)


@pytest.fixture
def world(quick_place: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """Give an instance. What is synced when is another test's subject, and would take most of the time here."""
    monkeypatch.setattr(os, "fsync", lambda _: None)
    return World(quick_place)


def rejected(world: World) -> None:
    """Boot with the first version; then the second one fails, which is not ECS's fault."""
    booted(world)
    with pytest.raises(LaunchError):
        world.boot(Offer(2, "broken"))


STARTS = pytest.mark.parametrize("start", [nothing, foreign, booted, rejected])
OUTAGES = pytest.mark.parametrize("ecs", ["refuses", "denies", "silent"])


def boot(world: World, offer: Offer) -> Optional[str]:
    """Boot; return what is said if the agent does not come up."""
    try:
        world.boot(offer)
    except LaunchError as fault:
        return fault.message
    return None


def test_what_is_waited_for_is_told(world: World) -> None:
    """Each wait of a boot is named before it begins, also the one for an agent that is back after a failure."""
    booted(world)
    assert world.told[:2] == ["waiting for other runs of ecsauth", "fetching s3://bucket/key"]
    assert world.told[-1] == "waiting for the agent to register in cluster demo"
    boot(world, Offer(2, "broken"))
    assert world.told[-1] == "watching the previous agent"


def assert_registered(world: World, offer: Offer, story: tuple[str, ...]) -> None:
    """Assert that a boot with ECS well ends with one agent that has registered, with the file that stands there."""
    said = boot(world, offer)
    assert said is None or "is rejected, because the agent did not come up" in said, story
    assert list(world.docker.containers) == [NAME], story
    agent = world.docker.containers[NAME]
    assert agent.running, story
    # What an agent with another policy says is docker's to keep up.
    assert agent.policy == ("always" if agent.container_id == "foreign" else "on-failure:10"), story
    assert world.disk.env_file() == (agent.given or FOREIGN_FILE), story
    state = world.disk.state()
    assert state.in_progress is None, story
    assert agent.version == (state.verified.identity if state.verified is not None else ""), story


def assert_gets_there(world: World, story: tuple[str, ...]) -> None:
    """Assert that the second version is installed by itself, when its pause has passed at the latest."""
    world.rest(LONGEST_PAUSE)
    assert world.boot(Offer(2)).outcome.value in {"started", "unchanged", "installed"}, story
    assert (world.disk.state().verified, world.disk.state().rejected) == (facts(2), None), story
    assert world.disk.env_file() == body(2), story


@STARTS
@OUTAGES
def test_comes_back(world: World, start: Callable[[World], None], ecs: str) -> None:
    """Whatever a boot in the outage has left, killed or not, a boot after it ends with a registered agent."""
    start(world)
    begun = Told(world.standing(), (start.__name__,), 1)
    for told in distinct(tales.runs(world, begun, Offer(2, ecs=ecs))):
        for minutes in MINUTES:
            world.stand(told.standing)
            world.rest(60 * minutes, ecs)
            assert_registered(world, Offer(2), (*told.story, f"{minutes} minutes"))
            assert_gets_there(world, told.story)


@STARTS
@OUTAGES
def test_two_boots_in_the_outage(world: World, start: Callable[[World], None], ecs: str) -> None:
    """A second boot in the same outage, with docker's restarts used up in between, loses no agent either."""
    start(world)
    begun = Told(world.standing(), (start.__name__,), 1)
    for told in distinct(tales.runs(world, begun, Offer(2, ecs=ecs))):
        for minutes in MINUTES:
            world.stand(told.standing)
            world.rest(60 * minutes, ecs)
            boot(world, Offer(2, ecs=ecs))
            world.rest(60 * minutes, ecs)
            assert_registered(world, Offer(2), (*told.story, f"{minutes} minutes, twice"))
            assert_gets_there(world, told.story)


@pytest.mark.parametrize("ecs", ["refuses", "denies"])
def test_previous_agent_that_fails_alike(world: World, ecs: str) -> None:
    """The new version is not to blame for what the previous agent meets too: it is not rejected."""
    booted(world)
    with pytest.raises(LaunchError, match="fails like the new agent, so the version is not rejected"):
        world.boot(Offer(2, ecs=ecs))
    assert world.disk.state().rejected is None
    assert world.boot(Offer(2)).outcome.value == "started"


def test_previous_agent_that_stays_up(world: World) -> None:
    """A version that fails where the previous agent stays up is tried again after a pause, not before."""
    booted(world)
    with pytest.raises(LaunchError, match=r"; the previous state is restored$"):
        world.boot(Offer(2, "broken"))
    world.rest(FIRST_PAUSE - 1)
    with pytest.raises(
        LaunchError, match=r"is rejected, because the agent did not come up: .*; boot retries it after 1 second$"
    ):
        world.boot(Offer(2))
    assert world.docker.containers[NAME].version == "v1"
    world.rest(1)
    assert world.boot(Offer(2)).outcome.value == "started"


def test_final(world: World) -> None:
    """A version whose agent exits with 5, and the previous one does not, is never tried again by itself."""
    booted(world)
    with pytest.raises(LaunchError, match="status 5, which a restart does not fix"):
        world.boot(Offer(2, "terminal"))
    world.rest(10 * LONGEST_PAUSE)
    with pytest.raises(LaunchError, match="is rejected, because the agent did not come up") as raised:
        world.boot(Offer(2))
    assert "tried again" not in raised.value.message
    assert world.docker.containers[NAME].version == "v1"
    assert world.boot(Offer(2, force=True)).outcome.value == "started"


def test_final_at_the_first_boot(world: World) -> None:
    """With no agent to go back to there is none to lose: even after a 5 the next boot starts the stopped one."""
    with pytest.raises(LaunchError, match="there is no previous version to roll back to"):
        world.boot(Offer(1, "terminal"))
    world.docker.use_up()
    assert world.boot(Offer(1)).outcome.value == "started"


def test_clock_that_went_backwards(world: World) -> None:
    """A rejection from the future is due."""
    booted(world)
    with pytest.raises(LaunchError):
        world.boot(Offer(2, "broken"))
    world.rested = -3600
    assert world.boot(Offer(2)).outcome.value == "started"


@pytest.mark.parametrize("agent", ["broken", "terminal"])
@pytest.mark.parametrize("absent", [False, True])
def test_stopped_agent_beside_a_rejected_version(world: World, agent: str, absent: bool) -> None:
    """A stopped or missing agent is started on the version that last registered, whatever is rejected."""
    booted(world)
    with pytest.raises(LaunchError):
        world.boot(Offer(2, agent))
    record = world.disk.state().rejected
    world.docker.use_up()
    if absent:
        world.docker.containers.clear()
    with pytest.raises(
        LaunchError,
        match=r"is rejected, .*no agent was running, so version v1 was restarted, and",
    ):
        world.boot(Offer(2))
    assert (world.docker.containers[NAME].version, world.docker.containers[NAME].running) == ("v1", True)
    assert world.disk.state().rejected == record


def test_new_version_that_fails_beside_a_stopped_agent(world: World) -> None:
    """An agent that had stopped before the run is started again when the new version fails."""
    booted(world)
    world.docker.use_up()
    with pytest.raises(LaunchError, match="the previous state is restored"):
        world.boot(Offer(2, "broken"))
    assert (world.docker.containers[NAME].version, world.docker.containers[NAME].running) == ("v1", True)


def test_new_version_that_fails_beside_no_agent(world: World) -> None:
    """Where somebody has removed the agent, the version that last registered is started when the new one fails."""
    booted(world)
    world.docker.containers.clear()
    with pytest.raises(LaunchError, match="no agent was running, so version v1 was restarted, and has registered"):
        world.boot(Offer(2, "broken"))
    assert (world.docker.containers[NAME].version, world.docker.containers[NAME].given) == ("v1", body(1))


def test_agent_in_docker_s_loop(world: World) -> None:
    """An agent that registered before and exits again and again is not rejected; a run after the outage starts it."""
    booted(world)
    with pytest.raises(
        LaunchError, match="an agent registered with this version before, so the version is not rejected"
    ):
        world.boot(Offer(1, ecs="refuses"))
    assert world.disk.state().rejected is None
    world.rest(USED_UP + 1, "refuses")
    assert world.boot(Offer(1)).outcome.value == "started"


def test_what_is_said_of_a_previous_agent_that_exits(world: World) -> None:
    """Nobody is told that all is back while the previous agent exits again and again."""
    booted(world)
    with pytest.raises(LaunchError) as raised:
        world.boot(Offer(2, ecs="refuses"))
    assert "the previous env-file is restored; the previous agent does not stay up: it exited" in raised.value.message
    assert "the previous state is restored" not in raised.value.message


def lose(world: World, *, cut: bool) -> None:
    """Remove the kept copy of the previous file, or cut it short."""
    path = world.places["ecsauth"] / "pre-image"
    if cut:
        path.write_bytes(path.read_bytes()[:-20])
    else:
        path.unlink()


@pytest.mark.parametrize("start", [foreign, booted])
@pytest.mark.parametrize("cut", [False, True])
def test_lost_pre_image(world: World, start: Callable[[World], None], cut: bool) -> None:
    """A kept copy that is gone or damaged means no removal of the env-file, and the run says so."""
    if cut and start is foreign:
        return  # nothing is recorded of a foreign file's content
    start(world)
    assert world.boot(Offer(2, "slow")).outcome.value == "pending"
    lose(world, cut=cut)
    with pytest.raises(
        LaunchError, match="copy of the previous env-file is missing or damaged, so the env-file is not restored"
    ):
        world.boot(Offer(2, "broken"))
    assert world.disk.env_file() == body(2)
    assert world.docker.containers[NAME].running
    assert world.boot(Offer(3)).outcome.value == "started"
    assert world.disk.env_file() == body(3)


@pytest.mark.parametrize("number", [1, 2])
def test_damaged_verified_copy(world: World, number: int) -> None:
    """In an outage of S3 a copy that was cut is not used; the env-file is, where it is whole."""
    booted(world)
    path = world.places["ecsauth"] / "verified"
    path.write_bytes(b"ECS_CLUSTER=demo\n")
    if number == 1:
        assert world.boot(Offer(None)).accepted.data == body(1)
        return
    world.disk.write_env_file(FOREIGN_FILE)
    with pytest.raises(UnreachableError) as raised:
        world.boot(Offer(None))
    assert "the last verified file is missing or damaged, so boot does not use it" in raised.value.hints
