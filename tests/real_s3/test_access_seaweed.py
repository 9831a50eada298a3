"""The rows of iam/access.md that SeaweedFS enforces: real requests, with the policies of `iam/` and of the bucket.

A request is carried out if the policies of the one who asks allow it and the bucket's does not deny it; the bucket's
allows nothing by itself. SeaweedFS is asked for each of the two, as it does not bring them together as S3 does: where a
session has a policy it judges the bucket's a second time, without the request's headers.
"""

from __future__ import annotations

import itertools
import json
from typing import TYPE_CHECKING, Any, Optional

import boto3
import pytest
from access_requests import Target, is_carried_out
from access_table import CASES
from access_world import Place, bucket_policy, identity_of
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError
from policy_changes import all_changes, with_cases
from s3_server import REGION
from seaweed_server import USERS_ACCOUNT, almighty

if TYPE_CHECKING:
    from collections.abc import Mapping

    from access_table import Case
    from certificates import Certificates
    from policy_changes import Change
    from policy_evaluator import Policy
    from seaweed_server import Keys, SeaweedServer

CHOSEN = [case for case in CASES if "SeaweedFS" in case.servers]
# What locks everybody out locks the tests out, too.
NOTICED = with_cases(
    (
        change
        for change in all_changes(Place().policies())
        if not (change.policy == "bucket" and change.path[1] < 3 and change.path[2:3] == ("Condition",))
    ),
    CHOSEN,
)


class World:
    """A bucket without a policy, one with it, and another one; a key and another one."""

    def __init__(self, server: SeaweedServer, certificates: Certificates) -> None:
        self.server = server
        self._ca_file = str(certificates.ca_file)
        self._key, self._other_key = server.make_key(), server.make_key()
        self._other_bucket = server.make_bucket("example-other")
        self._names = (f"example-config-{number}" for number in itertools.count())
        self.without_policy, self.with_policy = self._place("example-open"), self._place(next(self._names))
        self._clients: dict[tuple[object, ...], Any] = {}
        self._keys: dict[str, Keys] = {}

    def _place(self, name: str) -> Place:
        bucket = self.server.make_bucket(name, default_key=self._key)
        return Place(
            bucket=bucket,
            other_bucket=self._other_bucket,
            key=self._key,
            other_key=self._other_key,
            account=USERS_ACCOUNT,
            principal="user/{}",
        )

    def is_allowed(self, case: Case, change: Optional[Change] = None) -> bool:
        """Make the request with nothing but the bucket's policy in the way, then with the policies of who asks."""
        return self._bucket_lets(case, change) and self._policies_allow(case, change)

    def _bucket_lets(self, case: Case, change: Optional[Change]) -> bool:
        place = self._unlocked()
        policy = bucket_policy(case, place, _changed(place.policies(), change))
        if policy is None:
            return True
        self._settle(case, place, as_seaweedfs_has_it(policy))
        return self._is_carried_out(case, place, None if case.who == "anybody" else almighty(case.who))

    def _policies_allow(self, case: Case, change: Optional[Change]) -> bool:
        place = self.without_policy
        policies = identity_of(case, _changed(place.policies(), change))
        if not policies:
            # Only the bucket's policy could allow it then, and it was asked.
            return True
        statements = [statement for policy in policies for statement in policy["Statement"]]
        said = json.dumps(statements)
        if said not in self._keys:
            self._keys[said] = self.server.session_with({**policies[0], "Statement": statements})
        self._settle(case, place, None)
        return self._is_carried_out(case, place, self._keys[said])

    def _unlocked(self) -> Place:
        """Return a bucket without the policy of the case before; one that locks everybody out stays, on its bucket."""
        s3 = self._client(almighty("administrator"), in_the_clear=False)
        try:
            s3.delete_bucket_policy(Bucket=self.with_policy.bucket)
        except ClientError as fault:
            if fault.response["Error"]["Code"] == "AccessDenied":
                self.with_policy = self._place(next(self._names))
            elif fault.response["Error"]["Code"] != "NoSuchBucketPolicy":
                raise
        return self.with_policy

    def _settle(self, case: Case, place: Place, policy: Optional[Policy]) -> None:
        """Put there what the case may be about."""
        s3 = self._client(almighty("administrator"), in_the_clear=False)
        if case.key:
            s3.put_object(Bucket=place.bucket_of(case), Key=case.key, Body=b"what stands there")
        if policy:
            s3.put_bucket_policy(Bucket=place.bucket, Policy=json.dumps(policy))

    def _is_carried_out(self, case: Case, place: Place, keys: Optional[Keys]) -> bool:
        client = self._client(keys, in_the_clear="over HTTP" in case.how)
        return is_carried_out(Target(client, case, place, self._version(case, place)))

    def _version(self, case: Case, place: Place) -> str:
        if "Version" not in case.action or not case.key:
            return "none"
        admin = self._client(almighty("administrator"), in_the_clear=False)
        found = admin.list_object_versions(Bucket=place.bucket_of(case), Prefix=case.key)
        return str(found["Versions"][0]["VersionId"])

    def _client(self, keys: Optional[Keys], *, in_the_clear: bool) -> Any:
        way = (keys, in_the_clear)
        if way not in self._clients:
            given = keys._asdict() if keys else {}
            self._clients[way] = boto3.Session().client(
                "s3",
                region_name=REGION,
                endpoint_url=self.server.url if in_the_clear else self.server.https_url,
                verify=self._ca_file,
                aws_access_key_id=given.get("access_key"),
                aws_secret_access_key=given.get("secret_key"),
                aws_session_token=given.get("session_token"),
                config=Config(
                    retries={"total_max_attempts": 1}, proxies={}, signature_version=None if keys else UNSIGNED
                ),
            )
        return self._clients[way]


