"""A stand-in of CloudFormation, for `ecsauth init`: one stack at a time, which takes some looks to complete, or fails.

moto's CloudFormation cannot stand here: it takes a previous value that is named for the first time for a change, and
cannot change a key; it tells the AMI in place of the name of its parameter; none of its stacks is in progress or fails.
This one resolves the template (`cloudformation.Stack`) and makes bucket, key, launch template and group in moto, which
has S3, KMS, EC2 and Auto Scaling; roles, policies and alias are names only. Source: CloudFormation API Reference.
"""

from __future__ import annotations

import json
import uuid
from typing import TYPE_CHECKING, Any, NamedTuple, Optional
from xml.sax.saxutils import escape

import cloudformation
from cloudformation import Place, Stack
from deployed_stack import put_dropped
from loopback_server import Answer, answer
from s3_server import ACCOUNT, REGION

if TYPE_CHECKING:
    from collections.abc import Mapping

    from s3_server import S3Server

_XMLNS = "http://cloudformation.amazonaws.com/doc/2010-05-15/"
OPERATIONS = ("CreateStack", "DescribeStackEvents", "DescribeStacks", "GetTemplate", "UpdateStack")
_FAILED = {"CREATE": "ROLLBACK_COMPLETE", "UPDATE": "UPDATE_ROLLBACK_COMPLETE"}


class StackFailure(NamedTuple):
    """The resource at which the next deployment fails, and its reason."""

    resource: str
    type: str
    reason: str


class CloudFormation:
    """The service. `looks` is how often a deployment is seen in progress; `failure` lets the next deployment fail."""

    def __init__(self, server: S3Server) -> None:
        self._server = server
        self._names: dict[str, str] = {}
        self._ends_in = ""
        self._left = 0
        self._events: list[str] = []
        self.looks = 1
        self.failure: Optional[StackFailure] = None
        self.name, self.stack_id, self.status = "", "", ""
        self.template, self.parameters = "", dict[str, str]()
        self.description: Optional[str] = None

    def respond(self, operation: str, form: Mapping[str, str]) -> Answer:
        """Return the answer to one request of the query API."""
        wanted = form.get("StackName", "")
        if operation == "CreateStack":
            return self._create(wanted, form)
        if wanted not in (self.name, self.stack_id) or not self.name:
            return _invalid(f"Stack with id {wanted} does not exist")
        if operation == "UpdateStack":
            return self._update(form)
        if operation == "GetTemplate":
            return _xml(operation, f"<TemplateBody>{escape(self.template)}</TemplateBody>")
        if operation == "DescribeStackEvents":
            return _xml(operation, f"<StackEvents>{''.join(reversed(self._events))}</StackEvents>")
        return self._describe()

    def place(self, name: str, template: str, status: str, **parameters: str) -> None:
        """Have a stack, with this status, as another run or another program has left it."""
        self.name, self.template, self.status = name, template, status
        self.stack_id = f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/{name}/{uuid.uuid4()}"
        self.parameters = parameters

    def finish(self, looks: int) -> None:
        """Let the deployment that is in progress end after so many looks."""
        self._left = looks

    @property
    def resolved(self) -> Stack:
        """The template with its parameters."""
        own = Place(REGION, account=ACCOUNT, stack=self.name, stack_uuid=self.stack_id.rpartition("/")[2])
        return Stack(self.parameters, own, template=cloudformation.parsed(self.template), names=self._names)

    def _create(self, name: str, form: Mapping[str, str]) -> Answer:
        if self.name:
            return _refused("AlreadyExistsException", f"Stack [{name}] already exists")
        self.place(name, form["TemplateBody"], "", **_given(form, {}))
        self._begin("CREATE")
        if not self.failure:
            self._make_bucket()
        return self._started("CreateStack")

    def _update(self, form: Mapping[str, str]) -> Answer:
        if self._left:
            return _invalid(f"Stack:{self.stack_id} is in {self.status} state and can not be updated.")
        values = _given(form, self.parameters)
        if (form["TemplateBody"], values) == (self.template, self.parameters):
            return _invalid("No updates are to be performed.")
        self._begin("UPDATE")
        if not self.failure:
            self.template, self.parameters = form["TemplateBody"], values
            self._make_group()
        return self._started("UpdateStack")

    def _begin(self, what: str) -> None:
        self.status, self._left = f"{what}_IN_PROGRESS", self.looks
        self._ends_in = _FAILED[what] if self.failure else f"{what}_COMPLETE"
        self._note(self.name, "AWS::CloudFormation::Stack", self.status, "User Initiated", self.stack_id)
        if self.failure:
            resource, kind, reason = self.failure
            self._note(resource, kind, f"{what}_FAILED", reason)
            self._note("InstanceRole", "AWS::IAM::Role", f"{what}_FAILED", "Resource creation cancelled")

    def _started(self, operation: str) -> Answer:
        if not self._left:
            self.status = self._ends_in
        self.failure = None
        return _xml(operation, f"<StackId>{self.stack_id}</StackId>")

    def _describe(self) -> Answer:
        if self._left:
            self._left -= 1
        elif self.status.endswith("_IN_PROGRESS") and self._ends_in:
            self.status = self._ends_in
        stack = self.resolved
        has_outputs = self.status not in ("CREATE_IN_PROGRESS", "ROLLBACK_COMPLETE", "CREATE_FAILED")
        outputs = stack.outputs() if has_outputs else {}
        said = self.description if self.description is not None else stack.template.get("Description", "")
        declared = {name: one.get("Default", "") for name, one in stack.template["Parameters"].items()}
        members = _members("Parameters", "Parameter", {**declared, **self.parameters})
        members += _members("Outputs", "Output", outputs)
        facts = f"<StackName>{self.name}</StackName><StackId>{self.stack_id}</StackId>"
        facts += f"<Description>{escape(said)}</Description><StackStatus>{self.status}</StackStatus>"
        facts += "<CreationTime>2026-01-01T00:00:00Z</CreationTime>"
        return _xml("DescribeStacks", f"<Stacks><member>{facts}{members}</member></Stacks>")

    def _make_bucket(self) -> None:
        """Make the key and the bucket."""
        self._names["Key"] = self._server.make_key().rpartition("/")[2]
        outputs = self.resolved.outputs()
        self._names["Bucket"] = self._server.make_bucket(outputs["BucketName"], default_key=outputs["KeyArn"])
        put_dropped(self._server.s3, self.resolved)

    def _make_group(self) -> None:
        """Make the launch template and the group, or set the size of the group that is there."""
        stack = self.resolved
        if stack.has("LaunchTemplate") and "LaunchTemplate" not in self._names:
            data = {"ImageId": "ami-0123456789abcdef0", "InstanceType": stack.parameters["InstanceType"]}
            ec2 = self._server.client("ec2")
            made = ec2.create_launch_template(LaunchTemplateName=self.name, LaunchTemplateData=data)
            self._names["LaunchTemplate"] = made["LaunchTemplate"]["LaunchTemplateId"]
        if not stack.has("Group"):
            return
        scaling, made = self._server.client("autoscaling"), self.resolved.properties("Group")
        sizes = {"MinSize": int(made["MinSize"]), "MaxSize": int(made["MaxSize"])}
        if "Group" in self._names:
            scaling.update_auto_scaling_group(AutoScalingGroupName=self._names["Group"], **sizes)
            return
        template = {"LaunchTemplateId": self._names["LaunchTemplate"], "Version": "1"}
        name, zones = f"{self.name}-Group-1A2B3C", ",".join(made["VPCZoneIdentifier"])
        scaling.create_auto_scaling_group(
            AutoScalingGroupName=name, LaunchTemplate=template, VPCZoneIdentifier=zones, **sizes
        )
        self._names["Group"] = name

    def _note(self, name: str, kind: str, status: str, reason: str, physical: str = "x") -> None:
        self._events.append(
            f"<member><LogicalResourceId>{name}</LogicalResourceId><PhysicalResourceId>{physical}</PhysicalResourceId>"
            f"<ResourceType>{kind}</ResourceType><ResourceStatus>{status}</ResourceStatus>"
            f"<ResourceStatusReason>{escape(reason)}</ResourceStatusReason></member>"
        )


