"""`ecsauth boot --launch none` refuses: each bad object, each bad answer, and everything stays as it was.

The whole program runs, as a process of its own where that may make a difference, inside this one elsewhere.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Callable, NamedTuple

import hurried
import pytest
import s3_faults as faults
from aws_environment import OPERATOR, aws_environment
from bucket import KMS_KEY
from canary import Canary
from ecsauth.check import rules
from ecsauth.finding import Severity
from fetching import STANDING, Instance, trace
from loopback_server import Answer, answer
from machine import auth_file
from metadata_service import Behaviour
from program import run_here
from s3_proxy import S3Proxy
from s3_server import ACCOUNT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from s3_request import Request

UNREACHABLE, STALE = 5, 8
OTHER_KEY = "arn:aws:kms:eu-central-1:123456789012:key/99999999-2222-3333-4444-555555555555"
ENCRYPTION, KEY_NAME = "x-amz-server-side-encryption", "x-amz-server-side-encryption-aws-kms-key-id"
LONG_AGO = "Mon, 01 Jan 2024 00:00:00 GMT"


Arrange = Callable[[Instance, Canary], Any]


class Bad(NamedTuple):
    """What is wrong, how it comes about, and what is to be told; `whole` runs the program as a process of its own."""

    name: str
    arrange: Arrange
    status: int
    said: str
    options: tuple[str, ...] = ()
    whole: bool = False


def broken(fault: faults.Fault) -> Arrange:
    """Return how a good object, newer than the standing one, comes to be answered with the fault."""

    def arrange(instance: Instance, canary: Canary) -> None:
        instance.put(auth_file(canary.password))
        instance.proxy.inject(fault, operation="GetObject")

    return arrange


def holding(make: Callable[[str], bytes], **how: str) -> Arrange:
    """Return how the object comes to hold what `make` makes of the password."""
    return lambda instance, canary: instance.put(make(canary.password), **how)


def lines(*texts: str) -> Callable[[str], bytes]:
    """Return what makes an env-file of the lines, with the password in place of PASSWORD."""
    return lambda password: "".join(f"{text}\n" for text in texts).replace("PASSWORD", password).encode()


def of_somebody_else(instance: Instance, canary: Canary) -> None:
    """Let the bucket belong to another account."""
    instance.put(auth_file(canary.password))
    instance.proxy.owners["fleet"] = "999999999999"


def deleted(instance: Instance, canary: Canary) -> None:
    """Put the object and delete it."""
    instance.put(auth_file(canary.password))
    instance.server.s3.delete_object(Bucket="fleet", Key="prod/ecs.config")


def pinned(instance: Instance, canary: Canary) -> None:
    """Ask for one version, and let S3 answer with another."""
    instance.uri += f"?versionId={instance.put(auth_file(canary.password))}"
    instance.proxy.inject(faults.Headers({"x-amz-version-id": "another"}))


def silent(instance: Instance, canary: Canary) -> None:
    """Let the metadata service say nothing."""
    instance.put(auth_file(canary.password))
    instance.metadata.become(Behaviour.SILENT)


def without_a_role(instance: Instance, canary: Canary) -> None:
    """Let there be no role."""
    instance.put(auth_file(canary.password))
    instance.metadata.become(Behaviour.NO_ROLE)


# What is tried again is so without a wait, and long enough for any machine to have its first answer.
TRIED = hurried.TRIES
# What never ends is cut off by a deadline that is waited for: the program has asked S3 long before.
CUT_OFF = ("--deadline=4",)
# The metadata service is the first that is asked: nothing has to happen before it is silent.
AT_ONCE = ("--deadline=1",)
# Longer than the deadlines and any machine's start of a program, shorter than the SDK waits for an answer, twice.
PATIENCE_S = 30.0
UNENCRYPTED = faults.Headers({ENCRYPTION: None, KEY_NAME: None})
REFUSED = [
    Bad("deleted", deleted, 4, "the object does not exist", whole=True),
    Bad("absent", broken(faults.NO_SUCH_KEY), 4, "the object does not exist"),
    Bad("no bucket", broken(faults.NO_SUCH_BUCKET), 4, "the bucket does not exist"),
    Bad("denied", broken(faults.ACCESS_DENIED), 4, "hint: the object may not exist: without s3:ListBucket", TRIED),
    Bad("KMS denied", broken(faults.kms_denied(KMS_KEY)), 4, "KMS denies the use of the key", TRIED),
    Bad("KMS disabled", broken(faults.KMS_DISABLED), 4, "the KMS key is disabled"),
    Bad(
        "foreign owner",
        of_somebody_else,
        4,
        "the bucket may belong to another account",
        TRIED,
        whole=True,
    ),
    Bad("not encrypted", broken(UNENCRYPTED), 4, "failed the verification: it is not encrypted"),
    Bad(
        "SSE-S3",
        holding(auth_file, ServerSideEncryption="AES256", SSEKMSKeyId=""),
        4,
        "it is encrypted by S3 itself (AES256), not with a KMS key",
    ),
    Bad(
        "another key",
        holding(auth_file, SSEKMSKeyId=OTHER_KEY),
        4,
        f"it is encrypted with {OTHER_KEY}, but --kms-key allows only",
    ),
    Bad("no key named", broken(faults.Headers({KEY_NAME: None})), 4, "a key that S3 does not name"),
    Bad("older", broken(faults.Headers({"Last-Modified": LONG_AGO})), 4, "it is older than the installed version"),
    Bad("another version", pinned, 4, "S3 returned version another, not the requested version"),
    Bad("304 unasked", broken(faults.NOT_MODIFIED), 4, "S3 returned 304", ("--force",)),
    Bad("altered", broken(faults.AlteredBody()), 4, "the received data does not match its checksum", TRIED),
    Bad("cut", broken(faults.CutBody(40)), 5, "the connection broke", TRIED, whole=True),
    Bad("reset", broken(faults.Reset()), 5, "the connection broke", TRIED),
    Bad("hanging", broken(faults.Hang()), 5, "no complete answer within", CUT_OFF, whole=True),
    Bad("dripping", broken(faults.SlowDrip(1)), 5, "no complete answer within", CUT_OFF, whole=True),
    Bad("throttled", broken(faults.KMS_THROTTLED), 5, "S3 is temporarily unavailable", TRIED),
    Bad("expired credentials", broken(faults.EXPIRED_TOKEN), 5, "the credentials have expired", TRIED),
    Bad(
        "elsewhere",
        broken(faults.Reply(301, "PermanentRedirect", "x")),
        4,
        "give the region of the bucket: --region REGION",
    ),
    Bad("no valid identity", silent, 5, "the instance metadata service does not answer", AT_ONCE),
    Bad(
        "no role",
        without_a_role,
        4,
        "the instance has no role: no instance profile is attached to it",
        TRIED,
        whole=True,
    ),
    Bad("endless", broken(faults.Endless()), 3, "is larger than 256 KiB"),
    Bad("too large", holding(lines("#PASSWORD" * 20_000)), 3, "is larger than 256 KiB"),
    Bad("empty", holding(lambda _: b""), 3, "F102"),
    Bad("not UTF-8", holding(lambda password: auth_file(password) + b"# \xff\n"), 3, "F104"),
    Bad("NUL", holding(lambda password: auth_file(password) + b"X=\0\n"), 3, "F105"),
    Bad("long line", holding(lambda password: auth_file(password) + b"#" * 65_536 + b"\n"), 3, "65,535"),
    Bad("no name", holding(lines("ECS_CLUSTER=prod", "=PASSWORD")), 3, "1 error", whole=True),
    Bad("bare secret", holding(lines("ECS_CLUSTER=prod", "PASSWORD")), 3, "1 error", whole=True),
    Bad("secret with spaces", holding(lines("ECS_CLUSTER=prod", "PASSWORD and more = PASSWORD")), 3, "1 error"),
    Bad("secret as a type", holding(lines("ECS_CLUSTER=prod", "ECS_ENGINE_AUTH_TYPE=PASSWORD")), 3, "ECS_ENGINE_AUTH"),
    Bad(
        "not JSON",
        holding(lines("ECS_CLUSTER=prod", "ECS_ENGINE_AUTH_TYPE=docker", "ECS_ENGINE_AUTH_DATA={'r':'PASSWORD'}")),
        3,
        "ECS_ENGINE_AUTH_DATA",
    ),
]


@pytest.mark.parametrize("bad", REFUSED, ids=lambda bad: bad.name)
def test_refused(settled: Instance, canary: Canary, bad: Bad) -> None:
    """Whatever is refused is told with its status, shows nothing of the file, and leaves everything as it was."""
    bad.arrange(settled, canary)
    before = settled.traces()
    start = time.monotonic()
    done = (settled.install if bad.whole else settled.install_here)(*bad.options)
    # Where S3 is out of reach, what was installed before is gone on with.
    assert done.status == (STALE if bad.status == UNREACHABLE else bad.status), done.err
    assert time.monotonic() - start < PATIENCE_S
    assert bad.said in " ".join(done.err.split())
    assert settled.traces() == before
    assert settled.env_file.read_bytes() == STANDING
    assert set(settled.proxy.operations) <= {"GetObject"}
    assert done.out == ""
    canary.assert_not_in(done.err, "standard error")
    canary.assert_not_under(settled.folder)


class Given(faults.Fault):
    """S3 gives an object that is all right but for its body; nothing is forwarded, so no server is needed."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    def respond(self, request: Request, forward: Callable[[], Answer]) -> Answer:
        """Return the object."""
        del request, forward
        headers = {ENCRYPTION: "aws:kms", KEY_NAME: KMS_KEY, "x-amz-version-id": "V", "ETag": '"etag"'}
        return answer(200, self._body, Last_Modified="Mon, 01 Jan 2029 00:00:00 GMT", **headers)


