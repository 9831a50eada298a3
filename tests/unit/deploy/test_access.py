"""Every row of access.md and fleet-access.md, evaluated in every partition; and no word that no row notices."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from access_requests import REQUESTS
from access_table import CASES, Case
from access_world import PARTITIONS, Partition, Place, is_allowed
from policy_changes import all_changes, noticed

if TYPE_CHECKING:
    from policy_changes import Change

HOME = Place()
POLICIES = HOME.policies()
# Said twice on purpose: what the root user needs to find its way back stands together, though as one of the account it
# may look at the key anyway.
SAID_TWICE = {"key TheRootUserHasAWayBack Action.1", "key TheRootUserHasAWayBack Action.2"}
# None of them says which endpoint was asked, or from where: dual-stack, FIPS and VPC endpoints are all alike to the
# policies (IAM User Guide, "Global condition keys"; KMS Developer Guide, "kms:ViaService": the name of the service in
# the region, whichever endpoint; Service Authorization Reference, "Amazon S3").
KEYS = {
    "aws:PrincipalAccount",
    "aws:PrincipalArn",
    "aws:PrincipalType",
    "aws:SecureTransport",
    "iam:AWSServiceName",
    "kms:EncryptionContext:aws:s3:arn",
    "kms:ViaService",
    "s3:TlsVersion",
    "s3:prefix",
    "s3:x-amz-server-side-encryption",
    "s3:x-amz-server-side-encryption-aws-kms-key-id",
    "ssm:resourceTag/ecsauth",
}


@pytest.mark.parametrize("partition", PARTITIONS, ids=lambda each: f"{each.name}, {each.services}")
@pytest.mark.parametrize("case", CASES, ids=str)
def test_row(case: Case, partition: Partition) -> None:
    """What the table says is what the policies say, in every partition."""
    place = Place(partition)
    assert is_allowed(case, place, place.policies()) is case.is_allowed


@pytest.mark.parametrize("change", all_changes(POLICIES), ids=str)
def test_no_word_is_idle(change: Change) -> None:
    """Without the word, or with a wider one, some row is answered differently."""
    assert (noticed(change, HOME, CASES) is None) is (str(change) in SAID_TWICE)


@pytest.mark.parametrize("server", ["moto", "SeaweedFS"])
def test_servers_are_asked_what_can_be_asked(server: str) -> None:
    """A row that names a server is one for which there is a request."""
    named = [case for case in CASES if server in case.servers]
    assert len(named) > 50
    assert {case.action for case in named} <= set(REQUESTS)


def test_rows_name_servers_that_there_are() -> None:
    """No row names another server, none stands there twice."""
    assert {server for case in CASES for server in case.servers} == {"moto", "SeaweedFS"}
    assert len({str(case) for case in CASES}) == len(CASES)


def test_conditions_know_no_endpoint() -> None:
    """Every condition is about one of the keys that are the same whichever endpoint is asked."""
    used = {
        key
        for policy in POLICIES.values()
        for statement in policy["Statement"]
        for block in statement.get("Condition", {}).values()
        for key in block
    }
    assert used == KEYS


@pytest.mark.parametrize(
    ("own", "other"),
    [
        ("prod", "production"),
        ("prod", "Prod"),
        ("prod", "my/prod"),
        ("prod", "prod-2"),
        ("prod/web", "prod"),
        ("prod/web", "prod/webapp"),
        ("prod/web", "prod/api"),
        ("prod.eu", "prod-eu"),
        ("prod.eu", "prodXeu"),
    ],
)
@pytest.mark.parametrize("who", ["instance", "operator"])
def test_prefixes_are_apart(who: str, own: str, other: str) -> None:
    """One environment's instances and operators reach their own objects and versions, never those of a like name."""
    place = Place(prefix=own)
    policies = place.policies()
    for prefix, expected in ((own, True), (other, False)):
        target = f"{prefix}/ecs.config"
        asked = [
            ("s3:GetObject", target, ()),
            ("s3:GetObjectVersion", target, ()),
            ("s3:ListBucket", "the bucket", (f"prefix {target}",)),
            ("kms:Decrypt", "the key", (f"S3 for {target}",)),
        ]
        if who == "operator":
            asked += [
                ("s3:PutObject", target, ("under the key",)),
                ("s3:ListBucketVersions", "the bucket", (f"prefix {target}",)),
                ("kms:GenerateDataKey", "the key", (f"S3 for {target}",)),
            ]
        for action, to, how in asked:
            case = Case(who, action, to, how, expected, frozenset())
            assert is_allowed(case, place, policies) is expected, str(case)
