"""What S3 and the way to it report, over real HTTP, turned into whose fault it is, what happened and what to do."""

from __future__ import annotations

import contextlib
import email.utils
import re
import socket
import threading
import time
from typing import TYPE_CHECKING, Callable, NamedTuple, NoReturn, Union
from unittest import mock

import boto3
import pytest
import s3_faults as faults
from botocore.config import Config
from certificates import Certificates
from ecsauth.aws.attempt import Operation, at
from ecsauth.aws.credentials import Signer
from ecsauth.aws.s3 import Objects, translated
from ecsauth.aws.s3_get import InstanceStore, got
from ecsauth.aws.s3_request import SignedS3
from ecsauth.aws.session import OperatorClients, safe
from ecsauth.aws.signing_keys import SigningKeys
from ecsauth.aws_names import S3URI
from ecsauth.boot.fetch import Fetched, Identity
from ecsauth.errors import (
    ConflictError,
    DeniedError,
    EcsauthError,
    ExpiredError,
    SettlingError,
    TimeUpError,
    UnreachableError,
    UsageError,
)
from hurried import hurried
from loopback_server import LoopbackServer
from s3_proxy import S3Proxy
from s3_server import ACCOUNT, REGION
from tunnel_proxy import TunnelProxy

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from bucket import Bucket
    from s3_server import S3Server

Live = Callable[[dict[str, str]], None]
URI = S3URI("fleet", "ecs.config")
KEY = "arn:aws:kms:eu-central-1:123456789012:key/k"
PUSH = ("push it first: ecsauth push FILE s3://fleet/ecs.config",)
EXPIRED = (
    "log in again, or set new credentials; on an instance they are renewed automatically",
    "check the clock of this machine",
)
WHO = ("see which credentials are in use: aws sts get-caller-identity",)
BUNDLE = ("check AWS_CA_BUNDLE: behind a TLS proxy it must name the CA certificate of the proxy",)
AGAIN = ("see who changed it, then push again: ecsauth history s3://fleet/ecs.config",)
ROUTE = "check the route to S3: a gateway endpoint or NAT"
POLICY = (
    "the bucket policy or a VPC endpoint policy may deny the request: no TLS, or a source address or endpoint that it "
    "does not allow"
)
FOUR_CAUSES = (
    "the object may not exist: without s3:ListBucket, S3 returns 403 instead of 404",
    "the role may lack s3:GetObject (and s3:GetObjectVersion for a version) on this object",
    "the bucket may belong to another account: check --bucket-owner",
    POLICY,
)
LATER = (
    "run the same command again; if the error persists, see the AWS Health Dashboard for S3 and KMS in this region",
)
OTHER_VERSION = ("list the versions and name another one: ecsauth history s3://fleet/ecs.config",)
BY_POLICY = (POLICY, *(cause for cause in FOUR_CAUSES if cause != POLICY))
ELSEWHERE = ("it may be deleted, or in another account or region: aws kms describe-key --key-id KEY",)
SPEC = ("see its KeySpec and KeyUsage: aws kms describe-key --key-id KEY",)
PROXY = ("check for a proxy that answers in place of S3",)
REFUSED_BY_PROXY = ("check HTTPS_PROXY, with its user name and password, and NO_PROXY",)
DECRYPT = ("reading requires kms:Decrypt on the key, in the role's policy or in the key policy",)


# Of one that is not a service of AWS: a page, whatever its status.
NOT_S3 = "the answer is not from S3"
# What S3 says where a policy is at fault (IAM User Guide, "Troubleshoot access denied error messages").
DENIED_BY_BUCKET = "not authorized to perform: s3:GetObject with an explicit deny in a resource-based policy"
DENIED_BY_ENDPOINT = "not authorized to perform: s3:GetObject because no VPC endpoint policy allows it"


class Case(NamedTuple):
    """What S3 answers, and what is to be told: the class, the text after `cannot get URI: `, the hints."""

    reply: Union[faults.Reply, faults.Page]
    fault: type[EcsauthError]
    said: str
    hints: tuple[str, ...] = ()


