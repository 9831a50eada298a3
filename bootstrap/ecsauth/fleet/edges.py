"""The connections of a roll to the world: S3, Systems Manager, ECS, the clock, and whoever watches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Callable, NamedTuple, Optional, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ecsauth.fleet.census import Census
    from ecsauth.fleet.commands import DocumentPin, RunCommand
    from ecsauth.fleet.history import Candidate, Released
    from ecsauth.fleet.wave import Show
    from ecsauth.timing import Clock


class FleetObjects(Protocol):
    """The released object and its candidate."""

    def released(self) -> Released:
        """Return the released version; raise DeniedError and UnreachableError."""

    def candidate(self) -> Optional[Candidate]:
        """Return the newest version of the candidate, None if there is none."""

    def promote(self, candidate: Candidate) -> Released:
        """Make the candidate the released version; raise ConflictError, DeniedError and UnreachableError."""


class FleetEdges(NamedTuple):
    """The connections of a roll. `documents` has the boot and the status document.

    `tell` gets one line for each event. `show` gets what is waited for, at each change: as `progress.tell`.
    """

    census: Census
    run: RunCommand
    objects: FleetObjects
    clock: Clock
    documents: Mapping[str, DocumentPin]
    tell: Callable[[str], None]
    show: Show
