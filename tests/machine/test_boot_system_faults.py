"""A boot at whose system calls the system fails: a status of the table, what failed, and a next run that gets there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from failing_program import Loader, Point
from fault_walk import FaultWalk
from machine import FIRST

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from machine import Machine
    from watch import Watched

LOCAL, UNREACHABLE = 6, 5


@pytest.fixture(scope="module")
def loaded() -> Iterator[Loader]:
    """Give runs that make the calls only which belong to their work."""
    with Loader(loaded=True) as loader:
        yield loader


@pytest.fixture
def walk(bare_machine: Machine, loaded: Loader, watch: Callable[..., Watched]) -> FaultWalk:
    """Give a machine on which calls fail."""
    del watch
    return FaultWalk(bare_machine, loaded, FIRST)


@pytest.mark.slow
def test_any_call(walk: FaultWalk) -> None:
    """Whichever call fails; here one of each kind, from the middle of the run, and everything in scripts/sweep."""
    points: dict[str, list[Point]] = {}
    for point in walk.points():
        points.setdefault(point.call, []).append(point)
    assert len(points) >= 20
    for of_one_call in points.values():
        walk.fail_at(of_one_call[len(of_one_call) // 2])


@pytest.mark.parametrize(
    ("point", "status", "message"),
    [
        pytest.param(
            Point("clone3", 1, "EAGAIN"), LOCAL, "the system cannot start a thread", id="no thread for the identity"
        ),
        pytest.param(Point("clone3", 2, "EAGAIN"), LOCAL, "the system cannot start a thread", id="no thread for S3"),
        pytest.param(Point("flock", 1, "ENOLCK"), LOCAL, "cannot lock {state}/lock: no locks", id="no lock"),
        pytest.param(
            Point("getrandom", 1, "EIO"),
            LOCAL,
            "cannot write {state}/state.json: input/output error",
            id="no random numbers",
        ),
        pytest.param(
            Point("socket", 1, "EMFILE"),
            UNREACHABLE,
            "cannot connect to the instance metadata service: too many",
            id="socket",
        ),
    ],
)
def test_what_failed(walk: FaultWalk, bare_machine: Machine, point: Point, status: int, message: str) -> None:
    """The message names it, with the system's reason."""
    done = walk.told_at(point)
    assert done.status == status
    expected = message.format(uri=bare_machine.uri, state=bare_machine.state_place)
    assert f"ecsauth: error: {expected}" in done.err
    assert "bug" not in done.err
