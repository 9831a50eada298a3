"""The ECS cluster, the Auto Scaling group, and the instances that both know."""

from __future__ import annotations

from itertools import takewhile
from typing import Any, NamedTuple

from botocore.exceptions import ClientError

from ecsauth.aws.attempt import Attempt, Operation
from ecsauth.aws.calls import code_of, told

_ACTIVE = "ACTIVE"
# ECS API Reference, DescribeContainerInstances: the most instances in one request.
_MOST = 100
_SUCCESSFUL, _FAILED = "Successful", frozenset(("Failed", "Cancelled"))
# The first word of an activity's description; a launch has another one.
_TERMINATION = "Terminating"


class GroupInstances(NamedTuple):
    """The instances of a group, and the reasons of its launches that failed, newest first."""

    instances: tuple[str, ...]
    failures: tuple[str, ...]


class Clusters:
    """The ECS clusters of an account in one region."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def has(self, cluster: str) -> bool:
        """Tell whether there is an active cluster with this name or ARN."""
        with told(Attempt(Operation.LOOK_AT_CLUSTER, cluster)):
            found = self._client.describe_clusters(clusters=[cluster])["clusters"]
        return any(one["status"] == _ACTIVE for one in found)

    def create(self, cluster: str) -> None:
        """Create the cluster; ECS returns the present one if another run was faster."""
        name = cluster.rpartition("/")[2]
        with told(Attempt(Operation.CREATE_CLUSTER, name)):
            self._client.create_cluster(clusterName=name)

    def instances(self, cluster: str) -> frozenset[str]:
        """Return the EC2 IDs of the container instances in the cluster; none if there is no such cluster."""
        found: set[str] = set()
        with told(Attempt(Operation.LIST_INSTANCES, cluster)):
            try:
                pages = self._client.get_paginator("list_container_instances").paginate(
                    cluster=cluster, status=_ACTIVE, PaginationConfig={"PageSize": _MOST}
                )
                for arns in (page["containerInstanceArns"] for page in pages):
                    if arns:
                        found |= self._described(cluster, arns)
            except ClientError as fault:
                if code_of(fault) != "ClusterNotFoundException":
                    raise
        return frozenset(found)

    def _described(self, cluster: str, arns: list[str]) -> set[str]:
        described = self._client.describe_container_instances(cluster=cluster, containerInstances=arns)
        return {one["ec2InstanceId"] for one in described["containerInstances"] if one.get("ec2InstanceId")}


class Groups:
    """The Auto Scaling groups of an account in one region."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def look(self, name: str) -> GroupInstances:
        """Return the instances of a group, and the failures of its launches since the last that succeeded."""
        with told(Attempt(Operation.LOOK_AT_GROUP, name)):
            groups = self._client.describe_auto_scaling_groups(AutoScalingGroupNames=[name])["AutoScalingGroups"]
            activities = self._client.describe_scaling_activities(AutoScalingGroupName=name)["Activities"]
        launches = (one for one in activities if not one.get("Description", "").startswith(_TERMINATION))
        recent = takewhile(lambda one: one["StatusCode"] != _SUCCESSFUL, launches)
        failed = [one.get("StatusMessage", "") for one in recent if one["StatusCode"] in _FAILED]
        return GroupInstances(
            tuple(one["InstanceId"] for group in groups for one in group["Instances"]),
            tuple("".join(letter for letter in text if letter.isprintable()) for text in failed),
        )
