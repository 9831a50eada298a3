"""What EC2 and Systems Manager know of subnets, instance types and AMIs, for checks before anything is made."""

from __future__ import annotations

from typing import Any, NamedTuple

from botocore.exceptions import ClientError

from ecsauth.aws.attempt import Attempt, Operation
from ecsauth.aws.calls import code_of, told
from ecsauth.command_hint import CommandHint
from ecsauth.errors import AbsentError

_SEE_SUBNETS = CommandHint("see which there are", "aws", "ec2", "describe-subnets")


class Subnet(NamedTuple):
    """A subnet. `is_public` tells whether its instances get public addresses."""

    subnet_id: str
    vpc: str
    is_public: bool


class Networks:
    """The subnets and instance types of EC2 in one region."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def subnets(self, ids: tuple[str, ...]) -> tuple[Subnet, ...]:
        """Return the subnets with these IDs; raise AbsentError if one of them does not exist in this region."""
        listed = ", ".join(ids)
        with told(Attempt(Operation.LOOK_AT_SUBNETS, listed)):
            try:
                found = self._client.describe_subnets(SubnetIds=list(ids))["Subnets"]
            except ClientError as fault:
                if code_of(fault).startswith("InvalidSubnetID"):
                    raise AbsentError(
                        f"there is no such subnet in this account and region: one of {listed}", _SEE_SUBNETS
                    ) from None
                raise
            return tuple(map(_subnet, found))

    def default_subnets(self) -> tuple[Subnet, ...]:
        """Return the subnets of the default VPC; raise AbsentError if there are none."""
        wanted = [{"Name": "default-for-az", "Values": ["true"]}]
        with told(Attempt(Operation.LOOK_AT_SUBNETS, "of the default VPC")):
            found = tuple(map(_subnet, self._client.describe_subnets(Filters=wanted)["Subnets"]))
        if not found:
            raise AbsentError(
                "this region has no default VPC with subnets", "name subnets: --subnets ID,ID", _SEE_SUBNETS
            )
        return found

    def is_arm(self, instance_type: str) -> bool:
        """Tell whether an instance type is of the architecture arm64; raise AbsentError if there is no such type."""
        with told(Attempt(Operation.LOOK_AT_TYPE, instance_type)):
            try:
                (found,) = self._client.describe_instance_types(InstanceTypes=[instance_type])["InstanceTypes"]
            except ClientError as fault:
                if code_of(fault).startswith("InvalidInstanceType"):
                    raise AbsentError(
                        f"this region has no instance type {instance_type}", "give --instance-type"
                    ) from None
                raise
            return "arm64" in found["ProcessorInfo"]["SupportedArchitectures"]


def _subnet(found: Any) -> Subnet:
    return Subnet(found["SubnetId"], found["VpcId"], bool(found.get("MapPublicIpOnLaunch")))


def image(client: Any, parameter: str) -> str:
    """Return the ID of the AMI in a parameter of Systems Manager; raise AbsentError if this region has none."""
    with told(Attempt(Operation.LOOK_AT_IMAGE, parameter)):
        try:
            return str(client.get_parameters(Names=[parameter])["Parameters"][0]["Value"])
        except IndexError:
            raise AbsentError(
                f"this region has no AMI in parameter {parameter}",
                "give --ami-parameter NAME, or another --region",
            ) from None
