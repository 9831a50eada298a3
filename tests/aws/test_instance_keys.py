"""Whose credentials the instance's requests have, who is asked for them, and what is never done."""

from __future__ import annotations

import contextlib
import re
import time
from functools import partial
from typing import TYPE_CHECKING, Any, Callable, NamedTuple

import pytest
import s3_faults as faults
from aws_environment import aws_environment
from ecsauth.aws import credentials
from ecsauth.aws.s3_get import InstanceStore
from ecsauth.aws.session import OperatorClients
from ecsauth.aws_names import S3URI
from ecsauth.boot.fetch import Identity
from ecsauth.errors import (
    DeniedError,
    EcsauthError,
    NotYetError,
    SettlingError,
    UnreachableError,
    UsageError,
)
from ecsauth.host.clock import SystemClock
from ecsauth.timing import Deadline, persist
from hurried import hurried
from loopback_server import Answer, LoopbackServer, QuietHandler, answer
from metadata_service import ROLE_PATH, Behaviour, MetadataService
from program import run
from s3_server import ACCOUNT, REGION

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from bucket import Bucket
    from s3_proxy import S3Proxy

BODY = b"ECS_CLUSTER=prod\n"
URI = S3URI("fleet", "ecs.config")
ROLE_KEY = "ASIAINSTANCEROLE0001"
POISON = "AKIAPOISON0000000001"
PROFILE_KEY = "AKIAPROFILE000000001"
# Shorter than the metadata service is silent, longer than anybody asks it.
PATIENCE_S = 60.0
ENVIRONMENT = {"AWS_ACCESS_KEY_ID": "AKIAENVIRONMENT00001", "AWS_SECRET_ACCESS_KEY": "of-the-environment"}


class Instance:
    """An instance with a role; what is set in `env` is all that its programs see."""

    def __init__(self, home: Path, proxy: S3Proxy, service: MetadataService) -> None:
        home.mkdir()
        self.home = home
        self.proxy = proxy
        self.service = service
        self.env = aws_environment(home, endpoint=proxy.url, metadata=service.url)
        self.profile: str | None = None

    def write(self, name: str, *lines: str) -> Path:
        """Write a file below the home directory."""
        path = self.home / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("\n".join((*lines, "")), encoding="utf-8")
        return path

    def write_profiles(self) -> None:
        """Write what root may have left: a default profile, and one called `other`."""
        poison = [f"aws_access_key_id = {POISON}", "aws_secret_access_key = of-poison"]
        other = [f"aws_access_key_id = {PROFILE_KEY}", "aws_secret_access_key = of-the-profile"]
        self.write(".aws/credentials", "[default]", *poison, "[other]", *other)
        self.write(
            ".aws/config", "[default]", "region = us-west-2", "endpoint_url = http://127.0.0.1:9", "[profile other]"
        )
        self.write(".boto", "[Credentials]", *poison)

    def fetch(self, seconds: float = 10) -> Any:
        """Fetch the object, once."""
        return InstanceStore(self.profile).fetch(URI, Identity(REGION, ACCOUNT), None, seconds)

    def fault(self, seconds: float = 10) -> EcsauthError:
        """Return what fetching ends with."""
        with pytest.raises(EcsauthError) as caught:
            self.fetch(seconds)
        return caught.value

    @property
    def signers(self) -> list[tuple[str, str | None]]:
        """Each request to AWS, with the access key that signed it."""
        return [(request.operation, request.access_key) for request in self.proxy.requests]


@pytest.fixture
def instance(
    tmp_path: Path,
    s3_proxy: S3Proxy,
    metadata: MetadataService,
    bucket: Bucket,
) -> Instance:
    """Give an instance with a role, and an object for it."""
    bucket.put(BODY)
    return Instance(tmp_path / "root", s3_proxy, metadata)


Live = Callable[[dict[str, str]], None]


def persisting(store: InstanceStore, seconds: float) -> Any:
    """Fetch the object, again and again without a wait between, until the deadline."""
    with hurried():
        clock = SystemClock()
        deadline = Deadline(clock, seconds)
        return persist(lambda left: store.fetch(URI, Identity(REGION, ACCOUNT), None, left), clock, deadline)


