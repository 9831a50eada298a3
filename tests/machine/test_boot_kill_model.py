"""Killed at any of its changes, once or twice, a boot is ended by the next run, whatever S3 holds by then.

The disk is the real one, docker and S3 are models: there are thousands of stories, and each of them is told.
"""

from __future__ import annotations

import itertools
import os
from typing import TYPE_CHECKING, Callable

import pytest
import tales
from boot_model import TEMPORARY, Offer, World, body, facts
from docker_starts import FOREIGN_FILE, booted, foreign, nothing
from ecsauth.boot.docker_plan import NAME
from ecsauth.boot.rejection import LONGEST_PAUSE
from ecsauth.cli import instance_report
from ecsauth.errors import ExitCode, LaunchError, UnreachableError
from ecsauth.status import instance_report as status_report
from tales import Told, distinct

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path


ONCE = (
    *(Offer(2, agent) for agent in ("healthy", "broken", "slow")),
    *(Offer(1, agent, force=True) for agent in ("healthy", "broken")),
)
TWICE = (Offer(2), Offer(2, "broken"))
AFTER = (Offer(3, "broken"), Offer(1, allow_older=True))


@pytest.fixture
def world(quick_place: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """Give an instance. What is synced when is another test's subject, and would take most of the time here."""
    monkeypatch.setattr(os, "fsync", lambda _: None)
    return World(quick_place)


def edited(world: World) -> None:
    """Boot with the first version; then somebody edits the file."""
    booted(world)
    world.disk.write_env_file(FOREIGN_FILE)


STARTS = pytest.mark.parametrize("start", [nothing, foreign, booted, edited])


def told_from(world: World, start: Callable[[World], None]) -> Told:
    """Return the tale that begins here."""
    start(world)
    return Told(world.standing(), (start.__name__,), 1 if start in (booted, edited) else 0)


def runs(world: World, before: Told, offer: Offer) -> Iterator[Told]:
    """Yield all that may stand after a run.

    At no moment the env-file is anything but a whole version or the file that was there first.
    """
    allowed = {body(1), body(2), body(3), None if before.story[0] == nothing.__name__ else FOREIGN_FILE}

    def after() -> None:
        assert world.disk.env_file() in allowed, before.story

    return tales.runs(world, before, offer, after)


def tell(world: World, tales: Iterable[Told], offers: Iterable[Offer]) -> list[Told]:
    """Go on with each tale in every way; of those that lead to the same, keep one."""
    return distinct(told for before, offer in itertools.product(tales, offers) for told in runs(world, before, offer))


def assert_ends_well(world: World, told: Told, number: int) -> None:
    """Assert that a run that nothing happens to gets to the version, from whatever stands."""
    world.stand(told.standing)
    offer = Offer(number, allow_older=number < told.newest)
    rejected = world.disk.state().rejected
    if rejected is not None and rejected.facts == facts(number) and runs_another(world, number):
        with pytest.raises(LaunchError, match="is rejected, because the agent did not come up"):
            world.boot(offer)
        assert runs_another(world, number), told.story
        world.rest(LONGEST_PAUSE)
    world.boot(offer)
    assert_converged(world, number, told.story)
    before = world.standing()
    assert world.boot(offer).outcome.value == "unchanged"
    assert world.standing() == before, told.story


def runs_another(world: World, number: int) -> bool:
    """Tell whether an agent runs, no change is open, and it is not one of that version."""
    agent = world.docker.containers.get(NAME)
    is_other = agent is not None and agent.running and agent.version != f"v{number}"
    return is_other and world.disk.state().in_progress is None


def assert_converged(world: World, number: int, story: tuple[str, ...]) -> None:
    """Assert that files, record and agent are all of that version, and that nothing else is left."""
    state = world.disk.state()
    assert world.disk.env_file() == world.disk.verified_copy() == body(number), story
    assert state.installed is not None
    assert (state.installed.facts, state.applied, state.verified) == (facts(number),) * 3, (state, story)
    assert (state.in_progress, state.previous) == (None, None), (state, story)
    assert state.rejected is None or state.rejected.facts != facts(number), (state, story)
    assert list(world.docker.containers) == [NAME], story
    agent = world.docker.containers[NAME]
    assert (agent.version, agent.given) == (f"v{number}", body(number)), (agent, story)
    assert (agent.running, agent.policy) == (True, "on-failure:10"), (agent, story)
    kept = {
        "ecs.config",
        "ecs.config.before-ecsauth",
        "verified",
        "pre-image",
        "state.json",
        "state.json.second",
        "checked",
    }
    assert {name for _, name, _ in world.standing().files} <= kept, story


def assert_goes_back(world: World, told: Told) -> None:
    """Assert that after a version that fails, file and agent belong together again, and so does what is recorded."""
    world.stand(told.standing)
    with pytest.raises(LaunchError) as raised:
        world.boot(Offer(5, "broken"))
    if "there is no previous version to roll back to" in raised.value.message:
        assert told.story[0] == nothing.__name__, told.story
        return
    state, agent = world.disk.state(), world.docker.containers[NAME]
    assert (state.in_progress, list(world.docker.containers)) == (None, [NAME]), told.story
    assert state.applied == state.verified, (state, told.story)
    assert agent.version == (state.verified.identity if state.verified else ""), (agent, told.story)
    assert world.disk.env_file() in (agent.given or FOREIGN_FILE, _edited(told)), (agent, told.story)
    assert state.installed is None or world.disk.verified_copy() == world.disk.env_file(), told.story


def _edited(told: Told) -> bytes | None:
    """Return what somebody has made of the file under an agent that ran on."""
    return FOREIGN_FILE if told.story[0] == edited.__name__ else None


@STARTS
def test_killed_once(world: World, start: Callable[[World], None]) -> None:
    """Killed anywhere, the next run gets to whatever S3 holds: the same version, a newer one or an older one."""
    for told in tell(world, [told_from(world, start)], ONCE):
        for number in (1, 2, 3):
            assert_ends_well(world, told, number)


@STARTS
def test_killed_once_and_then_a_version_that_fails(world: World, start: Callable[[World], None]) -> None:
    """Killed anywhere, a next run that fails goes back to a file and an agent that belong together."""
    for told in tell(world, [told_from(world, start)], ONCE):
        assert_goes_back(world, told)


@STARTS
def test_killed_once_and_then_no_s3(world: World, start: Callable[[World], None]) -> None:
    """While S3 does not answer, the agent runs on a version that is known to be good; with none nothing is touched."""
    for told in tell(world, [told_from(world, start)], TWICE):
        world.stand(told.standing)
        rejected = world.disk.state().rejected
        try:
            report = world.boot(Offer(None))
        except UnreachableError:
            assert start is not booted, told.story
            assert_untouched(world, told)
        except LaunchError:
            assert rejected is not None, told.story
            assert_untouched(world, told)
        else:
            assert report.exit_code is ExitCode.STALE
            number = int(report.accepted.facts.etag.strip('"e'))
            assert_converged(world, number, told.story)
        assert_ends_well(world, told._replace(standing=world.standing()), 2)


@STARTS
def test_killed_once_and_reported(world: World, start: Callable[[World], None]) -> None:
    """Whatever a killed run has left: the report names each version whose bytes are on the disk."""
    for told in tell(world, [told_from(world, start)], ONCE):
        world.stand(told.standing)
        assert_reported(world, told.story)


@pytest.mark.parametrize("start", [foreign, booted])
def test_killed_twice_and_reported(world: World, start: Callable[[World], None]) -> None:
    """The same after a second run that was killed, with the same version."""
    for told in tell(world, tell(world, [told_from(world, start)], TWICE), TWICE):
        world.stand(told.standing)
        assert_reported(world, told.story)


def assert_reported(world: World, story: tuple[str, ...]) -> None:
    """Assert that the report denies no bytes that are there, and that it names no version of a file that is not."""
    state = world.disk.state()
    found = status_report.document(state, instance_report.on_disk(world.disk, state), None)["on_disk"]
    names = {body(number): f"v{number}" for number in (1, 2, 3)}
    copy, env_file, pre_image = world.disk.verified_copy(), world.disk.env_file(), world.disk.pre_image()
    assert found["last_verified"] == (names[copy] if copy is not None else None), (found, story)
    if env_file in names:
        assert found["installed"] == names[env_file], (found, story)
    elif state.in_progress is not None:
        assert found["installed"] == (None if env_file is None else "unknown"), (found, story)
    if pre_image in names:
        assert names[pre_image] in found.values(), (found, story)
    assert (found["pre_image"] is None) is (pre_image is None), (found, story)


_OWN = ("state.json", "state.json.second", "checked")


def assert_untouched(world: World, told: Told) -> None:
    """Assert that nothing has changed but half-written files, the record, and the mark where no checked file stands."""
    swept = tuple(file for file in told.standing.files if TEMPORARY not in file[1] and file[1] not in _OWN)
    kept = tuple(file for file in world.standing().files if file[1] not in _OWN)
    assert (kept, world.standing().containers) == (swept, told.standing.containers), told.story


@pytest.mark.parametrize("start", [foreign, booted])
def test_killed_twice(world: World, start: Callable[[World], None]) -> None:
    """Killed twice, each time anywhere, it is the same, whether the next run goes well or fails."""
    for told in tell(world, tell(world, [told_from(world, start)], TWICE), AFTER):
        assert_ends_well(world, told, 2)
        assert_goes_back(world, told)
