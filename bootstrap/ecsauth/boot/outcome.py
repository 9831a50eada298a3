"""The result of a boot that did not fail."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, NamedTuple, Optional

from ecsauth.errors import ExitCode

if TYPE_CHECKING:
    from ecsauth.boot.fetch import Accepted
    from ecsauth.boot.health import Registration
    from ecsauth.boot.plan import Plan, Unfinished


class BootOutcome(str, Enum):
    """The result of a boot that did not fail."""

    UNCHANGED = "unchanged"
    PROMOTED = "promoted"
    INSTALLED = "installed"
    STARTED = "started"
    QUEUED = "queued"
    PENDING = "pending"


class BootReport(NamedTuple):
    """What this run did, or what a rehearsal would do. `steps` are (name, seconds) in the order of the run.

    `forgotten` tells whether nothing is left of the previous env-file, None if that was not requested. `unfinished` are
    the steps that did not remove the previous agent, which has that file in its environment.
    """

    outcome: BootOutcome
    accepted: Accepted
    plan: Optional[Plan]
    steps: tuple[tuple[str, float], ...]
    registration: Optional[Registration] = None
    reason: str = ""
    forgotten: Optional[bool] = None
    unfinished: tuple[Unfinished, ...] = ()

    @property
    def exit_code(self) -> ExitCode:
        """Return LAUNCH if the agent did not register in time, STALE if S3 did not confirm the file, else OK."""
        if self.outcome is BootOutcome.PENDING:
            return ExitCode.LAUNCH
        return ExitCode.OK if self.accepted.stale_for is None else ExitCode.STALE