def test_role(instance: Instance, live_in: Live) -> None:
    """With nothing in the environment the role's credentials are used."""
    live_in(instance.env)
    assert instance.fetch().body == BODY
    assert instance.signers == [("GetObject", ROLE_KEY)]


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"AWS_PROFILE": "other"},
        {"AWS_PROFILE": "no-such-profile"},
        {"AWS_DEFAULT_PROFILE": "other"},
        {"AWS_SDK_LOAD_CONFIG": "1"},
        {"AWS_SHARED_CREDENTIALS_FILE": "{home}/.aws/credentials", "AWS_CONFIG_FILE": "{home}/.aws/config"},
        {"AWS_CONFIG_FILE": "/nowhere"},
    ],
    ids=lambda more: " ".join(more) or "plain",
)
def test_leftovers_do_not_beat_the_role(instance: Instance, live_in: Live, more: dict[str, str]) -> None:
    """Without `--profile` no file in the home directory counts, whatever variable points at it."""
    instance.write_profiles()
    live_in({**instance.env, **{name: value.format(home=instance.home) for name, value in more.items()}})
    assert instance.fetch().body == BODY
    assert instance.signers == [("GetObject", ROLE_KEY)]


def test_broken_leftovers_are_not_read(instance: Instance, live_in: Live) -> None:
    """Files that nobody could parse are not read either."""
    for name in (".aws/config", ".aws/credentials", ".boto"):
        instance.write(name, "[default", "=")
    live_in(instance.env)
    assert instance.fetch().body == BODY


def test_environment(instance: Instance, live_in: Live) -> None:
    """Credentials of the environment beat the role's, which are not even asked for."""
    instance.write_profiles()
    live_in({**instance.env, **ENVIRONMENT})
    instance.fetch()
    assert instance.signers == [("GetObject", "AKIAENVIRONMENT00001")]
    assert instance.service.paths == []


def test_profile(instance: Instance, live_in: Live) -> None:
    """With `--profile` the files count, and beat the environment."""
    instance.write_profiles()
    instance.profile = "other"
    live_in({**instance.env, **ENVIRONMENT})
    instance.fetch()
    assert instance.signers == [("GetObject", PROFILE_KEY)]


@pytest.mark.parametrize("profiles", [True, False])
def test_no_such_profile(instance: Instance, live_in: Live, *, profiles: bool) -> None:
    """A profile that nobody has written is a fault of the command line; nothing else is used in its place."""
    if profiles:
        instance.write_profiles()
    instance.profile = "missing"
    live_in({**instance.env, **ENVIRONMENT})
    found = instance.fault()
    assert type(found) is UsageError
    assert "the profile does not exist" in found.message
    assert instance.signers == []


def test_profile_that_assumes_a_role(instance: Instance, live_in: Live) -> None:
    """A profile may lead to a role by way of another profile."""
    instance.write_profiles()
    instance.write(
        ".aws/config",
        "[profile fleet]",
        "role_arn = arn:aws:iam::123456789012:role/fleet",
        "source_profile = other",
        "region = eu-central-1",
    )
    instance.profile = "fleet"
    live_in(instance.env)
    assert instance.fetch().body == BODY
    assume, get = instance.signers
    assert assume == ("AssumeRole", PROFILE_KEY)
    assert get[0] == "GetObject"
    assert get[1] != PROFILE_KEY


def test_profile_with_a_program(instance: Instance, live_in: Live) -> None:
    """A profile may have a program that gives the credentials."""
    document = '{"Version": 1, "AccessKeyId": "AKIAPROGRAM000000001", "SecretAccessKey": "s"}'
    path = instance.write("credentials.json", document)
    instance.write(".aws/config", "[profile fleet]", f"credential_process = cat {path}")
    instance.profile = "fleet"
    live_in(instance.env)
    instance.fetch()
    assert instance.signers == [("GetObject", "AKIAPROGRAM000000001")]


def test_only_version_2(instance: Instance, live_in: Live) -> None:
    """The metadata service is asked with a token only; the stand-in would answer 401 without."""
    live_in(instance.env)
    instance.fetch()
    assert {request.status for request in instance.service.requests} == {200}
    assert instance.service.paths[0] == "PUT /latest/api/token"


