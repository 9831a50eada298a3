"""What the commands ask for is what the README of `iam/` says, and the policies let it through.

The server here knows which action a request is, and asks the identity policies; conditions it does not evaluate.
"""

from __future__ import annotations

import json
import re
import sys
from typing import TYPE_CHECKING

import boot_archive
import pytest
from access_world import Place
from program import ROOT, Ended, run_here
from pushing import CHANGED, FILE

if TYPE_CHECKING:
    from pathlib import Path

    from s3_proxy import S3Proxy
    from s3_request import Request
    from s3_server import S3Server

README = ROOT / "iam" / "README.md"
URI = "s3://example-config/prod/ecs.config"
ALIAS = "alias/ecsauth"

# S3's actions, where they are not called as the operations are (Service Authorization Reference, "Actions for S3").
_ACTIONS = {
    "HeadObject": "s3:GetObject",
    "ListObjectsV2": "s3:ListBucket",
    "ListObjectVersions": "s3:ListBucketVersions",
    "GetBucketEncryption": "s3:GetEncryptionConfiguration",
    "GetPublicAccessBlock": "s3:GetBucketPublicAccessBlock",
    "GetBucketLifecycleConfiguration": "s3:GetLifecycleConfiguration",
    "DescribeKey": "kms:DescribeKey",
}
# What S3 asks of KMS in the caller's name (S3 User Guide, "SSE-KMS": permissions).
_OF_KMS = {"GetObject": {"kms:Decrypt"}, "PutObject": {"kms:GenerateDataKey"}}
# Needs no permission (STS API Reference).
_FREE = "GetCallerIdentity"


def actions_of(request: Request) -> set[str]:
    """Return the actions that a request has to be allowed."""
    if request.operation == _FREE:
        return set()
    action = _ACTIONS.get(request.operation, f"s3:{request.operation}")
    if action == "s3:GetObject" and "versionId" in request.query:
        action = "s3:GetObjectVersion"
    return {action} | _OF_KMS.get(request.operation, set())


_listings_of_versions = pytest.mark.skipif(
    sys.version_info < (3, 10),
    reason="with what there is for this Python, the server takes the signature of a listing of versions for wrong",
)


class Account:
    """An account with a bucket, a key with an alias, and people who have a policy of `iam/`."""

    def __init__(self, server: S3Server, proxy: S3Proxy, env: dict[str, str], path: Path) -> None:
        self.proxy, self.path, self._server = proxy, path, server
        self.key = server.make_key()
        server.client("kms").create_alias(AliasName=ALIAS, TargetKeyId=self.key)
        server.make_bucket("example-config", default_key=self.key)
        self.env = env

    def give(self, name: str) -> None:
        """Let the commands be those of somebody with that policy and nothing else, from now on."""
        document = Place(bucket="example-config", key=self.key).policies()[name]
        iam = self._server.client("iam")
        iam.create_user(UserName=name)
        iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=json.dumps(document))
        made = iam.create_access_key(UserName=name)["AccessKey"]
        self.env.update(AWS_ACCESS_KEY_ID=made["AccessKeyId"], AWS_SECRET_ACCESS_KEY=made["SecretAccessKey"])
        self._server.enforce_policies()

    def push(self, content: bytes, *options: str) -> Ended:
        """Push some content."""
        self.path.write_bytes(content)
        return self.run("push", str(self.path), URI, *options)

    def run(self, *arguments: str) -> Ended:
        """Run a command."""
        return run_here(*arguments, env=self.env)

    def versions(self) -> list[str]:
        """Return the IDs of the versions, as `history` lists them."""
        listed = self.run("history", URI, "--format", "json").document["versions"]
        return [one["version_id"] for one in listed]

    def asked(self, *commands: tuple[str, ...]) -> set[str]:
        """Return the actions that commands ask for; each of them has to succeed."""
        self.proxy.requests.clear()
        for command in commands:
            done = self.run(*command)
            # diff says so where there is a difference.
            assert done.status in ((0, 3) if command[0] == "diff" else (0,)), (command, done.err)
        return {action for request in self.proxy.requests for action in actions_of(request)}


@pytest.fixture
def account(s3_server: S3Server, s3_proxy: S3Proxy, operator_env: dict[str, str], tmp_path: Path) -> Account:
    """Give an account."""
    return Account(s3_server, s3_proxy, operator_env, tmp_path / "ecs.config")


def documented(command: str) -> set[str]:
    """Return the actions that the README lists for a command."""
    readme = README.read_text(encoding="utf-8")
    (row,) = re.findall(rf"^\| {re.escape(command)} \| (.*) \|$", readme, flags=re.MULTILINE)
    return set(re.findall("(?:s3|kms):[A-Za-z]+", row))


@_listings_of_versions
def test_the_operators_commands(account: Account) -> None:
    """Each command of the operator succeeds with the operator's policy, and asks for what the README says."""
    account.give("operator")
    account.path.write_bytes(FILE)
    push = ("push", str(account.path), URI)
    found = {"`push`": account.asked(push)}
    account.path.write_bytes(CHANGED)
    found["`push`"] |= account.asked(push)
    old = f"{URI}?versionId={account.versions()[1]}"
    account.env["EDITOR"] = "sed -i s/canary-two/canary-three/"
    found["`pull`"] = account.asked(("pull", URI), ("pull", old))
    found["`diff`"] = account.asked(("diff", URI, old))
    found["`history --diff`"] = account.asked(("history", URI, "--diff"))
    found["`check`, `which`, `verify` of an S3URI"] = account.asked(("check", URI), ("which", "nginx", "--file", URI))
    found["`edit`"] = account.asked(("edit", URI, "--yes"))
    found["`rollback`"] = account.asked(("rollback", URI, account.versions()[1]))
    archive = account.path.with_name("archive")
    archive.write_bytes(boot_archive.sample())
    found["`archive publish`"] = account.asked(("archive", "publish", f"{URI}.archive", f"--file={archive}"))
    account.path.write_bytes(FILE)
    found["`push --kms-key alias/…`"] = account.asked((*push, "--kms-key", ALIAS))
    found["`push`"] |= found["`push --kms-key alias/…`"] - {"kms:DescribeKey"}
    assert found.pop("`push --kms-key alias/…`") - found["`push`"] == {"kms:DescribeKey"}
    assert found == {command: documented(command) for command in found}


@_listings_of_versions
def test_the_auditors_history(account: Account) -> None:
    """The auditor sees which versions there are and when they were put, not by whom, and nothing that they hold."""
    account.push(FILE)
    account.push(CHANGED)
    account.give("auditor")
    done = account.run("history", URI)
    assert done.status == 0
    assert [line.rpartition("  ")[2] for line in done.out.splitlines()] == ["current", "author unknown"]
    assert done.out.count("author unknown") == 2
    refused = (("pull", URI), ("diff", URI, str(account.path)), ("rollback", URI, account.versions()[1]))
    assert [account.run(*command).status for command in refused] == [4, 4, 4]
    assert account.push(FILE).status == 4
    assert "changes unknown: cannot get" in account.run("history", URI, "--diff").out


def test_the_instances_role_puts_nothing(account: Account) -> None:
    """With the instance's policy a file can be read, and neither put, listed nor rolled back."""
    account.push(FILE)
    account.push(CHANGED)
    (_, old) = account.versions()
    account.give("instance-role")
    assert account.run("pull", URI).status == 0
    assert account.run("pull", f"{URI}?versionId={old}").status == 0
    assert [account.run(*command).status for command in (("history", URI), ("rollback", URI, old))] == [4, 4]
    assert account.push(FILE).status == 4
