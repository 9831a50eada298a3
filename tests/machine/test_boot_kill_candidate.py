"""Killed at any of its changes, a run that takes, keeps or leaves a candidate is ended by the next run.

The disk is the real one, docker and S3 are models. Version 1 is released; version 2 is a candidate.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import tales
from boot_model import Offer, World, body, facts
from docker_starts import nothing
from ecsauth.boot.candidate import DEFAULT_SECONDS
from ecsauth.boot.docker_plan import NAME
from ecsauth.boot.rejection import FIRST_PAUSE
from ecsauth.errors import EcsauthError, LaunchError, UnreachableError
from tales import Told, distinct

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ecsauth.boot.trust import ObjectFacts

TAKE = Offer(1, candidate=2, take=True)
TIMER = Offer(1, candidate=2)
# The candidate's bytes under a new version of the released object.
PROMOTED = Offer(3, like=2, candidate=2)
ANOTHER = Offer(3, candidate=2)
WITHDRAWN = Offer(1, candidate=2, withdraw=True)
_EXPIRED = int(DEFAULT_SECONDS) + 1


@pytest.fixture
def ahead(world: World) -> World:
    """Give an instance that is ahead."""
    world.boot(TAKE)
    assert_has(world, 2, label=2, ahead=True)
    return world


def assert_has(world: World, number: int, *, label: int, ahead: bool, like: int | None = None) -> None:
    """Assert that file, record and agent are of one version, and whether that is a candidate."""
    state, agent = world.disk.state(), world.docker.containers[NAME]
    data = body(like or number)
    assert world.disk.env_file() == world.disk.verified_copy() == agent.given == data
    assert state.installed is not None
    assert (state.installed.facts, state.applied, state.verified) == (facts(number),) * 3
    assert (state.installed.ahead is not None) is ahead
    assert (state.in_progress, state.previous, list(world.docker.containers)) == (None, None, [NAME])
    assert (agent.version, agent.running) == (f"v{label}", True)


def killed(world: World, offer: Offer) -> Iterator[Told]:
    """Yield all that may stand after the run, killed at each of its changes or not."""
    before = Told(world.standing(), (), 1)
    yield from distinct(tales.runs(world, before, offer, lambda: _assert_whole(world)))


def _assert_whole(world: World) -> None:
    assert world.disk.env_file() in {body(1), body(2), body(3)}


def test_a_timer_keeps_it(ahead: World) -> None:
    """A run that finds the released version unchanged keeps the candidate and changes nothing."""
    before = ahead.standing()
    assert ahead.boot(TIMER).outcome.value == "unchanged"
    assert ahead.standing() == before


def test_promotion_restarts_no_agent(ahead: World) -> None:
    """The released object gets the candidate's bytes: that is recorded, and the agent runs on."""
    before = ahead.docker.containers[NAME]
    assert ahead.boot(PROMOTED).outcome.value == "promoted"
    assert ahead.docker.containers[NAME] == before
    assert_has(ahead, 3, label=2, ahead=False, like=2)
    assert ahead.boot(PROMOTED).outcome.value == "unchanged"


def assert_pending(world: World, number: int) -> None:
    """Assert that the agent of version 2's bytes waits for its registration, as that version."""
    state, agent = world.disk.state(), world.docker.containers[NAME]
    assert state.installed is not None
    assert (state.installed.facts, state.in_progress, state.applied) == (facts(number),) * 3
    assert (state.verified, agent.version, agent.given) == (facts(1), "v2", body(2))


