"""Trying again within one deadline, on a clock that only moves when somebody waits."""

from __future__ import annotations

import threading
from typing import Callable, Optional

import pytest
from ecsauth.errors import (
    DeniedError,
    EcsauthError,
    InvalidError,
    LocalError,
    NoCredentialsError,
    NotYetError,
    SettlingError,
    TimeUpError,
    UnreachableError,
)
from ecsauth.timing import Deadline, Moment, note, persist, within


class StillClock:
    """Time that passes in `sleep` alone, and by what an action says that it took."""

    def __init__(self) -> None:
        self.time = 100.0
        self.waits: list[float] = []

    def now(self) -> float:
        """Return a monotonic reading."""
        return self.time

    def moment(self) -> Moment:
        """Return the point in time that it is now."""
        return Moment("boot", self.time)

    def wall(self) -> int:
        """Return seconds since the epoch."""
        return int(self.time)

    def sleep(self, seconds: float) -> None:
        """Wait."""
        self.waits.append(seconds)
        self.time += seconds


def _failing(clock: StillClock, *faults: Optional[EcsauthError], takes: float = 0.0) -> Callable[[float], float]:
    """Return an action that raises these faults in turn and, from the first None on, returns the seconds left."""
    left = list(faults)

    def act(seconds: float) -> float:
        clock.time += takes
        fault = left.pop(0) if len(left) > 1 else left[0]
        if fault is not None:
            raise fault
        return seconds

    return act


def test_success_is_returned_at_once() -> None:
    """What succeeds is not waited for, and is told how long it may take."""
    clock = StillClock()
    assert persist(_failing(clock, None), clock, Deadline(clock, 30)) == 30
    assert clock.waits == []


@pytest.mark.parametrize(
    "fault", [UnreachableError("x"), NotYetError("x"), NoCredentialsError("x"), SettlingError("x")]
)
def test_what_may_pass_is_tried_again(fault: EcsauthError) -> None:
    """A fault that may pass by itself is tried again, with what is left of the time."""
    clock = StillClock()
    left = persist(_failing(clock, fault, fault, None), clock, Deadline(clock, 30))
    assert len(clock.waits) == 2
    assert left == pytest.approx(30 - sum(clock.waits))


@pytest.mark.parametrize("fault", [DeniedError("x"), InvalidError("x"), LocalError("x")])
def test_what_stays_is_raised_at_once(fault: EcsauthError) -> None:
    """A fault that no waiting mends is raised as it is."""
    clock = StillClock()
    with pytest.raises(type(fault)) as raised:
        persist(_failing(clock, fault), clock, Deadline(clock, 30))
    assert raised.value is fault
    assert clock.waits == []


def test_the_last_fault_is_raised_at_the_deadline() -> None:
    """What is raised in the end is the latest word, and the deadline has not been overrun by a wait."""
    clock = StillClock()
    last = UnreachableError("last")
    with pytest.raises(UnreachableError) as raised:
        persist(_failing(clock, UnreachableError("first"), last), clock, Deadline(clock, 60))
    assert raised.value is last
    assert clock.time <= 160
    # The wait that does not fit is of 8 s at most, and a try takes half a second.
    assert sum(clock.waits) > 60 - 8.5


def settling(patience: float = 8.0) -> SettlingError:
    """Return a denial that is worth trying for so long."""
    fault = SettlingError("denied")
    fault.patience = patience
    return fault


@pytest.mark.parametrize(("patience", "deadline"), [(8.0, 120.0), (8.0, 3.0), (3.0, 120.0), (0.0, 120.0)])
def test_denials_settle_soon_or_never(patience: float, deadline: float) -> None:
    """A denial is tried again for its own patience at most, never past the deadline, and not slept away."""
    clock = StillClock()
    fault = settling(patience)
    with pytest.raises(SettlingError) as raised:
        persist(_failing(clock, fault), clock, Deadline(clock, deadline))
    assert raised.value is fault
    end = min(patience, deadline)
    assert max(0.0, end - 2.5) <= sum(clock.waits) <= end


