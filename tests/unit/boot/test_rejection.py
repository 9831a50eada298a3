"""Which versions are left alone because their agent did not come up, and for how long."""

from __future__ import annotations

from typing import Optional

import pytest
from ecsauth.boot import rejection
from ecsauth.boot.rejection import FIRST_PAUSE, LONGEST_PAUSE
from ecsauth.boot.state import Ahead, Installed, Rejected, Source, State
from ecsauth.boot.trust import ObjectFacts

NOW = 1_700_000_000
FACTS, OTHER = ObjectFacts('"e1"', 1000, "v1"), ObjectFacts('"e2"', 2000, "v2")
RECORD = Rejected(FACTS, "plan", "it exited", NOW, 1, NOW + FIRST_PAUSE)
FINAL = RECORD._replace(retry_after=None, final=True)


@pytest.mark.parametrize(
    ("before", "tries", "pause"),
    [
        pytest.param(None, 1, 600, id="the first time"),
        pytest.param(RECORD, 2, 1200, id="again"),
        pytest.param(RECORD._replace(tries=5), 6, 19_200, id="the sixth time"),
        pytest.param(RECORD._replace(tries=6), 7, LONGEST_PAUSE, id="the longest pause"),
        pytest.param(RECORD._replace(tries=10**9), 10**9 + 1, LONGEST_PAUSE, id="after very many tries"),
        pytest.param(RECORD._replace(tries=-7), -6, FIRST_PAUSE, id="a record that counts below zero"),
        pytest.param(RECORD._replace(facts=OTHER, tries=5), 1, FIRST_PAUSE, id="another version"),
        pytest.param(RECORD._replace(plan="older", tries=5), 1, FIRST_PAUSE, id="another image"),
    ],
)
def test_the_pause_doubles(before: Optional[Rejected], tries: int, pause: int) -> None:
    """Each failure of the same version with the same agent doubles the pause, from ten minutes up to six hours."""
    record = rejection.rejected(before, FACTS, "plan", "it exited", NOW, final=False)
    assert record == Rejected(FACTS, "plan", "it exited", NOW, tries, NOW + pause)


def test_a_final_rejection() -> None:
    """What the agent itself calls final is not tried again by itself."""
    record = rejection.rejected(RECORD, FACTS, "plan", "it exited", NOW, final=True)
    assert record == FINAL._replace(tries=2)
    assert rejection.seconds_left(record, NOW + 10 * LONGEST_PAUSE) is None


@pytest.mark.parametrize(
    ("record", "now", "left"),
    [
        pytest.param(RECORD, NOW, 600, id="at once"),
        pytest.param(RECORD, NOW + 599, 1, id="a second before"),
        pytest.param(RECORD, NOW + 600, 0, id="due"),
        pytest.param(RECORD, NOW + 10**9, 0, id="long due"),
        pytest.param(RECORD, NOW - 1, 0, id="the clock went backwards"),
        pytest.param(RECORD._replace(retry_after=NOW + LONGEST_PAUSE), NOW, LONGEST_PAUSE, id="the longest pause"),
        pytest.param(RECORD._replace(retry_after=NOW + LONGEST_PAUSE + 1), NOW, 0, id="longer than any pause"),
        pytest.param(RECORD._replace(retry_after=10**12), NOW, 0, id="a time far away"),
        pytest.param(RECORD._replace(retry_after=None), NOW, 0, id="of an older ecsauth, which took all for final"),
        pytest.param(FINAL, NOW - 1, None, id="final, whatever the clock says"),
    ],
)
def test_seconds_left(record: Rejected, now: int, left: Optional[int]) -> None:
    """A pause ends at its time, and no clock that went backwards makes it longer."""
    assert rejection.seconds_left(record, now) == left


SOURCE = Source("s3://bucket/key", "111122223333", ("arn:key",), "/etc/ecs/ecs.config", (), "1")
OF_OTHER = RECORD._replace(facts=OTHER)
BOTH = State(rejected=RECORD, rejected_candidate=OF_OTHER)
RELEASED, CANDIDATE = State(rejected=RECORD), State(rejected_candidate=OF_OTHER)


def test_found_by_version() -> None:
    """A record of an older ecsauth has one place for both kinds, so the version decides."""
    assert rejection.of(BOTH, FACTS) == RECORD
    assert rejection.of(BOTH, OTHER) == OF_OTHER
    assert rejection.of(RELEASED, OTHER) is None


def test_each_kind_has_its_place() -> None:
    """The rejection of one kind does not erase that of the other, and no version is in both places."""
    assert rejection.recorded(RELEASED, OF_OTHER, is_candidate=True) == BOTH
    assert rejection.recorded(CANDIDATE, RECORD, is_candidate=False) == BOTH
    assert rejection.recorded(RELEASED, RECORD, is_candidate=True) == State(rejected_candidate=RECORD)
    assert rejection.without(BOTH, FACTS) == CANDIDATE
    assert rejection.without(BOTH, OTHER) == RELEASED


@pytest.mark.parametrize(
    ("is_candidate", "is_first", "left"),
    [(True, True, RELEASED), (True, False, RELEASED), (False, True, State()), (False, False, CANDIDATE)],
)
def test_an_agent_has_registered(is_candidate: bool, is_first: bool, left: State) -> None:
    """What it proves ends a rejection; an agent that is started again proves nothing of a candidate."""
    assert rejection.after_registration(BOTH, is_candidate=is_candidate, is_first=is_first) == left


@pytest.mark.parametrize(
    ("released", "left"), [(FACTS, RELEASED), (ObjectFacts('"e3"', 3000, "v3"), State())], ids=["rejected", "another"]
)
def test_a_withdrawal(released: ObjectFacts, left: State) -> None:
    """The candidate is gone, and so is what an older ecsauth recorded of one as if it were released."""
    assert rejection.after_withdrawal(BOTH, released) == left


@pytest.mark.parametrize(
    ("ahead", "shown"),
    [
        (None, (OF_OTHER, RECORD)),
        (Ahead(FACTS, NOW - 10, NOW + 10), (OF_OTHER,)),
        (Ahead(FACTS, NOW - 10, NOW), (OF_OTHER, RECORD)),
        (Ahead(FACTS, NOW - 10, NOW + 10, withdrawn=True), (OF_OTHER, RECORD)),
    ],
    ids=["released", "ahead", "expired", "withdrawn"],
)
def test_what_matters_now(ahead: Optional[Ahead], shown: tuple[Rejected, ...]) -> None:
    """While a candidate runs, the released version that it replaces is no matter for alarms."""
    state = BOTH._replace(installed=Installed(OTHER, SOURCE, NOW, ahead=ahead))
    assert rejection.shown(state, NOW) == shown
