"""ECS, for the commands of the fleet: the container instances of a cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ecsauth.aws.attempt import Attempt, Operation
from ecsauth.aws.paced import PacedCalls
from ecsauth.command_hint import CommandHint
from ecsauth.errors import DeniedError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ecsauth.fleet.census import Tell
    from ecsauth.timing import Clock

# ECS API Reference: the largest page of ListContainerInstances, and the most instances of DescribeContainerInstances.
_PAGE = 100


class EcsClusters:
    """The clusters of one account and region."""

    def __init__(self, client: Any, clock: Clock) -> None:
        self._calls = PacedCalls(client, clock)

    def instances(self, cluster: str, tell: Tell) -> Mapping[str, bool]:
        """Return the instance IDs of a cluster, each with whether ECS has a connection to its agent.

        Raises DeniedError (also if there is no such cluster) and UnreachableError.
        """
        listing, what = Attempt(Operation.LIST_INSTANCES, cluster), Attempt(Operation.DESCRIBE_INSTANCES, cluster)
        known = {"ClusterNotFoundException": lambda _: _absent(cluster)}
        found: dict[str, bool] = {}
        pages = self._calls.pages(
            "list_container_instances", listing, known, "nextToken", cluster=cluster, maxResults=_PAGE
        )
        for page in pages:
            arns = list(page.get("containerInstanceArns", ()))
            if not arns:
                continue
            answer = self._calls.call(
                "describe_container_instances", what, known, cluster=cluster, containerInstances=arns
            )
            for one in answer.get("containerInstances", ()):
                # One that is deregistered meanwhile has no ID left.
                if one.get("ec2InstanceId"):
                    found[one["ec2InstanceId"]] = bool(one.get("agentConnected"))
            tell(f"listing the instances of cluster {cluster}", len(found), 0)
        return found


def _absent(cluster: str) -> DeniedError:
    return DeniedError(
        f"there is no ECS cluster {cluster} in this account and region",
        CommandHint("is --region right, and the profile? see", "aws", "ecs", "list-clusters"),
        "or name another one: --cluster NAME",
    )
