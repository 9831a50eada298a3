"""The observed state of an instance, which `status` judges.

It has the env-file and the agent's environment, for a comparison in memory; `repr` shows neither.
"""

from __future__ import annotations

import time
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple, Optional

from ecsauth.status.instance_report import OnDisk

if TYPE_CHECKING:
    from ecsauth.boot.agent_state import Kept
    from ecsauth.boot.health import Registration
    from ecsauth.boot.state import State
    from ecsauth.boot.trust import ObjectFacts
    from ecsauth.secret import Secret, SecretBytes
    from ecsauth.timing import Moment


class Placed(NamedTuple):
    """The permission bits of a file, and the user ID of its owner."""

    mode: int
    owner: int

    @property
    def owner_name(self) -> str:
        """The owner, for a message."""
        return "root" if self.owner == 0 else f"user {self.owner}"


class Unreadable(NamedTuple):
    """Why something could not be read, and the fix; `needs_root`: root could read it."""

    reason: str
    fix: str = ""
    needs_root: bool = False


class File(NamedTuple):
    """The env-file on the instance, and the last verified file."""

    path: str
    placed: Optional[Placed] = None
    data: Optional[SecretBytes] = None
    verified: Optional[SecretBytes] = None
    unreadable: Optional[Unreadable] = None


class RunsAs(str, Enum):
    """How the agent runs on this instance."""

    CONTAINER = "container"
    SERVICE = "service"


class Runs(NamedTuple):
    """How the agent runs: `since` is its start (seconds since the epoch), `not_running` the reason if it does not run.

    `is_ours` and `version` are set for a container that ecsauth created. `environment` is that of the container.
    `kept` is where the agent keeps its state, None if docker does not show it. `has_file` tells whether the service was
    started after the env-file was installed, None if that is unknown.
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
    """The S3 object compared with the installed version."""

    SAME = "same"
    NEWER = "newer"
    OLDER = "older"
    ABSENT = "absent"
    DENIED = "denied"
    UNREACHABLE = "unreachable"
    UNKNOWN = "unknown"


class S3(NamedTuple):
    """S3's answer: the metadata of the object, or the reason why there is none."""

    remote: Remote
    facts: Optional[ObjectFacts] = None
    reason: str = ""


class Observed(NamedTuple):
    """All observations, made at `now` (seconds since the epoch); `s3` is None if S3 was not asked."""

    now: int
    moment: Moment
    file: File
    state: Optional[State]
    runs: Runs
    answer: Optional[Registration] = None
    tasks: Optional[int] = None
    s3: Optional[S3] = None
    state_unreadable: Optional[Unreadable] = None
    on_disk: OnDisk = OnDisk(verified_copy=False, pre_image=False, backup=False)


def compared(held: Optional[ObjectFacts], installed: ObjectFacts) -> S3:
    """Compare the S3 object (None if there is none) with the installed version."""
    if held is None:
        return S3(Remote.ABSENT)
    if held.is_same_object(installed):
        return S3(Remote.SAME, held)
    return S3(Remote.OLDER if held.last_modified < installed.last_modified else Remote.NEWER, held)


def epoch(stamp: str) -> Optional[int]:
    """Return docker's timestamp (RFC 3339, in UTC) as seconds since the epoch; None if it is malformed."""
    import calendar  # imports datetime, which no other command needs

    try:
        return calendar.timegm(time.strptime(stamp[:19], "%Y-%m-%dT%H:%M:%S"))
    except ValueError:
        return None