def reply(status: int, code: str, message: str = "of S3") -> faults.Reply:
    """Return a refusal; its message is to be looked for."""
    return faults.Reply(status, code, message)


def summed(status: int, code: str) -> faults.Reply:
    """Return a refusal with checksums in its headers, of each kind that the SDK can or cannot verify."""
    sums = {"x_amz_checksum_crc32": "AAAAAA==", "x_amz_checksum_sha256": "no base64", "x_amz_checksum_crc32c": "AA=="}
    return faults.Reply(status, code, "of S3", **sums)


CASES = [
    Case(faults.ACCESS_DENIED, SettlingError, "S3 denies access (Access Denied)", FOUR_CAUSES),
    Case(reply(403, "AllAccessDisabled"), DeniedError, "S3 denies access (of S3)", FOUR_CAUSES),
    Case(reply(403, "SomethingNew"), DeniedError, "S3 denies access (of S3)", FOUR_CAUSES),
    Case(
        reply(403, "AccessDenied", DENIED_BY_BUCKET),
        SettlingError,
        f"S3 denies access ({DENIED_BY_BUCKET})",
        BY_POLICY,
    ),
    Case(
        reply(403, "AccessDenied", DENIED_BY_ENDPOINT),
        SettlingError,
        f"S3 denies access ({DENIED_BY_ENDPOINT})",
        BY_POLICY,
    ),
    Case(faults.NO_SUCH_KEY, DeniedError, "the object does not exist", PUSH),
    Case(faults.DELETED, DeniedError, "the object was deleted: its newest version is a delete marker", PUSH),
    Case(
        faults.NO_SUCH_BUCKET,
        DeniedError,
        "the bucket does not exist",
        ("check the name and the region of the bucket",),
    ),
    Case(
        faults.NO_SUCH_VERSION,
        DeniedError,
        "the version does not exist",
        ("list the versions: ecsauth history s3://fleet/ecs.config",),
    ),
    Case(
        reply(404, "SomethingNew"),
        DeniedError,
        "the object, the version or the bucket does not exist",
        ("check the S3 URI",),
    ),
    Case(faults.DELETE_MARKER, DeniedError, "this version is a delete marker: the object was deleted", OTHER_VERSION),
    Case(faults.EXPIRED_TOKEN, ExpiredError, "the credentials have expired", EXPIRED),
    Case(faults.INVALID_ACCESS_KEY, SettlingError, "the access key does not exist", WHO),
    Case(reply(400, "InvalidToken"), SettlingError, "the session token is invalid", WHO),
    Case(reply(403, "SignatureDoesNotMatch"), DeniedError, "the secret access key does not match the access key", WHO),
    Case(faults.PRECONDITION_FAILED, ConflictError, "the object was changed in the meantime", AGAIN),
    Case(faults.CONDITIONAL_CONFLICT, ConflictError, "another request is writing the object", AGAIN),
    Case(faults.KMS_DISABLED, DeniedError, "the KMS key is disabled", ("enable it: aws kms enable-key --key-id KEY",)),
    Case(faults.KMS_NOT_FOUND, DeniedError, "the KMS key does not exist", ELSEWHERE),
    Case(
        reply(400, "KMS.KMSInvalidStateException"),
        DeniedError,
        "the KMS key cannot be used in its current state",
        ("see whether it is pending deletion: aws kms describe-key --key-id KEY",),
    ),
    Case(
        faults.KMS_KEY_USAGE,
        DeniedError,
        "the KMS key cannot encrypt: S3 requires a symmetric key with the usage ENCRYPT_DECRYPT",
        SPEC,
    ),
    Case(
        faults.KMS_ASYMMETRIC,
        DeniedError,
        "the KMS key cannot encrypt: S3 requires a symmetric key with the usage ENCRYPT_DECRYPT",
        SPEC,
    ),
    Case(
        reply(400, "InvalidArgument", f"{KEY} is malformed"),
        DeniedError,
        f"S3 returned InvalidArgument ({KEY} is malformed)",
    ),
    Case(reply(403, "AccessDenied", f"no {KEY}"), SettlingError, f"S3 denies access (no {KEY})", FOUR_CAUSES),
    Case(reply(400, "KMS.SomethingNew"), DeniedError, "KMS denies the use of the key (of S3)", DECRYPT),
    Case(faults.INTERNAL_ERROR, UnreachableError, "S3 is temporarily unavailable (InternalError)", LATER),
    Case(faults.SLOW_DOWN, UnreachableError, "S3 is temporarily unavailable (SlowDown)", LATER),
    Case(faults.SLOW_DOWN_KMS, UnreachableError, "S3 is temporarily unavailable (SlowDown)", LATER),
    Case(faults.KMS_THROTTLED, UnreachableError, "S3 is temporarily unavailable (KMS.ThrottlingException)", LATER),
    Case(
        reply(400, "ThrottlingException"),
        UnreachableError,
        "S3 is temporarily unavailable (ThrottlingException)",
        LATER,
    ),
    Case(reply(429, "TooManyRequests"), UnreachableError, "S3 is temporarily unavailable (TooManyRequests)", LATER),
    Case(reply(400, "RequestTimeout"), UnreachableError, "S3 is temporarily unavailable (RequestTimeout)", LATER),
    Case(reply(502, "SomethingNew"), UnreachableError, "S3 is temporarily unavailable (SomethingNew)", LATER),
    Case(reply(400, "SomethingNew"), DeniedError, "S3 returned SomethingNew (of S3)"),
    Case(reply(400, "SomethingNew", ""), DeniedError, "S3 returned SomethingNew"),
    Case(
        reply(301, "PermanentRedirect"),
        DeniedError,
        "the bucket is in another region",
        ("give the region of the bucket: --region REGION",),
    ),
    Case(faults.NOT_MODIFIED, DeniedError, "S3 returned 304 (Not Modified)"),
    # Checksums of the object, or of nothing, beside an answer that is not the object.
    Case(summed(304, "NotModified"), DeniedError, "S3 returned 304 (Not Modified)"),
    Case(summed(403, "AccessDenied"), SettlingError, "S3 denies access (of S3)", FOUR_CAUSES),
    Case(summed(404, "NoSuchKey"), DeniedError, "the object does not exist", PUSH),
    Case(summed(400, "ExpiredToken"), ExpiredError, "the credentials have expired", EXPIRED),
    Case(summed(503, "SlowDown"), UnreachableError, "S3 is temporarily unavailable (SlowDown)", LATER),
    *(Case(faults.Page(status), UnreachableError, NOT_S3, PROXY) for status in (200, 403, 407, 500, 502)),
    Case(faults.Page(body=b"<html><body>signed</body></html>"), UnreachableError, NOT_S3, PROXY),
    Case(faults.Page(body=b"welcome"), UnreachableError, NOT_S3, PROXY),
]


