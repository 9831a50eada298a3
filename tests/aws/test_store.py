"""S3 over real HTTP: what comes back is whole, verified, bounded in size and time, and asked for once."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Callable

import pytest
import s3_faults as faults
from ecsauth.aws.s3_get import InstanceStore
from ecsauth.aws_names import S3URI
from ecsauth.boot.fetch import Identity
from ecsauth.envfile import LARGEST
from ecsauth.errors import (
    DeniedError,
    EcsauthError,
    InvalidError,
    NotYetError,
    SettlingError,
    TimeUpError,
    UnreachableError,
)
from metadata_service import Behaviour, MetadataService
from s3_server import ACCOUNT, REGION

if TYPE_CHECKING:
    from threading import Event

    from bucket import Bucket
    from loopback_server import Answer, QuietHandler
    from s3_proxy import S3Proxy

BODY = b"ECS_CLUSTER=prod\nECS_ENGINE_AUTH_DATA=canary-of-the-body\n"
URI = S3URI("fleet", "ecs.config")
HERE = Identity(REGION, ACCOUNT)
# Shorter than the SDK waits for an answer, twice, and than a drip of the body takes.
PATIENCE_S = 20.0


def fetched(store: InstanceStore, uri: S3URI = URI, unless: str | None = None) -> Any:
    """Return what the instance gets, with ten seconds to get it."""
    return store.fetch(uri, HERE, unless, 10)


def fault_of(store: InstanceStore, seconds: float = 10) -> EcsauthError:
    """Return what fetching the object ends with."""
    with pytest.raises(EcsauthError) as caught:
        store.fetch(URI, HERE, None, seconds)
    return caught.value


def text_of(fault: EcsauthError) -> str:
    """Return all that is told of a fault."""
    return " ".join((fault.message, *fault.hints))


def test_get(store: InstanceStore, bucket: Bucket) -> None:
    """The bytes come with version, ETag, key, time and the checksum that was verified."""
    version = bucket.put(BODY)
    got = fetched(store)
    head = bucket.server.s3.head_object(Bucket="fleet", Key="ecs.config")
    assert got.body == BODY
    assert got.facts == (
        head["ETag"],
        int(head["LastModified"].timestamp()),
        version,
        "aws:kms",
        bucket.kms_key,
        "CRC32",
    )


def test_get_is_one_request(store: InstanceStore, bucket: Bucket, s3_proxy: S3Proxy) -> None:
    """One GetObject says whose bucket it is to be, asks for the checksum and for nothing else."""
    bucket.put(BODY)
    fetched(store)
    (request,) = s3_proxy.requests
    assert (request.operation, request.bucket, request.key) == ("GetObject", "fleet", "ecs.config")
    assert request.headers["x-amz-expected-bucket-owner"] == ACCOUNT
    assert request.headers["x-amz-checksum-mode"] == "ENABLED"
    assert "ecsauth/" in request.headers["user-agent"]
    assert "if-none-match" not in request.headers
    assert "versionId" not in request.query


def test_secrets_are_not_shown(store: InstanceStore, bucket: Bucket) -> None:
    """The body is in no repr of what was fetched."""
    bucket.put(BODY)
    assert "canary" not in repr(fetched(store))


@pytest.mark.parametrize(
    ("algorithm", "verified"),
    [("CRC32", "CRC32"), ("SHA1", "SHA1"), ("SHA256", "SHA256")],
)
def test_verified_checksums(store: InstanceStore, bucket: Bucket, algorithm: str, verified: str) -> None:
    """The checksum that the object carries is verified and named."""
    bucket.put(BODY, ChecksumAlgorithm=algorithm)
    assert fetched(store).facts.checksum == verified


@pytest.mark.parametrize(
    "headers",
    [
        {"x-amz-checksum-crc32": None},
        {"x-amz-checksum-crc32": None, "x-amz-checksum-crc64nvme": "AAAAAAAAAAA="},
        {"x-amz-checksum-crc32": None, "x-amz-checksum-crc32c": "AAAAAA=="},
        {"x-amz-checksum-crc32": "AAAAAA==-2"},
    ],
    ids=["none", "CRC64NVME", "CRC32C", "of parts"],
)
def test_unverifiable_checksums(
    store: InstanceStore, bucket: Bucket, s3_proxy: S3Proxy, headers: dict[str, str | None]
) -> None:
    """A checksum that cannot be verified here counts as none, and is no reason to refuse."""
    bucket.put(BODY)
    s3_proxy.inject(faults.Headers(headers))
    got = fetched(store)
    assert (got.body, got.facts.checksum) == (BODY, None)


@pytest.mark.parametrize(
    "fault",
    [
        faults.AlteredBody(),
        faults.OtherBody(b"ECS_CLUSTER=evil\n"),
        faults.OtherBody(b""),
        faults.Headers({"x-amz-checksum-crc32": "AAAAAA=="}),
    ],
    ids=["altered", "exchanged", "emptied", "checksum"],
)
def test_wrong_checksum(store: InstanceStore, bucket: Bucket, s3_proxy: S3Proxy, fault: faults.Fault) -> None:
    """Bytes that do not fit the checksum are refused, without showing either."""
    bucket.put(BODY)
    s3_proxy.inject(fault)
    found = fault_of(store)
    assert type(found) is NotYetError
    assert "does not match its checksum" in found.message
    assert "==" not in text_of(found)


@pytest.mark.parametrize(
    "headers",
    [
        {"ETag": None},
        {"Last-Modified": None},
        {"x-amz-checksum-crc32": "AAA"},
    ],
    ids=lambda headers: " ".join(f"{name}={value}" for name, value in headers.items()),
)
def test_what_is_not_s3(
    store: InstanceStore, bucket: Bucket, s3_proxy: S3Proxy, headers: dict[str, str | None]
) -> None:
    """An answer that S3 cannot have given counts as none of S3's."""
    bucket.put(BODY)
    s3_proxy.inject(faults.Headers(headers))
    found = fault_of(store)
    assert type(found) is UnreachableError
    assert "the answer is not from S3" in found.message


