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


def holders(instances: Iterable[FleetInstance], versions: frozenset[str]) -> tuple[Holder, ...]:
    """Return the instances that have the bytes of any of the versions. One of which that is not known counts, too."""
    found = (_holder(each, versions) for each in instances)
    return tuple(one for one in found if one is not None)


def _holder(instance: FleetInstance, versions: frozenset[str]) -> Optional[Holder]:
    held = holds(instance.report, versions)
    if held is False:
        return None
    if instance.report is None:
        return Holder(instance, is_certain=False, reason="it has sent no report")
    if held is None:
        return Holder(instance, is_certain=False, reason="it has a file of an unknown version")
    return Holder(instance, is_certain=True, reason=_where(instance.report, versions))


def _where(report: FleetReport, versions: frozenset[str]) -> str:
    if report.ahead is not None and report.ahead in versions:
        return f"candidate {report.ahead} is installed"
    if report.installed is not None and report.installed in versions:
        return f"version {report.installed} is installed"
    held = ", ".join(sorted(report.held & versions))
    return f"its agent was started from {held}, or a file on its disk has it"
