"""The actions of IAM that each step of `init` needs, by the resources that they concern.

CloudFormation uses the rights of the operator who deploys, so the actions of the stack's resources are here, too. A
value that is not known yet, as the ID of the key, has a placeholder of the right form, so that policies for some
resources only are simulated correctly.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Optional

from ecsauth.deploy.init_plan import StepName

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping


class NeededActions(NamedTuple):
    """Actions on one resource: a pattern of an ARN with names in braces, or `*`."""

    resource: str
    actions: tuple[str, ...]


_STACK = "arn:{partition}:cloudformation:{region}:{account}:stack/{stack}/00000000-0000-0000-0000-000000000000"
_BUCKET = "arn:{partition}:s3:::{bucket}"
_OBJECT = "arn:{partition}:s3:::{bucket}/{prefix}/ecs.config"
_ARCHIVE = "arn:{partition}:s3:::{bucket}/{prefix}/ecsauth"
_KEY = "arn:{partition}:kms:{region}:{account}:key/{key}"
_ROLE = "arn:{partition}:iam::{account}:role/{stack}-InstanceRole-000000000000"
_CLUSTER = "arn:{partition}:ecs:{region}:{account}:cluster/{cluster}"
# A public parameter is of no account.
_AMI = NeededActions(
    "arn:{partition}:ssm:{region}::parameter/aws/service/ecs/optimized-ami/amazon-linux-2023/recommended/image_id",
    ("ssm:GetParameters",),
)
_PUT = ("s3:GetObject", "s3:GetObjectVersion", "s3:PutObject")
_USE_KEY = NeededActions(_KEY, ("kms:GenerateDataKey", "kms:Decrypt"))
_ENCRYPTION = NeededActions(_BUCKET, ("s3:GetEncryptionConfiguration", "s3:ListBucket"))
TABLE: Mapping[StepName, tuple[NeededActions, ...]] = {
    StepName.STACK: (
        NeededActions(
            _STACK,
            ("cloudformation:CreateStack", "cloudformation:DescribeStacks", "cloudformation:DescribeStackEvents"),
        ),
        NeededActions("*", ("kms:CreateKey",)),
        _AMI,
        NeededActions(_KEY, ("kms:CreateAlias", "kms:DescribeKey", "kms:EnableKeyRotation", "kms:PutKeyPolicy")),
        NeededActions("arn:{partition}:kms:{region}:{account}:alias/ecsauth/{stack}", ("kms:CreateAlias",)),
        NeededActions(
            _BUCKET,
            (
                "s3:CreateBucket",
                "s3:PutBucketOwnershipControls",
                "s3:PutBucketPolicy",
                "s3:PutBucketPublicAccessBlock",
                "s3:PutBucketVersioning",
                "s3:PutEncryptionConfiguration",
                "s3:PutLifecycleConfiguration",
            ),
        ),
        NeededActions(_ROLE, ("iam:AttachRolePolicy", "iam:CreateRole", "iam:GetRole", "iam:PutRolePolicy")),
        NeededActions(
            "arn:{partition}:iam::{account}:instance-profile/{stack}-InstanceProfile-000000000000",
            ("iam:AddRoleToInstanceProfile", "iam:CreateInstanceProfile"),
        ),
        NeededActions(
            "arn:{partition}:iam::{account}:policy/{stack}-OperatorPolicy-000000000000", ("iam:CreatePolicy",)
        ),
    ),
    StepName.CLUSTER: (NeededActions(_CLUSTER, ("ecs:CreateCluster",)),),
    StepName.ENV_FILE: (NeededActions(_OBJECT, _PUT), _ENCRYPTION, _USE_KEY),
    StepName.ARCHIVE: (NeededActions(_ARCHIVE, _PUT), _ENCRYPTION, _USE_KEY),
    StepName.UPDATE: (
        NeededActions(_STACK, ("cloudformation:UpdateStack", "cloudformation:DescribeStackEvents")),
        NeededActions("*", ("ec2:DescribeLaunchTemplates", "ec2:DescribeLaunchTemplateVersions")),
        _AMI,
        NeededActions(_ROLE, ("iam:PassRole",)),
    ),
    StepName.INSTANCE: (
        NeededActions("*", ("autoscaling:DescribeAutoScalingGroups", "autoscaling:DescribeScalingActivities")),
        NeededActions(_CLUSTER, ("ecs:ListContainerInstances",)),
        NeededActions(
            "arn:{partition}:ecs:{region}:{account}:container-instance/{cluster}/0", ("ecs:DescribeContainerInstances",)
        ),
    ),
}


_LAUNCH_TEMPLATE = "arn:{partition}:ec2:{region}:{account}:launch-template/{template}"
_GROUP = "arn:{partition}:autoscaling:{region}:{account}:autoScalingGroup:*:autoScalingGroupName/{group}"
MAKE_TEMPLATE = NeededActions(_LAUNCH_TEMPLATE, ("ec2:CreateLaunchTemplate",))
CHANGE_TEMPLATE = NeededActions(_LAUNCH_TEMPLATE, ("ec2:CreateLaunchTemplateVersion",))
MAKE_GROUP = NeededActions(_GROUP, ("autoscaling:CreateAutoScalingGroup",))
CHANGE_GROUP = NeededActions(_GROUP, ("autoscaling:UpdateAutoScalingGroup",))
# Auto Scaling asks for it when a group gets a launch template (Auto Scaling User Guide, "Launch template support").
LAUNCH = NeededActions("arn:{partition}:ec2:{region}:{account}:instance/*", ("ec2:RunInstances",))


class SimulatedAction(NamedTuple):
    """IAM's verdict on one action. `is_known` is False if a condition depends on values that the simulation lacks."""

    action: str
    is_allowed: bool
    is_known: bool = True