Ask = Callable[[], object]


class Refusing:
    """An S3 that only ever refuses, and somebody who asks it: what is not forwarded needs no server."""

    def __init__(self, proxy: S3Proxy, ask: Ask) -> None:
        self._proxy = proxy
        self._ask = ask

    def fault_of(self, refusal: faults.Fault) -> EcsauthError:
        """Return what getting the object ends with."""
        self._proxy.heal()
        self._proxy.inject(refusal)
        return raised(self._ask)


def raised(ask: Ask) -> EcsauthError:
    """Return what asking ends with; a second try does not wait."""
    with hurried(), pytest.raises(EcsauthError) as caught:
        ask()
    return caught.value


@pytest.fixture(scope="module", params=["operator", "instance"])
def refusing(request: pytest.FixtureRequest) -> Iterator[Refusing]:
    """Give an S3 that refuses, asked by the SDK as operators do, and as instances do."""
    with S3Proxy("http://127.0.0.1:9") as proxy:
        if request.param == "instance":
            signer = Signer(SigningKeys.of("a", "b"), {"AWS_ENDPOINT_URL": proxy.url})
            yield Refusing(proxy, lambda: got(SignedS3(signer, REGION), URI))
            return
        config = Config(retries={"total_max_attempts": 1}, proxies={})
        with contextlib.closing(
            boto3.client(
                "s3", REGION, endpoint_url=proxy.url, aws_access_key_id="a", aws_secret_access_key="b", config=config
            )
        ) as client:
            yield Refusing(proxy, lambda: Objects(safe(client)).get(URI))