def test_patience_with_denials_begins_with_the_first() -> None:
    """A role that comes late is given as long to settle as one that was there at once."""
    clock = StillClock()
    late = [NotYetError("no role")] * 12
    got = persist(_failing(clock, *late, settling(), settling(), settling(), None), clock, Deadline(clock, 120))
    assert got > 0
    assert sum(clock.waits[:12]) > 30
    assert clock.waits[12] <= 0.5


@pytest.mark.parametrize(
    ("fault", "least"), [(UnreachableError("cause"), 22), (NotYetError("cause"), 22), (settling(), 6)]
)
def test_how_often_and_how_long_it_was_tried_is_told(fault: EcsauthError, least: int) -> None:
    """The message of what was tried in vain says how often, and for how long."""
    clock = StillClock()
    with pytest.raises(EcsauthError) as raised:
        persist(_failing(clock, fault), clock, Deadline(clock, 30))
    cause, _, tried = raised.value.message.partition("; tried ")
    times, _, seconds = tried.partition(" times in ")
    assert cause in ("cause", "denied")
    assert int(times) == len(clock.waits) + 1
    assert least <= int(seconds.split(" s")[0]) <= sum(clock.waits) + 1
    assert str(raised.value) == raised.value.message


def test_a_moment_of_tries_is_told_as_a_second() -> None:
    """Two tries within half a second did take some time: not "0 s"."""
    clock = StillClock()
    with pytest.raises(UnreachableError) as raised:
        persist(_failing(clock, UnreachableError("cause")), clock, Deadline(clock, 1.0))
    assert sum(clock.waits) <= 0.5
    assert raised.value.message == "cause; tried 2 times in 1 s"


@pytest.mark.parametrize("fault", [UnreachableError("cause"), NotYetError("cause"), settling(0.0)])
def test_one_try_is_not_called_patience(fault: EcsauthError) -> None:
    """What was tried once says nothing of how long."""
    clock = StillClock()
    with pytest.raises(EcsauthError) as raised:
        persist(_failing(clock, fault), clock, Deadline(clock, 0.6))
    assert raised.value.message in ("cause", "denied")


def test_a_denial_after_other_faults_is_told_at_once() -> None:
    """What time cannot mend ends the patience with everything before it."""
    clock = StillClock()
    last = DeniedError("last")
    with pytest.raises(DeniedError) as raised:
        persist(_failing(clock, UnreachableError("x"), settling(), last), clock, Deadline(clock, 60))
    assert raised.value is last
    assert len(clock.waits) == 2


@pytest.mark.parametrize(
    ("faults", "told"),
    [
        ([UnreachableError("cause"), TimeUpError("cut")], "cause; tried "),
        ([NotYetError("cause"), TimeUpError("cut")], "cause; tried "),
        ([TimeUpError("cut"), TimeUpError("cut again")], "cut; tried "),
        ([UnreachableError("first"), NotYetError("cause"), TimeUpError("cut")], "cause; tried "),
        ([TimeUpError("cut"), UnreachableError("cause")], "cause; tried "),
    ],
)
def test_a_try_that_was_cut_short_hides_nothing(faults: list[EcsauthError], told: str) -> None:
    """Where the last try had no time to find anything out, what the one before met with is told."""
    clock = StillClock()
    with pytest.raises(EcsauthError) as raised:
        persist(_failing(clock, *faults), clock, Deadline(clock, 20))
    assert raised.value.message.startswith(told)


def test_an_earlier_step_that_used_the_time_is_told() -> None:
    """Where a step had its time used up by the one before, what that one met with is told."""
    clock = StillClock()
    deadline = Deadline(clock, 20)
    met = [UnreachableError("the metadata service breaks the connection")] * 4
    persist(_failing(clock, *met, None), clock, deadline)
    clock.sleep(deadline.left())
    with pytest.raises(TimeUpError) as raised:
        persist(_failing(clock, TimeUpError("no credentials within 0 s")), clock, deadline)
    assert raised.value.message == (
        "no credentials within 0 s; before that: the metadata service breaks the connection"
    )


