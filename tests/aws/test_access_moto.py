"""The rows of iam/access.md that moto enforces: real requests by roles that have the policies of `iam/`.

moto goes by the actions and resources of a role's policies. It looks at no condition and at no bucket policy.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from access_requests import Target, is_carried_out
from access_table import CASES
from access_world import Place, identity_of
from botocore.config import Config
from policy_changes import all_changes, with_cases
from s3_server import REGION

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from access_table import Case
    from policy_changes import Change
    from policy_evaluator import Policy
    from s3_server import S3Server

pytestmark = pytest.mark.skipif(
    sys.version_info < (3, 10), reason="the last moto for this Python takes the signature of a listing for wrong"
)
CHOSEN = [case for case in CASES if "moto" in case.servers]
# What a role's own policies say: a bucket's is not looked at.
NOTICED = with_cases(
    (
        change
        for change in all_changes(Place().policies())
        if change.policy != "bucket" and "Condition" not in change.path
    ),
    CHOSEN,
)
_TRUST = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}],
}


class World:
    """Two buckets and a key in moto, and roles with their policies."""

    def __init__(self, server: S3Server) -> None:
        self.server = server
        key, other_key = server.make_key(), server.make_key()
        bucket, other = server.make_bucket("example-config", default_key=key), server.make_bucket("example-other")
        self.place = Place(bucket=bucket, other_bucket=other, key=key, other_key=other_key)
        self.policies = self.place.policies()
        self._clients: dict[str, Any] = {}

    def client(self, case: Case, policies: Mapping[str, Policy]) -> Any:
        """Return an S3 client with the credentials of a role that has the policies of the one who asks."""
        identity = identity_of(case, policies)
        said = json.dumps(identity)
        if said not in self._clients:
            self._clients[said] = self._client_of_role(f"role-{len(self._clients)}", identity)
        return self._clients[said]

    def _client_of_role(self, name: str, policies: Sequence[Policy]) -> Any:
        iam = self.server.client("iam")
        arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(_TRUST))["Role"]["Arn"]
        for number, policy in enumerate(policies):
            iam.put_role_policy(RoleName=name, PolicyName=f"policy-{number}", PolicyDocument=json.dumps(policy))
        given = self.server.client("sts").assume_role(RoleArn=arn, RoleSessionName="a-session")["Credentials"]
        return boto3.Session().client(
            "s3",
            region_name=REGION,
            endpoint_url=self.server.url,
            aws_access_key_id=given["AccessKeyId"],
            aws_secret_access_key=given["SecretAccessKey"],
            aws_session_token=given["SessionToken"],
            config=Config(retries={"total_max_attempts": 1}, proxies={}),
        )

    def is_allowed(self, case: Case, policies: Mapping[str, Policy]) -> bool:
        """Make the request of a case, with everything there that it may be about."""
        client = self.client(case, policies)
        version = "none"
        if case.key:
            bucket = self.place.bucket_of(case)
            made = self.server.s3.put_object(Bucket=bucket, Key=case.key, Body=b"what stands there")
            version = made["VersionId"] if bucket == self.place.bucket else version
        self.server.enforce_policies()
        try:
            return is_carried_out(Target(client, case, self.place, version))
        finally:
            self.server.let_everybody_in()


@pytest.fixture(scope="module")
def world(moto_server: S3Server) -> Iterator[World]:
    """Make it once; every case puts there what it needs."""
    moto_server.reset()
    yield World(moto_server)
    moto_server.reset()


@pytest.mark.parametrize("case", CHOSEN, ids=str)
def test_row(case: Case, world: World) -> None:
    """What the table says is what moto answers."""
    assert world.is_allowed(case, world.policies) is case.is_allowed


@pytest.mark.parametrize(("change", "case"), NOTICED, ids=str)
def test_changed(change: Change, case: Case, world: World) -> None:
    """With a word less in a policy, or a wider one, moto's answer is the other one, as the evaluator says."""
    assert world.is_allowed(case, change(world.policies)) is not case.is_allowed


def test_every_statement_about_s3_is_changed() -> None:
    """Each statement that moto can enforce is among those without which it answers otherwise."""
    gone = {f"{change.policy} {change.sid}" for change, _ in NOTICED if len(change.path) == 2}
    assert gone == {
        "instance-role BootGetsTheEnvFileAndTheArchive",
        "instance-role WhatIsAbsentIsNotTakenForDenied",
        "operator ReadTheFileAndItsVersions",
        "operator PutANewVersion",
        "operator WhatIsAbsentIsNotTakenForDenied",
        "operator HistoryListsTheVersions",
        "operator PushWarnsOfABucketAtRisk",
        "operator VersionsAreTheWayBack",
        "auditor HistoryListsTheVersionsNotWhatTheyHold",
        "auditor SeeHowTheBucketIsKept",
        "fleet-roll ReadTheReleasedVersionAndTheCandidate",
        "fleet-roll PutACandidateOnly",
        "fleet-roll ARollIsFoundByItsVersion",
        "fleet-promote ReadTheReleasedVersionAndTheCandidate",
        "fleet-promote PutTheReleasedVersionOnly",
        "fleet-promote ARollIsFoundByItsVersion",
    }