def test_promotion_while_the_agent_is_pending(world: World) -> None:
    """The candidate's agent has not registered yet: it is not restarted, and no previous agent is lost."""
    assert world.boot(TAKE._replace(agent="slow")).outcome.value == "pending"
    before = world.docker.containers
    assert_pending(world, 2)
    pending = Told(world.standing(), (), 3)
    for told in distinct(tales.runs(world, pending, PROMOTED._replace(ecs="silent"))):
        world.stand(told.standing)
        for _ in range(2):
            assert world.boot(PROMOTED._replace(ecs="silent")).outcome.value == "pending"
            assert world.docker.containers == before
            assert_pending(world, 3)
        agent = world.docker.containers[NAME]
        assert world.boot(PROMOTED).outcome.value == "started"
        assert_has(world, 3, label=2, ahead=False, like=2)
        assert world.docker.containers[NAME] == agent
        assert world.boot(PROMOTED).outcome.value == "unchanged"


def test_promotion_while_the_agent_is_pending_and_fails(ahead: World) -> None:
    """The agent of before has a label of its own, by which it is known again after the rollback."""
    ahead.boot(PROMOTED)
    ahead.boot(Offer(3, "slow", candidate=4, take=True))
    released = Offer(5, like=4, candidate=4)
    assert ahead.boot(released._replace(ecs="silent")).outcome.value == "pending"
    agent = ahead.docker.containers[NAME]
    assert (agent.version, agent.given) == ("v4", body(4))
    ahead.docker.containers[NAME] = agent._replace(version="v5")
    with pytest.raises(LaunchError, match=r"\(version v5\); the previous state is restored"):
        ahead.boot(released._replace(agent="terminal"))
    assert_has(ahead, 3, label=2, ahead=False, like=2)
    with pytest.raises(LaunchError, match="version v5 is rejected"):
        ahead.boot(released)
    assert ahead.boot(PROMOTED).outcome.value == "unchanged"


def test_after_promotion_the_next_version_goes_on_as_ever(ahead: World) -> None:
    """A version after the promotion replaces the agent, and one that fails brings the promoted one back."""
    ahead.boot(PROMOTED)
    with pytest.raises(LaunchError):
        ahead.boot(Offer(4, "broken"))
    assert_has(ahead, 3, label=2, ahead=False, like=2)
    ahead.boot(Offer(5))
    assert_has(ahead, 5, label=5, ahead=False)


def test_another_version_ends_it(ahead: World) -> None:
    """The released object gets other bytes: they are installed."""
    assert ahead.boot(ANOTHER).outcome.value == "started"
    assert_has(ahead, 3, label=3, ahead=False)


def test_withdrawn(ahead: World) -> None:
    """A candidate that is withdrawn gives way to the released version, though that is older."""
    assert ahead.boot(WITHDRAWN).outcome.value == "started"
    assert_has(ahead, 1, label=1, ahead=False)
    assert ahead.boot(WITHDRAWN).outcome.value == "unchanged"


def test_a_rejected_candidate_is_withdrawn(world: World) -> None:
    """Nobody must look at a candidate that was withdrawn, also where it was rejected and never ran."""
    with pytest.raises(LaunchError):
        world.boot(TAKE._replace(agent="broken"))
    assert world.boot(WITHDRAWN).outcome.value == "unchanged"
    assert rejected_ones(world) == (None, None)


def test_withdrawn_where_the_released_version_is_rejected(bad_released: World) -> None:
    """The withdrawal of a candidate says nothing of the released version."""
    with pytest.raises(LaunchError):
        bad_released.boot(Offer(3, "broken", candidate=2, take=True))
    with pytest.raises(LaunchError, match="version v3 is rejected"):
        bad_released.boot(BAD._replace(withdraw=True))
    assert rejected_ones(bad_released) == (facts(3), None)


def test_withdrawn_in_an_outage(ahead: World) -> None:
    """The released agent does not come up: the candidate is back, and the timer returns after the usual pause."""
    with pytest.raises(LaunchError):
        ahead.boot(WITHDRAWN._replace(agent="broken"))
    assert_has(ahead, 2, label=2, ahead=True)
    with pytest.raises(LaunchError, match=r"version v1 is rejected, .*; boot retries it after 10 minutes"):
        ahead.boot(TIMER)
    time = "2023-11-14 22:13 UTC"
    said = f"candidate v2 was withdrawn (ahead since {time}, withdrawn at {time}): the released version follows"
    assert ahead.warnings == [said]
    assert_has(ahead, 2, label=2, ahead=True)
    ahead.rest(FIRST_PAUSE)
    assert ahead.boot(TIMER).outcome.value == "started"
    assert_has(ahead, 1, label=1, ahead=False)


