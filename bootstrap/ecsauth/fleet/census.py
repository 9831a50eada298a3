"""The instances of a fleet: those of its clusters or of a tag, joined with what Systems Manager knows of them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Callable, NamedTuple, Optional, Protocol

from ecsauth.errors import UsageError
from ecsauth.fleet.instances import ONLINE, FleetInstance, from_inventory

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Tell = Callable[[str, int, int], None]
# Amazon EC2 User Guide, "Tag restrictions"; Systems Manager takes the tag as tag:NAME.
_TAG = re.compile(r"([A-Za-z0-9 _.:/+@-]{1,128})=([A-Za-z0-9 _.:/=+@-]{1,256})")
_CLUSTER = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,254}|arn:[A-Za-z0-9:/_-]{1,1000}")
_INSTANCE = re.compile(r"m?i-[0-9a-f]{8,17}")


class Tag(NamedTuple):
    """A tag of instances, and its value."""

    name: str
    value: str

    def __str__(self) -> str:
        return f"{self.name}={self.value}"


def parse_tag(text: str) -> Tag:
    """Return a tag written as NAME=VALUE; raise UsageError."""
    match = _TAG.fullmatch(text)
    if match is None:
        raise UsageError("takes a tag and its value, as Environment=prod")
    return Tag(match[1], match[2])


def cluster(text: str) -> str:
    """Return the name or ARN of a cluster; raise UsageError."""
    if _CLUSTER.fullmatch(text):
        return text
    raise UsageError("takes the name of an ECS cluster, or its ARN")


def instance_id(text: str) -> str:
    """Return an instance ID; raise UsageError."""
    if _INSTANCE.fullmatch(text):
        return text
    raise UsageError("takes the ID of an instance, as i-0123456789abcdef0")


class ContainerClusters(Protocol):
    """ECS."""

    def instances(self, cluster: str, tell: Tell) -> Mapping[str, bool]:
        """Return the instance IDs of a cluster, each with whether ECS has a connection to its agent."""


class Nodes(Protocol):
    """Systems Manager, as far as it knows instances."""

    def pings(self, instances: Sequence[str], tell: Tell) -> Mapping[str, str]:
        """Return its word for the connection of each of these instances that it manages."""

    def tagged(self, tag: Tag, tell: Tell) -> Mapping[str, str]:
        """Return the IDs of the managed instances with a tag, each with the word for its connection."""

    def reports(self, instances: Sequence[str], tell: Tell) -> Mapping[str, Mapping[str, Any]]:
        """Return the inventory item of each instance that has one."""


class Scope(NamedTuple):
    """The instances that are meant: those with a tag, else those of the clusters."""

    clusters: tuple[str, ...]
    tag: Optional[Tag] = None

    def __str__(self) -> str:
        if self.tag is not None:
            return f"tag {self.tag}"
        return f"cluster{'s' if len(self.clusters) > 1 else ''} {', '.join(self.clusters)}"


class Census:
    """Finds the instances of a scope; `tell` gets what is asked for, and how many instances are done."""

    def __init__(self, clusters: ContainerClusters, nodes: Nodes, tell: Tell) -> None:
        self._clusters = clusters
        self._nodes = nodes
        self._tell = tell

    def take(
        self, scope: Scope, *, with_reports: bool = True, of: Optional[frozenset[str]] = None
    ) -> tuple[FleetInstance, ...]:
        """Return the instances of the scope, sorted by ID; only those in `of`, if it is given."""
        found = self._tagged(scope.tag) if scope.tag is not None else self._of_clusters(scope.clusters, of)
        found = tuple(each for each in found if of is None or each.id in of)
        if not with_reports:
            return found
        managed = [each.id for each in found if each.is_managed]
        reports = self._nodes.reports(managed, self._tell)
        return tuple(
            each._replace(report=from_inventory(reports[each.id])) if each.id in reports else each for each in found
        )

    def online(self, instances: Sequence[str]) -> tuple[str, ...]:
        """Return those of the instances that a command can be sent to, in their order."""
        pings = self._nodes.pings(instances, self._tell)
        return tuple(each for each in instances if pings.get(each) == ONLINE)

    def without_tag(self, instances: Sequence[FleetInstance], tag: Tag) -> tuple[str, ...]:
        """Return those of the instances that Systems Manager lists without a tag; raise DeniedError."""
        tagged = self._nodes.tagged(tag, self._tell)
        return tuple(each.id for each in instances if each.ping is not None and each.id not in tagged)

    def _of_clusters(self, clusters: Sequence[str], of: Optional[frozenset[str]]) -> tuple[FleetInstance, ...]:
        found: dict[str, FleetInstance] = {}
        for name in clusters:
            for each, connected in self._clusters.instances(name, self._tell).items():
                if of is None or each in of:
                    found[each] = FleetInstance(each, name, connected)
        pings = self._nodes.pings(sorted(found), self._tell)
        return tuple(found[each]._replace(ping=pings.get(each)) for each in sorted(found))

    def _tagged(self, tag: Tag) -> tuple[FleetInstance, ...]:
        pings = self._nodes.tagged(tag, self._tell)
        return tuple(FleetInstance(each, ping=pings[each]) for each in sorted(pings))
