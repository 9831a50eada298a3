"""An AWS account for `ecsauth init`, behind one endpoint: moto, with stand-ins for what moto does not have.

Stand-ins are CloudFormation (`stand_in_cloudformation`), IAM's simulation, launches of Auto Scaling that failed, and
the agents of the instances, which register when ECS is asked for the instances of the cluster.
"""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any, Callable, Optional
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

from aws_environment import aws_environment
from loopback_server import Answer, answer
from s3_faults import Fault
from s3_proxy import S3Proxy
from s3_server import ACCOUNT, REGION
from stand_in_cloudformation import OPERATIONS, CloudFormation, policy_of

if TYPE_CHECKING:
    from pathlib import Path

    from s3_request import Request
    from s3_server import S3Server

ADMINISTRATOR = f"arn:aws:iam::{ACCOUNT}:role/Admin"
_CHANGING = ("Create", "Update", "Put", "Delete", "Register", "Terminate", "Set", "Start")


class _Denial(Fault):
    """A denial, in XML or in JSON as the request is; or a refusal with another code."""

    def __init__(self, message: str, code: str = "AccessDenied") -> None:
        self._message, self._code = message, code

    def respond(self, request: Request, forward: Callable[[], Answer]) -> Answer:
        """Return the denial."""
        del forward
        if "x-amz-target" in request.headers:
            document = {"__type": f"{self._code}Exception", "message": self._message}
            return answer(400, json.dumps(document).encode(), "application/x-amz-json-1.1", x_amzn_requestid="0123")
        body = (
            f"<ErrorResponse><Error><Code>{self._code}</Code><Message>{self._message}</Message></Error></ErrorResponse>"
        )
        return answer(403, body.encode(), "text/xml", x_amz_request_id="0123")


class CloudAccount(S3Proxy):
    """The account; a context manager.

    `denied` are the actions that IAM's simulation denies; `agents_after` is how often ECS is asked before agents
    register, None for never; `activities` are description, status and message of what Auto Scaling did, newest first.
    """

    def __init__(self, server: S3Server, home: Path, *, cluster: str = "prod") -> None:
        super().__init__(server.url)
        self.server, self.cluster = server, cluster
        self.cloudformation = CloudFormation(server)
        self.denied: tuple[str, ...] = ()
        self.agents_after: Optional[int] = 2
        self.activities: tuple[tuple[str, str, str], ...] = ()
        self._home = home
        home.mkdir(exist_ok=True)

    def course(self, request: Request, target: str, headers: list[tuple[str, str]], body: bytes) -> Answer:
        """Return the answer of a stand-in, or moto's."""
        if request.operation == "ListContainerInstances":
            self._let_agents_register()
        if request.operation == "GetBucketPolicy" and self.cloudformation.name:
            return answer(200, policy_of(self.cloudformation.resolved), "application/json")
        own: dict[str, Callable[[dict[str, str]], Answer]] = {
            **{name: partial(self.cloudformation.respond, name) for name in OPERATIONS},
            "SimulatePrincipalPolicy": self._simulate,
            "DescribeScalingActivities": self._activities,
        }
        if request.operation in own:
            return own[request.operation](_decoded(body))
        return super().course(request, target, headers, body)

    def refuse(self, operation: str, action: str, *, times: Optional[int] = None) -> None:
        """Deny the operation, as IAM does for want of an action, in the protocol of its service."""
        message = f"User is not authorized to perform: {action}"
        self.inject(_Denial(message), operation=operation, times=times)

    def expire(self, operation: str) -> None:
        """Answer the operation as a service does once the credentials have expired."""
        self.inject(
            _Denial("The security token included in the request is expired", "ExpiredToken"), operation=operation
        )

    def env_of(self, role: str = "Admin") -> dict[str, str]:
        """Return the environment of a shell with the credentials of a role, which is made."""
        return env_of_role(self.server, self.url, self._home, role)

    @property
    def subnets(self) -> str:
        """Two subnets of the default VPC, which moto makes, as `--subnets` takes them."""
        found = self.server.client("ec2").describe_subnets(Filters=[{"Name": "default-for-az", "Values": ["true"]}])
        return ",".join(sorted(one["SubnetId"] for one in found["Subnets"])[:2])

    @property
    def outputs(self) -> dict[str, str]:
        """The outputs of the stack."""
        return self.cloudformation.resolved.outputs()

    @property
    def group(self) -> Any:
        """The group of the stack."""
        scaling = self.server.client("autoscaling")
        (found,) = scaling.describe_auto_scaling_groups(AutoScalingGroupNames=[self.outputs["GroupName"]])[
            "AutoScalingGroups"
        ]
        return found

    @property
    def changes(self) -> list[str]:
        """The operations so far that make or change something, in order."""
        return [operation for operation in self.operations if operation.startswith(_CHANGING)]

    def _let_agents_register(self) -> None:
        if self.agents_after is None:
            return
        self.agents_after -= 1
        if self.agents_after != 0:
            return
        for instance in (one["InstanceId"] for one in self.group["Instances"]):
            document = json.dumps({"instanceId": instance})
            self.server.client("ecs").register_container_instance(
                cluster=self.cluster, instanceIdentityDocument=document
            )

    def _simulate(self, form: dict[str, str]) -> Answer:
        asked = [value for name, value in form.items() if name.startswith("ActionNames.")]
        verdicts = {action: "implicitDeny" if action in self.denied else "allowed" for action in asked}
        members = "".join(
            f"<member><EvalActionName>{action}</EvalActionName><EvalDecision>{decision}</EvalDecision></member>"
            for action, decision in verdicts.items()
        )
        content = f"<EvaluationResults>{members}</EvaluationResults>"
        return _xml("https://iam.amazonaws.com/doc/2010-05-08/", "SimulatePrincipalPolicy", content)

    def _activities(self, form: dict[str, str]) -> Answer:
        del form
        members = "".join(
            f"<member><Description>{description}</Description><StatusCode>{code}</StatusCode>"
            f"<StatusMessage>{escape(reason)}</StatusMessage></member>"
            for description, code, reason in self.activities
        )
        xmlns = "http://autoscaling.amazonaws.com/doc/2011-01-01/"
        return _xml(xmlns, "DescribeScalingActivities", f"<Activities>{members}</Activities>")


def env_of_role(server: S3Server, endpoint: str, home: Path, role: str) -> dict[str, str]:
    """Return the environment of a shell with the credentials of a role, which is made; moto has users of no name."""
    server.client("iam").create_role(RoleName=role, AssumeRolePolicyDocument="{}")
    arn = f"arn:aws:iam::{ACCOUNT}:role/{role}"
    given = server.client("sts").assume_role(RoleArn=arn, RoleSessionName="me")["Credentials"]
    return {
        **aws_environment(home, endpoint=endpoint),
        "AWS_REGION": REGION,
        "AWS_ACCESS_KEY_ID": given["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": given["SecretAccessKey"],
        "AWS_SESSION_TOKEN": given["SessionToken"],
    }


def _decoded(body: bytes) -> dict[str, str]:
    return dict(parse_qsl(body.decode(), keep_blank_values=True))


def _xml(xmlns: str, operation: str, content: str) -> Answer:
    body = (
        f'<{operation}Response xmlns="{xmlns}"><{operation}Result>{content}</{operation}Result></{operation}Response>'
    )
    return answer(200, body.encode(), "text/xml", x_amz_request_id="0123456789ABCDEF")
