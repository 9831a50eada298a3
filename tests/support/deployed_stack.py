"""The stack in moto: deployed and updated by CloudFormation's own API, then completed.

moto's CloudFormation drops some properties of a bucket without a word and knows no bucket policy: `Deployed.complete`
applies them, from the same template, and tells which they were. The policy is laid into the proxy: moto heeds no
condition, and would deny everything to everybody.
"""

from __future__ import annotations

import ast
import json
from typing import TYPE_CHECKING, Any, Optional

import cloudformation
from cloudformation import Place, Stack
from s3_faults import Document
from s3_server import ACCOUNT, REGION

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from s3_proxy import S3Proxy
    from s3_server import S3Server

NAME = "fleet"
ADMINISTRATOR = f"arn:aws:iam::{ACCOUNT}:role/Admin"


class Deployed:
    """A stack that is deployed, and the `outputs` it has; `template` is the project's own unless a test spoils it."""

    def __init__(self, server: S3Server, template: Optional[dict[str, Any]] = None, **parameters: str) -> None:
        self._server = server
        self._cloudformation = server.client("cloudformation")
        self._template = template or cloudformation.read()
        self._parameters = {"AdministratorArn": ADMINISTRATOR, **parameters}
        self._cloudformation.create_stack(TemplateBody=json.dumps(self._template), **self._given())
        self._uuid = ""
        self.outputs = self._look("CREATE_COMPLETE")

    def update(self, **parameters: str) -> None:
        """Deploy the same template once more; parameters that are not named stay as they were."""
        self._parameters.update(parameters)
        self._cloudformation.update_stack(UsePreviousTemplate=True, **self._given())
        self.outputs = self._look("UPDATE_COMPLETE")

    @property
    def resolved(self) -> Stack:
        """The same template resolved here, with the names that the resources have got."""
        place = Place(REGION, account=ACCOUNT, stack=NAME, stack_uuid=self._uuid)
        return Stack(self._parameters, place, template=self._template, names=names_of(self.outputs))

    def complete(self, proxy: S3Proxy) -> set[str]:
        """Apply what the template says and the server dropped, and return the names of those properties."""
        dropped = put_dropped(self._server.client("s3"), self.resolved)
        if "BucketPolicy" in self._template["Resources"]:
            policy = self.resolved.properties("BucketPolicy")["PolicyDocument"]
            proxy.inject(Document(json.dumps(policy).encode()), operation="GetBucketPolicy")
            return {*dropped, "BucketPolicy"}
        return dropped

    def enforce(self) -> None:
        """From now on refuse what no policy of the stack allows.

        moto's CloudFormation gives moto's IAM the role's own policy in Python's words, which it cannot read: the same
        policy is put again as JSON.
        """
        iam, role = self._server.client("iam"), self.outputs["InstanceRoleName"]
        for name in iam.list_role_policies(RoleName=role)["PolicyNames"]:
            kept = ast.literal_eval(iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"])
            iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=json.dumps(kept))
        self._server.enforce_policies()

    def _given(self) -> dict[str, Any]:
        given = [{"ParameterKey": name, "ParameterValue": value} for name, value in self._parameters.items()]
        return {"StackName": NAME, "Capabilities": ["CAPABILITY_IAM"], "Parameters": given}

    def _look(self, status: str) -> dict[str, str]:
        """Return what the stack tells, once it is so."""
        (stack,) = self._cloudformation.describe_stacks(StackName=NAME)["Stacks"]
        assert stack["StackStatus"] == status, stack.get("StackStatusReason")
        self._uuid = stack["StackId"].rpartition("/")[2]
        return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


def names_of(outputs: dict[str, str]) -> dict[str, str]:
    """Return the names that the resources have got, as far as outputs tell them."""
    return {"Bucket": outputs["BucketName"], "Key": outputs["KeyArn"].rpartition("/")[2]}


def put_dropped(s3: S3Client, stack: Stack) -> set[str]:
    """Give the stack's bucket what its template says and moto drops, and return the names of those properties."""
    made = stack.properties("Bucket")
    ways: dict[str, Any] = {
        "VersioningConfiguration": s3.put_bucket_versioning,
        "PublicAccessBlockConfiguration": s3.put_public_access_block,
        "OwnershipControls": s3.put_bucket_ownership_controls,
        "LifecycleConfiguration": s3.put_bucket_lifecycle_configuration,
    }
    dropped = {name: made[name] for name in ways if name in made}
    if "LifecycleConfiguration" in dropped:
        rules = dropped["LifecycleConfiguration"]["Rules"]
        dropped["LifecycleConfiguration"] = {"Rules": [_lifecycle_rule(rule) for rule in rules]}
    for name, value in dropped.items():
        ways[name](Bucket=stack.outputs()["BucketName"], **{name: value})
    return set(dropped)


def _lifecycle_rule(rule: dict[str, Any]) -> dict[str, Any]:
    """CloudFormation's form of a rule in the one of S3's API."""
    days = rule.get("NoncurrentVersionExpiration", {}).get("NoncurrentDays")
    own = {name: value for name, value in rule.items() if name not in ("Id", "NoncurrentVersionExpiration")}
    old = {"NoncurrentVersionExpiration": {"NoncurrentDays": days}} if days else {}
    return {"ID": rule["Id"], "Filter": {"Prefix": ""}, **own, **old}
