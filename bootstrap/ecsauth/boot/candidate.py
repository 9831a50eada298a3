"""Candidates: versions beside the released object, which only the instances take that are asked to.

The *released* object is that of the URI; timers and new instances follow it. A *candidate* is a version of the object
`URI.candidate`. An instance that has taken one runs *ahead*: it keeps the candidate until the released object gets
another version, until the candidate is withdrawn, or until its time is over.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Optional

from ecsauth.aws_names import S3URI

if TYPE_CHECKING:
    from ecsauth.boot.state import Ahead, Installed, State

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


def has_ended(ahead: Ahead, now: int) -> bool:
    """Tell whether the released version must follow: the candidate was withdrawn, or its time is over."""
    return ahead.withdrawn or has_expired(ahead, now)


def withdrawn(state: State, released: S3URI, now: int) -> State:
    """Return the state with the candidate withdrawn, so that each later run returns to the released version.

    That includes the candidate that a rollback of an open change restores.
    """

    def end(installed: Optional[Installed]) -> Optional[Installed]:
        ahead = installed.ahead if installed is not None and installed.source.uri == str(released) else None
        if installed is None or ahead is None or ahead.withdrawn:
            return installed
        return installed._replace(ahead=ahead._replace(until=now, withdrawn=True))

    return state._replace(installed=end(state.installed), previous=end(state.previous))


def in_words(ahead: Ahead) -> str:
    """Return the period, as "ahead since 2026-01-02 03:04 UTC, until 2026-01-03 03:04 UTC"."""
    end = "withdrawn at" if ahead.withdrawn else "until"
    return f"ahead since {_minute(ahead.since)}, {end} {_minute(ahead.until)}"


def _minute(seconds: int) -> str:
    return time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(seconds))
