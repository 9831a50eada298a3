"""The S3 of the tests: moto with the manners of S3 in front, faults on demand, and a true log."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any, Callable

import boto3
import pytest
import s3_faults as faults
from aws_environment import aws_environment
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    FlexibleChecksumError,
    IncompleteReadError,
    ReadTimeoutError,
    ResponseStreamingError,
    SSLError,
)
from certificates import Certificates
from s3_proxy import S3Proxy
from s3_server import ACCOUNT, REGION, S3Server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from metadata_service import MetadataService

BODY = b"ECS_CLUSTER=demo\n"
# For what never comes, and for what comes on any machine.
SHORT_S, LONG_S = 1, 60


@contextlib.contextmanager
def client_of(
    proxy: S3Proxy, *, ca_file: Path | None = None, region: str = REGION, patience_s: float = LONG_S
) -> Iterator[Any]:
    """Give an S3 client of the proxy, without retries."""
    limits: Any = {"connect_timeout": LONG_S, "read_timeout": patience_s, "retries": {"total_max_attempts": 1}}
    config = Config(**limits, proxies={})
    made = boto3.client(
        "s3",
        region_name=region,
        endpoint_url=proxy.url,
        aws_access_key_id="AKIAEXAMPLE",
        aws_secret_access_key="example",
        config=config,
        verify=str(ca_file) if ca_file else None,
    )
    with contextlib.closing(made):
        yield made


@pytest.fixture
def s3(s3_proxy: S3Proxy) -> Iterator[Any]:
    """Give a client of the proxy."""
    with client_of(s3_proxy) as client:
        yield client


@pytest.fixture
def bucket(s3_server: S3Server) -> str:
    """Make a versioned bucket with one object, `file`, under its own key."""
    name = s3_server.make_bucket("fleet", default_key=s3_server.make_key())
    s3_server.s3.put_object(Bucket=name, Key="file", Body=BODY)
    return name


def status_of(call: Callable[[], object]) -> tuple[int, str]:
    """Return status and code of the error that the call ends with."""
    with pytest.raises(ClientError) as caught:
        call()
    return int(caught.value.response["ResponseMetadata"]["HTTPStatusCode"]), caught.value.response["Error"]["Code"]


def test_set_up(s3_server: S3Server, bucket: str) -> None:
    """A bucket is versioned, encrypts with its key, and gives back what was put."""
    key = s3_server.make_key()
    s3_server.s3.put_object(Bucket=bucket, Key="other", Body=b"x", ServerSideEncryption="aws:kms", SSEKMSKeyId=key)
    head = s3_server.s3.head_object(Bucket=bucket, Key="other")
    assert key.startswith(f"arn:aws:kms:{REGION}:{ACCOUNT}:key/")
    assert (head["ServerSideEncryption"], head["SSEKMSKeyId"]) == ("aws:kms", key)
    assert head["VersionId"]


def test_reset(s3_server: S3Server, bucket: str) -> None:
    """After a reset nothing is left."""
    assert bucket
    s3_server.reset()
    assert s3_server.s3.list_buckets()["Buckets"] == []


def test_policies_can_be_enforced(s3_server: S3Server, bucket: str) -> None:
    """Who has no policy is refused once policies are enforced, and let in again after a reset."""
    s3_server.enforce_policies()
    assert status_of(lambda: s3_server.s3.get_object(Bucket=bucket, Key="file"))[0] == 403
    s3_server.reset()
    assert s3_server.s3.list_buckets()["Buckets"] == []


def test_in_process() -> None:
    """The server runs as well in a thread, and leaves nothing behind."""
    with S3Server.in_process() as server:
        assert server.make_key()
        port = int(server.url.rpartition(":")[2])
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), 1)


def test_log(s3_proxy: S3Proxy, s3: Any, bucket: str) -> None:
    """The log has operation, bucket, key, signer and region of every request, and no signature."""
    s3.get_object(Bucket=bucket, Key="file", ExpectedBucketOwner=ACCOUNT)["Body"].read()
    s3.head_object(
        Bucket=bucket, Key="file", VersionId=s3.list_object_versions(Bucket=bucket)["Versions"][0]["VersionId"]
    )
    s3.get_bucket_encryption(Bucket=bucket)
    assert s3_proxy.operations == ["GetObject", "ListObjectVersions", "HeadObject", "GetBucketEncryption"]
    first = next(iter(s3_proxy.requests))
    assert (first.bucket, first.key, first.access_key, first.region) == (bucket, "file", "AKIAEXAMPLE", REGION)
    assert first.headers["x-amz-expected-bucket-owner"] == ACCOUNT
    assert "authorization" not in first.headers


def test_log_names_operations_of_other_services(s3_proxy: S3Proxy) -> None:
    """A call of KMS or STS would be seen, with its name."""
    for service, call in (("kms", "list_keys"), ("sts", "get_caller_identity")):
        made: Any = boto3.client(  # type: ignore[call-overload]
            service, REGION, endpoint_url=s3_proxy.url, aws_access_key_id="a", aws_secret_access_key="b"
        )
        with contextlib.closing(made):
            getattr(made, call)()
    assert s3_proxy.operations == ["ListKeys", "GetCallerIdentity"]


def test_expected_owner(s3_proxy: S3Proxy, s3: Any, bucket: str) -> None:
    """A bucket of another owner than the expected one is denied, for reads and for writes."""
    s3_proxy.owners[bucket] = "999999999999"
    assert status_of(lambda: s3.get_object(Bucket=bucket, Key="file", ExpectedBucketOwner=ACCOUNT)) == (
        403,
        "AccessDenied",
    )
    assert status_of(lambda: s3.head_object(Bucket=bucket, Key="file", ExpectedBucketOwner=ACCOUNT))[0] == 403
    assert status_of(lambda: s3.put_object(Bucket=bucket, Key="file", Body=b"x", ExpectedBucketOwner=ACCOUNT))[0] == 403
    assert s3.get_object(Bucket=bucket, Key="file", ExpectedBucketOwner="999999999999")["Body"].read() == BODY


def test_region(s3_proxy: S3Proxy, s3: Any, bucket: str) -> None:
    """A request signed for another region than the bucket's is sent there, as botocore understands it."""
    s3_proxy.regions[bucket] = "us-west-2"
    assert s3.get_object(Bucket=bucket, Key="file")["Body"].read() == BODY
    assert [request.region for request in s3_proxy.requests] == [REGION, "us-west-2"]


