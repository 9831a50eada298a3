"""The history of a roll, as Run Command keeps it, and the state of the roll that follows from it.

Nothing else is stored: the comment of each command names the roll and the wave, and the metadata of the S3 objects
name the released version beside the candidate, and the candidate that a released version was copied from.
"""

from __future__ import annotations

import hashlib
import re
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple, Optional

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ecsauth.aws_names import S3URI

_ID_DIGITS = 12
_SKEW = 60
# Run Command keeps its history for 30 days (Systems Manager User Guide, "Understanding command statuses").
_KEPT = 29 * 86_400
_OPEN = frozenset(("Pending", "InProgress", "Cancelling"))
_CANCELLED = frozenset(("Cancelled", "Cancelling"))


class Purpose(Enum):
    """The purpose of a command.

    WAVE brings a wave to the candidate, LOOK asks a wave how it is, BACK withdraws the candidate. The others are marks:
    HALT of a halt, RESUME of its end, ROLLED that all waves are in order, so that another role may promote.
    """

    WAVE = "wave"
    LOOK = "look"
    HALT = "halt"
    BACK = "back"
    RESUME = "resume"
    ROLLED = "rolled"


class Mark(NamedTuple):
    """The meaning of a command's comment. `number` and `of` count the waves of the roll."""

    roll: str
    purpose: Purpose
    number: int = 0
    of: int = 0

    def __str__(self) -> str:
        wave = f" {self.number}/{self.of}" if self.of else ""
        return f"ecsauth roll {self.roll} {self.purpose.value}{wave}"


_MARK = re.compile(
    rf"ecsauth roll ([0-9a-f]{{{_ID_DIGITS}}}) (?:(halt|back|resume|rolled)|(wave|look) ([0-9]{{1,3}})/([0-9]{{1,3}}))"
)


def parse_mark(comment: str) -> Optional[Mark]:
    """Return the mark in a comment, None if the command belongs to no roll."""
    match = _MARK.fullmatch(comment)
    if match is None:
        return None
    if match[2]:
        return Mark(match[1], Purpose(match[2]))
    return Mark(match[1], Purpose(match[3]), int(match[4]), int(match[5]))


def roll_id(uri: S3URI, version: str) -> str:
    """Return the ID of the roll that brings a candidate's version to the instances of an object."""
    return hashlib.sha256(f"{uri.object_uri}\n{version}".encode()).hexdigest()[:_ID_DIGITS]


class SentCommand(NamedTuple):
    """A command as Run Command lists it. `at` is in seconds since the epoch; `alarms` are those that stopped it.

    `alarm` is the one that it was sent with.
    """

    id: str
    comment: str
    status: str
    at: float
    targets: int = 0
    completed: int = 0
    errors: int = 0
    alarms: tuple[str, ...] = ()
    alarm: Optional[str] = None

    @property
    def mark(self) -> Optional[Mark]:
        """The meaning of the comment, None if the command belongs to no roll."""
        return parse_mark(self.comment)

    @property
    def is_open(self) -> bool:
        """Tell whether the command has not ended."""
        return self.status in _OPEN

    @property
    def is_cancelled(self) -> bool:
        """Tell whether somebody, or an alarm, has cancelled the command."""
        return self.status in _CANCELLED or bool(self.alarms)


def of_roll(commands: Iterable[SentCommand], roll: str) -> tuple[SentCommand, ...]:
    """Return the commands of a roll, oldest first."""
    own = [one for one in commands if one.mark is not None and one.mark.roll == roll]
    return tuple(sorted(own, key=lambda each: each.at))


def alarm_of(commands: Sequence[SentCommand]) -> Optional[str]:
    """Return the alarm of a roll, None if it has none: that of its last wave or look; `commands` are oldest first."""
    for one in reversed(commands):
        if one.mark is not None and one.mark.purpose in (Purpose.WAVE, Purpose.LOOK):
            return one.alarm
    return None


class Candidate(NamedTuple):
    """The newest version of the candidate, put at `at`. `beside` is the version that was released then, if known."""

    version: str
    at: int
    beside: Optional[str] = None

    @property
    def since(self) -> int:
        """The time since which its roll can have commands: the clocks of S3 and Systems Manager may differ a little."""
        return self.at - _SKEW


class Released(NamedTuple):
    """The released version, put at `at`. `promoted_from` is the candidate that it is a copy of, if any."""

    version: str
    at: int
    etag: str = ""
    promoted_from: Optional[str] = None


class RollState(str, Enum):
    """The state of a roll."""

    NONE = "none"
    PREPARED = "prepared"
    RUNNING = "running"
    BETWEEN_WAVES = "between waves"
    ROLLED = "rolled"
    HALTED = "halted"
    WITHDRAWN = "withdrawn"
    SUPERSEDED = "superseded"
    PROMOTED = "promoted"


IN_PROGRESS = frozenset((RollState.PREPARED, RollState.RUNNING, RollState.BETWEEN_WAVES, RollState.ROLLED))
"""No other roll may begin in these states."""

RESUMABLE = frozenset((*IN_PROGRESS, RollState.HALTED))
"""A roll can go on from these states."""


