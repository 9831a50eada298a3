"""What an operator's commands do in S3 besides getting: look, put on condition, ask for the bucket's key."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import zlib
from typing import TYPE_CHECKING, Callable

import pytest
import s3_faults as faults
from s3_server import ACCOUNT, REGION

from bootstrap.core.errors import (
    ConflictError,
    DeniedError,
)
from bootstrap.core.s3_uri import S3URI
from bootstrap.edges.store.s3 import Objects
from bootstrap.edges.store.sdk import OperatorClients

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bucket import Bucket
    from s3_proxy import S3Proxy

BODY = b"ECS_CLUSTER=prod\nECS_ENGINE_AUTH_DATA=canary-of-the-body\n"
URI = S3URI("fleet", "ecs.config")
RULE = (
    "<ServerSideEncryptionConfiguration><Rule><ApplyServerSideEncryptionByDefault>{}"
    "</ApplyServerSideEncryptionByDefault></Rule></ServerSideEncryptionConfiguration>"
)


@pytest.fixture
def objects(operator_env: dict[str, str], live_in: Callable[[dict[str, str]], None]) -> Iterator[Objects]:
    """Give S3 as an operator sees it."""
    live_in(operator_env)
    with contextlib.closing(OperatorClients(None, REGION).s3()) as client:
        yield Objects(client, ACCOUNT)


def test_head(objects: Objects, bucket: Bucket) -> None:
    """A look gives the same facts as a get, but for the checksum, which takes the bytes to verify."""
    bucket.put(BODY)
    got = objects.get(URI)
    assert got is not None
    assert objects.head(URI) == got.facts._replace(checksum=None)


@pytest.mark.parametrize("uri", [URI, S3URI("nowhere", "ecs.config"), URI._replace(version_id="null")])
def test_head_of_nothing(objects: Objects, bucket: Bucket, uri: S3URI) -> None:
    """Where there is nothing, a look finds nothing."""
    assert bucket
    assert objects.head(uri) is None


def test_head_of_a_deleted_object(objects: Objects, bucket: Bucket) -> None:
    """Under a delete marker there is nothing."""
    bucket.put(BODY)
    bucket.server.s3.delete_object(Bucket="fleet", Key="ecs.config")
    assert objects.head(URI) is None


def test_head_denied(objects: Objects, bucket: Bucket, s3_proxy: S3Proxy) -> None:
    """A denial is never read as absence."""
    bucket.put(BODY)
    s3_proxy.inject(faults.ACCESS_DENIED)
    with pytest.raises(DeniedError, match=r"cannot look at s3://fleet/ecs\.config: S3 denies access"):
        objects.head(URI)


def test_put(objects: Objects, bucket: Bucket, s3_proxy: S3Proxy) -> None:
    """A new object goes out encrypted, with a checksum, and only if there still is none."""
    version = objects.put(URI, BODY, bucket.kms_key, None)
    (request,) = s3_proxy.requests
    assert bucket.versions() == [version]
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
    }
    assert {name: request.headers.get(name) for name in expected} == expected
    assert "if-match" not in request.headers


def test_put_over(objects: Objects, bucket: Bucket, s3_proxy: S3Proxy) -> None:
    """One that replaces another goes out only if that is still there."""
    bucket.put(BODY)
    head = objects.head(URI)
    assert head is not None
    objects.put(URI, b"ECS_CLUSTER=new\n", bucket.kms_key, head.etag)
    request = s3_proxy.wait_for("PutObject")
    assert request.headers["if-match"] == head.etag
    assert "if-none-match" not in request.headers
    assert bucket.get() == b"ECS_CLUSTER=new\n"


@pytest.mark.parametrize(
    ("before", "replaces"),
    [(BODY, None), (BODY, '"of-an-earlier-look"'), (None, '"of-an-earlier-look"')],
    ids=["appeared", "changed", "deleted"],
)
def test_put_too_late(objects: Objects, bucket: Bucket, before: bytes | None, replaces: str | None) -> None:
    """What somebody else did meanwhile stays done."""
    if before:
        bucket.put(before)
    versions = bucket.versions()
    with pytest.raises(ConflictError) as caught:
        objects.put(URI, b"ECS_CLUSTER=mine\n", bucket.kms_key, replaces)
    assert caught.value.hints == ("look at what is there now, then push again",)
    assert bucket.versions() == versions


def test_default_kms_key(objects: Objects, bucket: Bucket) -> None:
    """The key that a bucket encrypts with is named as the bucket names it."""
    bucket.server.make_bucket("other", default_key=bucket.kms_key)
    assert objects.default_kms_key("other") == bucket.kms_key


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
    objects: Objects, bucket: Bucket, s3_proxy: S3Proxy, rule: str, key: str | None
) -> None:
    """S3's own keys, and the KMS key that AWS manages, are no key to name."""
    assert bucket
    s3_proxy.inject(faults.OtherBody(RULE.format(rule).encode()))
    assert objects.default_kms_key("fleet") == key


def test_default_kms_key_unsaid(objects: Objects, bucket: Bucket, s3_proxy: S3Proxy) -> None:
    """A bucket without any rule, as they were before 2023, has no key."""
    assert bucket
    text = "The server side encryption configuration was not found"
    s3_proxy.inject(faults.Reply(404, "ServerSideEncryptionConfigurationNotFoundError", text))
    assert objects.default_kms_key("fleet") is None


def test_default_kms_key_denied(objects: Objects, bucket: Bucket, s3_proxy: S3Proxy) -> None:
    """Who may not look at the rules is told what is denied."""
    assert bucket
    s3_proxy.inject(faults.ACCESS_DENIED)
    with pytest.raises(DeniedError, match="cannot look at the encryption of bucket fleet: S3 denies access"):
        objects.default_kms_key("fleet")
