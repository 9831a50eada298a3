"""`ecsauth push`: what goes over the wire to S3, and what does not go there."""

from __future__ import annotations

import base64
import zlib
from typing import TYPE_CHECKING

import pytest
import s3_faults as faults
from aws_environment import OPERATOR, aws_environment
from bucket import KMS_KEY
from ecsauth.check import rules
from ecsauth.finding import Severity
from program import run, run_here
from pushing import CHANGED, FILE, URI, Operator, env_file
from s3_proxy import S3Proxy
from s3_server import ACCOUNT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from canary import Canary

LOOKS = ["HeadObject", "GetObject"]
SETTINGS = ["GetBucketVersioning", "GetPublicAccessBlock", "GetBucketPolicy", "GetBucketLifecycleConfiguration"]
PUTS = ["GetCallerIdentity", "PutObject", "HeadObject"]
KEY_HEADER = "x-amz-server-side-encryption-aws-kms-key-id"


def test_first_push(operator: Operator) -> None:
    """A new object goes out whole and encrypted, and what S3 made of it is told."""
    done = operator.push()
    (version,) = operator.bucket.versions()
    assert done.status == 0
    assert operator.bucket.get() == FILE
    assert f"pushed {URI}, version {version}, encrypted with {operator.bucket.kms_key}" in done.err
    assert done.out == ""


def test_requests(operator: Operator) -> None:
    """A look at object and bucket, a put by somebody, and a look at what the put has made: nothing else."""
    operator.push()
    assert operator.proxy.operations == ["HeadObject", *SETTINGS, *PUTS]
    operator.proxy.requests.clear()
    operator.push(CHANGED)
    assert operator.proxy.operations == [*LOOKS, *SETTINGS, *PUTS]


def test_what_is_put(operator: Operator) -> None:
    """The put names encryption, key, checksum and condition."""
    operator.push()
    expected = {
        "x-amz-server-side-encryption": "aws:kms",
        KEY_HEADER: operator.bucket.kms_key,
        "x-amz-server-side-encryption-bucket-key-enabled": "false",
        "x-amz-checksum-crc32": base64.b64encode(zlib.crc32(FILE).to_bytes(4, "big")).decode(),
        "if-none-match": "*",
        "if-match": None,
        "x-amz-expected-bucket-owner": None,
    }
    assert {name: operator.put.headers.get(name) for name in expected} == expected


def test_a_checksum_whatever_the_environment_says(operator: Operator) -> None:
    """The SDK's variable that leaves checksums out does not count: instances verify the object by its checksum."""
    operator.env["AWS_REQUEST_CHECKSUM_CALCULATION"] = "when_required"
    assert operator.push().status == 0
    assert "x-amz-checksum-crc32" in operator.put.headers


def test_what_replaces_is_put_on_condition(operator: Operator) -> None:
    """A put over an object holds only for the object that was looked at."""
    operator.push()
    etag = operator.bucket.server.s3.head_object(Bucket="fleet", Key="ecs.config")["ETag"]
    operator.proxy.requests.clear()
    operator.push(CHANGED)
    assert operator.put.headers["if-match"] == etag
    assert "if-none-match" not in operator.put.headers


def test_bucket_owner(operator: Operator) -> None:
    """Every request says whose bucket it has to be."""
    operator.push(FILE)
    operator.proxy.requests.clear()
    assert operator.push(CHANGED, "--bucket-owner", ACCOUNT).status == 0
    to_s3 = [request for request in operator.proxy.requests if request.operation != "GetCallerIdentity"]
    assert {request.headers.get("x-amz-expected-bucket-owner") for request in to_s3} == {ACCOUNT}


def test_foreign_bucket(operator: Operator) -> None:
    """A bucket of somebody else is written to by nobody who names the owner."""
    operator.proxy.owners["fleet"] = "999999999999"
    done = operator.push(FILE, "--bucket-owner", ACCOUNT)
    assert done.status == 4
    assert "PutObject" not in operator.proxy.operations