@pytest.mark.parametrize(
    "behaviour", [Behaviour.TOKEN_FORBIDDEN, Behaviour.TOKEN_ABSENT, Behaviour.BROKEN, Behaviour.SILENT]
)
def test_version_1_is_never_tried(instance: Instance, live_in: Live, behaviour: Behaviour) -> None:
    """Where no token is to be had, nothing is asked without one."""
    instance.service.become(behaviour)
    live_in(instance.env)
    assert "metadata service" in instance.fault(60).message
    assert set(instance.service.paths) == {"PUT /latest/api/token"}
    assert instance.signers == []


@pytest.mark.parametrize("behaviour", [Behaviour.NO_ROLE, Behaviour.ROLE_FAILED])
def test_credentials_that_are_late(instance: Instance, live_in: Live, behaviour: Behaviour) -> None:
    """A role that is attached while ecsauth waits is found."""
    instance.service.become(behaviour)
    live_in(instance.env)
    tries = []

    def fetch(left: float) -> Any:
        tries.append(left)
        if len(tries) > 1:
            instance.service.become(Behaviour.HEALTHY)
        return instance.fetch(left)

    with hurried():
        clock = SystemClock()
        assert persist(fetch, clock, Deadline(clock, 60)) is not None
    assert len(tries) == 2
    assert instance.signers == [("GetObject", ROLE_KEY)]


def test_credentials_that_never_come(instance: Instance, live_in: Live) -> None:
    """A role that is not there by the deadline is a denial, with what to look at."""
    instance.service.become(Behaviour.NO_ROLE)
    live_in(instance.env)
    found = explained(instance)
    assert isinstance(found, DeniedError)
    assert re.search(r"; tried \d+ times in \d+ s$", found.message)
    assert str(found.hints[0]).startswith("attach one: aws ec2 associate-iam-instance-profile")


def explained(instance: Instance, seconds: float = 10) -> EcsauthError:
    """Return what fetching ends with, again and again without a wait between, at the deadline."""
    with pytest.raises(EcsauthError) as caught:
        persisting(InstanceStore(instance.profile), seconds)
    return caught.value


class Lack(NamedTuple):
    """How the metadata service behaves, how long there is, and what is to be told."""

    behaviour: Behaviour
    seconds: float
    fault: type[EcsauthError]
    said: str


@pytest.mark.parametrize(
    "case",
    [
        Lack(Behaviour.NO_ROLE, 10, NotYetError, "the instance has no role: no instance profile is attached to it"),
        Lack(Behaviour.ROLE_PENDING, 10, NotYetError, "the instance's role is not ready"),
        Lack(Behaviour.ROLE_FAILED, 10, NotYetError, "returned AssumeRoleUnauthorizedAccess"),
        Lack(Behaviour.TOKEN_FORBIDDEN, 60, DeniedError, "refused PUT /latest/api/token with 403"),
        Lack(Behaviour.TOKEN_ABSENT, 60, DeniedError, "refused PUT /latest/api/token with 404"),
        Lack(Behaviour.BROKEN, 10, UnreachableError, "failed with 500"),
        Lack(Behaviour.RESET, 10, UnreachableError, "closed the connection"),
        Lack(Behaviour.CUT, 10, UnreachableError, "closed the connection"),
        Lack(Behaviour.FOREIGN, 10, UnreachableError, "returned an invalid role name"),
        Lack(Behaviour.SILENT, 8, UnreachableError, "does not answer"),
        Lack(Behaviour.SILENT, 1, UnreachableError, "the instance metadata service does not answer"),
        Lack(Behaviour.DRIP, 1, UnreachableError, "the instance metadata service does not answer"),
    ],
    ids=lambda case: f"{case.behaviour.value} {case.seconds} s",
)
def test_why_there_are_no_credentials(instance: Instance, live_in: Live, case: Lack) -> None:
    """Refusal, silence and a missing role are told apart, and what is final is told at once."""
    behaviour, seconds, fault, said = case
    instance.service.become(behaviour)
    live_in(instance.env)
    start = time.monotonic()
    found = explained(instance, seconds)
    assert type(found) is fault
    assert said in found.message
    assert time.monotonic() - start < PATIENCE_S
    assert all(request.with_token for request in instance.service.requests if request.method == "GET")
    assert instance.signers == []


