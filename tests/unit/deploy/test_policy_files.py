"""The policies of `iam/` as they stand: they lint, say of every statement and every `*` why, and allow no more."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import policy_lint
import pytest
from botocore.session import Session
from ecsauth.aws_names import S3URI
from ecsauth.deploy import policies
from ecsauth.deploy.policies import Values
from ecsauth.publish.bucket_risks import Settings, risks

if TYPE_CHECKING:
    from collections.abc import Iterator

FOLDER = Path(__file__).parents[3] / "iam"
README = (FOLDER / "README.md").read_text(encoding="utf-8")
NAMES = sorted(path.name for path in FOLDER.glob("*.json"))
IDENTITY = ("instance-role.json", "operator.json", "auditor.json")
FLEET = ("fleet-instance.json", "fleet-promote.json", "fleet-read.json", "fleet-roll.json")

_ACCOUNT = "111122223333"
_IDS = "1234abcd-12ab-34cd-56ef-1234567890ab"
# Where there is a partition, a region of it.
REGIONS = {"aws": "eu-central-1", "aws-cn": "cn-north-1", "aws-us-gov": "us-gov-west-1"}
# What the linter does not know, by file.
_UNKNOWN_TO_THE_LINTER = {
    "instance-role-trust.json": {"MALFORMED: Statement contains neither Resource nor NotResource"},
    "bucket.json": {
        "MISMATCHED_TYPE: Type mismatch: s3:TlsVersion requires a value of type Numeric but given ['1.2']",
        "UNKNOWN_CONDITION_FOR_ACTION: Unknown condition s3:TlsVersion for action s3:InitiateReplication",
        "UNKNOWN_CONDITION_FOR_ACTION: Unknown condition s3:TlsVersion for action s3:PutAccessPointPublicAccessBlock",
        "MISMATCHED_TYPE_BUT_USABLE: Type mismatch: StringNotEquals requires a value of type String but given Arn",
        "UNKNOWN_ACTION: Unknown action s3:PutBucketAbac",
        "UNKNOWN_ACTION: Unknown action s3:UpdateBucketMetadataInventoryTableConfiguration",
        "UNKNOWN_ACTION: Unknown action s3:UpdateBucketMetadataJournalTableConfiguration",
        "UNKNOWN_ACTION: Unknown action s3:UpdateObjectEncryption",
    },
    # It asks for an association, of which the role knows none beforehand.
    "fleet-instance.json": {"RESOURCE_STAR: ssm:UpdateInstanceAssociationStatus"},
    # The document is allowed by another statement, because the tag is one of instances (Systems Manager User Guide,
    # "Restricting Run Command access based on tags").
    "fleet-roll.json": {"RESOURCE_MISMATCH: ssm:SendCommand needs arn:*:ssm:*:*:document/*"},
}


def values(partition: str = "aws") -> Values:
    """Return what fills every placeholder."""
    region = REGIONS[partition]
    return Values(
        partition,
        region,
        _ACCOUNT,
        "example-config",
        "prod",
        (f"arn:{partition}:kms:{region}:{_ACCOUNT}:key/{_IDS}",),
        (f"arn:{partition}:iam::{_ACCOUNT}:role/Operator",),
        f"arn:{partition}:iam::{_ACCOUNT}:role/Administrator",
    )


def text(name: str) -> str:
    """Return a file as it is."""
    return (FOLDER / name).read_text(encoding="utf-8")


def statements(name: str) -> list[dict[str, Any]]:
    """Return the statements of a file, with its placeholders."""
    found: list[dict[str, Any]] = json.loads(text(name))["Statement"]
    return found


def many(value: Any) -> list[Any]:
    """Return a list of what a policy may give alone."""
    return value if isinstance(value, list) else [value]


def actions(name: str, effect: str = "Allow") -> set[str]:
    """Return the actions that a file allows, or denies."""
    return {action for one in statements(name) if one["Effect"] == effect for action in many(one["Action"])}


def stars(statement: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield each value of a statement that has a `*` or `?` in it, with the element or condition key it stands at."""
    for element, value in statement.items():
        inner = value if isinstance(value, dict) else {}
        for operator, keys in inner.items():
            for key, each in (keys if isinstance(keys, dict) else {operator: keys}).items():
                yield from ((key if key != "AWS" else element, one) for one in many(each) if re.search("[*?]", one))
        if not inner:
            yield from ((element, one) for one in many(value) if re.search("[*?]", one))