def test_unencrypted_is_encrypted_by_s3(s3_server: S3Server, s3: Any) -> None:
    """Where nothing is asked for, S3 encrypts with its own keys, and says that the bucket does."""
    name = s3_server.make_bucket("plain", versioned=False)
    assert s3.put_object(Bucket=name, Key="file", Body=b"x")["ServerSideEncryption"] == "AES256"
    rules = s3.get_bucket_encryption(Bucket=name)["ServerSideEncryptionConfiguration"]["Rules"]
    assert rules[0]["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}


@pytest.mark.parametrize("form", ["id", "alias"])
def test_key_is_named_by_its_arn(s3_server: S3Server, s3: Any, bucket: str, form: str) -> None:
    """Whatever name of a key is used to put an object, S3 gives the ARN of the key."""
    arn = s3_server.make_key()
    s3_server.client("kms").create_alias(AliasName="alias/fleet", TargetKeyId=arn)
    name = arn.rpartition("/")[2] if form == "id" else "alias/fleet"
    put = s3.put_object(Bucket=bucket, Key="file", Body=b"x", ServerSideEncryption="aws:kms", SSEKMSKeyId=name)
    assert put["SSEKMSKeyId"] == arn


def test_checksum_only_for_who_asks(s3: Any, bucket: str) -> None:
    """The checksum comes when it is asked for, and only then."""
    assert "ChecksumCRC32" in s3.head_object(Bucket=bucket, Key="file", ChecksumMode="ENABLED")
    assert "ChecksumCRC32" not in s3.head_object(Bucket=bucket, Key="file")


def test_conditional_get(s3: Any, bucket: str) -> None:
    """An object that has not changed is not sent again."""
    etag = s3.head_object(Bucket=bucket, Key="file")["ETag"]
    assert status_of(lambda: s3.get_object(Bucket=bucket, Key="file", IfNoneMatch=etag)) == (304, "304")


def test_conditional_put(s3: Any, bucket: str) -> None:
    """A put under a condition that does not hold changes nothing."""
    assert status_of(lambda: s3.put_object(Bucket=bucket, Key="file", Body=b"x", IfNoneMatch="*")) == (
        412,
        "PreconditionFailed",
    )


@pytest.mark.parametrize(
    "fault",
    [
        pytest.param(getattr(faults, name), id=name)
        for name in sorted(vars(faults))
        if isinstance(getattr(faults, name), faults.Reply)
    ],
)
def test_refusals(s3_proxy: S3Proxy, s3: Any, bucket: str, fault: faults.Reply) -> None:
    """Each canned refusal reaches the client with its status and code, and then S3 is well again."""
    s3_proxy.inject(fault, operation="GetObject", times=1)
    status, code = status_of(lambda: s3.get_object(Bucket=bucket, Key="file"))
    assert (status, code) == (fault.status, "304" if fault.status == 304 else fault.code)
    assert s3.get_object(Bucket=bucket, Key="file")["Body"].read() == BODY


def test_kms_denial_names_kms(s3_proxy: S3Proxy, s3: Any, bucket: str) -> None:
    """A denial of the key names the action and the key in its message."""
    s3_proxy.inject(faults.kms_denied("arn:aws:kms:eu-central-1:123456789012:key/k"))
    with pytest.raises(ClientError, match=r"kms:Decrypt on resource: arn:aws:kms:eu-central-1:123456789012:key/k"):
        s3.get_object(Bucket=bucket, Key="file")


@pytest.mark.parametrize(
    ("fault", "raised"),
    [
        (faults.Reset(), (BotoCoreError,)),
        (faults.Closed(), (ConnectionClosedError,)),
        (faults.Hang(), (ReadTimeoutError,)),
        (faults.Late(60), (ReadTimeoutError,)),
        (faults.CutBody(5), (IncompleteReadError, ResponseStreamingError)),
        (faults.AlteredBody(), (FlexibleChecksumError,)),
        (faults.OtherBody(b"ECS_CLUSTER=evil\n"), (FlexibleChecksumError,)),
        (faults.Headers({"x-amz-checksum-crc32": "AAAAAA=="}), (FlexibleChecksumError,)),
    ],
)
def test_broken_transfers(
    s3_proxy: S3Proxy, bucket: str, fault: faults.Fault, raised: tuple[type[Exception], ...]
) -> None:
    """Each way to break a transfer is what the client then complains about."""
    s3_proxy.inject(fault)
    with client_of(s3_proxy, patience_s=patience_for(raised)) as client, pytest.raises(raised):
        client.get_object(Bucket=bucket, Key="file", ChecksumMode="ENABLED")["Body"].read()


def patience_for(raised: tuple[type[Exception], ...]) -> float:
    """Return how long to wait for an answer: a second, where the end of the patience is what is to be raised."""
    return SHORT_S if ReadTimeoutError in raised else LONG_S


def test_slow_drip_never_times_out(s3_proxy: S3Proxy, bucket: str) -> None:
    """A slow drip takes longer than a socket's patience, and is not ended by it."""
    pause_s = 0.1
    s3_proxy.inject(faults.SlowDrip(pause_s))
    with client_of(s3_proxy, patience_s=SHORT_S) as client:
        start = time.monotonic()
        assert client.get_object(Bucket=bucket, Key="file")["Body"].read() == BODY
        assert time.monotonic() - start > pause_s * (len(BODY) - 1) > SHORT_S


def test_endless_body(s3_proxy: S3Proxy, s3: Any, bucket: str) -> None:
    """An endless body has no length and more than any cap, and the client may leave."""
    s3_proxy.inject(faults.Endless())
    got = s3.get_object(Bucket=bucket, Key="file")
    assert "content-length" not in got["ResponseMetadata"]["HTTPHeaders"]
    assert len(got["Body"].read(300_000)) == 300_000
    got["Body"].close()


def test_headers_are_overridden(s3_proxy: S3Proxy, s3: Any, bucket: str) -> None:
    """A header can be taken away or exchanged."""
    s3_proxy.inject(faults.Headers({"x-amz-server-side-encryption": None, "ETag": '"other"'}))
    got = s3.get_object(Bucket=bucket, Key="file")
    assert "ServerSideEncryption" not in got
    assert got["ETag"] == '"other"'


def test_refused_connections(s3_proxy: S3Proxy, s3: Any, bucket: str) -> None:
    """A stopped proxy refuses connections, and works again on the same port."""
    with s3_proxy.refusing(), pytest.raises((EndpointConnectionError, ConnectTimeoutError)):
        s3.get_object(Bucket=bucket, Key="file")
    assert s3.get_object(Bucket=bucket, Key="file")["Body"].read() == BODY


def test_stop_in_the_middle_of_a_hang(s3_server: S3Server, bucket: str) -> None:
    """A request that hangs does not hold up the end."""
    with S3Proxy(s3_server.url) as proxy:
        proxy.inject(faults.Hang())
        with client_of(proxy, patience_s=SHORT_S) as client, pytest.raises(ReadTimeoutError):
            client.get_object(Bucket=bucket, Key="file")
        assert proxy.wait_for("GetObject").key == "file"
        start = time.monotonic()
    assert time.monotonic() - start < faults.HANG_S / 10


def test_https(s3_proxy_https: S3Proxy, certificates: Certificates, bucket: str) -> None:
    """Over HTTPS, with the tests' own authority, the same works; bodies come in chunks with a trailing checksum."""
    with client_of(s3_proxy_https, ca_file=certificates.ca_file) as client:
        client.put_object(Bucket=bucket, Key="new", Body=BODY)
        got = client.get_object(Bucket=bucket, Key="new", ChecksumMode="ENABLED")
        assert got["Body"].read() == BODY
        assert "ChecksumCRC32" in got


@pytest.mark.parametrize(
    ("fault", "raised"),
    [
        (faults.Reset(), (BotoCoreError,)),
        (faults.Hang(), (ReadTimeoutError,)),
        (faults.CutBody(5), (IncompleteReadError, ResponseStreamingError)),
    ],
)
def test_https_faults(
    s3_proxy_https: S3Proxy,
    certificates: Certificates,
    bucket: str,
    fault: faults.Fault,
    raised: tuple[type[Exception], ...],
) -> None:
    """Faults below HTTP happen over HTTPS as well, and nothing is left open."""
    s3_proxy_https.inject(fault)
    patience_s = patience_for(raised)
    with (
        client_of(s3_proxy_https, ca_file=certificates.ca_file, patience_s=patience_s) as client,
        pytest.raises(raised),
    ):
        client.get_object(Bucket=bucket, Key="file")["Body"].read()


def test_environment_of_a_program(
    s3_proxy: S3Proxy, metadata: MetadataService, bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program gets the role's credentials and asks the proxy, whatever this machine's own environment says."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAOFTHISMACHINE")
    monkeypatch.setenv("AWS_CA_BUNDLE", "/nonexistent")
    monkeypatch.setenv("HTTP_PROXY", "http://192.0.2.1:3128")
    program = f"import boto3; print(boto3.client('s3').get_object(Bucket={bucket!r}, Key='file')['Body'].read())"
    environment = aws_environment(tmp_path, endpoint=s3_proxy.url, metadata=metadata.url, AWS_REGION=REGION)
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout == f"{BODY!r}\n", done.stderr
    assert [request.access_key for request in s3_proxy.requests] == [metadata.instance.access_key]


@pytest.mark.parametrize("wrong", ["authority", "expired", "address"])
def test_https_refused_by_clients(s3_server: S3Server, tmp_path: Path, bucket: str, wrong: str) -> None:
    """A certificate of an unknown authority, of last month or of another address is not believed."""
    made = Certificates(
        tmp_path, expired=wrong == "expired", address="127.0.0.9" if wrong == "address" else "127.0.0.1"
    )
    ca_file = made.ca_file
    if wrong == "authority":
        (tmp_path / "other").mkdir()
        ca_file = Certificates(tmp_path / "other").ca_file
    with S3Proxy(s3_server.url, tls=made.server_context()) as proxy, client_of(proxy, ca_file=ca_file) as client:
        with pytest.raises(SSLError):
            client.get_object(Bucket=bucket, Key="file")
        assert proxy.operations == []