def _as_operator() -> object:
    with translated(at(Operation.GET, URI)):
        client = OperatorClients(None, REGION).s3()
    try:
        with contextlib.closing(client):
            return Objects(client, ACCOUNT).get(URI)
    except EcsauthError as fault:
        told = fault.with_traceback(None)
        told.__context__ = None
    raise told


def _as_instance() -> object:
    return InstanceStore().fetch(URI, Identity(REGION, ACCOUNT), None, 30)


@pytest.fixture(params=[_as_operator, _as_instance], ids=["operator", "instance"])
def ask(request: pytest.FixtureRequest, operator_env: dict[str, str], live_in: Live) -> Ask:
    """Give each way to get the object, as the environment says: the operator's, at first."""
    live_in(operator_env)
    way: Ask = request.param
    return way


def fault_of(store: InstanceStore, seconds: float = 10) -> EcsauthError:
    """Return what fetching the object ends with."""
    with pytest.raises(EcsauthError) as caught:
        store.fetch(URI, Identity(REGION, ACCOUNT), None, seconds)
    return caught.value


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.reply.status} {case.reply.code}")
def test_refusals(refusing: Refusing, case: Case) -> None:
    """Each refusal is told in words of its own, with what to do about it."""
    found = refusing.fault_of(case.reply)
    assert type(found) is case.fault
    assert found.message == f"cannot get s3://fleet/ecs.config: {case.said}"
    assert found.hints == case.hints


def test_kms_denial(refusing: Refusing) -> None:
    """A denial of the key is told from one of the object; who may not do what is passed on."""
    found = refusing.fault_of(faults.kms_denied(KEY))
    assert type(found) is SettlingError
    assert "KMS denies the use of the key (User: arn:aws:sts::123456789012:assumed-role/" in found.message
    assert f"is not authorized to perform: kms:Decrypt on resource: {KEY}" in found.message
    assert found.hints == DECRYPT


@pytest.mark.parametrize(("offset", "direction"), [(3600, "behind"), (-90, "ahead")])
def test_clock(refusing: Refusing, offset: int, direction: str) -> None:
    """A wrong clock is told with how wrong it is, by the date of the answer."""
    date = email.utils.formatdate(time.time() + offset, usegmt=True)
    found = refusing.fault_of(faults.Reply(403, "RequestTimeTooSkewed", "of S3", Date=date))
    told = re.fullmatch(r"cannot get .*: the clock of this machine is (\d+) s (ahead|behind)", found.message)
    assert type(found) is DeniedError
    assert told is not None
    assert abs(int(told[1]) - abs(offset)) <= 2
    assert told[2] == direction
    assert found.hints == ("synchronize the clock: systemctl restart chronyd",)


@pytest.mark.parametrize("headers", [{}, {"Date": "yesterday"}, {"Date": ""}])
def test_clock_without_a_date(refusing: Refusing, headers: dict[str, str]) -> None:
    """Without a date in the answer only the fact is told."""
    assert refusing.fault_of(faults.Reply(403, "RequestTimeTooSkewed", "of S3", **headers)).message.endswith(
        "the clock of this machine is wrong"
    )