def rows(heading: str) -> list[list[str]]:
    """Return the cells of the tables below a heading of the README, without backticks, without their heads."""
    section = README.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    lines = [line.strip("| \n").split(" | ") for line in section.splitlines() if line.startswith("| `")]
    return [[cell.strip().strip("`") for cell in line] for line in lines]


def test_there_is_a_file_for_each_policy_of_the_command() -> None:
    """What `ecsauth iam` prints is in the folder, and nothing else is."""
    assert {policy.file for policy in policies.POLICIES.values()} == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_every_statement_says_why(name: str) -> None:
    """Each statement has a name of its own, of letters and digits only (IAM takes no others), and its row."""
    names = [one["Sid"] for one in statements(name)]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch("[A-Z][A-Za-z0-9]+", one) for one in names)
    assert [row[0] for row in rows(name) if row[0] in names] == names
    assert json.loads(text(name))["Version"] == "2012-10-17"


def test_every_star_is_justified() -> None:
    """The README's table has each `*` of each file, with the reason, and no other."""
    found = [(name, one["Sid"], *star) for name in NAMES for one in statements(name) for star in stars(one)]
    listed = rows("Every `*`")
    found += _stars_of_the_stack()
    assert found
    assert sorted(tuple(row[:4]) for row in listed) == sorted(found)
    assert all(len(row) == 5 and row[4] for row in listed)


def _stars_of_the_stack() -> list[tuple[str, str, str, str]]:
    """Return those of the stack's statements that no file has: the test of the stack holds the others to the files."""
    lines = text("stack.yaml").split("\nResources:\n")[1].splitlines()
    ours = {one["Sid"] for name in NAMES for one in statements(name)}
    found, sid, element = [], "", ""
    for line in lines:
        named = re.match(r"\s*(?:- )?([A-Za-z0-9:]+): ?(.*)", line)
        if named:
            sid, element = (named[2] if named[1] == "Sid" else sid), named[1]
        if re.match(r"  \w+:$", line):
            # Another resource: what follows is no statement until there is a Sid, as a script of user data.
            sid = ""
        if sid and sid not in ours and not line.lstrip().startswith("#"):
            found += [("stack.yaml", sid, element, star) for star in re.findall(r"""['"]?([^\s'"\[,]*\*)""", line)]
    return found


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        ({"Sid": "A", "Principal": "*"}, [("Principal", "*")]),
        ({"Sid": "A", "Principal": {"AWS": "*"}}, [("Principal", "*")]),
        ({"Sid": "A", "Action": ["s3:Get*", "s3:PutObject"]}, [("Action", "s3:Get*")]),
        ({"Sid": "A", "Condition": {"StringLike": {"s3:prefix": ["a", "b?"]}}}, [("s3:prefix", "b?")]),
        ({"Sid": "A", "NotResource": "x*"}, [("NotResource", "x*")]),
        ({"Sid": "A", "Resource": "x"}, []),
    ],
)
def test_stars_are_found_wherever_they_stand(statement: dict[str, Any], found: list[tuple[str, str]]) -> None:
    """The search of the test above misses no place."""
    assert list(stars(statement)) == found


@pytest.mark.parametrize("partition", REGIONS)
@pytest.mark.parametrize("name", NAMES)
def test_linter_finds_nothing(name: str, partition: str) -> None:
    """Parliament has nothing to say of the identity policies, and of the others what it does not know itself."""
    filled = json.dumps(policies.fill(text(name), values(partition)))
    found = policy_lint.findings(filled)
    # In a key's policy `*` is the key; the linter takes it for that of an identity policy.
    if name == "key.json":
        found = {one for one in found if not one.startswith("RESOURCE_STAR: kms:")}
    assert found == _UNKNOWN_TO_THE_LINTER.get(name, set())