def test_withdrawn_and_taken_again(ahead: World) -> None:
    """A candidate whose withdrawal failed may be taken again: it stays, with a new time."""
    with pytest.raises(LaunchError):
        ahead.boot(WITHDRAWN._replace(agent="broken"))
    assert ahead.boot(TAKE).outcome.value == "unchanged"
    assert ahead.boot(TIMER).outcome.value == "unchanged"
    assert_has(ahead, 2, label=2, ahead=True)


def test_another_candidate_withdrawn_while_it_is_taken(ahead: World) -> None:
    """Killed while it takes another candidate, then withdrawn: the one before it does not stay either."""
    another = TAKE._replace(candidate=3)
    for told in killed(ahead, another):
        ahead.stand(told.standing)
        try:
            ahead.boot(WITHDRAWN._replace(agent="broken"))
        except LaunchError:
            ahead.rest(FIRST_PAUSE)
        ahead.boot(TIMER)
        assert_has(ahead, 1, label=1, ahead=False)


def test_expired(ahead: World) -> None:
    """A candidate that everybody has forgotten gives way by itself, with a warning."""
    ahead.rest(_EXPIRED)
    assert ahead.boot(TIMER).outcome.value == "started"
    assert_has(ahead, 1, label=1, ahead=False)
    assert "candidate v2 has expired" in ahead.warnings[0]