@pytest.mark.parametrize(
    ("code", "message", "said"),
    [
        ("AccessDenied", "one\ntwo\ttabs\N{RIGHT-TO-LEFT OVERRIDE}", "(onetwotabs)"),
        ("AccessDenied", "x" * 1000, f"({'x' * 300})"),
        ("Odd\N{RIGHT-TO-LEFT OVERRIDE}Code\n", "of S3", "S3 returned OddCode (of S3)"),
    ],
    ids=["controls", "length", "code"],
)
def test_foreign_text_is_tamed(refusing: Refusing, code: str, message: str, said: str) -> None:
    """What S3 says comes on one line, of a length that can be read, and cannot steer a terminal."""
    assert said in refusing.fault_of(faults.Reply(400 if code != "AccessDenied" else 403, code, message)).message


@pytest.mark.parametrize("reply", [faults.SLOW_DOWN, faults.INTERNAL_ERROR], ids=lambda reply: reply.code)
def test_passing_refusals_are_asked_again(ask: Ask, bucket: Bucket, s3_proxy: S3Proxy, reply: faults.Reply) -> None:
    """What passes by itself at once is not even told."""
    bucket.put(b"ECS_CLUSTER=prod\n")
    s3_proxy.inject(reply, times=1)
    with hurried():
        assert isinstance(ask(), Fetched)
    assert s3_proxy.operations == ["GetObject", "GetObject"]


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (faults.Reset(), "the connection broke"),
        (faults.Closed(), "the connection broke"),
        (faults.CutBody(3), "the connection broke"),
        (faults.AlteredBody(), "the received data does not match its checksum"),
    ],
    ids=["reset", "closed", "cut", "altered"],
)
def test_broken_transfers(fault_with: Fault, bucket: Bucket, s3_proxy: S3Proxy, fault: faults.Fault, said: str) -> None:
    """A transfer that breaks is told in words of its own, not in those of the SDK, which name sums and addresses."""
    bucket.put(b"ECS_CLUSTER=prod\n")
    s3_proxy.inject(fault)
    found = fault_with()
    assert found.message == f"cannot get s3://fleet/ecs.config: {said}"
    shown = " ".join((found.message, *found.hints))
    for foreign in ("127.0.0.1", "http", "Error", "xpected", "onnection was", "=="):
        assert foreign not in shown


Fault = Callable[..., EcsauthError]


@pytest.fixture
def fault_with(ask: Ask, live_in: Live, operator_env: dict[str, str]) -> Fault:
    """Give what asking ends with in the operator's environment and some more; a value of None takes a variable away."""

    def fault_with(**more: str | None) -> EcsauthError:
        changed = {**operator_env, **more}
        live_in({name: value for name, value in changed.items() if value is not None})
        return raised(ask)

    return fault_with


def test_nobody_there(fault_with: Fault, s3_proxy: S3Proxy) -> None:
    """A port that refuses connections is unreachable."""
    with s3_proxy.refusing():
        found = fault_with()
    assert type(found) is UnreachableError
    assert found.message.endswith(": 127.0.0.1 refuses the connection")
    assert found.hints == ("check AWS_ENDPOINT_URL", ROUTE)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (faults.Reset(), "the connection broke"),
        (faults.SLOW_DOWN, "S3 is temporarily unavailable (SlowDown)"),
    ],
    ids=["reset", "503"],
)
def test_what_came_before_the_silence(
    store: InstanceStore, s3_proxy: S3Proxy, bucket: Bucket, fault: faults.Fault, said: str
) -> None:
    """What the SDK met with and went on after is told at the deadline, with what to do about it."""
    bucket.put(b"ECS_CLUSTER=prod\n")
    s3_proxy.inject(fault, times=1)
    s3_proxy.inject(faults.Hang())
    found = fault_of(store, 5)
    assert type(found) is TimeUpError
    assert found.message == f"cannot get s3://fleet/ecs.config: no complete answer within 5 s; before that: {said}"
    assert len(found.hints) == 2


