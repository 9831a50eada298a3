"""Which instances are in which wave, and how many errors a wave may have."""

from __future__ import annotations

import pytest
from ecsauth.errors import UsageError
from ecsauth.fleet.waves import WAVES, Share, batches, members, order, parse_errors, parse_waves, tolerated

INSTANCES = [f"i-{number:017x}" for number in range(200)]


@pytest.mark.parametrize(
    ("text", "sizes"),
    [
        ("1,10%,100%", [1, 20, 200]),
        ("100%", [200]),
        ("5,50%,100%", [5, 100, 200]),
        ("1%,2%,100%", [2, 4, 200]),
        ("1,3,7,100%", [1, 3, 7, 200]),
        ("500,100%", [200, 200]),
    ],
)
def test_waves_hold_so_many(text: str, sizes: list[int]) -> None:
    """Each wave counts the instances that have the candidate after it."""
    waves = parse_waves(text)
    ordered = order(INSTANCES, "v")
    assert [len(members(ordered, waves, number)) for number in range(1, len(waves) + 1)] == sizes


@pytest.mark.parametrize(("share", "total", "size"), [("1%", 50, 1), ("10%", 11, 2), ("3", 2, 2), ("100%", 7, 7)])
def test_a_percentage_is_rounded_up(share: str, total: int, size: int) -> None:
    """A wave of a percentage has at least one instance, and never more than there are."""
    assert parse_errors(share).of(total) == size


@pytest.mark.parametrize(
    "text", ["", "1", "1,10%", "0,100%", "101%", "10%,5%,100%", "3,3,100%", "a,100%", "1,,100%", "-1,100%", "1.5%,100%"]
)
def test_waves_that_are_refused(text: str) -> None:
    """Waves grow, none is empty, and the last one is for all instances."""
    with pytest.raises(UsageError):
        parse_waves(text)


@pytest.mark.parametrize(
    ("limit", "size", "number"),
    [
        ("0", 50, 0),
        ("3", 50, 3),
        ("10%", 50, 4),
        ("10%", 15, 1),
        ("10%", 5, 0),
        ("100%", 50, 49),
        ("0%", 50, 0),
        ("1%", 1, 0),
        ("7", 3, 7),
    ],
)
def test_errors_that_a_wave_may_have(limit: str, size: int, number: int) -> None:
    """0 halts at the first error, 3 at the fourth, and 10% of 50 at the fifth."""
    assert tolerated(parse_errors(limit), size) == number


@pytest.mark.parametrize("text", ["", "x", "-1", "1.5", "101%", "%", "1 2"])
def test_limits_that_are_refused(text: str) -> None:
    """A limit is a number or a percentage."""
    with pytest.raises(UsageError):
        parse_errors(text)


def test_waves_are_written_as_they_are_read() -> None:
    """The default can be given as an option."""
    assert parse_waves(",".join(map(str, WAVES))) == WAVES


def test_the_order_is_the_same_each_time() -> None:
    """Whoever resumes a roll finds the same instances in the same waves, however they are listed."""
    assert order(reversed(INSTANCES), "v1") == order([*INSTANCES, INSTANCES[0]], "v1")


def test_the_order_differs_between_versions() -> None:
    """Not always the same instance is the first to get a version."""
    assert len({order(INSTANCES, f"v{number}")[0] for number in range(20)}) > 10


def test_an_instance_more_keeps_the_order_of_the_others() -> None:
    """An instance that is launched during a roll moves none of the others to another place."""
    before, after = order(INSTANCES, "v"), order([*INSTANCES, "i-new"], "v")
    assert tuple(each for each in after if each != "i-new") == before


def test_batches_hold_all() -> None:
    """A command names at most so many instances; together they name all."""
    found = batches(INSTANCES, 50)
    assert [len(each) for each in found] == [50, 50, 50, 50]
    assert [one for each in found for one in each] == INSTANCES
    assert batches([], 50) == ()


def test_a_share_of_a_number() -> None:
    """A number is taken as it is, up to the total."""
    assert (Share(3).of(10), Share(30).of(10)) == (3, 10)
