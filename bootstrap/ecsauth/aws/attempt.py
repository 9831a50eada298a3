"""The attempted operation at an AWS service, as data. The meaning of a fault depends on it, never on message texts."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, NamedTuple, Optional

if TYPE_CHECKING:
    from ecsauth.aws_names import S3URI


class AwsService(NamedTuple):
    """A service: its name, its VPC endpoint for a private subnet, and the thing whose region it must have.

    `foreign` is the message if something else answers with a page of its own. `prefix` is that of its actions in IAM.
    """

    name: str
    endpoint: str
    region_of: str
    foreign: str
    prefix: str = ""


_INTERFACE = "an interface endpoint"
S3 = AwsService("S3", "a gateway endpoint", "the bucket", "the answer is not from S3")
CLOUDFORMATION = AwsService(
    "CloudFormation", _INTERFACE, "the stack", "the answer is not from CloudFormation", "cloudformation"
)
SECRETS_MANAGER = AwsService("Secrets Manager", _INTERFACE, "the secret", "the answer is not from Secrets Manager")
STS = AwsService("STS", _INTERFACE, "the bucket", "the answer is not from STS")
AUTO_SCALING = AwsService("Auto Scaling", _INTERFACE, "the stack", "the answer is not from Auto Scaling", "autoscaling")
EC2 = AwsService("EC2", _INTERFACE, "the subnets", "the answer is not from EC2", "ec2")
ECS = AwsService("ECS", _INTERFACE, "the cluster", "the answer is not from ECS", "ecs")
IAM = AwsService("IAM", _INTERFACE, "the account", "the answer is not from IAM", "iam")
SSM = AwsService("Systems Manager", _INTERFACE, "the AMI", "the answer is not from Systems Manager", "ssm")
SYSTEMS_MANAGER = SSM._replace(region_of="the instances")


class Operation(Enum):
    """The operations; the value is the phrase of a message, before the subject."""

    GET = "get"
    PUT = "upload to"
    LOOK = "read the metadata of"
    REACH = "reach"
    LIST = "list"
    LIST_VERSIONS = "list the versions of"
    LOOK_AT_BUCKET = "look up the bucket of"
    LOOK_AT_ENCRYPTION = "read the encryption of bucket"
    LOOK_AT_VERSIONING = "read the versioning of bucket"
    LOOK_AT_PUBLIC_ACCESS = "read the public access block of bucket"
    LOOK_AT_POLICY = "read the policy of bucket"
    LOOK_AT_LIFECYCLE = "read the lifecycle of bucket"
    LOOK_AT_STACK = "describe stack"
    LOOK_AT_SECRET = "describe secret"  # noqa: S105 - what is done, not what is looked at
    USE_SECRET = "use secret"  # noqa: S105 - as above
    READ_SECRET = "read secret"  # noqa: S105 - as above
    CREATE_SECRET = "create secret"  # noqa: S105 - as above
    UPDATE_SECRET = "update secret"  # noqa: S105 - as above
    ASK_CALLER = "look up the caller of the credentials"
    CREATE_STACK = "create stack"
    UPDATE_STACK = "update stack"
    READ_EVENTS = "read the events of stack"
    READ_TEMPLATE = "read the template of stack"
    LOOK_AT_CLUSTER = "look at ECS cluster"
    CREATE_CLUSTER = "create ECS cluster"
    LIST_INSTANCES = "list the container instances of ECS cluster"
    LOOK_AT_GROUP = "look at Auto Scaling group"
    LOOK_AT_SUBNETS = "look at subnets"
    LOOK_AT_TYPE = "look at instance type"
    LOOK_AT_IMAGE = "look up the AMI in parameter"
    SIMULATE = "simulate the rights of"
    DESCRIBE_INSTANCES = "describe the container instances of ECS cluster"
    DESCRIBE_NODES = "ask Systems Manager about the instances"
    READ_INVENTORY = "read the reports of the instances"
    LOOK_AT_DOCUMENT = "look at document"
    SEND_COMMAND = "send a command with document"
    LIST_COMMANDS = "list the commands with document"
    LIST_RESULTS = "list the results of command"
    CANCEL_COMMAND = "cancel command"


_SERVICES = {
    Operation.DESCRIBE_INSTANCES: ECS,
    Operation.DESCRIBE_NODES: SYSTEMS_MANAGER,
    Operation.READ_INVENTORY: SYSTEMS_MANAGER,
    Operation.LOOK_AT_DOCUMENT: SYSTEMS_MANAGER,
    Operation.SEND_COMMAND: SYSTEMS_MANAGER,
    Operation.LIST_COMMANDS: SYSTEMS_MANAGER,
    Operation.LIST_RESULTS: SYSTEMS_MANAGER,
    Operation.CANCEL_COMMAND: SYSTEMS_MANAGER,
    Operation.LOOK_AT_STACK: CLOUDFORMATION,
    Operation.LOOK_AT_SECRET: SECRETS_MANAGER,
    Operation.USE_SECRET: SECRETS_MANAGER,
    Operation.READ_SECRET: SECRETS_MANAGER,
    Operation.CREATE_SECRET: SECRETS_MANAGER,
    Operation.UPDATE_SECRET: SECRETS_MANAGER,
    Operation.ASK_CALLER: STS,
    Operation.CREATE_STACK: CLOUDFORMATION,
    Operation.UPDATE_STACK: CLOUDFORMATION,
    Operation.READ_EVENTS: CLOUDFORMATION,
    Operation.READ_TEMPLATE: CLOUDFORMATION,
    Operation.LOOK_AT_CLUSTER: ECS,
    Operation.CREATE_CLUSTER: ECS,
    Operation.LIST_INSTANCES: ECS,
    Operation.LOOK_AT_GROUP: AUTO_SCALING,
    Operation.LOOK_AT_SUBNETS: EC2,
    Operation.LOOK_AT_TYPE: EC2,
    Operation.LOOK_AT_IMAGE: SSM,
    Operation.SIMULATE: IAM,
}


class Attempt(NamedTuple):
    """An operation and its subject, as messages name it; `uri` is set if the subject is an S3 object."""

    operation: Operation
    subject: str = ""
    uri: Optional[S3URI] = None

    def __str__(self) -> str:
        return f"{self.operation.value} {self.subject}".rstrip()

    @property
    def service(self) -> AwsService:
        """The service that the request goes to."""
        return _SERVICES.get(self.operation, S3)


def at(operation: Operation, uri: S3URI) -> Attempt:
    """Return the attempt at an object."""
    return Attempt(operation, str(uri), uri)
