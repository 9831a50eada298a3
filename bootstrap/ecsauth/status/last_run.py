"""The recorded result of the last run of `boot`: the first line of `status` and `doctor`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Optional

from ecsauth import timing
from ecsauth.command_hint import S3URI, CommandHint
from ecsauth.status.judgement import ok, skipped, warning

if TYPE_CHECKING:
    from ecsauth.boot.state import State
    from ecsauth.status.judgement import Diagnosis
    from ecsauth.status.observed import Unreadable

BOOT = CommandHint("boot again", "ecsauth", "boot", S3URI)


def last_run(state: Optional[State], why: Optional[Unreadable], now: int) -> Diagnosis:
    """Return the diagnosis of the last run; `why` is the reason if its record cannot be read."""
    if why is not None or state is None:
        reason = "the record is not readable" if why is not None and why.needs_root else why.reason if why else ""
        return skipped(reason or "no run is recorded", why.fix if why is not None else "")
    if state.failure is not None:
        failure = state.failure
        said = f"failed {timing.in_words(now - failure.at)} ago with status {failure.status}: {failure.message}"
        return warning(said, BOOT)
    if state.installed is None:
        return skipped("no run is recorded")
    confirmed = max(state.confirmed_at, state.installed.at)
    return ok(f"succeeded; S3 confirmed the file {timing.in_words(now - confirmed)} ago")
