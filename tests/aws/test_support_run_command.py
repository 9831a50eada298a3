"""The stand-in of Run Command: how fast a command starts, when it stops, and what its statuses are."""

from __future__ import annotations

import pytest
from run_command import Command, Details, Order, at_once, tolerated
from ssm_document import DocumentVersion

_DOCUMENT = DocumentVersion("ecsauth-boot", 1, "")


def command(size: int, max_concurrency: str = "50", max_errors: str = "0") -> Command:
    """Return a command to so many instances that nobody has begun."""
    order = Order("id", _DOCUMENT, {}, "", 0.0, 300, max_concurrency, max_errors)
    return Command(order, [f"i-{number}" for number in range(size)])


def run(one: Command, *outcomes: Details) -> list[int]:
    """Let the outcomes happen in this order, success after the last; return how many begin each time."""
    left, begun = list(outcomes), []
    while not one.is_over:
        turn = one.begin()
        begun.append(len(turn))
        for each in turn:
            one.end(each, left.pop(0) if left else Details.SUCCESS)
    return begun


@pytest.mark.parametrize(
    ("size", "max_concurrency", "begun"),
    [
        (1, "50", [1]),
        (12, "50", [1, 2, 4, 5]),
        (12, "3", [1, 2, 3, 3, 3]),
        (20, "10%", [1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 1]),
        (5, "10%", [1, 1, 1, 1, 1]),
    ],
)
def test_ramp(size: int, max_concurrency: str, begun: list[int]) -> None:
    """One instance is first, then twice as many each time, up to MaxConcurrency."""
    assert run(command(size, max_concurrency)) == begun


@pytest.mark.parametrize(
    ("max_errors", "targets", "goes_on_after"),
    [("0", 50, 0), ("3", 50, 3), ("10%", 50, 4), ("0%", 50, 0), ("10%", 5, 0), ("100%", 3, 2)],
)
def test_counting(max_errors: str, targets: int, goes_on_after: int) -> None:
    """MaxErrors 0 stops at the first error, 3 at the fourth, 10% of 50 at the fifth."""
    assert tolerated(max_errors, targets) == goes_on_after


@pytest.mark.parametrize(("text", "targets", "most"), [("50", 10, 50), ("10%", 50, 5), ("10%", 3, 1), ("1", 3, 1)])
def test_at_once(text: str, targets: int, most: int) -> None:
    """MaxConcurrency is a number, or a percentage of the targets, at least one."""
    assert at_once(text, targets) == most


def test_too_many_errors() -> None:
    """What has not begun is terminated, what runs already comes to its own end, and the command has failed."""
    one = command(7, max_errors="0")
    run(one, Details.SUCCESS, Details.FAILED)
    assert [each.details for each in one.invocations.values()] == [
        Details.SUCCESS,
        Details.FAILED,
        Details.SUCCESS,
        *[Details.TERMINATED] * 4,
    ]
    assert (one.status, one.details, one.errors, one.completed) == ("Failed", "Failed", 1, 7)


@pytest.mark.parametrize(
    ("outcome", "status", "details"),
    [
        (Details.SUCCESS, "Success", "Success"),
        (Details.FAILED, "Failed", "Failed"),
        (Details.EXECUTION_TIMED_OUT, "TimedOut", "ExecutionTimedOut"),
        (Details.DELIVERY_TIMED_OUT, "Failed", "Incomplete"),
        (Details.UNDELIVERABLE, "Success", "Success"),
    ],
)
def test_statuses(outcome: Details, status: str, details: str) -> None:
    """An instance that was not reached is no error of the command."""
    one = command(3)
    run(one, Details.SUCCESS, outcome)
    assert (one.status, one.details) == (status, details)


def test_an_error_that_is_tolerated() -> None:
    """The command goes on to its end, and is incomplete."""
    one = command(3, max_errors="1")
    run(one, Details.FAILED)
    assert (one.details, one.errors, one.count(Details.SUCCESS)) == ("Incomplete", 1, 2)


def test_cancel() -> None:
    """What runs already goes on, what has not begun is cancelled, and the command is cancelling until then."""
    one = command(5)
    for each in one.begin():
        one.end(each, Details.SUCCESS)
    running = one.begin()
    one.cancel()
    assert (len(running), one.count(Details.CANCELLED), one.details) == (2, 2, "Cancelling")
    for each in running:
        one.end(each, Details.SUCCESS)
    assert one.details == "Cancelled"


def test_cancel_after_the_end() -> None:
    """It changes nothing."""
    one = command(2)
    run(one)
    one.cancel()
    assert one.details == "Success"


def test_no_instance() -> None:
    """The detailed status names a tag that no instance has."""
    assert command(0).details == "NoInstancesInTag"
