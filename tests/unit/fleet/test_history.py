"""The state of a roll, derived from S3 and from the history of commands, as a table."""

from __future__ import annotations

from typing import Optional

import pytest
from ecsauth.aws_names import S3URI
from ecsauth.fleet.history import (
    Candidate,
    Invocation,
    Mark,
    Outcome,
    Purpose,
    Released,
    RollState,
    SentCommand,
    alarm_of,
    derive,
    is_settled,
    of_roll,
    outcome_of,
    parse_mark,
    roll_id,
)

URI = S3URI("fleet", "prod/ecs.config")
ID = roll_id(URI, "c1")
CANDIDATE = Candidate("c1", 1000, "r1")
RELEASED = Released("r1", 900)
NOW = 2000
DAY = 86_400


def _sent(purpose: Purpose, status: str = "Success", number: int = 0, *, at: float = 0, alarm: str = "") -> SentCommand:
    mark = Mark(ID, purpose, number, 3 if number else 0)
    return SentCommand(f"c{at}", str(mark), status, at, alarms=(alarm,) if alarm else ())


WAVE, HALT, BACK, LOOK = Purpose.WAVE, Purpose.HALT, Purpose.BACK, Purpose.LOOK
RESUME, ROLLED = Purpose.RESUME, Purpose.ROLLED


@pytest.mark.parametrize(
    ("commands", "state", "wave"),
    [
        ([], RollState.PREPARED, 0),
        ([_sent(WAVE, "InProgress", 1)], RollState.RUNNING, 1),
        ([_sent(WAVE, "Pending", 1)], RollState.RUNNING, 1),
        ([_sent(WAVE, "Success", 1)], RollState.BETWEEN_WAVES, 1),
        ([_sent(WAVE, "Failed", 2)], RollState.BETWEEN_WAVES, 2),
        ([_sent(WAVE, "Success", 1), _sent(LOOK, "InProgress", 1)], RollState.RUNNING, 1),
        ([_sent(WAVE, "Success", 1), _sent(LOOK, "Failed", 1)], RollState.BETWEEN_WAVES, 1),
        ([_sent(WAVE, "InProgress", 2), _sent(WAVE, "Success", 2)], RollState.RUNNING, 2),
        ([_sent(WAVE, "Cancelled", 1)], RollState.HALTED, 1),
        ([_sent(WAVE, "Cancelling", 1)], RollState.HALTED, 1),
        ([_sent(WAVE, "Failed", 1, alarm="A")], RollState.HALTED, 1),
        ([_sent(WAVE, "Cancelled", 1), _sent(HALT)], RollState.HALTED, 1),
        ([_sent(WAVE, "Success", 1), _sent(HALT)], RollState.HALTED, 1),
        ([_sent(WAVE, "Success", 1), _sent(LOOK, "Cancelled", 1)], RollState.HALTED, 1),
        ([_sent(WAVE, "Success", 1), _sent(LOOK, "Failed", 1, alarm="A")], RollState.HALTED, 1),
        # Whoever rolls had not seen the mark yet.
        ([_sent(HALT), _sent(WAVE, "Success", 2)], RollState.HALTED, 2),
        ([_sent(HALT), _sent(LOOK, "Success", 2)], RollState.HALTED, 0),
        ([_sent(BACK), _sent(WAVE, "InProgress", 2)], RollState.WITHDRAWN, 2),
        # It was resumed after the halt.
        ([_sent(WAVE, "Cancelled", 1), _sent(HALT), _sent(RESUME)], RollState.BETWEEN_WAVES, 1),
        ([_sent(HALT), _sent(RESUME), _sent(WAVE, "InProgress", 1)], RollState.RUNNING, 1),
        ([_sent(HALT), _sent(RESUME), _sent(WAVE, "Success", 3), _sent(HALT)], RollState.HALTED, 3),
        ([_sent(WAVE, "Success", 2), _sent(BACK)], RollState.WITHDRAWN, 2),
        ([_sent(WAVE, "Success", 3), _sent(ROLLED)], RollState.ROLLED, 3),
        ([_sent(WAVE, "Success", 3), _sent(ROLLED), _sent(WAVE, "Success", 3)], RollState.BETWEEN_WAVES, 3),
        ([_sent(WAVE, "Success", 3), _sent(ROLLED), _sent(HALT)], RollState.HALTED, 3),
    ],
)
def test_state_by_commands(commands: list[SentCommand], state: RollState, wave: int) -> None:
    """The last commands say how a roll stands."""
    found = derive(CANDIDATE, RELEASED, commands, NOW)
    assert (found.state, found.wave, found.of) == (state, wave, 3 if wave else 0)


@pytest.mark.parametrize(
    ("candidate", "released", "state"),
    [
        (None, RELEASED, RollState.NONE),
        (CANDIDATE, None, RollState.SUPERSEDED),
        (CANDIDATE, RELEASED, RollState.BETWEEN_WAVES),
        (CANDIDATE, Released("r2", 1100, promoted_from="c1"), RollState.PROMOTED),
        (CANDIDATE, Released("r2", 1100), RollState.SUPERSEDED),
        (CANDIDATE, Released("r2", 1100, promoted_from="c0"), RollState.SUPERSEDED),
        # One that was put without ecsauth names no version beside it: the times decide.
        (Candidate("c1", 1000), Released("r2", 1001), RollState.SUPERSEDED),
        (Candidate("c1", 1000), Released("r1", 1000), RollState.BETWEEN_WAVES),
    ],
)
def test_state_by_objects(candidate: Optional[Candidate], released: Optional[Released], state: RollState) -> None:
    """A promotion, and a version that somebody else has released, show in S3."""
    assert derive(candidate, released, [_sent(WAVE, "Success", 1)], NOW).state is state


