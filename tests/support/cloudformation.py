"""The stack's template, read and resolved as CloudFormation would: to plain documents, in any partition.

It knows the functions that the template uses and no others. What only AWS can tell (the ARN of a key, the address of an
AMI) is made up here, of the form that it has there.
"""

from __future__ import annotations

import copy
import functools
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable, NamedTuple, Optional

import yaml

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).resolve().parents[2]
TEMPLATE = ROOT / "iam" / "stack.yaml"
ADMINISTRATOR = "arn:aws:iam::111122223333:role/Admin"
KEY_ID = "1234abcd-12ab-34cd-56ef-1234567890ab"
_IMAGE = "ami-0123456789abcdef0"


class Place(NamedTuple):
    """Where a stack is deployed."""

    region: str = "eu-central-1"
    partition: str = "aws"
    dns_suffix: str = "amazonaws.com"
    account: str = "111122223333"
    stack: str = "fleet"
    stack_uuid: str = "5f3c2b1a-0d9e-11f0-8c7b-0a1b2c3d4e5f"

    @property
    def stack_id(self) -> str:
        """The ID of the stack."""
        return f"arn:{self.partition}:cloudformation:{self.region}:{self.account}:stack/{self.stack}/{self.stack_uuid}"


# One of each partition that has an ECS-optimized AMI for everybody.
PLACES = (
    Place(),
    Place("cn-north-1", "aws-cn", "amazonaws.com.cn"),
    Place("us-gov-west-1", "aws-us-gov"),
)


class _Loader(yaml.SafeLoader):
    """YAML with CloudFormation's short forms: `!Ref x` is {"Ref": "x"}, `!Sub x` is {"Fn::Sub": "x"}."""


def _short_form(loader: _Loader, name: str, node: yaml.Node) -> dict[str, Any]:
    value: Any
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        assert isinstance(node, yaml.MappingNode)
        value = loader.construct_mapping(node, deep=True)
    if name == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {name if name in ("Ref", "Condition") else f"Fn::{name}": value}