@pytest.mark.slow
def test_a_name_that_did_not_resolve_before_the_silence(operator_env: dict[str, str], live_in: Live) -> None:
    """A name that does not resolve is told, though the try after it has no time to end."""
    live_in({**operator_env, "AWS_ENDPOINT_URL": "https://s3.invalid"})
    over, tries = threading.Event(), []

    def resolve(*_: object, **__: object) -> NoReturn:
        tries.append(True)
        if len(tries) > 1:
            over.wait(60)
        raise socket.gaierror(socket.EAI_AGAIN, "of the system")

    with mock.patch("socket.getaddrinfo", resolve):
        found = fault_of(InstanceStore(), 5)
        over.set()
    assert found.message.endswith("no complete answer within 5 s; before that: the name s3.invalid does not resolve")


def test_no_such_host(fault_with: Fault) -> None:
    """A name that does not resolve is unreachable, and the host is named."""
    found = fault_with(AWS_ENDPOINT_URL="https://s3.invalid")
    assert type(found) is UnreachableError
    assert found.message == "cannot get s3://fleet/ecs.config: the name s3.invalid does not resolve"
    assert found.hints == ("check DNS on this machine and the name of the region",)


def test_no_route(fault_with: Fault) -> None:
    """An address to which no packet can be sent is unreachable."""
    found = fault_with(AWS_ENDPOINT_URL="https://255.255.255.255")
    assert type(found) is UnreachableError
    assert found.message.endswith(": no connection to 255.255.255.255")
    assert found.hints == (ROUTE,)


def test_no_tls(fault_with: Fault, s3_proxy: S3Proxy) -> None:
    """What answers without TLS is a denial: it is not S3."""
    found = fault_with(AWS_ENDPOINT_URL=s3_proxy.url.replace("http:", "https:"))
    assert type(found) is DeniedError
    assert found.message.endswith(": the TLS handshake with 127.0.0.1 failed")


@pytest.mark.parametrize(
    ("reply", "fault", "said"),
    [
        (b"", UnreachableError, "the connection broke"),
        (b"\x15\x03\x03\x00\x02\x02\x46", DeniedError, "the TLS handshake with 127.0.0.1 failed"),
    ],
    ids=["end", "protocol version"],
)
def test_tls_that_is_broken_off(fault_with: Fault, reply: bytes, fault: type[EcsauthError], said: str) -> None:
    """A handshake that ends is a connection that broke, which trying again may mend; one that is refused is not."""

    def hang_up(connection: socket.socket, *_: object) -> None:
        connection.recv(4096)
        connection.sendall(reply)
        connection.shutdown(socket.SHUT_RDWR)

    with LoopbackServer(hang_up) as server:  # type: ignore[arg-type]
        found = fault_with(AWS_ENDPOINT_URL=server.url.replace("http:", "https:"))
    assert type(found) is fault
    assert found.message.endswith(f": {said}")


def test_credentials_whose_time_is_over(fault_with: Fault) -> None:
    """Credentials that say themselves that they have expired are not sent."""
    found = fault_with(AWS_CREDENTIAL_EXPIRATION="2026-01-01T00:00:00Z")
    assert type(found) is ExpiredError
    assert found.message.endswith(": the credentials have expired")
    assert found.hints == EXPIRED


def test_proxy_is_down(fault_with: Fault) -> None:
    """A proxy that does not answer is told from S3 that does not."""
    found = fault_with(AWS_ENDPOINT_URL="https://s3.example.com", HTTPS_PROXY="http://127.0.0.1:9")
    assert type(found) is UnreachableError
    assert found.message.endswith("the proxy does not answer")
    assert found.hints == ("check HTTPS_PROXY and NO_PROXY",)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_proxy_refuses(fault_with: Fault, s3_proxy: S3Proxy, scheme: str) -> None:
    """A proxy that answers and refuses is told from one that does not answer; its password is not told."""
    with TunnelProxy(s3_proxy.port, refusal=407) as proxy:
        url = proxy.url.replace("//", "//fleet:canary-password@")
        found = fault_with(AWS_ENDPOINT_URL=f"{scheme}://localhost:9", HTTPS_PROXY=url, HTTP_PROXY=url)
    shown = " ".join((found.message, *found.hints))
    assert "canary" not in shown
    assert type(found) is UnreachableError
    assert found.hints == (REFUSED_BY_PROXY if scheme == "https" else PROXY)


