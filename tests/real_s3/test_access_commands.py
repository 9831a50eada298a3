"""The commands with the policies of `iam/` on a real S3 server: what each may do succeeds, the rest is denied.

Actions, resources and the prefixes of listings are enforced by SeaweedFS. KMS has a judge in front of it: each request
that the server really makes, with the encryption context that it really sends, is held against the key's policy and the
caller's.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import boot_archive
import hurried
import pytest
from access_table import COMMANDS
from access_world import EVERYTHING, Place, evaluated
from machine import FIRST, SECOND, auth_file
from program import run_here
from real_instance import RealInstance
from s3_server import REGION
from seaweed_server import USERS_ACCOUNT, almighty, instance_of

if TYPE_CHECKING:
    from pathlib import Path

    from certificates import Certificates
    from metadata_service import MetadataService
    from policy_evaluator import Policy
    from program import Ended
    from seaweed_server import Keys, SeaweedServer, Witness

# The others stand on headers, which SeaweedFS does not look at where a session has a policy of its own.
BUCKET_POLICY = ("TlsOnly", "TlsOf12AtLeast", "NobodyFromOutsideAndNobodyAnonymous")
ON_AN_INSTANCE = ("boot", "doctor", "status")
PROD, STAGING = "prod/ecs.config", "staging/ecs.config"


class Fleet(RealInstance):
    """An instance, an operator and an auditor of `prod` who have nothing but the policies of `iam/`, over HTTPS."""

    def __init__(
        self,
        folder: Path,
        seaweed: SeaweedServer,
        witness: Witness,
        metadata: MetadataService,
        certificates: Certificates,
    ) -> None:
        super().__init__(folder, seaweed, witness, metadata)
        self._trust = {"AWS_ENDPOINT_URL": seaweed.https_url, "AWS_CA_BUNDLE": str(certificates.ca_file)}
        self._world = Place(bucket=self.bucket, key=self.key, account=USERS_ACCOUNT)
        self.policies = self._world.policies()
        self.asked: list[tuple[str, str]] = []
        self.key_option = f"--kms-key={self.key}"
        bucket = self.policies["bucket"]
        kept = [statement for statement in bucket["Statement"] if statement["Sid"] in BUCKET_POLICY]
        assert len(kept) == len(BUCKET_POLICY)
        seaweed.s3.put_bucket_policy(Bucket=self.bucket, Policy=json.dumps({**bucket, "Statement": kept}))

    def at(self, key: str, version: str = "") -> str:
        """Return the URI of an object, or of a version of it."""
        return f"s3://{self.bucket}/{key}" + (f"?versionId={version}" if version else "")

    def places(self) -> tuple[str, str]:
        """Return the options that name this instance's places."""
        return f"--file={self.env_file}", f"--state-dir={self.state_place}"

    def pushed(self, content: bytes) -> str:
        """Push as the operator, and return the version ID."""
        done = self.run("operator", "push", "-", self.uri, self.key_option, "--format=json", stdin=content)
        assert done.status == 0, done.err
        return str(done.document["object"]["version_id"])

    def versions(self, key: str = PROD) -> list[str]:
        """Return the IDs of an object's versions, as somebody sees them who may do everything."""
        done = self._almighty("history", self.at(key), "--format=json")
        return [one["version_id"] for one in done.document["versions"]] if done.status == 0 else []

    def lay(self, key: str, content: bytes) -> None:
        """Put an object as somebody who may do everything."""
        self.seaweed.kms.judge = None
        assert self._almighty("push", "-", self.at(key), self.key_option, stdin=content).status == 0

    def _almighty(self, *arguments: str, stdin: bytes = b"") -> Ended:
        env = {**self._operator(almighty("administrator")), **self._trust}
        return run_here(*arguments, env=env, stdin=stdin)

    def run(self, who: str, *arguments: str, stdin: bytes = b"", of_s3: Policy | None = None, **more: str) -> Ended:
        """Run a command as one of them; with `of_s3` that is what S3 goes by, and KMS by their own policy."""
        policy = self.policies["instance-role" if who == "instance" else who]
        self._judge(who, policy)
        keys = self.seaweed.session_with(of_s3 or policy)
        if arguments[0] in ON_AN_INSTANCE:
            self.metadata.instance = instance_of(keys)
            env = {**self.environment(), **self._trust}
        else:
            env = {**self._operator(keys), **self._trust}
        return run_here(*arguments, env={**env, **more}, stdin=stdin)

    def _operator(self, keys: Keys) -> dict[str, str]:
        env = {**self.operator_environment(), "AWS_ACCESS_KEY_ID": keys.access_key}
        return {**env, "AWS_SECRET_ACCESS_KEY": keys.secret_key, "AWS_SESSION_TOKEN": keys.session_token or ""}

    def _judge(self, who: str, policy: Policy) -> None:
        """Let KMS go by this policy, and by the key's, from now on."""

        def judge(operation: str, document: dict[str, Any]) -> bool:
            of_s3 = document.get("EncryptionContext", {}).get("aws:s3:arn", "none")
            self.asked.append((operation, of_s3))
            return evaluated(
                {
                    "principal": self._world.arn_of(who),
                    "action": f"kms:{operation}",
                    "resource": self.key,
                    "account": self._world.account,
                    "context": {
                        "kms:ViaService": f"s3.{REGION}.amazonaws.com",
                        "kms:EncryptionContext:aws:s3:arn": of_s3,
                    },
                    "identity": [policy],
                    "policy": self.policies["key"],
                }
            )

        self.seaweed.kms.judge = judge