class RightsQuestion(NamedTuple):
    """One simulation: actions on one resource."""

    resource: str
    actions: tuple[str, ...]


def of_update(outputs: Mapping[str, str], *, has_group: bool) -> tuple[NeededActions, ...]:
    """Return what the update needs by what the stack has: a launch template and a group are made once, then changed."""
    template = CHANGE_TEMPLATE if "LaunchTemplateId" in outputs else MAKE_TEMPLATE
    if not has_group:
        return (template,)
    return template, CHANGE_GROUP if "GroupName" in outputs else MAKE_GROUP, LAUNCH


def questions(
    steps: Iterable[StepName], names: Mapping[str, str], more: Iterable[NeededActions] = ()
) -> Iterator[RightsQuestion]:
    """Yield the simulations for these steps, each resource once; `names` fills in the ARNs, `more` is added."""
    merged: dict[str, dict[str, None]] = {}
    for needed in (*(needed for step in steps for needed in TABLE[step]), *more):
        merged.setdefault(needed.resource.format(**names), {}).update(dict.fromkeys(needed.actions))
    for resource, actions in merged.items():
        yield RightsQuestion(resource, tuple(actions))


def names_of(
    partition: str, region: str, account: str, stack: str, given: Mapping[str, Optional[str]]
) -> dict[str, str]:
    """Return the names for the ARNs; `given` has those of the table as far as they are known."""
    return {
        "partition": partition,
        "region": region,
        "account": account,
        "stack": stack,
        "bucket": given.get("bucket") or f"ecsauth-{account}-{region}-00000000",
        "prefix": given.get("prefix") or "prod",
        "cluster": (given.get("cluster") or "default").rpartition("/")[2],
        "template": given.get("template") or "lt-00000000000000000",
        "group": given.get("group") or f"{stack}-Group-000000000000",
        "key": given.get("key") or "00000000-0000-0000-0000-000000000000",
    }


def missing(verdicts: Iterable[SimulatedAction]) -> tuple[str, ...]:
    """Return the actions that are certainly denied, each once."""
    return tuple(dict.fromkeys(one.action for one in verdicts if one.is_known and not one.is_allowed))
