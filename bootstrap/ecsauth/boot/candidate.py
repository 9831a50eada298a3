"""Candidates: versions beside the released object, which only the instances take that are asked to.

The *released* object is that of the URI; timers and new instances follow it. A *candidate* is a version of the object
`URI.candidate`. An instance that has taken one runs *ahead*: it keeps the candidate until the released object gets
another version, until the candidate is withdrawn, or until its time is over.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Optional

from ecsauth.aws_names import S3URI
from ecsauth.boot.state import PRIVATE, Ahead, State

if TYPE_CHECKING:
    from ecsauth.boot.fetch import Accepted
    from ecsauth.boot.install import Disk

SUFFIX = ".candidate"
DEFAULT_SECONDS = 24 * 3600.0
# A clock that is set back by more than this many seconds ends a candidate: it would never expire.
_BACK = 3600


def uri_of(released: S3URI, version_id: str) -> S3URI:
    """Return the URI of a candidate of the released object."""
    return S3URI(released.bucket, released.key + SUFFIX, version_id)


def current(state: State, released: S3URI) -> Optional[Ahead]:
    """Return how the installed version is ahead of this released object, None if it is not."""
    installed = state.installed
    if installed is None or installed.ahead is None or installed.source.uri != str(released):
        return None
    return installed.ahead


def has_expired(ahead: Ahead, now: int) -> bool:
    """Tell whether the candidate's time is over; `now` is in seconds since the epoch."""
    return not ahead.since - _BACK <= now < ahead.until


def in_words(ahead: Ahead) -> str:
    """Return the period, as "ahead since 2026-01-02 03:04 UTC, until 2026-01-03 03:04 UTC"."""
    return f"ahead since {_minute(ahead.since)}, until {_minute(ahead.until)}"


def promoted(disk: Disk, state: State, accepted: Accepted) -> Optional[State]:
    """Return the state in which the candidate is the released version, None if they have not the same bytes.

    The agent has these bytes, so that it need not be restarted: only its label names the candidate's version.
    """
    installed = state.installed
    if installed is None or installed.ahead is None or state.in_progress is not None:
        return None
    if not accepted.is_new or accepted.ahead is not None or accepted.source != installed.source:
        return None
    if installed.sha256 is None or not installed.is_of(accepted.data):
        return None
    if (disk.env_file(), disk.verified_copy(), disk.env_file_mode()) != (accepted.data, accepted.data, PRIVATE):
        return None
    candidate, released = installed.facts, accepted.facts
    has_registered = candidate.is_same_object(state.verified)
    return state._replace(
        installed=installed._replace(facts=released, ahead=None),
        applied=released if candidate.is_same_object(state.applied) else state.applied,
        verified=released if has_registered else state.verified,
        agent_label=(state.agent_label or candidate.identity) if has_registered else state.agent_label,
    )


def _minute(seconds: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(seconds))