def policy_of(stack: Stack) -> bytes:
    """Return the bucket's policy, as S3 would give it."""
    return json.dumps(stack.properties("BucketPolicy")["PolicyDocument"]).encode()


def _given(form: Mapping[str, str], previous: Mapping[str, str]) -> dict[str, str]:
    """Return the parameters of a request; a previous value that the stack has by default is left out."""
    values: dict[str, str] = {}
    for key, name in form.items():
        if key.endswith(".ParameterKey"):
            member = key.rpartition(".")[0]
            value: Any = form.get(f"{member}.ParameterValue", previous.get(name))
            if value is not None:
                values[name] = value
    return values


def _members(name: str, one: str, values: Mapping[str, str]) -> str:
    members = "".join(
        f"<member><{one}Key>{key}</{one}Key><{one}Value>{escape(value)}</{one}Value></member>"
        for key, value in values.items()
    )
    return f"<{name}>{members}</{name}>"


def _xml(operation: str, content: str) -> Answer:
    result = f"<{operation}Result>{content}</{operation}Result>"
    body = f'<{operation}Response xmlns="{_XMLNS}">{result}</{operation}Response>'
    return answer(200, body.encode(), "text/xml", x_amzn_requestid="0123456789ABCDEF")


def _invalid(message: str) -> Answer:
    return _refused("ValidationError", message)


def _refused(code: str, message: str) -> Answer:
    body = f'<ErrorResponse xmlns="{_XMLNS}"><Error><Code>{code}</Code>'
    body += f"<Message>{escape(message)}</Message></Error></ErrorResponse>"
    return answer(400, body.encode(), "text/xml", x_amzn_requestid="0123456789ABCDEF")
