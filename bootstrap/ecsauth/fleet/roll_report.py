"""What became of a roll: its outcome, the counts of its waves, and the instances that it has not brought along."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, NamedTuple, Optional

if TYPE_CHECKING:
    from ecsauth.fleet.wave import WaveCount


class RollOutcome(Enum):
    """The outcome of a roll that did not fail by itself."""

    PROMOTED = "promoted"
    ROLLED = "rolled"
    HALTED = "halted"
    STOPPED = "stopped"


class RollReport(NamedTuple):
    """What became of a roll. `failed` are instance IDs with reasons; `missed` are those that were not reached."""

    outcome: RollOutcome
    roll: str
    candidate: str
    waves: tuple[WaveCount, ...]
    reason: str = ""
    failed: tuple[tuple[str, str], ...] = ()
    missed: tuple[str, ...] = ()
    released: Optional[str] = None