@pytest.fixture(scope="module")
def giving() -> Iterator[S3Proxy]:
    """Give an S3 that has only what is injected."""
    with S3Proxy("http://127.0.0.1:9") as proxy:
        yield proxy


# F101, the size, is refused while it is read: see `too large` above.
ERRORS = [rule for rule in rules.RULES if rule.severity is Severity.ERROR and rule.code != "F101"]


@pytest.mark.parametrize("rule", ERRORS, ids=lambda rule: rule.code)
def test_every_error_is_refused(giving: S3Proxy, tmp_path: Path, rule: rules.Rule) -> None:
    """An object with an error of whichever kind is refused, with the finding told, and installs nothing."""
    giving.heal()
    giving.inject(Given(rule.before.encode("utf-8", "surrogateescape")))
    places = (f"--file={tmp_path / 'ecs' / 'ecs.config'}", f"--state-dir={tmp_path / 'ecsauth'}")
    pins = (f"--kms-key={KMS_KEY}", "--region=eu-central-1", f"--bucket-owner={ACCOUNT}", "--launch=none")
    env = {**aws_environment(tmp_path, endpoint=giving.url), **OPERATOR}
    done = run_here("boot", "s3://fleet/ecs.config", *places, *pins, env=env)
    assert done.status == 3
    assert f"[{rule.code}]" in done.err
    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file()) == ["lock", "report.json", "state.json"]