def _changed(policies: Mapping[str, Policy], change: Optional[Change]) -> Mapping[str, Policy]:
    return change(policies) if change else policies


def as_seaweedfs_has_it(policy: Policy) -> Policy:
    """Return the policy with who asks told by name, for want of `ArnNotEquals` and `aws:PrincipalArn` in SeaweedFS.

    The version of TLS it does not know either: that statement denies nothing there.
    """
    copy: Policy = json.loads(json.dumps(policy))
    for statement in copy["Statement"]:
        condition = statement.get("Condition", {})
        arns = condition.pop("ArnNotEquals", {}).get("aws:PrincipalArn")
        if arns:
            names = [arn.rpartition("/")[2] for arn in (arns if isinstance(arns, list) else [arns])]
            condition["StringNotEquals"] = {"aws:username": names}
    return copy


@pytest.fixture(scope="module")
def world(running_seaweed: SeaweedServer, certificates: Certificates) -> World:
    """Make it once; every case puts there what it needs."""
    return World(running_seaweed, certificates)


@pytest.mark.parametrize("case", CHOSEN, ids=str)
def test_row(case: Case, world: World) -> None:
    """SeaweedFS answers what the table says."""
    assert world.is_allowed(case) is case.is_allowed


@pytest.mark.parametrize(("change", "case"), NOTICED, ids=str)
def test_changed(change: Change, case: Case, world: World) -> None:
    """With a word less in a policy, or a wider one, SeaweedFS's answer is the other one, as the evaluator says."""
    assert world.is_allowed(case, change) is not case.is_allowed


def test_every_statement_about_s3_is_changed() -> None:
    """Each statement that SeaweedFS can enforce is among those without which it answers otherwise."""
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
        "bucket TlsOnly",
        "bucket NobodyFromOutsideAndNobodyAnonymous",
        "bucket EncryptedWithKmsOnly",
        "bucket EncryptedWithThisKeyOnly",
        "bucket OperatorsPut",
        "bucket AdministratorsDeleteAndChangeWhatWasPut",
        "bucket AdministratorsChangeTheBucket",
    }
