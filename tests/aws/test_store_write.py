"""What an operator's commands do in S3 besides getting: look, put on condition, ask for the bucket's key."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import zlib
from typing import TYPE_CHECKING, Callable

import pytest
import s3_faults as faults
from ecsauth.aws.s3_operator import BucketSettings, S3VersionStore
from ecsauth.aws.session import OperatorClients
from ecsauth.aws_names import S3URI
from ecsauth.errors import DeniedError
from ecsauth.publish.put import NewVersion, RefusedPutError
from ecsauth.publish.versions import PushMetadata
from ecsauth.secret import SecretBytes
from s3_server import ACCOUNT, REGION

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bucket import Bucket
    from s3_proxy import S3Proxy

BODY = b"ECS_CLUSTER=prod\nECS_ENGINE_AUTH_DATA=canary-of-the-body\n"
URI = S3URI("fleet", "ecs.config")
METADATA = PushMetadata("arn:aws:iam::123456789012:user/me", "0.1", "00ff" * 8)
RULE = (
    "<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault>{}"
    "</ApplyServerSideEncryptionByDefault></Rule></ServerSideEncryptionConfiguration>"
)


@pytest.fixture
def store(operator_env: dict[str, str], live_in: Callable[[dict[str, str]], None]) -> Iterator[S3VersionStore]:
    """Give S3 as an operator sees it."""
    live_in(operator_env)
    with contextlib.closing(OperatorClients(None, REGION).s3()) as client:
        yield S3VersionStore(client, ACCOUNT)


def draft(bucket: Bucket, replaces: str | None = None, data: bytes = BODY) -> NewVersion:
    """Return what is to be put."""
    return NewVersion(SecretBytes(data), bucket.kms_key, replaces, METADATA)


def test_look(store: S3VersionStore, bucket: Bucket) -> None:
    """A look gives the same facts as a read, but for the checksum, which takes the bytes to verify."""
    bucket.put(BODY)
    read = store.read(URI)
    seen = store.look(URI)
    assert seen == read.version._replace(facts=read.version.facts._replace(checksum=None))
    assert (read.content, read.version.size) == (BODY, len(BODY))
    assert "canary" not in repr(read)


@pytest.mark.parametrize("uri", [URI, S3URI("nowhere", "ecs.config"), URI._replace(version_id="null")])
def test_look_at_nothing(store: S3VersionStore, bucket: Bucket, uri: S3URI) -> None:
    """Where there is nothing, a look finds nothing."""
    assert bucket
    assert store.look(uri) is None


def test_look_at_a_deleted_object(store: S3VersionStore, bucket: Bucket) -> None:
    """Under a delete marker there is nothing; the marker itself is no version to look at."""
    bucket.put(BODY)
    marker = bucket.server.s3.delete_object(Bucket="fleet", Key="ecs.config")["VersionId"]
    assert store.look(URI) is None
    with pytest.raises(DeniedError, match="this version is a delete marker"):
        store.look(URI._replace(version_id=marker))


def test_look_denied(store: S3VersionStore, bucket: Bucket, s3_proxy: S3Proxy) -> None:
    """A denial is never read as absence."""
    bucket.put(BODY)
    s3_proxy.inject(faults.ACCESS_DENIED)
    with pytest.raises(DeniedError, match=r"cannot read the metadata of s3://fleet/ecs\.config: S3 denies access"):
        store.look(URI)


def test_put(store: S3VersionStore, bucket: Bucket, s3_proxy: S3Proxy) -> None:
    """A new object goes out encrypted, with a checksum and metadata, and only if there still is none."""
    made = store.put(URI, draft(bucket))
    (request,) = s3_proxy.requests
    assert bucket.versions() == [made.facts.version_id]
    crc = base64.b64encode(zlib.crc32(BODY).to_bytes(4, "big")).decode()
    expected = {
        "x-amz-server-side-encryption": "aws:kms",
        "x-amz-server-side-encryption-aws-kms-key-id": bucket.kms_key,
        "x-amz-server-side-encryption-bucket-key-enabled": "false",
        "x-amz-checksum-crc32": crc,
        "x-amz-expected-bucket-owner": ACCOUNT,
        "content-type": "text/plain; charset=utf-8",
        "if-none-match": "*",
        "x-amz-content-sha256": hashlib.sha256(BODY).hexdigest(),
        "x-amz-meta-ecsauth-pushed-by": METADATA.by,
        "x-amz-meta-ecsauth-version": METADATA.program,
        "x-amz-meta-ecsauth-nonce": METADATA.nonce,
    }
    assert {name: request.headers.get(name) for name in expected} == expected
    assert {"if-match", "x-amz-meta-ecsauth-rolled-back-from"}.isdisjoint(request.headers)


def test_what_a_put_answers_is_what_is_there(store: S3VersionStore, bucket: Bucket) -> None:
    """The answer to a put tells the same as a look at what it has made."""
    made = store.put(URI, draft(bucket))
    seen = store.look(URI)
    assert seen is not None
    assert abs(seen.facts.last_modified - made.facts.last_modified) <= 2
    assert made == seen._replace(facts=seen.facts._replace(last_modified=made.facts.last_modified))


def test_put_over(store: S3VersionStore, bucket: Bucket, s3_proxy: S3Proxy) -> None:
    """One that replaces another goes out only if that is still there."""
    bucket.put(BODY)
    seen = store.look(URI)
    assert seen is not None
    store.put(URI, draft(bucket, seen.facts.etag, b"ECS_CLUSTER=new\n"))
    request = s3_proxy.wait_for("PutObject")
    assert request.headers["if-match"] == seen.facts.etag
    assert "if-none-match" not in request.headers
    assert bucket.get() == b"ECS_CLUSTER=new\n"


@pytest.mark.parametrize(
    ("before", "replaces", "said"),
    [
        (BODY, None, "the object was changed in the meantime"),
        (BODY, '"of-an-earlier-look"', "the object was changed in the meantime"),
        (None, '"of-an-earlier-look"', "it was deleted in the meantime"),
    ],
    ids=["appeared", "changed", "deleted"],
)
def test_put_too_late(
    store: S3VersionStore, bucket: Bucket, before: bytes | None, replaces: str | None, said: str
) -> None:
    """What somebody else did meanwhile stays done."""
    if before:
        bucket.put(before)
    versions = bucket.versions()
    with pytest.raises(RefusedPutError, match=said) as caught:
        store.put(URI, draft(bucket, replaces))
    assert (caught.value.is_busy, caught.value.is_repeated) == (False, False)
    assert bucket.versions() == versions


@pytest.mark.parametrize("code", ["ConditionalRequestConflict", "OperationAborted"])
def test_put_while_another_is_under_way(store: S3VersionStore, bucket: Bucket, s3_proxy: S3Proxy, code: str) -> None:
    """Both of S3's words for it say that a look and another try are worth it; that a try got no answer is known."""
    s3_proxy.inject(faults.Reset(), operation="PutObject", times=1)
    s3_proxy.inject(faults.Reply(409, code, "A conflict"), operation="PutObject")
    with pytest.raises(RefusedPutError) as caught:
        store.put(URI, draft(bucket))
    assert (caught.value.is_busy, caught.value.is_repeated) == (True, True)


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 6, 99])
def test_versions(store: S3VersionStore, bucket: Bucket, count: int) -> None:
    """Versions and delete markers come newest first, and those of longer keys belong to others."""
    bucket.put(BODY, "ecs.config.old")
    versions = [bucket.put(BODY + b"#" * number) for number in range(3)]
    marker = bucket.server.s3.delete_object(Bucket="fleet", Key="ecs.config")["VersionId"]
    last = bucket.put(BODY)
    found = store.versions(URI, count)
    # A version and a marker of one second have no order.
    assert found[0] == (last, found[0].last_modified, True, False, len(BODY))
    assert {one.version_id for one in found} <= {last, marker, *versions}
    assert len(found) == min(count, 5)
    assert [one.version_id for one in found if one.version_id in versions] == versions[::-1][: max(0, count - 2)]
    assert store.recent(URI, 99) == [last, *versions[::-1]]


