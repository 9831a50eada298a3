"""`boot --forget-previous`: nothing of the previous env-file is left, or the run says what is.

The disk is the real one, docker and S3 are models.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import tales
from boot_model import Offer, World, body
from ecsauth.boot.docker_plan import NAME, PREVIOUS_NAME
from tales import Told, distinct

if TYPE_CHECKING:
    import pytest
    from docker_model import Failure
    from ecsauth.boot.plan import Command

FORGET = Offer(2, forget=True)


def assert_forgotten(world: World) -> None:
    """Assert that neither a file nor a container has the first version."""
    assert not [name for _, name, content in world.files() if body(1) in content]
    assert [(name, one.given) for name, one in world.docker.containers.items()] == [(NAME, body(2))]
    assert world.disk.state().pre_image_of is None


def test_forgetting(world: World) -> None:
    """The previous file and container are gone."""
    report = world.boot(FORGET)
    assert (report.forgotten, report.unfinished) == (True, ())
    assert_forgotten(world)


def test_forgetting_killed_anywhere(world: World) -> None:
    """Killed anywhere, the same run again leaves nothing of it."""
    for told in distinct(tales.runs(world, Told(world.standing(), (), 1), FORGET)):
        world.stand(told.standing)
        assert world.boot(FORGET).forgotten is True
        assert_forgotten(world)


def test_a_container_that_cannot_be_removed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has the previous environment: the run says so and names the command; the next run removes it."""
    does = world.docker.do

    def refuse(command: Command, failure: Failure | None = None) -> bool:
        return command[1] != "rm" and does(command, failure)

    monkeypatch.setattr(world.docker, "do", refuse)
    report = world.boot(FORGET)
    assert (report.outcome.value, report.forgotten) == ("started", False)
    (left,) = report.unfinished
    assert (left.step.command, left.reason) == (("docker", "rm", "--force", PREVIOUS_NAME), "docker rm failed")
    assert world.docker.containers[PREVIOUS_NAME].given == body(1)
    assert not [name for _, name, content in world.files() if body(1) in content]
    monkeypatch.undo()
    assert world.boot(FORGET).forgotten is True
    assert_forgotten(world)
