"""The whole program on a real S3 server: real signatures, sessions, policies, versions, encryption and clocks.

The instance has no credentials but those that STS gave for its role, by way of the metadata service.
"""

from __future__ import annotations

import re
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Callable

import hurried
import pytest
import s3_faults as faults
from loopback_server import Answer, answer
from machine import FIRST, SECOND, auth_file
from needs import lack_of, need

if TYPE_CHECKING:
    from certificates import Certificates
    from metadata_service import MetadataService
    from program import Ended
    from real_instance import RealInstance
    from s3_request import Request
    from seaweed_server import SeaweedServer

CLOCK_OFF_S = 3600


class KeyDisabled(faults.Fault):
    """KMS refuses because the key is disabled, which moto knows and does not act upon."""

    def respond(self, request: Request, forward: Callable[[], Answer]) -> Answer:
        """Return KMS's error."""
        del request, forward
        document = b'{"__type":"DisabledException","message":"the key is disabled"}'
        return answer(400, document, "application/x-amz-json-1.1")


class Together(faults.Fault):
    """Requests are held until so many have come, then they go on at once."""

    def __init__(self, count: int) -> None:
        self._barrier = threading.Barrier(count, timeout=60)

    def respond(self, request: Request, forward: Callable[[], Answer]) -> Answer:
        """Wait for the others, then return the server's own response."""
        del request
        self._barrier.wait()
        return forward()


def refused(done: Ended, instance: RealInstance, status: int) -> str:
    """Assert the status and that nothing was written, and return what was said."""
    assert done.status == status, done.err
    assert not instance.env_file.exists()
    return done.err


def test_push_then_boot(instance: RealInstance, seaweed: SeaweedServer) -> None:
    """What the operator pushes under a KMS key, the role's credentials fetch, and it is installed 0600."""
    seaweed.kms.requests.clear()
    pushed = instance.push(FIRST)
    assert pushed.status == 0, pushed.err
    assert f"encrypted with {instance.key}" in pushed.err
    done = instance.install()
    assert done.status == 0, done.err
    assert "warning" not in done.err
    assert instance.env_file.read_bytes() == FIRST
    instance.assert_private()
    assert instance.strays() == []
    assert {request.status for request in instance.metadata.requests} == {200}
    assert set(seaweed.kms.operations) == {"GenerateDataKey", "Decrypt"}


def test_second_boot(instance: RealInstance) -> None:
    """A second boot is one GetObject with the ETag of the first, which the server answers with 304."""
    instance.push(FIRST)
    assert instance.install_here().status == 0
    before = instance.traces()
    etag = instance.server.s3.head_object(Bucket=instance.bucket, Key="prod/ecs.config")["ETag"]
    instance.watched = True
    done = instance.install()
    assert done.status == 0, done.err
    assert "nothing has changed" in done.err
    assert [(one.operation, one.headers.get("if-none-match")) for one in instance.proxy.requests] == [
        ("GetObject", etag)
    ]
    assert instance.traces() == before


def test_new_version(instance: RealInstance) -> None:
    """A version pushed later takes the place of the installed one."""
    instance.push(FIRST)
    assert instance.install_here().status == 0
    instance.push(SECOND)
    assert instance.install_here().status == 0
    assert instance.env_file.read_bytes() == SECOND


def test_version_pin(instance: RealInstance) -> None:
    """The version that the URI names is installed, not the newest."""
    version = instance.put(FIRST)
    instance.push(SECOND)
    instance.uri += f"?versionId={version}"
    assert instance.install().status == 0
    assert instance.env_file.read_bytes() == FIRST


def test_no_such_version(instance: RealInstance) -> None:
    """A version that does not exist is reported as such."""
    instance.push(FIRST)
    instance.uri += "?versionId=00000000000000000000000000000000"
    assert "the version does not exist" in refused(instance.install_here(), instance, 4)


def test_no_such_object(instance: RealInstance) -> None:
    """An object that does not exist is reported as such, where the server says so."""
    assert "the object does not exist" in refused(instance.install_here(), instance, 4)


def test_other_prefix(instance: RealInstance) -> None:
    """An object beside the role's prefix is denied, in the server's own words, though it is there."""
    instance.uri = instance.uri.replace("/prod/", "/test/")
    instance.push(FIRST)
    said = refused(instance.install(), instance, 4)
    assert f"cannot get {instance.uri}: S3 denies access (Access Denied.)" in said


def test_role_cannot_write(instance: RealInstance) -> None:
    """The role's credentials cannot replace the object: the session's policy is what the server goes by."""
    instance.push(FIRST)
    role = instance.metadata.instance
    env = instance.operator_environment()
    env.update(AWS_ACCESS_KEY_ID=role.access_key, AWS_SECRET_ACCESS_KEY=role.secret_key)
    env.update(AWS_SESSION_TOKEN=role.session_token)
    done = instance.push(SECOND, f"--kms-key={instance.key}", env=env)
    assert done.status == 4, done.err
    assert instance.store.get("prod/ecs.config") == FIRST