COMPLETE = b'{"Code": "Success", "AccessKeyId": 5, "SecretAccessKey": null, "Token": [], "Expiration": "soon"}'


@pytest.mark.parametrize("document", [b"5", b"null", b"[]", b'""', COMPLETE], ids=lambda document: document[:9])
def test_credentials_that_are_none(tmp_path: Path, s3_proxy: S3Proxy, live_in: Live, document: bytes) -> None:
    """Whatever the metadata service gives in the place of credentials is no bug, and no fault of the command line."""

    class Odd(MetadataService):
        def respond(self, method: str, path: str, header: Callable[[str], str | None]) -> Answer | None:
            given = super().respond(method, path, header)
            return answer(200, document) if path == f"{ROLE_PATH}ecsInstanceRole" else given

    with Odd() as service:
        odd = Instance(tmp_path / "root", s3_proxy, service)
        live_in(odd.env)
        found = explained(odd, 10)
    assert found.exit_code in (4, 5)
    assert "credentials" in found.message


@pytest.mark.parametrize(
    ("environment", "patience", "told"),
    [({}, 8.0, r"; tried \d+ times in 1?\d s$"), (ENVIRONMENT, 0.0, r"\)$")],
    ids=["role", "environment"],
)
def test_only_a_role_is_fresh(
    instance: Instance, live_in: Live, environment: dict[str, str], patience: float, told: str
) -> None:
    """The denial of a role is tried again, that of keys which somebody has given is told at once."""
    live_in({**instance.env, **environment})
    assert credentials.patience(None) == patience
    instance.proxy.inject(faults.ACCESS_DENIED)
    found = explained(instance, 60)
    assert type(found) is SettlingError
    assert re.search(told, found.message), found.message
    assert (len(instance.proxy.requests) > 1) is (patience > 0)


def test_role_that_settles(instance: Instance, live_in: Live) -> None:
    """A role that is denied at first, as a fresh one is, gets what it asks for a little later."""
    live_in(instance.env)
    for denial in (faults.INVALID_ACCESS_KEY, faults.ACCESS_DENIED, faults.kms_denied("key")):
        instance.proxy.inject(denial, times=1)
    assert persisting(InstanceStore(), 60) is not None
    assert instance.proxy.operations == ["GetObject"] * 4


@pytest.mark.parametrize("name", ["AWS_RESPONSE_CHECKSUM_VALIDATION", "AWS_REQUEST_CHECKSUM_CALCULATION"])
def test_checksums_are_not_switched_off(instance: Instance, live_in: Live, name: str) -> None:
    """No variable makes it take bytes that do not fit their checksum."""
    live_in({**instance.env, name: "when_required"})
    assert instance.fetch().facts.checksum == "CRC32"
    instance.proxy.inject(faults.AlteredBody())
    assert "does not match its checksum" in instance.fault().message


class _ProxyHandler(QuietHandler):
    """Notes what it is asked for and refuses it."""

    def __init__(self, asked: list[str], *connection: Any) -> None:
        self._asked = asked
        super().__init__(*connection)

    def _serve(self) -> None:
        self.read_body()
        self._asked.append(self.path)
        self.send_answer(answer(502, b"a proxy"))

    do_GET = do_PUT = do_POST = do_HEAD = do_CONNECT = _serve  # noqa: N815 - the base class's names


@contextlib.contextmanager
def web_proxy() -> Iterator[tuple[str, list[str]]]:
    """Serve a web proxy; give its address and what it is asked for."""
    asked: list[str] = []
    with LoopbackServer(partial(_ProxyHandler, asked)) as server:
        yield server.url, asked


@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy"])
@pytest.mark.parametrize(
    "exempt",
    [{}, {"NO_PROXY": "internal.example.com"}, {"no_proxy": "internal.example.com"}, {"NO_PROXY": ""}],
    ids=["none", "NO_PROXY", "no_proxy", "empty"],
)
def test_metadata_is_never_asked_of_a_proxy(
    instance: Instance, live_in: Live, name: str, exempt: dict[str, str]
) -> None:
    """With a web proxy for everything S3 is asked of it, the metadata service is not."""
    with web_proxy() as (url, asked):
        endpoint = instance.proxy.url.replace("127.0.0.1", "localhost")
        live_in({**instance.env, **exempt, name: url, "AWS_ENDPOINT_URL": endpoint})
        instance.fault()
    assert instance.service.paths[0] == "PUT /latest/api/token"
    assert {request.status for request in instance.service.requests} == {200}
    assert set(asked) == {f"{endpoint}/fleet/ecs.config"}