@pytest.mark.parametrize(
    "bad",
    [bad for bad in REFUSED if bad.name in ("absent", "another key", "altered", "no name", "no role")],
    ids=lambda bad: bad.name,
)
def test_refused_at_first_boot(instance: Instance, canary: Canary, bad: Bad) -> None:
    """On a fresh instance what is refused leaves no file; what stood in its place stays, whoever put it there."""
    instance.place.mkdir()
    instance.env_file.write_bytes(b"ECS_CLUSTER=of-the-ami\n")
    instance.env_file.chmod(0o640)
    before = trace(instance.env_file)
    bad.arrange(instance, canary)
    done = instance.install_here(*bad.options)
    assert done.status == bad.status
    assert trace(instance.env_file) == before
    assert [path.name for path in instance.place.iterdir()] == ["ecs.config"]
    assert sorted(path.name for path in instance.state_place.iterdir()) == ["lock", "report.json", "state.json"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--kms-key=arn:aws:kms:eu-central-1:123456789012:alias/fleet",), "an alias can change to another key"),
        (("--kms-key=11111111-2222-3333-4444-555555555555",), "--kms-key must be the full ARN of the key"),
        (("--set=ECS_ENGINE_AUTH_DATA=canary",), "--set must not have ECS_ENGINE_AUTH_DATA"),
        (("--set=canary",), "--set must be NAME=VALUE"),
        (("--set=ECS_CLUSTER=canary\nX=1",), "--set ECS_CLUSTER: the value must be one line"),
        (("--deadline=never",), "--deadline"),
        (("--deadline=0",), "--deadline"),
    ],
)
def test_usage(settled: Instance, options: tuple[str, ...], said: str) -> None:
    """What the command line cannot mean is told before anything is asked or touched."""
    before = settled.traces()
    done = settled.install_here(*options)
    assert done.status == 2
    assert said in " ".join(done.err.split())
    assert "canary" not in done.err
    assert settled.proxy.operations == settled.metadata.paths == []
    assert settled.traces() == before