def test_the_linter_lints() -> None:
    """What is misspelt is found."""
    misspelt = text("operator.json").replace("s3:PutObject", "s3:PutObjet")
    assert "UNKNOWN_ACTION: Unknown action s3:PutObjet" in policy_lint.findings(misspelt)


@pytest.mark.parametrize("name", NAMES)
def test_every_action_exists(name: str) -> None:
    """Each action is one that the linter knows, or an operation of the SDK's."""
    session = Session()
    for action in actions(name) | actions(name, "Deny"):
        service, _, operation = action.partition(":")
        known = (
            service in ("s3", "kms", "sts", "ssm") and operation in session.get_service_model(service).operation_names
        )
        assert known or policy_lint.actions_of(action), action


@pytest.mark.parametrize("name", IDENTITY)
def test_allowed_actions_are_named_one_by_one(name: str) -> None:
    """No `*` in an action, no `NotAction`, no `NotResource`, and no resource but the bucket, its prefix and the key."""
    bucket = "arn:${Partition}:s3:::${Bucket}"
    for one in statements(name):
        assert set(one) <= {"Sid", "Effect", "Action", "Resource", "Condition"}
        assert not [action for action in many(one["Action"]) if "*" in action]
        places = (bucket, f"{bucket}/${{Prefix}}/*", "${KeyArn}", *([f"{bucket}/*"] * (one["Effect"] == "Deny")))
        assert set(many(one["Resource"])) <= set(places)


@pytest.mark.parametrize("name", FLEET)
def test_the_fleet_s_actions_are_named_one_by_one(name: str) -> None:
    """No `*` in an action, no `NotAction`, no `NotResource`; everything is a resource only where IAM knows no other."""
    for one in statements(name):
        assert set(one) <= {"Sid", "Effect", "Action", "Resource", "Condition"}
        assert not [action for action in many(one["Action"]) if "*" in action]
        if "*" in many(one["Resource"]):
            assert set(many(one["Action"])) <= _WITHOUT_RESOURCE | _OF_ANY_INSTANCE
            assert one["Resource"] == "*"


# Service Authorization Reference, "Actions, resources, and condition keys": those with no resource type.
_WITHOUT_RESOURCE = {
    *(f"ec2messages:{one}Message" for one in ("Acknowledge", "Delete", "Fail")),
    *("ec2messages:GetEndpoint", "ec2messages:GetMessages", "ec2messages:SendReply"),
    *("ssmmessages:CreateControlChannel", "ssmmessages:OpenControlChannel"),
    *("ssm:CancelCommand", "ssm:GetCommandInvocation", "ssm:ListCommandInvocations", "ssm:ListCommands"),
    *("ssm:DescribeInstanceInformation", "ssm:GetInventory", "ssm:ListAssociations", "ssm:PutInventory"),
}
# IAM could name the instances and associations of the account, all of them: the role does not know its own.
_OF_ANY_INSTANCE = {
    *("ssm:DescribeAssociation", "ssm:ListInstanceAssociations"),
    *("ssm:UpdateInstanceAssociationStatus", "ssm:UpdateInstanceInformation"),
}


def test_nobody_of_the_fleet_gets_a_shell() -> None:
    """No policy of the fleet runs another document, changes one, opens a session or reads a parameter."""
    allowed = {action for name in FLEET for action in actions(name)}
    forbidden = "ssm:(Create|Update|Delete|Modify|Add|Remove|Start|Resume|GetParam)|ssmmessages:.*Data"
    updates = {"ssm:UpdateInstanceInformation", "ssm:UpdateInstanceAssociationStatus"}
    assert not {one for one in allowed - updates if re.match(forbidden, one)}
    sent = [one for name in FLEET for one in statements(name) if "ssm:SendCommand" in many(one["Action"])]
    documents = {each.rpartition("/")[2] for one in sent for each in many(one["Resource"]) if ":document/" in each}
    assert documents == {f"${{Documents}}-{name}" for name in ("boot", "status", "doctor")}