def test_other_key(instance: RealInstance, seaweed: SeaweedServer) -> None:
    """An object under another key than the pinned one is refused, and the key that it has is named."""
    encrypted_with, instance.key = instance.key, seaweed.make_key()
    instance.push(FIRST, f"--kms-key={encrypted_with}")
    assert f"encrypted with {encrypted_with}, but --kms-key allows only" in refused(instance.install(), instance, 4)


@pytest.mark.parametrize(
    ("encryption", "reason"),
    [("AES256", "it is encrypted by S3 itself (AES256)"), ("", "it is not encrypted")],
    ids=["by S3", "not at all"],
)
def test_no_kms_key(instance: RealInstance, encryption: str, reason: str) -> None:
    """An object that is not encrypted with a KMS key is refused, even one that the administrator put there."""
    instance.server.s3.delete_bucket_encryption(Bucket=instance.bucket)
    instance.put(FIRST, ServerSideEncryption=encryption, SSEKMSKeyId="")
    assert f"failed the verification: {reason}" in refused(instance.install_here(), instance, 4)


def test_garbage_session_token(instance: RealInstance, metadata: MetadataService) -> None:
    """A session token that STS did not give is refused."""
    instance.push(FIRST)
    metadata.instance = metadata.instance._replace(session_token="garbage")
    assert "the access key does not exist" in refused(instance.install_here(), instance, 4)


def test_wrong_secret_key(instance: RealInstance, metadata: MetadataService) -> None:
    """A secret access key that is not the access key's is told from its signature."""
    instance.push(FIRST)
    metadata.instance = metadata.instance._replace(secret_key="another-secret-key")
    said = refused(instance.install_here(), instance, 4)
    assert "the secret access key does not match the access key" in said


@pytest.mark.parametrize(("offset", "way"), [(CLOCK_OFF_S, "ahead"), (-CLOCK_OFF_S, "behind")], ids=["ahead", "behind"])
def test_clock_off(instance: RealInstance, offset: int, way: str) -> None:
    """A machine whose clock is an hour off signs anew for the server's time, and is told by how much it is off."""
    need(lack_of("faketime", "-f", "+1h", "true"))
    instance.push(FIRST)
    # Only the date is shifted: deadlines are kept by the other clock.
    shifted = ("faketime", "-m", "--exclude-monotonic", "-f", f"{offset:+d}s")
    ran = subprocess.run(
        [*shifted, *instance.command("--launch=none")],
        env=instance.environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    assert instance.env_file.read_bytes() == FIRST
    (warning,) = re.findall(r"warning: the clock of this machine is (\d+) s (\w+): .*", ran.stderr)
    assert warning[1] == way
    assert abs(int(warning[0]) - CLOCK_OFF_S) <= 60


@pytest.mark.parametrize("standing", [FIRST, None], ids=["over an object", "over nothing"])
def test_two_push_at_once(instance: RealInstance, standing: bytes | None) -> None:
    """Of two that put in the same moment one has won, the other is told so, and the winner's content is there."""
    if standing:
        instance.push(standing)
    instance.watched = True
    instance.proxy.inject(Together(2), operation="PutObject")
    contents = [auth_file("one-password"), auth_file("other-password")]
    with ThreadPoolExecutor(2) as pool:
        ended = list(pool.map(instance.push, contents))
    assert sorted(done.status for done in ended) == [0, 9], [done.err for done in ended]
    assert any("the object was changed in the meantime" in done.err for done in ended)
    winner = next(content for content, done in zip(contents, ended) if done.status == 0)
    assert instance.store.get("prod/ecs.config") == winner
    assert len(instance.store.versions("prod/ecs.config")) == (2 if standing else 1)


def test_key_disabled(instance: RealInstance, seaweed: SeaweedServer) -> None:
    """Where the server cannot decrypt for want of the key it says 500, which is worth a later try: 5."""
    instance.push(FIRST)
    seaweed.kms.inject(KeyDisabled(), operation="Decrypt")
    said = refused(instance.install(*hurried.TRIES), instance, 5)
    assert "S3 is temporarily unavailable (InternalError)" in said


def test_https(instance: RealInstance, seaweed: SeaweedServer, certificates: Certificates) -> None:
    """Over HTTPS with a private authority that AWS_CA_BUNDLE names the same is installed."""
    instance.push(FIRST)
    env = instance.environment(AWS_ENDPOINT_URL=seaweed.https_url, AWS_CA_BUNDLE=str(certificates.ca_file))
    done = instance.install(env=env)
    assert done.status == 0, done.err
    assert instance.env_file.read_bytes() == FIRST


def test_https_unknown_authority(instance: RealInstance, seaweed: SeaweedServer) -> None:
    """A server whose authority is not known is refused, and the variable that names one is told."""
    instance.push(FIRST)
    said = refused(instance.install(env=instance.environment(AWS_ENDPOINT_URL=seaweed.https_url)), instance, 4)
    assert "the TLS certificate cannot be verified" in said
    assert "AWS_CA_BUNDLE" in said