def test_not_modified(store: InstanceStore, bucket: Bucket, s3_proxy: S3Proxy) -> None:
    """An object that is still what was said is not sent."""
    bucket.put(BODY)
    etag = fetched(store).facts.etag
    assert fetched(store, unless=etag) is None
    assert [request.headers.get("if-none-match") for request in s3_proxy.requests] == [None, etag]


def test_modified(store: InstanceStore, bucket: Bucket) -> None:
    """An object that is another one by now is sent whole."""
    bucket.put(BODY)
    etag = fetched(store).facts.etag
    bucket.put(BODY + b"# more\n")
    assert fetched(store, unless=etag).body == BODY + b"# more\n"


def test_not_modified_without_being_asked(store: InstanceStore, bucket: Bucket, s3_proxy: S3Proxy) -> None:
    """A 304 to a plain question is a refusal."""
    bucket.put(BODY)
    s3_proxy.inject(faults.NOT_MODIFIED)
    found = fault_of(store)
    assert type(found) is DeniedError
    assert "304" in found.message


def test_one_version(store: InstanceStore, bucket: Bucket, s3_proxy: S3Proxy) -> None:
    """A version that was asked for is asked of S3, and is the one that comes."""
    first = bucket.put(BODY)
    bucket.put(b"ECS_CLUSTER=later\n")
    got = fetched(store, URI._replace(version_id=first))
    assert (got.body, got.facts.version_id) == (BODY, first)
    assert next(iter(s3_proxy.requests)).query["versionId"] == first


def test_without_versions(store: InstanceStore, bucket: Bucket) -> None:
    """In a bucket without versioning an object has no version."""
    bucket.server.make_bucket("plain", versioned=False)
    bucket._replace(name="plain").put(BODY)
    assert fetched(store, S3URI("plain", "ecs.config")).facts.version_id is None


@pytest.mark.parametrize("key", ["a b+c&d=e%20f#g?h.config", "größe/ecs.config", "a//b/../c"])
def test_odd_keys(store: InstanceStore, bucket: Bucket, key: str) -> None:
    """Whatever a key is called, it is the one that is asked for."""
    bucket.put(BODY, key)
    assert fetched(store, S3URI("fleet", key)).body == BODY


@pytest.mark.parametrize(
    ("how", "encryption"),
    [
        ({"ServerSideEncryption": "", "SSEKMSKeyId": ""}, "AES256"),
        ({"ServerSideEncryption": "aws:kms:dsse"}, "aws:kms:dsse"),
    ],
    ids=["SSE-S3", "DSSE-KMS"],
)
def test_encryption(store: InstanceStore, bucket: Bucket, how: dict[str, str], encryption: str) -> None:
    """How the object is encrypted is told as S3 tells it."""
    bucket.put(BODY, **how)
    assert fetched(store).facts.encryption == encryption