def test_default_key(operator: Operator) -> None:
    """Without `--kms-key` the key that the bucket encrypts with is used."""
    operator.bucket.server.make_bucket("other", default_key=operator.bucket.kms_key)
    operator.path.write_bytes(FILE)
    done = operator.run(uri="s3://other/ecs.config")
    assert done.status == 0
    assert operator.put.headers[KEY_HEADER] == operator.bucket.kms_key
    assert operator.proxy.operations[0] == "GetBucketEncryption"


@pytest.mark.parametrize(
    "answer",
    [
        None,
        faults.Reply(404, "ServerSideEncryptionConfigurationNotFoundError", "not found"),
        faults.OtherBody(
            b"<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>aws:kms"
            b"</SSEAlgorithm></ApplyServerSideEncryptionByDefault></Rule></ServerSideEncryptionConfiguration>"
        ),
    ],
    ids=["SSE-S3", "none", "AWS managed key"],
)
def test_no_default_key(operator: Operator, answer: faults.Fault | None) -> None:
    """Where the bucket names no key of the customer's, one has to be named, and nothing is put."""
    if answer:
        operator.proxy.inject(answer)
    operator.path.write_bytes(FILE)
    done = operator.run()
    assert done.status == 2
    assert "error: bucket fleet has no default KMS key" in done.err
    assert "hint: give a customer managed key: --kms-key ARN" in done.err
    assert operator.proxy.operations == ["GetBucketEncryption"]


def test_given_key_is_the_one(operator: Operator) -> None:
    """A key that is named beats the bucket's, whose settings are not even looked at."""
    named = operator.bucket.kms_key.replace("1111", "9999")
    done = operator.push(FILE, "--kms-key", named)
    assert operator.put.headers[KEY_HEADER] == named
    assert f"encrypted with {named}" in done.err
    assert "GetBucketEncryption" not in operator.proxy.operations


def test_alias_is_told_as_arn(operator: Operator) -> None:
    """A key may be named by its alias; told is the ARN, which instances want."""
    arn = operator.bucket.server.make_key()
    operator.bucket.server.client("kms").create_alias(AliasName="alias/fleet", TargetKeyId=arn)
    done = operator.push(FILE, "--kms-key", "alias/fleet")
    assert done.status == 0
    assert f"encrypted with {arn}" in done.err


# F101, the size, is refused by who reads the file: see test_size_is_bounded.
ERRORS = [rule for rule in rules.RULES if rule.severity is Severity.ERROR and rule.code != "F101"]


@pytest.fixture(scope="module")
def nowhere() -> Iterator[S3Proxy]:
    """Give an S3 that takes requests down and leads nowhere."""
    with S3Proxy("http://127.0.0.1:9") as proxy:
        yield proxy


@pytest.mark.parametrize("rule", ERRORS, ids=lambda rule: rule.code)
def test_errors_are_not_uploaded(nowhere: S3Proxy, tmp_path: Path, rule: rules.Rule) -> None:
    """A file with an error of whichever kind goes nowhere: nothing at all is sent."""
    path = tmp_path / "ecs.config"
    path.write_bytes(rule.before.encode("utf-8", "surrogateescape"))
    env = {**aws_environment(tmp_path, endpoint=nowhere.url), **OPERATOR}
    done = run_here("push", str(path), URI, "--kms-key", KMS_KEY, env=env)
    assert done.status == 3
    assert f"[{rule.code}]" in done.err
    assert len(nowhere.requests) == 0


def test_size_is_bounded(operator: Operator) -> None:
    """A file that no instance would take goes nowhere."""
    done = operator.push(b"#" * (256 * 1024 + 1))
    assert done.status == 3
    assert len(operator.proxy.requests) == 0


@pytest.mark.parametrize("standing", [None, FILE, CHANGED], ids=["nothing", "the same", "another"])
def test_dry_run(operator: Operator, standing: bytes | None) -> None:
    """A dry run checks and compares, and puts nothing."""
    if standing:
        operator.bucket.put(standing)
    versions = operator.bucket.versions()
    done = operator.push(FILE, "--dry-run")
    assert done.status == 0
    settings = SETTINGS if standing != FILE else []
    assert operator.proxy.operations == [*(LOOKS if standing else ["HeadObject"]), *settings]
    assert operator.bucket.versions() == versions
    assert ("this was a dry run" in done.err) == (standing != FILE)