yaml.add_multi_constructor("!", _short_form, _Loader)
# A version of the policy language looks like a date, and is a string.
_Loader.yaml_implicit_resolvers = {
    first: [pair for pair in pairs if pair[0] != "tag:yaml.org,2002:timestamp"]
    for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def read() -> dict[str, Any]:
    """Return the project's template; it may be changed."""
    return parse(_text())


def parse(text: str) -> dict[str, Any]:
    """Return a template with the functions in their long forms; it may be changed."""
    return copy.deepcopy(parsed(text))


@functools.cache
def _text() -> str:
    return TEMPLATE.read_text()


@functools.lru_cache(maxsize=32)
def parsed(text: str) -> dict[str, Any]:
    """Return the same, parsed once for all who do not change it: a stand-in looks at it at each request."""
    document: dict[str, Any] = yaml.load(text, _Loader)  # noqa: S506 # a SafeLoader
    return document


class _Nothing:
    """What `AWS::NoValue` leaves."""


_NOTHING = _Nothing()


class Stack:
    """A template with its parameters at a place: `properties` and `outputs` are plain documents.

    `names` are the names, or IDs, of resources where they are known. Raises AssertionError for a parameter that
    CloudFormation would refuse.
    """

    def __init__(
        self,
        given: Optional[Mapping[str, str]] = None,
        place: Optional[Place] = None,
        *,
        template: Optional[dict[str, Any]] = None,
        names: Optional[Mapping[str, str]] = None,
    ) -> None:
        self.place = place or Place()
        self.template = template or read()
        self.names = names or {}
        administrator = ADMINISTRATOR.replace("arn:aws:", f"arn:{self.place.partition}:")
        self.parameters = _parameters(self.template["Parameters"], {"AdministratorArn": administrator, **(given or {})})
        self._functions: dict[str, Callable[[Any], Any]] = {
            "Ref": self._ref,
            "Fn::GetAtt": lambda value: self._attribute(*value),
            "Fn::Sub": self._sub,
            "Fn::If": lambda value: self.resolve(value[1] if self.holds(value[0]) else value[2]),
            "Fn::Equals": lambda value: self.resolve(value[0]) == self.resolve(value[1]),
            "Fn::Not": lambda value: not self.resolve(value[0]),
            "Fn::And": lambda value: all(map(self.resolve, value)),
            "Fn::Split": lambda value: self.resolve(value[1]).split(value[0]),
            "Fn::Select": lambda value: self.resolve(value[1])[int(value[0])],
            "Fn::Base64": self.resolve,
        }

    def holds(self, condition: str) -> bool:
        """Tell whether the condition of that name holds."""
        return bool(self.resolve(self.template["Conditions"][condition]))

    def has(self, resource: str) -> bool:
        """Tell whether the resource is made."""
        condition = self.template["Resources"][resource].get("Condition")
        return condition is None or self.holds(condition)

    def properties(self, resource: str) -> Any:
        """Return what the resource is made with; text that is sent in base64 is left as it is."""
        assert self.has(resource), f"{resource} is not made"
        return self.resolve(self.template["Resources"][resource]["Properties"])

    def outputs(self) -> dict[str, str]:
        """Return the outputs that there are."""
        there = self.template["Outputs"].items()
        return {
            name: self.resolve(output["Value"])
            for name, output in there
            if "Condition" not in output or self.holds(output["Condition"])
        }

    def broken_rules(self) -> list[str]:
        """Return what CloudFormation says of parameters that do not go together."""
        rules = [rule for rule in self.template["Rules"].values() if self.resolve(rule["RuleCondition"])]
        return [
            assertion["AssertDescription"]
            for rule in rules
            for assertion in rule["Assertions"]
            if not self.resolve(assertion["Assert"])
        ]

    def resolve(self, node: Any) -> Any:
        """Return the document without functions."""
        if isinstance(node, list):
            return [item for item in map(self.resolve, node) if item is not _NOTHING]
        if not isinstance(node, dict):
            return node
        name = next(iter(node), "")
        if len(node) == 1 and (name in self._functions or name.startswith("Fn::")):
            return self._functions[name](node[name])
        found = {key: self.resolve(value) for key, value in node.items()}
        return {key: value for key, value in found.items() if value is not _NOTHING}

    def _ref(self, name: str) -> Any:
        place = self.place
        own = {
            "AWS::Region": place.region,
            "AWS::Partition": place.partition,
            "AWS::URLSuffix": place.dns_suffix,
            "AWS::AccountId": place.account,
            "AWS::StackName": place.stack,
            "AWS::StackId": place.stack_id,
            "AWS::NoValue": _NOTHING,
        }
        if name in own:
            return own[name]
        if name in self.parameters:
            return self.parameters[name]
        resource = self.template["Resources"][name]
        if name in self.names:
            return self.names[name]
        # A name that the template gives is what stands for the resource; others are made up by their service.
        named = {"AWS::S3::Bucket": "BucketName", "AWS::KMS::Alias": "AliasName", "AWS::SSM::Document": "Name"}
        given = named.get(resource["Type"])
        if given:
            return self.resolve(resource["Properties"][given])
        if resource["Type"] == "AWS::IAM::ManagedPolicy":
            return f"arn:{place.partition}:iam::{place.account}:policy/{place.stack}-{name}"
        if resource["Type"] == "AWS::SNS::Topic":
            return f"arn:{place.partition}:sns:{place.region}:{place.account}:{place.stack}-{name}"
        return KEY_ID if resource["Type"] == "AWS::KMS::Key" else f"{place.stack}-{name}"

    def _attribute(self, name: str, attribute: str) -> str:
        place, kind = self.place, self.template["Resources"][name]["Type"]
        own = self._ref(name)
        made = {
            ("AWS::S3::Bucket", "Arn"): f"arn:{place.partition}:s3:::{own}",
            ("AWS::KMS::Key", "Arn"): f"arn:{place.partition}:kms:{place.region}:{place.account}:key/{own}",
            ("AWS::IAM::Role", "Arn"): f"arn:{place.partition}:iam::{place.account}:role/{own}",
            ("AWS::IAM::InstanceProfile", "Arn"): f"arn:{place.partition}:iam::{place.account}:instance-profile/{own}",
            ("AWS::EC2::LaunchTemplate", "LatestVersionNumber"): "1",
            ("AWS::Events::Rule", "Arn"): f"arn:{place.partition}:events:{place.region}:{place.account}:rule/{own}",
        }
        return made[kind, attribute]

    def _sub(self, value: Any) -> str:
        text, own = value if isinstance(value, list) else (value, {})

        def fill(found: re.Match[str]) -> str:
            name = found[1]
            if name.startswith("!"):
                return f"${{{name[1:]}}}"
            if name in own:
                return str(self.resolve(own[name]))
            return str(self._attribute(*name.split(".", 1)) if "." in name else self._ref(name))

        return re.sub(r"\$\{([^}]+)\}", fill, text)


def _parameters(declared: dict[str, dict[str, Any]], given: dict[str, str]) -> dict[str, str]:
    unknown = set(given) - set(declared)
    assert not unknown, f"no such parameter: {unknown}"
    found = {}
    for name, parameter in declared.items():
        value = given.get(name, parameter.get("Default"))
        assert value is not None, f"{name} is needed"
        assert is_taken(parameter, value), f"{name} is refused: {value!r}"
        found[name] = _IMAGE if parameter["Type"].startswith("AWS::SSM::Parameter::Value") else value
    return found


def is_taken(parameter: dict[str, Any], value: str) -> bool:
    """Tell whether CloudFormation takes the value: its patterns have to match all of it."""
    return (
        len(value) <= int(parameter.get("MaxLength", 4096))
        and value in parameter.get("AllowedValues", [value])
        and re.fullmatch(parameter.get("AllowedPattern", "(?s).*"), value) is not None
    )


# Where the template has what a file says.
POLICIES: dict[str, Callable[[Stack], Any]] = {
    "instance-role-trust": lambda stack: stack.properties("InstanceRole")["AssumeRolePolicyDocument"],
    "instance-role": lambda stack: stack.properties("InstanceRole")["Policies"][0]["PolicyDocument"],
    "operator": lambda stack: stack.properties("OperatorPolicy")["PolicyDocument"],
    "auditor": lambda stack: stack.properties("AuditorPolicy")["PolicyDocument"],
    "bucket": lambda stack: stack.properties("BucketPolicy")["PolicyDocument"],
    "key": lambda stack: stack.properties("Key")["KeyPolicy"],
    "fleet-roll": lambda stack: stack.properties("FleetRollPolicy")["PolicyDocument"],
    "fleet-promote": lambda stack: stack.properties("FleetPromotePolicy")["PolicyDocument"],
    "fleet-read": lambda stack: stack.properties("FleetReadPolicy")["PolicyDocument"],
    "fleet-instance": lambda stack: stack.properties("FleetInstancePolicy")["PolicyDocument"],
}