@pytest.mark.parametrize(
    ("env", "said"),
    [
        ({"AWS_ENDPOINT_URL": "http://s3.example.com"}, "is not HTTPS: the env-file would be sent unencrypted"),
        ({"AWS_ENDPOINT_URL_S3": "http://s3.example.com"}, "is not HTTPS: the env-file would be sent unencrypted"),
        ({"AWS_ENDPOINT_URL": "nonsense"}, "the endpoint or a name in it is malformed"),
        (
            {"AWS_EC2_METADATA_SERVICE_ENDPOINT": "http://metadata.example.com"},
            "is neither the address of the metadata service",
        ),
        ({"AWS_EC2_METADATA_SERVICE_ENDPOINT": "http://[::1"}, "is neither the address of the metadata service nor"),
        ({"AWS_REGION": "eu central"}, "the region is malformed"),
    ],
    ids=lambda value: " ".join(f"{name}={text}" for name, text in value.items()) if isinstance(value, dict) else "",
)
def test_endpoints(settled: Instance, env: dict[str, str], said: str) -> None:
    """An address to which secrets must not travel is refused, and nothing is touched."""
    before = settled.traces()
    done = settled.install_here(**env)
    assert done.status == 2
    assert said in done.err
    assert settled.proxy.operations == []
    assert settled.traces() == before


@pytest.mark.parametrize(
    "bad", [bad for bad in REFUSED if bad.name in ("another key", "no name")], ids=lambda b: b.name
)
def test_dry_run_refuses(settled: Instance, canary: Canary, bad: Bad) -> None:
    """A dry run refuses what the run would."""
    bad.arrange(settled, canary)
    assert settled.install_here("--dry-run").status == bad.status


@pytest.mark.parametrize(
    "bad", [bad for bad in REFUSED if bad.name in ("another key", "no name", "absent")], ids=lambda b: b.name
)
def test_json_of_a_failure(settled: Instance, canary: Canary, bad: Bad) -> None:
    """A failure is a document with the same status and text."""
    bad.arrange(settled, canary)
    done = settled.install_here("--format=json", *bad.options)
    assert done.status == done.document["status"] == bad.status
    assert done.document["error"] in done.err
    canary.assert_not_in(done.out, "standard output")
