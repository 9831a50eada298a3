"""Which instances still have the bytes of a version: after a credential has leaked, none may be left."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Optional

from ecsauth.fleet.instances import holds

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ecsauth.fleet.instances import FleetInstance, FleetReport


class Holder(NamedTuple):
    """An instance that has the bytes, or may have them, and why it counts."""

    instance: FleetInstance
    is_certain: bool
    reason: str


def holders(instances: Iterable[FleetInstance], version: str) -> tuple[Holder, ...]:
    """Return the instances that have the bytes of a version. One of which that is not known counts, too."""
    found = (_holder(each, version) for each in instances)
    return tuple(one for one in found if one is not None)


def _holder(instance: FleetInstance, version: str) -> Optional[Holder]:
    held = holds(instance.report, version)
    if held is False:
        return None
    if instance.report is None:
        return Holder(instance, is_certain=False, reason="it has sent no report")
    if held is None:
        return Holder(instance, is_certain=False, reason="it has a file of an unknown version")
    return Holder(instance, is_certain=True, reason=_where(instance.report, version))


def _where(report: FleetReport, version: str) -> str:
    if version == report.installed:
        return "it is the installed version"
    if version == report.ahead:
        return "it is the candidate that is installed"
    return "its agent was started from it, or an older file on its disk has it"