def test_largest(store: InstanceStore, bucket: Bucket) -> None:
    """256 KiB are taken."""
    bucket.put(b"#" * LARGEST)
    assert len(fetched(store).body) == LARGEST == 256 * 1024


def test_too_large(store: InstanceStore, bucket: Bucket) -> None:
    """One byte more is refused."""
    bucket.put(b"#" * (LARGEST + 1))
    found = fault_of(store)
    assert type(found) is InvalidError
    assert found.message == "s3://fleet/ecs.config is larger than 256 KiB, the limit of an env-file"


class Counted(faults.Fault):
    """A body of 64 MiB, with or without its length said; `sent` is how much the client took."""

    def __init__(self, *, says_length: bool) -> None:
        self.sent = 0
        self._length = str(64 << 20) if says_length else None

    def send(self, connection: QuietHandler, response: Answer, stopping: Event) -> None:
        """Send until the client goes away."""
        connection.send_head(response.with_header("Content-Length", self._length))
        block = b"# more\n" * 8192
        while self.sent < 64 << 20 and not stopping.is_set():
            connection.wfile.write(block)
            self.sent += len(block)


@pytest.mark.parametrize("says_length", [True, False])
def test_too_large_is_not_read_to_its_end(
    store: InstanceStore, bucket: Bucket, s3_proxy: S3Proxy, *, says_length: bool
) -> None:
    """Of a body without end no more is taken than shows that it is too large, and what the sockets hold."""
    bucket.put(BODY)
    fault = Counted(says_length=says_length)
    s3_proxy.inject(fault)
    assert type(fault_of(store)) is InvalidError
    s3_proxy.stop()
    assert fault.sent < 16 << 20


@pytest.mark.parametrize("length", [0, 1, len(BODY) - 1])
def test_cut_body(store: InstanceStore, bucket: Bucket, s3_proxy: S3Proxy, length: int) -> None:
    """A body that ends early is no body."""
    bucket.put(BODY)
    s3_proxy.inject(faults.CutBody(length))
    found = fault_of(store)
    assert type(found) is UnreachableError
    assert "the connection broke" in found.message


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize("fault", [faults.SlowDrip(1), faults.Hang(), faults.Late(60)], ids=["drip", "hang", "late"])
def test_ends_in_time(bucket: Bucket, s3_proxy: S3Proxy, fault: faults.Fault) -> None:
    """Whatever S3 does with its time, the seconds that were given are kept."""
    bucket.put(BODY)
    s3_proxy.inject(fault)
    start = time.monotonic()
    found = fault_of(InstanceStore(), seconds=0.7)
    assert 0.6 < time.monotonic() - start < PATIENCE_S
    assert type(found) is TimeUpError
    assert "no complete answer within 1 s" in found.message


def test_credentials_end_in_time(
    bucket: Bucket, s3_proxy: S3Proxy, live_in: Callable[[dict[str, str]], None], operator_env: dict[str, str]
) -> None:
    """A metadata service that is silent does not hold up the end either."""
    bucket.put(BODY)
    without = {name: value for name, value in operator_env.items() if "KEY" not in name and "DISABLED" not in name}
    with MetadataService() as metadata:
        metadata.become(Behaviour.SILENT)
        live_in({**without, "AWS_EC2_METADATA_SERVICE_ENDPOINT": metadata.url})
        found = fault_of(InstanceStore(), seconds=0.7)
    assert type(found) is UnreachableError
    assert found.message == "the instance metadata service does not answer"
    assert s3_proxy.operations == []


def test_foreign_owner(store: InstanceStore, bucket: Bucket, s3_proxy: S3Proxy) -> None:
    """A bucket of another account is denied, and as S3 does not say why, the causes are named by likelihood."""
    bucket.put(BODY)
    s3_proxy.owners["fleet"] = "999999999999"
    found = fault_of(store)
    assert type(found) is SettlingError
    assert found.message == "cannot get s3://fleet/ecs.config: S3 denies access (Access Denied)"
    assert [" ".join(hint.split()[:5]) for hint in found.hints] == [
        "the object may not exist:",
        "the role may lack s3:GetObject",
        "the bucket may belong to",
        "the bucket policy or a",
    ]
