"""Which versions are rejected, and when one is tried again.

Only exit status 5 is final: with it the agent says that no restart can help. Every other exit may be an outage of ECS:
the agent exits with 1 if ECS refuses the connection or denies access, and also if its env-file is bad.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Optional

from ecsauth.boot import candidate
from ecsauth.boot.state import Rejected
from ecsauth.command_hint import S3URI, CommandHint

if TYPE_CHECKING:
    from ecsauth.boot.health import AgentVerdict
    from ecsauth.boot.install import Disk
    from ecsauth.boot.state import State
    from ecsauth.boot.trust import ObjectFacts

# Seconds before a rejected version is tried again. The pause doubles with each try.
FIRST_PAUSE, LONGEST_PAUSE = 600, 6 * 3600
# After so many the pause has its maximum.
_MOST_DOUBLINGS = 10


def rejected(
    before: Optional[Rejected], facts: ObjectFacts, plan: str, reason: str, now: int, *, final: bool
) -> Rejected:
    """Return the record of a version that failed at `now` (seconds since the epoch); `before` is the one so far."""
    again = before is not None and facts.is_same_object(before.facts) and before.plan == plan
    tries = before.tries + 1 if before is not None and again else 1
    pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** max(0, min(tries - 1, _MOST_DOUBLINGS)))
    return Rejected(facts, plan, reason, now, tries, None if final else now + pause, final)


def seconds_left(record: Rejected, now: int) -> Optional[int]:
    """Return the seconds until the version is tried again: 0 means now, None means never.

    A clock that was set back must not lengthen the pause: a record from the future is due now, and so is one whose
    pause is longer than the maximum. A record that is not final and has no time was written by an older ecsauth, which
    treated every exit as final: it is due now, too.
    """
    if record.final:
        return None
    if record.retry_after is None or now < record.at:
        return 0
    left = record.retry_after - now
    return left if 0 < left <= LONGEST_PAUSE else 0


def of(state: State, facts: ObjectFacts) -> Optional[Rejected]:
    """Return the rejection of this version, None if it is not rejected."""
    records = (state.rejected, state.rejected_candidate)
    return next((one for one in records if one is not None and facts.is_same_object(one.facts)), None)


def recorded(state: State, record: Rejected, *, is_candidate: bool) -> State:
    """Return the state with the rejection of a candidate or of a released version; that of the other is kept."""
    state = without(state, record.facts)
    return state._replace(rejected_candidate=record) if is_candidate else state._replace(rejected=record)


def without(state: State, facts: ObjectFacts) -> State:
    """Return the state without the rejection of this version."""
    is_released = state.rejected is not None and facts.is_same_object(state.rejected.facts)
    is_candidate = state.rejected_candidate is not None and facts.is_same_object(state.rejected_candidate.facts)
    return state._replace(
        rejected=None if is_released else state.rejected,
        rejected_candidate=None if is_candidate else state.rejected_candidate,
    )


def retrier(state: State, record: Rejected) -> str:
    """Return the command that tries this version again: a candidate that is not installed is tried by request only."""
    is_installed = state.installed is not None and record.facts.is_same_object(state.installed.facts)
    return "boot --candidate" if record == state.rejected_candidate and not is_installed else "boot"


def retry(record: Rejected, *, is_candidate: bool) -> CommandHint:
    """Return the hint that tries this version again at once."""
    boot = ("ecsauth", "boot", S3URI)
    if not is_candidate:
        return CommandHint("push a fixed file, or retry this version", *boot, "--force")
    version = record.facts.version_id or "null"
    return CommandHint("roll out a fixed file, or retry this candidate", *boot, "--candidate", version, "--force")


def unverified_version(state: State) -> Optional[ObjectFacts]:
    """Return the version with which no agent has registered yet, None if there is none."""
    if state.in_progress is not None:
        return state.in_progress
    installed = state.installed and state.installed.facts
    return None if installed is None or installed.is_same_object(state.verified) else installed


def clears(
    disk: Disk, state: State, tried: Optional[ObjectFacts], failed: AgentVerdict, previous: AgentVerdict
) -> bool:
    """If the previous agent fails like the new one, remove the rejection of the version tried and return True.

    Then the version is not the cause, and a pause would delay it after ECS has recovered. `tried` is None if an agent
    has registered with the version before: then it is not rejected.
    """
    if tried is None or of(state, tried) is None or not previous.is_like(failed):
        return False
    disk.remember(without(state, tried))
    return True


def after_registration(state: State, *, is_candidate: bool, is_first: bool) -> State:
    """Return the state after an agent has registered; `is_first`: another version registered last.

    A candidate does not prove anything of the released version, which stays rejected. Another released version ends
    the rejection of a candidate, too: nobody will ask for that one again.
    """
    if is_candidate:
        return state._replace(rejected_candidate=None)
    return state._replace(rejected=None, rejected_candidate=None if is_first else state.rejected_candidate)


def after_withdrawal(state: State, released: ObjectFacts) -> State:
    """Return the state without the rejection of a candidate: nobody must look at a candidate that was withdrawn.

    An older ecsauth recorded that of a candidate as `rejected`: only that of the present released version is kept.
    """
    is_released = state.rejected is not None and released.is_same_object(state.rejected.facts)
    return state._replace(rejected=state.rejected if is_released else None, rejected_candidate=None)


def shown(state: State, now: int) -> tuple[Rejected, ...]:
    """Return the rejections that matter at `now` (seconds since the epoch), that of a candidate first.

    While the instance is ahead, it is not to run the released version: whether that is rejected does not matter.
    """
    ahead = state.installed.ahead if state.installed is not None else None
    is_ahead = ahead is not None and not candidate.has_ended(ahead, now)
    records = (state.rejected_candidate, None if is_ahead else state.rejected)
    return tuple(one for one in records if one is not None)