def test_dry_run_refuses_errors(operator: Operator) -> None:
    """A dry run of a file with an error fails as the push would."""
    assert operator.push(b"=nothing\n", "--dry-run").status == 3


def test_same_again(operator: Operator) -> None:
    """What is there already is not put again."""
    operator.push()
    version = operator.bucket.versions()
    operator.proxy.requests.clear()
    done = operator.push()
    assert done.status == 0
    assert operator.proxy.operations == LOOKS
    assert operator.bucket.versions() == version
    assert f"nothing to do, already in S3: {URI}, version {version[0]}" in done.err


def test_same_again_by_the_id_of_the_key(operator: Operator) -> None:
    """The ID of a key names the same key as its ARN."""
    operator.push()
    operator.push(FILE, "--kms-key", operator.bucket.kms_key.rpartition("/")[2])
    assert len(operator.bucket.versions()) == 1


@pytest.mark.parametrize(
    "how",
    [
        {"SSEKMSKeyId": "arn:aws:kms:eu-central-1:123456789012:key/another"},
        {"ServerSideEncryption": "", "SSEKMSKeyId": ""},
        {"ServerSideEncryption": "AES256", "SSEKMSKeyId": ""},
        {"ChecksumAlgorithm": "CRC64NVME", "ChecksumCRC64NVME": "AAAAAAAAAAA="},
    ],
    ids=["another key", "unencrypted", "SSE-S3", "a checksum that is not verified"],
)
def test_same_in_another_way_is_put(operator: Operator, how: dict[str, str]) -> None:
    """The same content is put again where an instance would not trust, or could not verify, what is there."""
    operator.bucket.put(FILE, **how)
    done = operator.push()
    assert done.status == 0
    assert f"pushed {URI}" in done.err
    assert len(operator.bucket.versions()) == 2


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        ("s3://fleet/ecs.config?versionId=abc", "give the S3 URI without ?versionId"),
        ("arn:aws:s3:::fleet/ecs.config", "an ARN is not supported"),
        ("s3://fleet", "no valid key"),
        ("fleet/ecs.config", "this is not an S3 URI"),
    ],
)
def test_other_uris_are_refused(operator: Operator, uri: str, said: str) -> None:
    """A push makes a new version of one object, so nothing else is taken as its place."""
    operator.path.write_bytes(FILE)
    done = operator.run("--kms-key", operator.bucket.kms_key, uri=uri)
    assert done.status == 2
    assert said in " ".join(done.err.split())
    assert len(operator.proxy.requests) == 0


@pytest.mark.parametrize("name", ["s3://fleet/other", "missing"])
def test_files_that_cannot_be_read(operator: Operator, name: str, tmp_path: Path) -> None:
    """What is pushed is a file that is there."""
    file = name if name.startswith("s3:") else str(tmp_path / name)
    done = run_here("push", file, URI, "--kms-key", operator.bucket.kms_key, env=operator.env)
    assert done.status == (2 if name.startswith("s3:") else 6)
    assert len(operator.proxy.requests) == 0


def test_standard_input(operator: Operator) -> None:
    """`-` pushes what comes in."""
    done = run_here("push", "-", URI, "--kms-key", operator.bucket.kms_key, env=operator.env, stdin=FILE)
    assert done.status == 0
    assert operator.bucket.get() == FILE


def test_whole_program(operator: Operator, canary: Canary) -> None:
    """As a program of its own it does the same, and shows the password nowhere."""
    content = env_file(registry_example_com=canary.password)
    operator.path.write_bytes(content)
    done = run("push", str(operator.path), URI, "--kms-key", operator.bucket.kms_key, env=operator.env)
    assert (done.status, done.out) == (0, "")
    assert operator.bucket.get() == content
    canary.assert_not_in(done.err, "standard error")