def test_versions_of_nothing(store: S3VersionStore, bucket: Bucket) -> None:
    """Where the object has never been there are none."""
    bucket.put(BODY, "ecs.config.old")
    assert store.versions(URI, 10) == ()


def test_versions_denied(store: S3VersionStore, bucket: Bucket, s3_proxy: S3Proxy) -> None:
    """Who may not list is told the permission."""
    assert bucket
    s3_proxy.inject(faults.ACCESS_DENIED)
    with pytest.raises(DeniedError, match=r"cannot list the versions of .*: S3 denies") as caught:
        store.versions(URI, 10)
    assert caught.value.hints[0] == "you may lack s3:ListBucketVersions on the bucket"


Settings = Callable[[str], BucketSettings]


@pytest.fixture
def settings(operator_env: dict[str, str], live_in: Callable[[dict[str, str]], None]) -> Iterator[Settings]:
    """Give the settings of a bucket."""
    live_in(operator_env)
    with contextlib.closing(OperatorClients(None, REGION).s3()) as client:
        yield lambda name: BucketSettings(client, name, ACCOUNT)


def test_default_kms_key(settings: Settings, bucket: Bucket) -> None:
    """The key that a bucket encrypts with is named as the bucket names it."""
    bucket.server.make_bucket("other", default_key=bucket.kms_key)
    assert settings("other").default_kms_key() == bucket.kms_key


@pytest.mark.parametrize(
    ("rule", "key"),
    [
        ("<SSEAlgorithm>AES256</SSEAlgorithm>", None),
        ("<SSEAlgorithm>aws:kms</SSEAlgorithm>", None),
        ("<SSEAlgorithm>aws:kms</SSEAlgorithm><KMSMasterKeyID></KMSMasterKeyID>", None),
        ("<SSEAlgorithm>aws:kms:dsse</SSEAlgorithm><KMSMasterKeyID>k</KMSMasterKeyID>", "k"),
    ],
    ids=["SSE-S3", "AWS managed key", "empty", "DSSE-KMS"],
)
def test_default_kms_key_of_answers(
    settings: Settings, bucket: Bucket, s3_proxy: S3Proxy, rule: str, key: str | None
) -> None:
    """S3's own keys, and the KMS key that AWS manages, are no key to name."""
    assert bucket
    s3_proxy.inject(faults.OtherBody(RULE.format(rule).encode()))
    assert settings("fleet").default_kms_key() == key


def test_default_kms_key_unsaid(settings: Settings, bucket: Bucket, s3_proxy: S3Proxy) -> None:
    """A bucket without any rule, as they were before 2023, has no key."""
    assert bucket
    text = "The server side encryption configuration was not found"
    s3_proxy.inject(faults.Reply(404, "ServerSideEncryptionConfigurationNotFoundError", text))
    assert settings("fleet").default_kms_key() is None


def test_default_kms_key_denied(settings: Settings, bucket: Bucket, s3_proxy: S3Proxy) -> None:
    """Who may not look at the rules is told what is denied."""
    assert bucket
    s3_proxy.inject(faults.ACCESS_DENIED)
    with pytest.raises(DeniedError, match="cannot read the encryption of bucket fleet: S3 denies access"):
        settings("fleet").default_kms_key()
