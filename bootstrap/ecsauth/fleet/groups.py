"""The groups of instances: what each one runs, compared with the versions in S3."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, NamedTuple, Optional

from ecsauth import timing
from ecsauth.errors import ExitCode
from ecsauth.fleet.instances import ONLINE
from ecsauth.status.alarm import DEFAULT_MAX_STALE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ecsauth.fleet.instances import FleetInstance, FleetReport


class Group(str, Enum):
    """The group of an instance, in the order in which they are shown."""

    CURRENT = "current"
    AHEAD = "ahead"
    BEHIND = "behind"
    REJECTED = "rejected"
    STALE = "stale"
    NOT_REGISTERED = "not registered"
    UNKNOWN = "unknown"


class Wanted(NamedTuple):
    """The versions to compare with. `now` is in seconds since the epoch.

    `same` is the candidate that was promoted to the released version: it has the same bytes. `candidate` is the one of
    an open roll. `max_stale` is the number of seconds after which a file that S3 has not confirmed is stale.
    """

    uri: str
    released: str
    now: int
    candidate: Optional[str] = None
    same: Optional[str] = None
    max_stale: float = DEFAULT_MAX_STALE


class Placement(NamedTuple):
    """The group of an instance, and the reason in words."""

    group: Group
    reason: str = ""


def place(instance: FleetInstance, wanted: Wanted) -> Placement:
    """Return the group of an instance. The first of the groups that it could be in counts."""
    report = instance.report
    lack = _lack(instance, wanted)
    if lack or report is None:
        return Placement(Group.UNKNOWN, lack)
    if report.rejected is not None and report.rejected in (wanted.released, wanted.candidate, wanted.same):
        return Placement(Group.REJECTED, f"its agent did not come up with version {report.rejected}")
    if instance.connected is False:
        return Placement(Group.NOT_REGISTERED, "ECS has no connection to its agent")
    if not report.registered:
        return Placement(Group.NOT_REGISTERED, "its agent has not registered with the installed version")
    return _by_version(report, wanted)


def _by_version(report: FleetReport, wanted: Wanted) -> Placement:
    if report.ahead is not None and report.ahead != wanted.same:
        return Placement(Group.AHEAD, f"runs candidate {report.ahead}")
    stale = _staleness(report, wanted)
    if stale:
        return Placement(Group.STALE, stale)
    if report.installed is not None and report.installed in (wanted.released, wanted.same):
        return Placement(Group.CURRENT)
    return Placement(Group.BEHIND, f"runs version {report.installed or 'of an unknown file'}")


def _lack(instance: FleetInstance, wanted: Wanted) -> str:
    """Return why the report of an instance cannot be used, an empty text if it can."""
    if not instance.is_managed:
        return "Systems Manager does not manage it"
    if instance.ping != ONLINE:
        by_both = "neither Systems Manager nor ECS has a connection to it"
        return by_both if instance.ping is None else "Systems Manager has lost the connection to it"
    if instance.report is None:
        return "it has sent no report"
    if instance.report.uri != wanted.uri:
        return f"its env-file is from {instance.report.uri}" if instance.report.uri else "it has no env-file of ecsauth"
    return ""


def _staleness(report: FleetReport, wanted: Wanted) -> str:
    if report.run_status == ExitCode.STALE:
        return "S3 was unreachable in its last run"
    if report.confirmed_at is None:
        return "S3 has never confirmed its file"
    age = wanted.now - report.confirmed_at
    return f"S3 confirmed its file {timing.in_words(age)} ago" if age > wanted.max_stale else ""


def counts(groups: Iterable[Group]) -> dict[str, int]:
    """Return the number of instances in each group; a group without instances has 0."""
    found = dict.fromkeys(Group, 0)
    for group in groups:
        found[group] += 1
    return {group.value: count for group, count in found.items()}