def test_roll_and_promote_are_apart() -> None:
    """The one puts candidates only, the other the released object only."""
    puts = {
        name: [many(one["Resource"]) for one in statements(name) if "s3:PutObject" in many(one["Action"])]
        for name in FLEET
    }
    object_ = "arn:${Partition}:s3:::${Bucket}/${Prefix}/ecs.config"
    assert {name: put for name, put in puts.items() if put} == {
        "fleet-roll.json": [[f"{object_}.candidate"]],
        "fleet-promote.json": [[object_]],
    }


def test_the_instance_only_reads() -> None:
    """The role gets, lists its prefix and decrypts."""
    assert actions("instance-role.json") == {"s3:GetObject", "s3:GetObjectVersion", "s3:ListBucket", "kms:Decrypt"}


def test_the_operator_loses_no_version() -> None:
    """No deletion is allowed, and that of versions is denied; no setting of the bucket can be changed."""
    changing = {
        action for action in actions("operator.json") if not re.match("s3:(Get|List)|kms:(Decrypt|Desc)", action)
    }
    assert changing == {"s3:PutObject", "kms:GenerateDataKey"}
    assert actions("operator.json", "Deny") == {"s3:DeleteObjectVersion"}


def test_the_auditor_reads_no_content() -> None:
    """Neither an object nor the use of the key is allowed."""
    assert all(
        re.match("s3:(GetBucket|GetEncryption|GetLifecycle|GetReplication|ListBucket)|kms:(Desc|Get|List)", one)
        for one in actions("auditor.json")
    )


@pytest.mark.parametrize("name", NAMES)
def test_listings_and_keys_are_bound_to_the_prefix(name: str) -> None:
    """Who lists, lists the prefix; who uses the key, does so through S3 for objects of the place."""
    place = "arn:${Partition}:s3:::${Bucket}/*" if name == "key.json" else "arn:${Partition}:s3:::${Bucket}/${Prefix}/*"
    for one in statements(name):
        if one["Effect"] == "Deny":
            continue
        named, condition = set(many(one["Action"])), one.get("Condition", {})
        if named & {"s3:ListBucket", "s3:ListBucketVersions"}:
            assert condition == {"StringLike": {"s3:prefix": "${Prefix}/*"}}
        if named & {"kms:Decrypt", "kms:GenerateDataKey"}:
            assert set(condition["StringEquals"]) == {"kms:ViaService"}
            assert condition["StringLike"] == {"kms:EncryptionContext:aws:s3:arn": place}


def test_the_bucket_denies_and_allows_nothing() -> None:
    """Every statement is a denial for everybody."""
    assert {(one["Effect"], one["Principal"]) for one in statements("bucket.json")} == {("Deny", "*")}


@pytest.mark.parametrize(
    ("action", "by"),
    [
        ("s3:DeleteObjectVersion", "AdministratorsDeleteAndChangeWhatWasPut"),
        ("s3:UpdateObjectEncryption", "AdministratorsDeleteAndChangeWhatWasPut"),
        ("s3:ReplicateObject", "AdministratorsDeleteAndChangeWhatWasPut"),
        ("s3:PutBucketVersioning", "AdministratorsChangeTheBucket"),
        ("s3:PutLifecycleConfiguration", "AdministratorsChangeTheBucket"),
        ("s3:PutReplicationConfiguration", "AdministratorsChangeTheBucket"),
        ("s3:PutEncryptionConfiguration", "AdministratorsChangeTheBucket"),
        ("s3:PutBucketPolicy", "AdministratorsChangeTheBucket"),
        ("s3:DeleteBucketPolicy", "AdministratorsChangeTheBucket"),
        ("s3:PutBucketPublicAccessBlock", "AdministratorsChangeTheBucket"),
    ],
)
def test_what_only_the_administrator_may(action: str, by: str) -> None:
    """What could lose a version, or undo the other statements, is denied to all but the administrator."""
    statement = next(one for one in statements("bucket.json") if one["Sid"] == by)
    assert action in statement["Action"]
    assert statement["Condition"] == {"ArnNotEquals": {"aws:PrincipalArn": "${AdministratorArn}"}}


