"""The stack's fleet: off by default; its documents, associations, alarms and roles, resolved as by CloudFormation."""

from __future__ import annotations

from typing import Any

import cloudformation
import pytest
from cloudformation import PLACES, POLICIES, ROOT, Place, Stack

ON = {"Fleet": "on"}
SHA256 = "0123456789abcdef" * 4
OPERATOR, ROLLER, PROMOTER = (f"arn:aws:iam::111122223333:role/{name}" for name in ("Operator", "Roller", "Promoter"))
TARGETS = [{"Key": "tag:ecsauth", "Values": ["prod/web"]}]


def made(stack: Stack, kind: str) -> dict[str, Any]:
    """Return what the stack makes of a kind of resource, by the names in the template."""
    resources = stack.template["Resources"].items()
    return {name: stack.properties(name) for name, one in resources if one["Type"].startswith(kind) and stack.has(name)}


def test_off_by_default() -> None:
    """Without the parameter nothing of Systems Manager is made, and no output speaks of it."""
    stack = Stack({"ArchiveSha256": SHA256})
    for kind in ("AWS::SSM::", "AWS::Events::", "AWS::SNS::"):
        assert made(stack, kind) == {}
    assert set(made(stack, "AWS::IAM::ManagedPolicy")) == {"OperatorPolicy", "AuditorPolicy"}
    assert not [name for name in stack.outputs() if name.startswith("Fleet")]
    assert "TagSpecifications" not in stack.properties("LaunchTemplate")["LaunchTemplateData"]


@pytest.mark.parametrize("name", ["boot", "status", "doctor"])
def test_documents_are_the_files(name: str) -> None:
    """A document is deployed byte for byte, under the stack's name, so that its SHA-256 is that of the file."""
    stack = Stack(ON)
    document = stack.properties(f"{name.capitalize()}Document")
    content = (ROOT / "iam" / "ssm" / f"{name}.yaml").read_bytes()
    assert document.pop("Content").encode() == content, "run scripts/write-stack"
    assert document == {
        "Name": f"fleet-{name}",
        "DocumentType": "Command",
        "DocumentFormat": "YAML",
        "UpdateMethod": "NewVersion",
    }


@pytest.mark.parametrize(
    ("fleet", "names"), [("on", ["HealthAssociation", "InventoryAssociation"]), ("no-inventory", ["HealthAssociation"])]
)
def test_associations(fleet: str, names: list[str]) -> None:
    """Health and inventory are looked at every 30 minutes on the instances of the prefix; one inventory is enough."""
    stack = Stack({"Fleet": fleet, "Prefix": "prod/web"})
    found = made(stack, "AWS::SSM::Association")
    assert list(found) == names
    assert all(one["Targets"] == TARGETS for one in found.values())
    assert all(one["ScheduleExpression"] == "rate(30 minutes)" for one in found.values())
    assert found["HealthAssociation"]["Name"] == "fleet-status"
    rule = stack.properties("AssociationFailed")["EventPattern"]["detail"]
    assert rule["association-id"] == [f"fleet-{name}" for name in names]


def test_inventory_collects_the_report_only() -> None:
    """Of all that the inventory document can collect only custom inventory is enabled."""
    parameters = Stack(ON).properties("InventoryAssociation")["Parameters"]
    assert [name for name, value in parameters.items() if value != ["Disabled"]] == ["customInventory"]


def test_launched_instances_have_the_tag() -> None:
    """The launch template gives the tag by which commands and associations find the instance, and IAM allows them."""
    stack = Stack({"ArchiveSha256": SHA256, "Prefix": "prod/web", **ON})
    (tagged,) = stack.properties("LaunchTemplate")["LaunchTemplateData"]["TagSpecifications"]
    assert tagged == {"ResourceType": "instance", "Tags": [{"Key": "ecsauth", "Value": "prod/web"}]}
    conditions = [one.get("Condition", {}) for one in POLICIES["fleet-roll"](stack)["Statement"]]
    assert {"StringEquals": {"ssm:resourceTag/ecsauth": "prod/web"}} in conditions


@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.partition)
def test_alarms_reach_the_topic(place: Place) -> None:
    """Both rules have the topic as target, and its policy lets these two rules publish and nobody else."""
    stack = Stack(ON, place)
    topic = stack.outputs()["FleetTopicArn"]
    rules = made(stack, "AWS::Events::Rule")
    assert all([target["Arn"] for target in rule["Targets"]] == [topic] for rule in rules.values())
    (allowed,) = stack.properties("FleetTopicPolicy")["PolicyDocument"]["Statement"]
    start = f"arn:{place.partition}:events:{place.region}:{place.account}:rule/fleet-"
    assert allowed.pop("Condition") == {"ArnEquals": {"aws:SourceArn": [start + name for name in rules]}}
    assert allowed == {
        "Sid": "TheseRulesPublish",
        "Effect": "Allow",
        "Principal": {"Service": "events.amazonaws.com"},
        "Action": "sns:Publish",
        "Resource": topic,
    }


def test_a_failed_command_is_told_once() -> None:
    """The rule is about whole commands of the document that installs, not about each instance, nor about doctor."""
    pattern = Stack(ON).properties("CommandFailed")["EventPattern"]
    assert pattern == {
        "source": ["aws.ssm"],
        "detail-type": ["EC2 Command Status-change Notification"],
        "detail": {"document-name": ["fleet-boot"], "status": ["Cancelled", "Failed", "TimedOut"]},
    }


@pytest.mark.parametrize(
    ("given", "people"),
    [
        ({}, []),
        ({"FleetRollArn": ROLLER}, [ROLLER]),
        ({"OperatorArn": OPERATOR, "FleetRollArn": ROLLER, "FleetPromoteArn": PROMOTER}, [OPERATOR, ROLLER, PROMOTER]),
    ],
)
def test_the_bucket_lets_the_roles_put(given: dict[str, str], people: list[str]) -> None:
    """The bucket's policy names the roles of the fleet beside the operator; their own policies say what they put."""
    put = {one["Sid"]: one for one in POLICIES["bucket"](Stack(given))["Statement"]}["OperatorsPut"]
    assert put["Condition"] == {"ArnNotEquals": {"aws:PrincipalArn": [*people, cloudformation.ADMINISTRATOR]}}


def test_the_instances_have_the_agent_s_policy() -> None:
    """With the fleet the role of the instances has what the agent needs, besides the policy of its own."""
    assert Stack(ON).properties("FleetInstancePolicy")["Roles"] == ["fleet-InstanceRole"]