@pytest.mark.parametrize(
    ("met", "told"),
    [
        (["broke"], "no answer; before that: broke"),
        (["refused", "broke"], "no answer; 2 errors before that, the last: broke"),
    ],
)
def test_what_was_met_before_the_silence_is_told(met: list[str], told: str) -> None:
    """An action that went on after faults, and did not end, is told with the last of them, and how many there were."""
    noted, over = threading.Event(), threading.Event()

    def act() -> None:
        for text in met:
            note(UnreachableError(text, f"hint of {text}"))
        noted.set()
        over.wait(60)

    def silence() -> UnreachableError:
        noted.wait(30)
        return TimeUpError("no answer", "is there a route?")

    with pytest.raises(TimeUpError) as raised:
        within(0.05, act, silence)
    over.set()
    assert raised.value.message == told
    assert raised.value.hints == (f"hint of {met[-1]}", "is there a route?")
    # Such a one says more than the one before it.
    clock = StillClock()
    with pytest.raises(TimeUpError):
        persist(_failing(clock, UnreachableError("long ago"), raised.value), clock, Deadline(clock, 10))


def test_a_note_that_nobody_asks_for_is_lost() -> None:
    """What is noted outside an action with a deadline does no harm, and is not told of the next one."""
    note(UnreachableError("of nobody"))
    over = threading.Event()
    with pytest.raises(UnreachableError, match=r"^silence$"):
        within(0.05, lambda: over.wait(60), lambda: UnreachableError("silence"))
    over.set()


def test_a_day_of_tries() -> None:
    """Nothing overflows in a run that may take a day."""
    clock = StillClock()
    with pytest.raises(UnreachableError):
        persist(_failing(clock, UnreachableError("x")), clock, Deadline(clock, 24 * 3600))
    assert len(clock.waits) > 10_000


def test_silence_is_told_as_it_is_by_then() -> None:
    """What is said of an action that does not end is made when its time is over."""
    stage, begun, over = ["before"], threading.Event(), threading.Event()

    def act() -> None:
        stage.append("amid")
        begun.set()
        over.wait(60)

    def silence() -> UnreachableError:
        # The thread may not have had its turn yet.
        begun.wait(30)
        return UnreachableError(stage[-1])

    with pytest.raises(UnreachableError, match="amid"):
        within(0.05, act, silence)
    over.set()


def test_waits_double_and_are_capped() -> None:
    """The waits double from half a second up to eight seconds, each cut by up to half."""
    clock = StillClock()
    with pytest.raises(UnreachableError):
        persist(_failing(clock, UnreachableError("x")), clock, Deadline(clock, 120))
    longest = [min(8.0, 0.5 * 2**turn) for turn in range(len(clock.waits))]
    assert len(longest) > 10
    assert all(limit / 2 <= wait <= limit for wait, limit in zip(clock.waits, longest))


def test_waits_differ_between_runs() -> None:
    """Instances that boot together do not knock together."""
    firsts = set()
    for _ in range(5):
        clock = StillClock()
        persist(_failing(clock, UnreachableError("x"), None), clock, Deadline(clock, 30))
        firsts.add(clock.waits[0])
    assert len(firsts) > 1


def test_a_slow_action_uses_up_the_time() -> None:
    """An action that overran the deadline is not tried again."""
    clock = StillClock()
    with pytest.raises(UnreachableError):
        persist(_failing(clock, UnreachableError("x"), takes=31), clock, Deadline(clock, 30))
    assert clock.waits == []


def test_there_is_one_try_without_time() -> None:
    """Even with no time left the action is tried once, and told so."""
    clock = StillClock()
    assert persist(_failing(clock, None), clock, Deadline(clock, 0)) == 0


def test_deadline_never_goes_below_zero() -> None:
    """What is left counts down to zero and stays there."""
    clock = StillClock()
    deadline = Deadline(clock, 2)
    clock.sleep(1.5)
    assert deadline.left() == pytest.approx(0.5)
    clock.sleep(1.5)
    assert deadline.left() == 0
