"""Twenty instances and one candidate: who has which version at each step of a staged rollout.

The instances are directories; what an agent makes of it is told in tests/machine.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import pytest
from machine import auth_file

if TYPE_CHECKING:
    from fetching import Instance
    from program import Ended

FIRST, NEXT, HOTFIX = auth_file("the-first"), auth_file("the-next"), auth_file("the-hotfix")
COUNT = 20


class Crowd:
    """Instances that boot from one object."""

    def __init__(self, instance: Instance) -> None:
        self._one = instance
        self.version = instance.put(FIRST)
        assert {self.boot(number).status for number in range(COUNT)} == {0}

    def boot(self, number: int, *options: str) -> Ended:
        """Boot one of them as its timer does, or with further options."""
        self._one.place = self._one.folder / f"ecs-{number}"
        self._one.state_place = self._one.folder / f"ecsauth-{number}"
        return self._one.install_here(*options)

    def timers(self) -> None:
        """Let the timer of each run once."""
        assert {self.boot(number).status for number in range(COUNT)} == {0}

    def offer(self, body: bytes) -> str:
        """Put a candidate and return its version ID."""
        return self._one.store.put(body, "prod/ecs.config.candidate")

    def release(self, body: bytes) -> str:
        """Put a version of the released object and return its ID."""
        return self._one.put(body)

    def files(self) -> list[bytes]:
        """Return the env-file of each."""
        return [(self._one.folder / f"ecs-{number}" / "ecs.config").read_bytes() for number in range(COUNT)]

    def inodes(self) -> list[int]:
        """Return the inode of each env-file, which a write changes."""
        return [(self._one.folder / f"ecs-{number}" / "ecs.config").stat().st_ino for number in range(COUNT)]

    def ahead(self) -> list[int]:
        """Return which of them report that they are ahead."""
        found = range(COUNT)
        return [number for number in found if self._report(number)["ahead"] is not None]

    def installed(self) -> set[str]:
        """Return the versions that they report."""
        return {str(self._report(number)["installed"]) for number in range(COUNT)}

    def expire(self, number: int) -> None:
        """Let the time of a candidate be over."""
        path = self._one.folder / f"ecsauth-{number}" / "state.json"
        state = json.loads(path.read_text())
        state["installed"]["ahead"].update(since=int(time.time()) - 7200, until=int(time.time()) - 3600)
        path.write_text(json.dumps(state))

    def _report(self, number: int) -> dict[str, object]:
        found: dict[str, object] = json.loads((self._one.folder / f"ecsauth-{number}" / "report.json").read_text())
        return found


@pytest.fixture
def crowd(instance: Instance) -> Crowd:
    """Give instances that all have the released version."""
    return Crowd(instance)


def test_a_rollout(crowd: Crowd) -> None:
    """One takes the candidate and keeps it through its timer; promotion brings it to all, and writes nothing there."""
    version = crowd.offer(NEXT)
    assert crowd.boot(7, "--candidate", version).status == 0
    crowd.timers()
    assert [number for number, body in enumerate(crowd.files()) if body == NEXT] == [7] == crowd.ahead()
    before = crowd.inodes()
    released = crowd.release(NEXT)
    crowd.timers()
    assert crowd.files() == [NEXT] * COUNT
    assert (crowd.ahead(), crowd.installed()) == ([], {released})
    assert [number for number in range(COUNT) if crowd.inodes()[number] == before[number]] == [7]


def test_a_candidate_that_is_refused(crowd: Crowd) -> None:
    """A candidate with a mistake leaves the instances that were to take it on what they had."""
    version = crowd.offer(b"ECS_ENGINE_AUTH_TYPE=docker\nECS_ENGINE_AUTH_DATA={\n")
    assert {crowd.boot(number, "--candidate", version).status for number in (3, 4, 5)} == {3}
    crowd.timers()
    assert crowd.files() == [FIRST] * COUNT
    assert crowd.installed() == {crowd.version}


def test_the_ways_back(crowd: Crowd) -> None:
    """Of three that are ahead one is told to return, one has forgotten the candidate, one gets a hotfix with all."""
    version = crowd.offer(NEXT)
    for number in (1, 2, 3):
        assert crowd.boot(number, "--candidate", version).status == 0
    assert crowd.boot(1, "--withdraw").status == 0
    crowd.expire(2)
    crowd.timers()
    assert crowd.ahead() == [3]
    assert [number for number, body in enumerate(crowd.files()) if body == NEXT] == [3]
    crowd.release(HOTFIX)
    crowd.timers()
    assert crowd.files() == [HOTFIX] * COUNT
    assert crowd.ahead() == []