@pytest.mark.parametrize(("age", "state"), [(29 * DAY, RollState.PREPARED), (29 * DAY + 1, RollState.WITHDRAWN)])
def test_a_candidate_outlives_its_history(age: int, state: RollState) -> None:
    """Run Command forgets after 30 days; a candidate without a history does not keep others from rolling for ever."""
    assert derive(CANDIDATE, RELEASED, [], CANDIDATE.at + age).state is state


@pytest.mark.parametrize(
    ("alarms", "alarm"),
    [
        ((), None),
        (((WAVE, None),), None),
        (((WAVE, "A"), (LOOK, "A"), (HALT, None)), "A"),
        (((WAVE, "A"), (LOOK, "B")), "B"),
        # It was resumed without it.
        (((WAVE, "A"), (WAVE, None)), None),
    ],
)
def test_the_alarm_of_a_roll(alarms: tuple[tuple[Purpose, Optional[str]], ...], alarm: Optional[str]) -> None:
    """The last command of a wave or a look says which alarm a roll has; a mark is sent without one."""
    commands = [_sent(purpose, number=1 if purpose is not HALT else 0)._replace(alarm=each) for purpose, each in alarms]
    assert alarm_of(commands) == alarm


def test_marks_are_read_as_they_are_written() -> None:
    """The comment of a command says to which roll and wave it belongs."""
    marks = (Mark(ID, WAVE, 2, 3), Mark(ID, LOOK, 2, 3), *(Mark(ID, one) for one in (HALT, BACK, RESUME, ROLLED)))
    assert str(marks[0]) == f"ecsauth roll {ID} wave 2/3"
    assert tuple(parse_mark(str(mark)) for mark in marks) == marks
    assert all(len(str(mark)) <= 100 for mark in (*marks, Mark(ID, WAVE, 999, 999)))


@pytest.mark.parametrize(
    "comment",
    [
        "",
        "ecsauth roll",
        f"ecsauth roll {ID} wave",
        f"ecsauth roll {ID} wave 1/2 x",
        f" ecsauth roll {ID} halt",
        "deploy",
    ],
)
def test_other_comments_are_no_marks(comment: str) -> None:
    """A command of somebody else belongs to no roll."""
    assert parse_mark(comment) is None


def test_commands_of_other_rolls_do_not_count() -> None:
    """Each roll has its own history, in the order of time."""
    late, early = _sent(WAVE, number=2, at=2), _sent(WAVE, number=1, at=1)
    other = SentCommand("x", str(Mark("0" * 12, HALT)), "Success", 3)
    assert of_roll([late, other, early], ID) == (early, late)


def test_rolls_differ_by_object_and_version() -> None:
    """The ID of a roll says nothing of the file, and is another one for each object and version."""
    assert len(ID) == 12
    assert len({ID, roll_id(URI, "c2"), roll_id(S3URI("fleet", "test/ecs.config"), "c1")}) == 3


@pytest.mark.parametrize(
    ("status", "details", "outcome"),
    [
        ("Success", "Success", Outcome.DONE),
        ("Failed", "Failed", Outcome.FAILED),
        ("TimedOut", "Execution Timed Out", Outcome.FAILED),
        ("TimedOut", "ExecutionTimedOut", Outcome.FAILED),
        ("TimedOut", "Delivery Timed Out", Outcome.LOST),
        ("Failed", "Undeliverable", Outcome.UNREACHED),
        ("Failed", "Terminated", Outcome.NOT_RUN),
        ("Cancelled", "Cancelled", Outcome.CANCELLED),
        ("InProgress", "InProgress", Outcome.WAITING),
        ("Pending", "Pending", Outcome.WAITING),
        ("Failed", "", Outcome.FAILED),
    ],
)
def test_outcomes(status: str, details: str, outcome: Outcome) -> None:
    """An error is what ran and failed; what never ran is none."""
    assert outcome_of(status, details) is outcome


DONE, FAILED = Outcome.DONE, Outcome.FAILED


@pytest.mark.parametrize(
    ("targets", "errors", "outcomes", "is_complete"),
    [
        (2, 0, [DONE, DONE], True),
        (2, 1, [DONE, FAILED], True),
        (2, 0, [DONE, Outcome.UNREACHED], True),
        (2, 0, [DONE], False),
        (2, 0, [DONE, Outcome.WAITING], False),
        (2, 1, [DONE, DONE], False),
        (0, 0, [], True),
    ],
)
def test_results_may_lag_behind(targets: int, errors: int, outcomes: list[Outcome], is_complete: bool) -> None:
    """A command may have ended before all of its results are listed."""
    command = SentCommand("c", "", "Success", 0, targets=targets, errors=errors)
    found = [Invocation(f"i-{number}", one) for number, one in enumerate(outcomes)]
    assert is_settled(command, found) is is_complete