class Standing(NamedTuple):
    """The state of a roll, the last wave that was begun, the number of waves, and the reason of a halt."""

    state: RollState
    wave: int = 0
    of: int = 0
    reason: str = ""


def derive(
    candidate: Optional[Candidate], released: Optional[Released], commands: Sequence[SentCommand], now: int
) -> Standing:
    """Return the state of the roll of the newest candidate; `commands` are those of this roll, oldest first."""
    if candidate is None:
        return Standing(RollState.NONE)
    waves = [one.mark for one in commands if one.mark is not None and one.mark.purpose is Purpose.WAVE]
    number, of = (waves[-1].number, waves[-1].of) if waves else (0, 0)
    if released is not None and released.promoted_from == candidate.version:
        return Standing(RollState.PROMOTED, number, of)
    if is_superseded(candidate, released):
        return Standing(RollState.SUPERSEDED, number, of)
    if not commands and now - candidate.at > _KEPT:
        return Standing(RollState.WITHDRAWN, reason="nobody has rolled it for 29 days")
    state, reason = by_commands(commands)
    return Standing(state, number, of, reason)


def is_superseded(candidate: Candidate, released: Optional[Released]) -> bool:
    """Tell whether another version was released since the candidate was put."""
    if released is None:
        return True
    if candidate.beside is not None:
        return candidate.beside != released.version
    # It was put without ecsauth. S3 gives whole seconds: in the same second, the candidate was probably put last.
    return released.at > candidate.at


def by_commands(commands: Sequence[SentCommand]) -> tuple[RollState, str]:
    """Return the state of a roll by its commands, oldest first, and the reason of a halt."""
    marked = [(one.mark, one) for one in commands if one.mark is not None]
    if not marked:
        return RollState.PREPARED, ""
    began = max((at for at, (mark, _) in enumerate(marked) if mark.purpose is Purpose.RESUME), default=-1) + 1
    since = marked[began:]
    purposes = [mark.purpose for mark, _ in since]
    # A client that has not seen these marks yet may send one more command.
    if Purpose.BACK in purposes:
        return RollState.WITHDRAWN, ""
    alarms = sorted({alarm for _, one in since for alarm in one.alarms})
    if alarms:
        return RollState.HALTED, f"by alarm {', '.join(alarms)}"
    if Purpose.HALT in purposes:
        return RollState.HALTED, "by fleet halt, or after too many errors"
    if any(one.is_cancelled for _, one in since):
        return RollState.HALTED, "its command was cancelled"
    if is_rolled(commands):
        return RollState.ROLLED, ""
    # A mark is left by a command, too, which changes nothing.
    is_running = any(one.is_open for mark, one in marked if mark.purpose in (Purpose.WAVE, Purpose.LOOK))
    return RollState.RUNNING if is_running else RollState.BETWEEN_WAVES, ""


def is_rolled(commands: Sequence[SentCommand], since: float = 0.0) -> bool:
    """Tell whether all waves were found in order, at `since` or later, and nothing was sent to one after that."""
    marked = [(one.mark, one.at) for one in commands if one.mark is not None]
    last = next((each for each in reversed(marked) if each[0].purpose is not Purpose.LOOK), None)
    return last is not None and last[0].purpose is Purpose.ROLLED and last[1] >= since


class Outcome(Enum):
    """The outcome of a command on one instance. One that was cancelled, or is lost, may have run there, or in part."""

    DONE = "done"
    FAILED = "failed"
    UNREACHED = "unreached"
    LOST = "lost"
    NOT_RUN = "not run"
    CANCELLED = "cancelled"
    WAITING = "waiting"


class Invocation(NamedTuple):
    """A command on one instance. `code` is the exit status of the program, None if it has not ended."""

    instance: str
    outcome: Outcome
    code: Optional[int] = None
    output: str = ""


# Systems Manager User Guide, "Understanding command statuses". Only Failed and ExecutionTimedOut are errors of the
# instance that count. A command of which the instance says nothing until its time is over is "DeliveryTimedOut", too.
_OUTCOMES = {
    "success": Outcome.DONE,
    "failed": Outcome.FAILED,
    "timedout": Outcome.FAILED,
    "executiontimedout": Outcome.FAILED,
    "invalidplatform": Outcome.FAILED,
    "accessdenied": Outcome.FAILED,
    "deliverytimedout": Outcome.LOST,
    "undeliverable": Outcome.UNREACHED,
    "cancelled": Outcome.CANCELLED,
    "canceled": Outcome.CANCELLED,
    "terminated": Outcome.NOT_RUN,
}


def is_settled(command: SentCommand, invocations: Sequence[Invocation]) -> bool:
    """Tell whether the results of a command that has ended are complete.

    Run Command lists commands and their invocations apart from each other, and one may be behind the other.
    """
    outcomes = [one.outcome for one in invocations]
    return (
        len(outcomes) >= command.targets
        and Outcome.WAITING not in outcomes
        and outcomes.count(Outcome.FAILED) >= command.errors
    )


def outcome_of(status: str, details: str) -> Outcome:
    """Return the outcome that a status of Run Command, and its details, stand for."""
    for text in (details, status):
        found = _OUTCOMES.get(text.replace(" ", "").lower())
        if found is not None:
            return found
    return Outcome.WAITING
