"""A command of Run Command and its invocations: how fast they start, when they stop, what each status is.

Nothing here runs anything: `begin` names the invocations whose turn it is, `end` takes what became of one. Time passes
in steps, so that a test can look, cancel, or kill its client between any two.

Sources: Systems Manager API Reference (SendCommand, Command, CommandInvocation) and User Guide, "Understanding command
statuses" and "Using targets and rate controls": at first one target gets the command, then twice as many each time, up
to MaxConcurrency. MaxErrors 0 stops at the first error, 3 at the fourth, 10% of 50 targets at the fifth. Failed and
ExecutionTimedOut count as errors; DeliveryTimedOut, Undeliverable, Cancelled and Terminated do not.
"""

from __future__ import annotations

import math
from enum import Enum
from typing import TYPE_CHECKING, Any, NamedTuple, Optional

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ssm_document import DocumentVersion

_WHOLE = 100


class Details(str, Enum):
    """The detailed status of an invocation."""

    PENDING = "Pending"
    IN_PROGRESS = "InProgress"
    DELAYED = "Delayed"
    SUCCESS = "Success"
    FAILED = "Failed"
    EXECUTION_TIMED_OUT = "ExecutionTimedOut"
    DELIVERY_TIMED_OUT = "DeliveryTimedOut"
    UNDELIVERABLE = "Undeliverable"
    CANCELLED = "Cancelled"
    TERMINATED = "Terminated"

    @property
    def is_final(self) -> bool:
        """Tell whether nothing follows."""
        return self not in (Details.PENDING, Details.IN_PROGRESS, Details.DELAYED)

    @property
    def is_error(self) -> bool:
        """Tell whether it counts against MaxErrors."""
        return self in (Details.FAILED, Details.EXECUTION_TIMED_OUT)

    @property
    def status(self) -> str:
        """The less detailed status. Undeliverable was seen with Failed; for Terminated the reference names none."""
        others = {
            Details.EXECUTION_TIMED_OUT: "TimedOut",
            Details.DELIVERY_TIMED_OUT: "TimedOut",
            Details.UNDELIVERABLE: "Failed",
            Details.TERMINATED: "Cancelled",
        }
        return others.get(self, self.value)


class Invocation:
    """A command on one instance. `code` is -1 until the script has ended."""

    def __init__(self, instance: str) -> None:
        self.instance = instance
        self.details = Details.PENDING
        self.code = -1
        self.out = self.err = ""
        self.began: Optional[float] = None
        self.ended: Optional[float] = None


class Order(NamedTuple):
    """What was sent."""

    id: str
    document: DocumentVersion
    values: Mapping[str, str]
    comment: str
    at: float
    timeout: int
    max_concurrency: str = "50"
    max_errors: str = "0"
    request: Mapping[str, Any] = {}


class Command:
    """A command and its invocations."""

    def __init__(self, order: Order, instances: Iterable[str]) -> None:
        self.order = order
        self.invocations = {each: Invocation(each) for each in instances}
        self._window = 1
        self._cancelled = False

    @property
    def errors(self) -> int:
        """The number of invocations that count as errors."""
        return self.count(*(each for each in Details if each.is_error))

    @property
    def completed(self) -> int:
        """The number of invocations that have ended."""
        return self.count(*(each for each in Details if each.is_final))

    @property
    def is_over(self) -> bool:
        """Tell whether every invocation has ended."""
        return self.completed == len(self.invocations)

    @property
    def is_stopped(self) -> bool:
        """Tell whether there were more errors than MaxErrors allows."""
        return self.errors > tolerated(self.order.max_errors, len(self.invocations))

    def count(self, *details: Details) -> int:
        """Return the number of invocations with one of these details."""
        return sum(1 for one in self.invocations.values() if one.details in details)

    def begin(self) -> list[Invocation]:
        """Let the next invocations be in progress, and return them; none while those before them have not ended."""
        if self.is_stopped:
            self._let_pending_be(Details.TERMINATED)
        if self.count(Details.IN_PROGRESS):
            return []
        pending = [one for one in self.invocations.values() if one.details in (Details.PENDING, Details.DELAYED)]
        most = at_once(self.order.max_concurrency, len(self.invocations))
        turn = pending[: min(self._window, most)]
        self._window *= 2
        for one in turn:
            one.details = Details.IN_PROGRESS
        return turn

    def in_progress(self) -> list[Invocation]:
        """Return the invocations that are in progress."""
        return [one for one in self.invocations.values() if one.details is Details.IN_PROGRESS]

    def end(self, invocation: Invocation, details: Details) -> None:
        """Take what became of an invocation. Too many errors end those that have not begun."""
        invocation.details = details
        if self.is_stopped:
            self._let_pending_be(Details.TERMINATED)

    def cancel(self, instances: Iterable[str] = ()) -> None:
        """Cancel what has not begun: on these instances, else everywhere. What runs already goes on."""
        only = tuple(instances)
        self._cancelled = self._cancelled or not (only or self.is_over)
        self._let_pending_be(Details.CANCELLED, only)

    @property
    def details(self) -> str:
        """The detailed status of the whole."""
        if not self.invocations:
            return "NoInstancesInTag"
        if not self.is_over:
            return "Cancelling" if self._cancelled else "InProgress" if self._has_begun() else "Pending"
        if self._cancelled:
            return "Cancelled"
        if self.is_stopped:
            return "Failed" if self.count(Details.FAILED) else "ExecutionTimedOut"
        counted = self.count(Details.SUCCESS, Details.UNDELIVERABLE)
        return "Success" if counted == len(self.invocations) else "Incomplete"

    @property
    def status(self) -> str:
        """The less detailed status of the whole: of the enumeration in the reference, which has no Incomplete."""
        others = {"NoInstancesInTag": "Success", "Incomplete": "Failed", "ExecutionTimedOut": "TimedOut"}
        return others.get(self.details, self.details)

    def _has_begun(self) -> bool:
        return self.count(Details.PENDING) < len(self.invocations)

    def _let_pending_be(self, details: Details, only: tuple[str, ...] = ()) -> None:
        for one in self.invocations.values():
            if one.details in (Details.PENDING, Details.DELAYED) and (not only or one.instance in only):
                one.details = details


def tolerated(max_errors: str, targets: int) -> int:
    """Return how many errors do not stop a command yet."""
    if max_errors.endswith("%"):
        return max(0, math.ceil(targets * int(max_errors[:-1]) / _WHOLE) - 1)
    return int(max_errors)


def at_once(max_concurrency: str, targets: int) -> int:
    """Return the most targets that run a command at the same time."""
    if max_concurrency.endswith("%"):
        return max(1, targets * int(max_concurrency[:-1]) // _WHOLE)
    return max(1, int(max_concurrency))