@pytest.fixture
def fleet(
    tmp_path: Path, seaweed: SeaweedServer, witness: Witness, metadata: MetadataService, certificates: Certificates
) -> Fleet:
    """Give them a bucket with nothing in it yet."""
    return Fleet(tmp_path, seaweed, witness, metadata, certificates)


def test_operator(fleet: Fleet) -> None:
    """Every command of the operator succeeds, and KMS is asked for this environment's object only."""
    first = fleet.pushed(FIRST)
    second = fleet.pushed(SECOND)
    for uri, content in ((fleet.uri, SECOND), (fleet.at(PROD, first), FIRST)):
        copy = fleet.folder / content.hex()[-40:]
        assert fleet.run("operator", "pull", uri, "-o", str(copy)).status == 0
        assert copy.read_bytes() == content
    assert fleet.run("operator", "diff", fleet.uri, fleet.at(PROD, first)).status == 3
    assert fleet.run("operator", "edit", fleet.uri, EDITOR="sed -i s/second/third/").status == 0
    assert fleet.run("operator", "rollback", fleet.uri, first).status == 0
    history = fleet.run("operator", "history", fleet.uri, "--diff", "--format=json").document["versions"]
    assert [one["version_id"] for one in history[2:]] == [second, first]
    assert [one["rolled_back_from"] for one in history] == [first, None, None, None]
    assert [len(one["changes"]) for one in history] == [1, 1, 1, 4]
    assert {operation for operation, _ in fleet.asked} == {"GenerateDataKey", "Decrypt"}
    assert {arn for _, arn in fleet.asked} == {f"arn:aws:s3:::{fleet.bucket}/{PROD}"}


def test_operator_elsewhere(fleet: Fleet) -> None:
    """In another environment's prefix every command is denied, and what is there stays."""
    fleet.lay(STAGING, FIRST)
    standing, there = fleet.versions(STAGING), fleet.at(STAGING)
    commands = {
        "push": ("-", there, fleet.key_option),
        "pull": (there,),
        "edit": (there,),
        "history": (there,),
        "rollback": (there, standing[0]),
    }
    for command, arguments in commands.items():
        done = fleet.run("operator", command, *arguments, stdin=SECOND, EDITOR="sed -i s/first/second/")
        assert (done.status, "S3 denies access" in done.err) == (4, True), (command, done.err)
    assert fleet.versions(STAGING) == standing


@pytest.mark.parametrize(("key", "status"), [(PROD, 0), (STAGING, 5)])
def test_key_tells_prefixes_apart_for_a_put(fleet: Fleet, key: str, status: int) -> None:
    """An operator with every right on S3 still puts nothing under another prefix: KMS gives no data key for it."""
    done = fleet.run("operator", "push", "-", fleet.at(key), fleet.key_option, stdin=FIRST, of_s3=EVERYTHING)
    assert done.status == status, done.err
    assert ("GenerateDataKey", f"arn:aws:s3:::{fleet.bucket}/{key}") in fleet.asked
    assert len(fleet.versions(key)) == (1 if status == 0 else 0)