@pytest.mark.parametrize("content", [None, "", "no certificate"], ids=["absent", "empty", "nonsense"])
def test_broken_bundle(s3_proxy_https: S3Proxy, fault_with: Fault, tmp_path: Path, content: str | None) -> None:
    """A bundle of authorities that is none is a denial, too, and the variable that names it is told."""
    bundle = tmp_path / "bundle.pem"
    if content is not None:
        bundle.write_text(content, encoding="utf-8")
    found = fault_with(AWS_ENDPOINT_URL=s3_proxy_https.url, AWS_CA_BUNDLE=str(bundle))
    assert type(found) is DeniedError
    assert found.hints == BUNDLE


@pytest.mark.parametrize("wrong", ["authority", "expired", "address"])
def test_tls(
    s3_server: S3Server,
    fault_with: Fault,
    tmp_path: Path,
    wrong: str,
) -> None:
    """A certificate that is not to be believed is a denial: trying again does not help."""
    address = "127.0.0.9" if wrong == "address" else "127.0.0.1"
    made = Certificates(tmp_path, expired=wrong == "expired", address=address)
    trusted = made
    if wrong == "authority":
        (tmp_path / "other").mkdir()
        trusted = Certificates(tmp_path / "other")
    with S3Proxy(s3_server.url, tls=made.server_context()) as proxy:
        found = fault_with(AWS_ENDPOINT_URL=proxy.url, AWS_CA_BUNDLE=str(trusted.ca_file))
        assert proxy.operations == []
    assert type(found) is DeniedError
    assert found.message.endswith("the TLS certificate cannot be verified")
    assert found.hints == BUNDLE


def test_https(
    ask: Ask,
    s3_proxy_https: S3Proxy,
    certificates: Certificates,
    bucket: Bucket,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A certificate of an authority that is trusted is believed."""
    bucket.put(b"ECS_CLUSTER=prod\n")
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3_proxy_https.url)
    monkeypatch.setenv("AWS_CA_BUNDLE", str(certificates.ca_file))
    found = ask()
    assert isinstance(found, Fetched)
    assert found.facts.checksum == "CRC32"


@pytest.mark.parametrize(
    ("more", "fault", "said"),
    [
        ({"AWS_SECRET_ACCESS_KEY": None}, DeniedError, "the credentials are incomplete"),
        ({"AWS_ENDPOINT_URL": "nonsense"}, UsageError, "the endpoint or a name in it is malformed"),
    ],
    ids=["half of the credentials", "endpoint"],
)
def test_environment(fault_with: Fault, more: dict[str, str | None], fault: type[EcsauthError], said: str) -> None:
    """What the environment lacks is told before anything is asked."""
    found = fault_with(**more)
    assert type(found) is fault
    assert found.message == f"cannot get s3://fleet/ecs.config: {said}"


def test_no_credentials(operator_env: dict[str, str], live_in: Live) -> None:
    """Without keys, and with the metadata service switched off, an instance is told that it is.

    To an operator the SDK says no more than that there are none.
    """
    live_in({name: value for name, value in operator_env.items() if "KEY" not in name})
    found = raised(_as_instance)
    assert type(found) is DeniedError
    assert found.message == "AWS_EC2_METADATA_DISABLED disables the metadata service"
    assert found.hints == ("outside EC2: give --profile, or set the AWS_* variables",)


@pytest.mark.parametrize("region", ["eu central 1", "eu-central-1/x", "https://example.com"])
def test_malformed_region(store: InstanceStore, region: str) -> None:
    """A region that is none is a fault of the command line."""
    with pytest.raises(UsageError, match="the region is malformed"):
        store.fetch(URI, Identity(region, ACCOUNT), None, 5)
