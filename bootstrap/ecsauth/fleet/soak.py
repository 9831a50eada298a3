"""After a wave: do its instances still run the candidate? They and ECS are asked.

The answer of an instance can accuse this instance only. It never makes it count as one that has taken the candidate.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ecsauth.fleet.answers import complaint_of
from ecsauth.fleet.instances import ONLINE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ecsauth.fleet.history import Invocation
    from ecsauth.fleet.instances import FleetInstance


class Complaint(NamedTuple):
    """An instance that does not run the candidate, and why. `may_pass`: a reboot looks the same."""

    instance: str
    reason: str
    may_pass: bool = False


def complaints(
    instances: Iterable[FleetInstance], answers: Mapping[str, Invocation], version: str
) -> tuple[Complaint, ...]:
    """Return the complaints about instances that took a version; `answers` are those to the status document."""
    found = {one.instance: one for one in _by_ecs(instances)}
    for each, result in answers.items():
        said, may_pass = complaint_of(result, version)
        if said:
            found[each] = Complaint(each, said, may_pass)
    return tuple(found[each] for each in sorted(found))


def _by_ecs(instances: Iterable[FleetInstance]) -> Iterable[Complaint]:
    for each in instances:
        # One that is offline was stopped, or it reboots.
        if each.ping == ONLINE and each.connected is False:
            yield Complaint(each.id, "ECS has no connection to its agent", may_pass=True)