@pytest.mark.parametrize(("key", "status"), [(PROD, 0), (STAGING, 5)])
def test_key_tells_prefixes_apart_for_a_get(fleet: Fleet, key: str, status: int) -> None:
    """Nor does an instance with every right on S3 read what is under another prefix: KMS does not decrypt it."""
    fleet.uri = fleet.at(key)
    fleet.lay(key, FIRST)
    done = fleet.run("instance", *fleet.boot_arguments("--launch=none", *hurried.TRIES), of_s3=EVERYTHING)
    assert done.status == status, done.err
    assert ("Decrypt", f"arn:aws:s3:::{fleet.bucket}/{key}") in fleet.asked
    assert fleet.env_file.exists() is (status == 0)


def test_instance(fleet: Fleet) -> None:
    """The instance boots, twice, and from an old version; doctor and status find nothing amiss."""
    first = fleet.pushed(FIRST)
    fleet.pushed(SECOND)
    assert fleet.run("instance", *fleet.boot_arguments("--launch=none")).status == 0
    assert fleet.env_file.read_bytes() == SECOND
    assert "nothing has changed" in fleet.run("instance", *fleet.boot_arguments("--launch=none")).err
    done = fleet.run("instance", "doctor", fleet.uri, fleet.key_option, "--launch=none", *fleet.places())
    assert done.status == 0, done.out + done.err
    found = {line.split()[1]: line for line in done.out.splitlines()}
    assert {found[check].split()[0] for check in ("role", "bucket", "object", "kms-key", "file")} == {"ok"}, done.out
    status = fleet.run("instance", "status", "--remote", *fleet.places())
    assert "object       S3 has the same version\n" in status.out
    fleet.uri = fleet.at(PROD, first)
    assert fleet.run("instance", *fleet.boot_arguments("--launch=none", "--allow-older")).status == 0
    assert fleet.env_file.read_bytes() == FIRST


@pytest.mark.parametrize("who", COMMANDS)
def test_commands(fleet: Fleet, who: str) -> None:
    """What becomes of each command is what the table of docs/security.md says; who may not put changes nothing."""
    for content in (FIRST, SECOND):
        fleet.lay(PROD, content)
    standing = fleet.versions()
    first = standing[-1]
    archive = fleet.folder / "archive"
    archive.write_bytes(boot_archive.sample())
    arguments = {
        "push": ("push", "-", fleet.uri, fleet.key_option),
        "archive publish": ("archive", "publish", fleet.at("prod/ecsauth"), fleet.key_option, f"--file={archive}"),
        "rollback": ("rollback", fleet.uri, first),
        "diff": ("diff", fleet.uri, fleet.at(PROD, first)),
        "which": ("which", "nginx", "--file", fleet.uri),
        "history --diff": ("history", fleet.uri, "--diff"),
        "boot --launch none": fleet.boot_arguments("--launch=none", *hurried.TRIES),
    }
    found = {
        command: outcome(
            fleet.run(
                who,
                *arguments.get(command, (command, fleet.uri)),
                stdin=auth_file("third-password"),
                EDITOR="sed -i s/password/passport/2",
            )
        )
        for command in COMMANDS[who]
    }
    assert found == COMMANDS[who]
    assert (fleet.versions() == standing) is (found["push"] == "denied")


def outcome(done: Ended) -> str:
    """Return what became of a command, in the words of the table."""
    if done.status == 4 and "S3 denies access" in done.err:
        return "denied"
    # diff says so where there is a difference.
    assert done.status in (0, 3), done.err
    unknown = ("author unknown", "changes unknown")
    return ", ".join(["done", *(words for words in unknown if words in done.out)])


def test_auditor(fleet: Fleet) -> None:
    """The auditor sees the versions and their times, not who pushed, and reads no content: KMS is not even asked."""
    versions = [fleet.pushed(FIRST), fleet.pushed(SECOND)]
    fleet.asked.clear()
    done = fleet.run("auditor", "history", fleet.uri, "--diff")
    assert done.status == 0, done.err
    rows = [line for line in done.out.splitlines() if not line.startswith(" ")]
    assert [row.split()[0] for row in rows] == versions[::-1]
    assert all("author unknown" in row for row in rows)
    assert done.out.count("changes unknown: cannot get") == len(versions)
    assert fleet.run("auditor", "pull", fleet.uri).status == 4
    assert fleet.asked == []


def test_in_the_clear(fleet: Fleet, seaweed: SeaweedServer) -> None:
    """What succeeds over HTTPS is denied over HTTP, by the bucket's policy."""
    fleet.pushed(FIRST)
    for address, status in ((seaweed.https_url, 0), (seaweed.url, 4)):
        assert fleet.run("operator", "pull", fleet.uri, AWS_ENDPOINT_URL=address).status == status
