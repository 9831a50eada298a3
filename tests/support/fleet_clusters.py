"""A stand-in of ECS, as far as a fleet asks it: the container instances of clusters.

Source: Amazon ECS API Reference.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, Optional, Protocol

from json_service import Pages, RefusedError

if TYPE_CHECKING:
    from collections.abc import Iterable

_LARGEST = 100
_PREFIX = "arn:aws:ecs:eu-central-1:123456789012"


class Member(Protocol):
    """A container instance, as ECS knows it."""

    id: str
    connected: bool
    stopped: bool


class FleetClusters:
    """ECS of one account and region."""

    def __init__(self) -> None:
        self.pages = Pages()
        self._clusters: dict[str, dict[str, Member]] = {}

    def add(self, cluster: str, members: Iterable[Member]) -> None:
        """Let instances register in a cluster, which is made if need be."""
        arns = {f"{_PREFIX}:container-instance/{cluster}/{one.id[2:]:0>32}": one for one in members}
        self._clusters.setdefault(cluster, {}).update(arns)

    def carry_out(self, operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
        """Return the output of an operation; raise RefusedError."""
        operations: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
            "DescribeContainerInstances": self._describe,
            "ListClusters": self._list_clusters,
            "ListContainerInstances": self._list,
        }
        assert operation in operations, f"the stand-in plays no {operation}"
        return operations[operation](parameters)

    def _members(self, parameters: dict[str, Any]) -> dict[str, Member]:
        name = parameters.get("cluster", "default").rpartition("/")[2]
        if name not in self._clusters:
            raise RefusedError("ClusterNotFoundException", "Cluster not found.")
        return self._clusters[name]

    def _list(self, parameters: dict[str, Any]) -> dict[str, Any]:
        return self._page("containerInstanceArns", list(self._members(parameters)), parameters)

    def _list_clusters(self, parameters: dict[str, Any]) -> dict[str, Any]:
        return self._page("clusterArns", [f"{_PREFIX}:cluster/{name}" for name in self._clusters], parameters)

    def _describe(self, parameters: dict[str, Any]) -> dict[str, Any]:
        wanted, members = parameters["containerInstances"], self._members(parameters)
        if not 0 < len(wanted) <= _LARGEST:
            raise RefusedError("InvalidParameterException", f"instanceIds can have at most {_LARGEST} items.")
        found = [arn for arn in wanted if arn in members]
        return {
            "containerInstances": [_described(arn, members[arn]) for arn in found],
            "failures": [{"arn": arn, "reason": "MISSING"} for arn in wanted if arn not in members],
        }

    def _page(self, name: str, items: list[str], parameters: dict[str, Any]) -> dict[str, Any]:
        size = parameters.get("maxResults", _LARGEST)
        if not 0 < size <= _LARGEST:
            raise RefusedError("InvalidParameterException", f"maxResults must be between 1 and {_LARGEST}.")
        token: Optional[str] = parameters.get("nextToken")
        query = f"{name} {parameters.get('cluster')} {size}"
        page, after = self.pages.cut(items, size, token, query)
        return {name: page} if after is None else {name: page, "nextToken": after}


def _described(arn: str, member: Member) -> dict[str, Any]:
    return {
        "containerInstanceArn": arn,
        "ec2InstanceId": member.id,
        "status": "ACTIVE",
        "agentConnected": member.connected and not member.stopped,
        "runningTasksCount": 0,
        "pendingTasksCount": 0,
    }