@pytest.mark.parametrize("exempt", [{"NO_PROXY": "localhost"}, {"no_proxy": "localhost"}, {"NO_PROXY": "*"}])
def test_exemptions_are_kept(instance: Instance, live_in: Live, exempt: dict[str, str]) -> None:
    """What was exempt from proxies stays exempt."""
    with web_proxy() as (url, asked):
        endpoint = instance.proxy.url.replace("127.0.0.1", "localhost")
        live_in({**instance.env, **exempt, "HTTP_PROXY": url, "AWS_ENDPOINT_URL": endpoint})
        assert instance.fetch().body == BODY
    assert asked == []


@pytest.mark.parametrize(
    ("variable", "url"),
    [
        ("AWS_ENDPOINT_URL", "http://s3.example.com"),
        ("AWS_ENDPOINT_URL_S3", "http://s3.example.com"),
        ("AWS_ENDPOINT_URL", "http://127.0.0.1.example.com"),
        ("AWS_ENDPOINT_URL", "http://localhost.example.com"),
        ("AWS_ENDPOINT_URL", "http://10.0.0.1:80"),
    ],
)
def test_plain_http_is_refused(instance: Instance, live_in: Live, variable: str, url: str) -> None:
    """An endpoint in the clear is refused before anything is sent there."""
    live_in({**instance.env, **ENVIRONMENT, "AWS_ENDPOINT_URL": "", variable: url})
    in_the_clear = "is not HTTPS: the env-file would be sent unencrypted"
    with pytest.raises(UsageError, match=in_the_clear):
        instance.fetch()
    assert instance.signers == []
    with pytest.raises(UsageError, match=in_the_clear):
        OperatorClients(None, REGION).s3()


def test_plain_http_in_a_profile_is_refused(instance: Instance, live_in: Live) -> None:
    """Nor may a profile lead there."""
    instance.write_profiles()
    instance.write(".aws/config", "[profile other]", "endpoint_url = http://s3.example.com")
    instance.profile = "other"
    live_in({name: value for name, value in instance.env.items() if name != "AWS_ENDPOINT_URL"})
    with pytest.raises(UsageError, match="is not HTTPS"):
        instance.fetch()
    with pytest.raises(UsageError, match="is not HTTPS"):
        OperatorClients("other", REGION).s3()


@pytest.mark.parametrize(
    "more",
    [
        {"AWS_DEBUG": "1", "AWS_LOG_LEVEL": "debug", "BOTO_DEBUG": "2", "BOTOCORE_DEBUG": "1"},
        {"PYTHONDEVMODE": "1", "PYTHONWARNINGS": "default", "PYTHONASYNCIODEBUG": "1", "PYTHONFAULTHANDLER": "1"},
        {"AWS_CLI_FILE_ENCODING": "UTF-8", "AWS_SDK_LOG_LEVEL": "trace", "DEBUG": "*", "VERBOSE": "1"},
    ],
    ids=["AWS", "Python", "others"],
)
def test_nothing_makes_it_talk(tmp_path: Path, instance: Instance, bucket: Bucket, more: dict[str, str]) -> None:
    """No variable makes it log what it sends and gets: bodies, tokens and keys."""
    bucket.put(BODY + b"SOMETHING=canary-of-the-body\n")
    etc = tmp_path / "etc"
    etc.mkdir()
    ended = run(
        *("boot", "s3://fleet/ecs.config", "--kms-key", bucket.kms_key, "--launch", "none"),
        *("--file", str(etc / "ecs.config"), "--state-dir", str(tmp_path / "state")),
        env={**instance.env, **more},
    )
    assert ended.status == 0
    for secret in ("canary", "instance-role-secret-key", "instance-role-session-token", ROLE_KEY):
        assert secret not in ended.out + ended.err