def test_the_lists_of_the_bucket_leave_no_change_out() -> None:
    """Every action that changes an object or the bucket is denied to somebody; those left out are named here."""
    changes = "s3:(Put|Delete|Replicate|Restore|Bypass|ObjectOwner|Update|CreateBucketM|Tag|Untag)"
    known = {one for one in policy_lint.actions_of("s3:*") if re.match(changes, one)}
    # The SDK knows operations that are younger than the linter's data; not all of them are called as their actions are.
    operations = Session().get_service_model("s3").operation_names
    known |= {f"s3:{one}" for one in operations if re.match("PutBucketAbac|UpdateBucketMeta", one)}
    # Of other resources than a bucket or an object; annotations for the reason that the README gives.
    others = re.compile(
        "AccessPoint|AccessGrants?|JobTagging|JobPriority|JobStatus|StorageLens|AccountPublic|AccessGrantsLocation|"
        "Annotation"
    )
    assert {one for one in known if not others.search(one)} <= actions("bucket.json", "Deny")


def test_push_has_nothing_to_warn_of() -> None:
    """A bucket with this policy, versioned and with public access blocked, puts the file at no risk that push knows."""
    switches = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")
    policy = json.dumps(policies.fill(text("bucket.json"), values()))
    settings = Settings("Enabled", dict.fromkeys(switches, True), policy, [])
    assert risks(settings, S3URI("example-config", "prod/ecs.config")) == ()


def test_nobody_has_all_of_the_key() -> None:
    """No statement of the key's policy has a `*` for an action, a grant, or a use of the key besides S3's two."""
    named = actions("key.json")
    assert not [one for one in named if "*" in one]
    assert not named & {"kms:CreateGrant", "kms:Encrypt", "kms:ReEncryptFrom", "kms:ReEncryptTo"}
    principals = {one["Sid"]: one["Principal"]["AWS"] for one in statements("key.json")}
    assert principals.pop("TheAdministratorKeepsTheKey") == "${AdministratorArn}"
    assert set(principals.values()) == {"arn:${Partition}:iam::${Account}:root"}


@pytest.mark.parametrize(
    ("partition", "service", "via"),
    [
        ("aws", "ec2.amazonaws.com", ["s3.eu-central-1.amazonaws.com"]),
        ("aws-us-gov", "ec2.amazonaws.com", ["s3.us-gov-west-1.amazonaws.com"]),
        (
            "aws-cn",
            "ec2.amazonaws.com.cn",
            ["s3.cn-north-1.amazonaws.com", "s3.cn-north-1.amazonaws.com.cn"],
        ),
    ],
)
def test_partitions(partition: str, service: str, via: list[str]) -> None:
    """ARNs and names of services are those of the partition; nothing of another one is left."""
    trust = policies.fill(text("instance-role-trust.json"), values(partition))["Statement"]
    assert trust == [{**trust[0], "Principal": {"Service": service}, "Action": "sts:AssumeRole"}]
    role = policies.fill(text("instance-role.json"), values(partition))
    assert role["Statement"][2]["Condition"]["StringEquals"]["kms:ViaService"] == via
    for name in NAMES:
        arns = re.findall(r"arn:([a-z-]+):", json.dumps(policies.fill(text(name), values(partition))))
        assert set(arns) <= {partition}


@pytest.mark.parametrize(
    ("name", "longest"),
    [
        ("operator.json", 6144),
        ("auditor.json", 6144),
        *((name, 6144) for name in FLEET),
        ("instance-role.json", 10240),
        ("bucket.json", 20480),
        ("key.json", 32768),
        ("instance-role-trust.json", 2048),
    ],
)
def test_sizes(name: str, longest: int) -> None:
    """Each fits where it goes, with names as long as they can be (IAM, S3 and KMS quotas; white space counts not)."""
    long = values()._replace(
        bucket="b" * 63, prefix="p" * 128, administrator=f"arn:aws:iam::{_ACCOUNT}:role/{'r' * 512}"
    )
    assert len(json.dumps(policies.fill(text(name), long), separators=(",", ":"))) <= longest


def test_the_operators_commands_need_no_more() -> None:
    """What the README says that each command asks for is allowed."""
    section = README.split("\n| Command | Actions |\n")[1].split("\n\n")[0]
    assert len(section.splitlines()) > 8
    assert set(re.findall("(?:s3|kms):[A-Za-z]+", section)) == actions("operator.json")
