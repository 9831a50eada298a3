"""What `status` has seen of an instance, before anything is concluded from it.

It holds the env-file and the agent's environment, to be compared in memory; neither is shown by `repr`.
"""

from __future__ import annotations

import time
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple, Optional

if TYPE_CHECKING:
    from ecsauth.boot.agent_state import Kept
    from ecsauth.boot.health import Registration
    from ecsauth.boot.state import State
    from ecsauth.boot.trust import ObjectFacts
    from ecsauth.secret import Secret, SecretBytes
    from ecsauth.timing import Moment


class Placed(NamedTuple):
    """What stands at a path: its permission bits, and its owner's number."""

    mode: int
    owner: int

    @property
    def owner_name(self) -> str:
        """The owner in words."""
        return "root" if self.owner == 0 else f"user {self.owner}"


class Unreadable(NamedTuple):
    """Why something could not be looked at, and what to do about it; `needs_root`: root could."""

    reason: str
    fix: str = ""
    needs_root: bool = False


class File(NamedTuple):
    """The env-file's place: what stands there, and the copy of what ecsauth last proved good."""

    path: str
    placed: Optional[Placed] = None
    data: Optional[SecretBytes] = None
    verified: Optional[SecretBytes] = None
    unreadable: Optional[Unreadable] = None


class RunsAs(str, Enum):
    """How the agent runs here."""

    CONTAINER = "container"
    SERVICE = "service"


class Runs(NamedTuple):
    """What runs the agent, `since` when (seconds since the epoch), or why it does `not_running`.

    `is_ours` and `version` are of a container that ecsauth made. `environment` is what the container was made with.
    `kept` is where it keeps its state, None where docker does not say. `has_file` tells whether a service was started
    after the env-file was installed, None where nobody knows.
    """

    way: Optional[RunsAs]
    running: bool = False
    since: Optional[int] = None
    not_running: str = ""
    is_ours: bool = False
    version: str = ""
    environment: Optional[dict[str, Secret]] = None
    has_file: Optional[bool] = None
    kept: Optional[Kept] = None
    unreadable: Optional[Unreadable] = None


class Remote(str, Enum):
    """What S3 holds, compared with what is installed."""

    SAME = "same"
    NEWER = "newer"
    OLDER = "older"
    ABSENT = "absent"
    DENIED = "denied"
    UNREACHABLE = "unreachable"
    UNKNOWN = "unknown"


class S3(NamedTuple):
    """S3's answer: what it holds, or why it did not say."""

    remote: Remote
    facts: Optional[ObjectFacts] = None
    reason: str = ""


class Observed(NamedTuple):
    """Everything that was seen at `now` (seconds since the epoch); `s3` is None where it was not asked."""

    now: int
    moment: Moment
    file: File
    state: Optional[State]
    runs: Runs
    answer: Optional[Registration] = None
    tasks: Optional[int] = None
    s3: Optional[S3] = None
    state_unreadable: Optional[Unreadable] = None


def compared(held: Optional[ObjectFacts], installed: ObjectFacts) -> S3:
    """Return how what S3 holds stands to what is installed."""
    if held is None:
        return S3(Remote.ABSENT)
    if held.is_same_object(installed):
        return S3(Remote.SAME, held)
    return S3(Remote.OLDER if held.last_modified < installed.last_modified else Remote.NEWER, held)


def epoch(stamp: str) -> Optional[int]:
    """Return the seconds since the epoch of docker's timestamp, RFC 3339 in UTC; None for one that is none."""
    import calendar  # with it comes datetime, which no other command needs

    try:
        return calendar.timegm(time.strptime(stamp[:19], "%Y-%m-%dT%H:%M:%S"))
    except ValueError:
        return None