def test_taken_again(ahead: World) -> None:
    """Taking the same candidate again restarts nothing and begins its time anew."""
    ahead.rest(_EXPIRED // 2)
    assert ahead.boot(TAKE).outcome.value == "unchanged"
    ahead.rest(_EXPIRED // 2 + 3600)
    assert ahead.boot(TIMER).outcome.value == "unchanged"
    assert_has(ahead, 2, label=2, ahead=True)


def test_taken_again_after_the_clock_was_set_back(ahead: World) -> None:
    """The time begins anew: it does not keep a start in the future, which would end the candidate at once."""
    ahead.rest(-2 * 3600)
    assert ahead.boot(TAKE).outcome.value == "unchanged"
    assert ahead.boot(TIMER).outcome.value == "unchanged"
    assert_has(ahead, 2, label=2, ahead=True)


def test_s3_unreachable(ahead: World) -> None:
    """While S3 does not answer, the candidate is the last verified file, also after its time."""
    ahead.rest(_EXPIRED)
    assert ahead.boot(Offer(None)).exit_code == 8
    assert_has(ahead, 2, label=2, ahead=True)
    ahead.boot(TIMER)
    assert_has(ahead, 1, label=1, ahead=False)


@pytest.mark.parametrize("offer", [Offer(None, candidate=2, take=True), Offer(None, withdraw=True)])
def test_a_request_needs_s3(world: World, offer: Offer) -> None:
    """A candidate that cannot be fetched, and a return that cannot be made, are failures: the instance stays."""
    before = world.standing().containers
    with pytest.raises(UnreachableError):
        world.boot(offer)
    assert_has(world, 1, label=1, ahead=False)
    assert world.standing().containers == before


@pytest.mark.parametrize("agent", ["broken", "terminal"])
def test_a_candidate_that_fails(world: World, agent: str) -> None:
    """An agent that does not come up leaves the instance on what it had; a timer does not try the candidate."""
    with pytest.raises(LaunchError):
        world.boot(TAKE._replace(agent=agent))
    assert_has(world, 1, label=1, ahead=False)
    assert world.boot(TIMER).outcome.value == "unchanged"
    assert rejected_ones(world) == (None, facts(2))


def test_the_hint_for_a_rejected_candidate(world: World) -> None:
    """It retries the candidate, which no boot without its version does."""
    with pytest.raises(LaunchError):
        world.boot(TAKE._replace(agent="broken"))
    with pytest.raises(LaunchError, match="; boot --candidate retries it after 10 minutes") as raised:
        world.boot(TAKE)
    assert "roll out a fixed file, or retry this candidate: ecsauth boot S3URI --candidate v2 --force" in (
        raised.value.hints
    )
    assert world.boot(TAKE._replace(force=True)).outcome.value == "started"
    assert_has(world, 2, label=2, ahead=True)


def rejected_ones(world: World) -> tuple[ObjectFacts | None, ObjectFacts | None]:
    """Return the rejected released version and the rejected candidate."""
    state = world.disk.state()
    released, candidate = state.rejected, state.rejected_candidate
    return released and released.facts, candidate and candidate.facts


BAD = Offer(3, "terminal")


@pytest.fixture
def bad_released(world: World) -> World:
    """Give an instance that has rejected the released version for good, and runs the one before."""
    with pytest.raises(LaunchError):
        world.boot(BAD)
    assert_has(world, 1, label=1, ahead=False)
    return world


def assert_left_alone(world: World) -> None:
    """Assert that a timer does not try the released version again."""
    before = world.standing().containers
    with pytest.raises(LaunchError, match="version v3 is rejected"):
        world.boot(BAD._replace(candidate=2))
    assert world.standing().containers == before


@pytest.mark.parametrize("agent", ["broken", "terminal"])
def test_a_candidate_that_fails_after_a_released_version(bad_released: World, agent: str) -> None:
    """The rejection of a candidate does not erase that of the released version: no timer stops the agent for it."""
    with pytest.raises(LaunchError):
        bad_released.boot(Offer(3, agent, candidate=2, take=True))
    assert rejected_ones(bad_released) == (facts(3), facts(2))
    assert_left_alone(bad_released)
    assert_has(bad_released, 1, label=1, ahead=False)


def test_a_candidate_that_runs_after_a_released_version(bad_released: World) -> None:
    """A candidate that comes up does not prove the released version, to which no timer returns."""
    bad_released.boot(Offer(3, candidate=2, take=True))
    assert rejected_ones(bad_released) == (facts(3), None)
    assert bad_released.boot(Offer(3, candidate=2)).outcome.value == "unchanged"
    bad_released.rest(_EXPIRED)
    assert_left_alone(bad_released)
    assert_has(bad_released, 2, label=2, ahead=True)


def test_an_outage_clears_the_version_that_was_tried_alone(bad_released: World) -> None:
    """In an outage of ECS both agents fail: the candidate is not rejected, and the released version still is."""
    with pytest.raises(LaunchError, match="fails like the new agent, so the version is not rejected"):
        bad_released.boot(Offer(3, ecs="refuses", candidate=2, take=True))
    assert rejected_ones(bad_released) == (facts(3), None)


@pytest.mark.parametrize("offer", [Offer(4, like=2, candidate=2), Offer(4)], ids=["promoted", "another version"])
def test_a_released_version_that_runs_ends_both(bad_released: World, offer: Offer) -> None:
    """Once a released version runs, nothing is rejected any more."""
    with pytest.raises(LaunchError):
        bad_released.boot(Offer(3, "broken", candidate=5, take=True))
    bad_released.boot(Offer(3, candidate=2, take=True))
    bad_released.boot(offer)
    assert rejected_ones(bad_released) == (None, None)


def test_a_rejected_candidate_after_a_restart_of_the_agent(world: World) -> None:
    """The released version is started again, which says nothing of the candidate that failed beside it."""
    with pytest.raises(LaunchError):
        world.boot(TAKE._replace(agent="broken"))
    world.docker.containers[NAME] = world.docker.containers[NAME]._replace(running=False)
    assert world.boot(TIMER).outcome.value == "started"
    assert rejected_ones(world) == (None, facts(2))


def test_on_an_empty_instance(quick_place: Path) -> None:
    """An instance that was launched during a rollout may take a candidate as its first version."""
    world = World(quick_place)
    nothing(world)
    world.boot(TAKE)
    assert_has(world, 2, label=2, ahead=True)


def test_taking_killed_anywhere(world: World) -> None:
    """Killed anywhere, the same request takes the candidate, and a timer gets to a state that is one of the two."""
    for told in killed(world, TAKE):
        world.stand(told.standing)
        world.boot(TAKE)
        assert_has(world, 2, label=2, ahead=True)
        world.stand(told.standing)
        world.boot(TIMER)
        state = world.disk.state()
        assert state.installed is not None
        number = int(state.installed.facts.etag.strip('"e'))
        assert_has(world, number, label=number, ahead=number == 2)


def test_a_failing_candidate_killed_anywhere(world: World) -> None:
    """Killed anywhere while its agent fails, a timer leaves the instance with an agent of one version or the other."""
    offer = TAKE._replace(agent="broken")
    for told in killed(world, offer):
        world.stand(told.standing)
        for _ in range(2):
            try:
                world.boot(TIMER._replace(candidate=2, agent="healthy"))
            except EcsauthError:
                continue
        state = world.disk.state()
        assert state.installed is not None
        assert state.in_progress is None
        assert world.docker.containers[NAME].running


@pytest.mark.parametrize(
    ("offer", "number", "like"),
    [(PROMOTED, 3, 2), (ANOTHER, 3, None), (WITHDRAWN, 1, None)],
    ids=["promoted", "another version", "withdrawn"],
)
def test_leaving_killed_anywhere(ahead: World, offer: Offer, number: int, like: int | None) -> None:
    """Killed anywhere, the same run again is on the released version; an agent of the same bytes was not replaced."""
    agent = ahead.docker.containers[NAME]
    for told in killed(ahead, offer):
        ahead.stand(told.standing)
        ahead.boot(offer)
        assert_has(ahead, number, label=2 if like else number, ahead=False, like=like)
        if like:
            assert ahead.docker.containers[NAME] == agent


def test_withdrawing_killed_anywhere(ahead: World) -> None:
    """Killed anywhere once the withdrawal is recorded, a timer ends it; before that nothing has changed."""
    before = ahead.standing()
    for told in killed(ahead, WITHDRAWN):
        ahead.stand(told.standing)
        state = ahead.disk.state()
        is_recorded = state.installed is not None and (state.installed.ahead is None or state.installed.ahead.withdrawn)
        assert is_recorded or ahead.standing().containers == before.containers
        assert is_recorded or state.in_progress is None
        ahead.boot(TIMER)
        assert_has(ahead, 1 if is_recorded else 2, label=1 if is_recorded else 2, ahead=not is_recorded)


def test_a_failing_withdrawal_killed_anywhere(ahead: World) -> None:
    """Killed anywhere while the released agent fails, timers get to the released version once ECS is well again."""
    for told in killed(ahead, WITHDRAWN._replace(agent="broken")):
        ahead.stand(told.standing)
        state = ahead.disk.state()
        if state.installed is not None and state.installed.ahead is not None and not state.installed.ahead.withdrawn:
            assert state.in_progress is None
            continue
        try:
            ahead.boot(TIMER)
        except LaunchError:
            ahead.rest(FIRST_PAUSE)
            ahead.boot(TIMER)
        assert_has(ahead, 1, label=1, ahead=False)


def test_keeping_killed_anywhere(ahead: World) -> None:
    """A timer's run that repairs an edited file is killed anywhere: the next one has the candidate again."""
    ahead.disk.write_env_file(b"ECS_CLUSTER=edited\n")
    before = Told(ahead.standing(), (), 1)
    for told in distinct(tales.runs(ahead, before, TIMER)):
        ahead.stand(told.standing)
        ahead.boot(TIMER)
        assert_has(ahead, 2, label=2, ahead=True)
