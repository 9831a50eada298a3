"""The metadata service is asked directly, in version 2 only, and each way in which it fails has its own status."""

from __future__ import annotations

import time
from typing import Any, Callable

import pytest
from ecsauth.aws.metadata import MetadataService, endpoint, proxy_exemptions
from ecsauth.boot.fetch import Identity
from ecsauth.errors import DeniedError, EcsauthError, NotYetError, UnreachableError, UsageError
from loopback_server import Answer, answer
from metadata_service import ROLE_PATH, TTL_HEADER, Behaviour, Instance
from metadata_service import MetadataService as StandIn

DOCUMENT = "/latest/dynamic/instance-identity/document"
ENDPOINT = "AWS_EC2_METADATA_SERVICE_ENDPOINT"


class Documents(StandIn):
    """Gives another identity document, or another response in its place, or in that of something else."""

    def __init__(self, document: Answer, path: str = DOCUMENT) -> None:
        super().__init__()
        self._other = {path: document}

    def respond(self, method: str, path: str, header: Callable[[str], str | None]) -> Answer | None:
        """Return the other document, and everything else as ever."""
        response = super().respond(method, path, header)
        return self._other.get(path, response)


@pytest.fixture
def lone(live_in: Callable[[dict[str, str]], None]) -> Callable[..., None]:
    """Give a function that makes the variables named in its call the only ones."""

    def only(**env: str) -> None:
        live_in(env)

    return only


@pytest.fixture
def instance(metadata: StandIn, lone: Callable[..., None]) -> StandIn:
    """Be on an instance in us-west-2, of account 999999999999."""
    metadata.instance = Instance(region="us-west-2", account="999999999999")
    lone(AWS_EC2_METADATA_SERVICE_ENDPOINT=metadata.url)
    return metadata


def fault_of(seconds: float = 1.0) -> EcsauthError:
    """Return what asking for the identity ends with."""
    with pytest.raises(EcsauthError) as caught:
        MetadataService().identity(seconds)
    return caught.value


def role_fault_of(seconds: float = 1.0) -> EcsauthError:
    """Return what is said of credentials that are lacking."""
    with pytest.raises(EcsauthError) as caught:
        MetadataService().role(seconds)
    return caught.value


def test_identity(instance: StandIn) -> None:
    """Region and account are those of the identity document."""
    assert MetadataService().identity(5) == Identity("us-west-2", "999999999999")
    assert instance.paths == ["PUT /latest/api/token", f"GET {DOCUMENT}"]


def test_requests_are_bare(instance: StandIn) -> None:
    """The token is for a minute, and no header says that a request was forwarded or who asks."""
    MetadataService().identity(5)
    put, get = instance.requests
    assert set(put.headers) - {"content-length"} == {"host", "accept-encoding", TTL_HEADER.lower()}
    assert put.headers[TTL_HEADER.lower()] == "60"
    assert set(get.headers) == {"host", "accept-encoding"}


@pytest.mark.parametrize(
    ("behaviour", "fault", "said"),
    [
        (Behaviour.SILENT, UnreachableError, "does not answer"),
        (Behaviour.SLOW, UnreachableError, "does not answer"),
        (Behaviour.DRIP, UnreachableError, "does not answer"),
        (Behaviour.RESET, UnreachableError, "closed the connection"),
        (Behaviour.CUT, UnreachableError, "closed the connection"),
        (Behaviour.BROKEN, UnreachableError, "failed with 500"),
        (Behaviour.UNAVAILABLE, UnreachableError, "failed with 503"),
        (Behaviour.TOKEN_FORBIDDEN, DeniedError, "refused PUT /latest/api/token with 403"),
        (Behaviour.TOKEN_ABSENT, DeniedError, "refused PUT /latest/api/token with 404"),
    ],
)
def test_failures(instance: StandIn, behaviour: Behaviour, fault: type[EcsauthError], said: str) -> None:
    """Silence and a broken service may pass by themselves, a refusal does not; version 1 is tried in no case.

    So it is, too, where somebody asks why no credentials found.
    """
    instance.become(behaviour)
    for found in (fault_of(), role_fault_of()):
        assert type(found) is fault
        assert said in found.message
    assert all(path.startswith("PUT") for path in instance.paths)


ROLE = f"{ROLE_PATH}ecsInstanceRole"


def test_role(instance: StandIn) -> None:
    """The role's keys are those that the metadata service has for it, and print as nothing."""
    keys = MetadataService().role(5)
    assert keys.revealed() == ("ASIAINSTANCEROLE0001", "instance-role-secret-key", "instance-role-session-token")
    assert repr(keys) == "SigningKeys(access_key='ASIAINSTANCEROLE0001', secret_key=***, token=***)"
    assert instance.paths == ["PUT /latest/api/token", f"GET {ROLE_PATH}", f"GET {ROLE}"]


@pytest.mark.parametrize(
    ("behaviour", "fault", "said"),
    [
        (Behaviour.NO_ROLE, NotYetError, "the instance has no role: no instance profile is attached to it"),
        (
            Behaviour.ROLE_PENDING,
            NotYetError,
            "the instance's role is not ready: the metadata service has no credentials yet",
        ),
        (
            Behaviour.ROLE_FAILED,
            NotYetError,
            "the instance's role is not ready: the metadata service returned AssumeRoleUnauthorizedAccess",
        ),
        (Behaviour.FOREIGN, UnreachableError, "the instance metadata service returned an invalid role name"),
    ],
)
def test_no_role(instance: StandIn, behaviour: Behaviour, fault: type[EcsauthError], said: str) -> None:
    """A missing role is told from one that is not ready, and from a service that is not EC2's."""
    instance.become(behaviour)
    found = role_fault_of()
    assert (type(found), found.message) == (fault, said)
    assert found.hints[-1] == "outside EC2: give --profile, or set the AWS_* variables"


@pytest.mark.parametrize(
    ("document", "fault", "said"),
    [
        (answer(404, b"absent"), NotYetError, "has no credentials yet"),
        (answer(200, b'{"Code": 5}'), NotYetError, "returned an error"),
        (answer(200, b'{"Code": "a secret, quoted"}'), NotYetError, "returned an error"),
        (answer(401, b""), DeniedError, f"refused GET {ROLE} with 401"),
        (answer(200, b"<html>sign in</html>"), UnreachableError, "returned incomplete credentials"),
        (answer(200, b"{}"), UnreachableError, "returned incomplete credentials"),
        (answer(200, b"5"), UnreachableError, "returned incomplete credentials"),
        (answer(200, b'{"Code": "Success", "AccessKeyId": "A"}'), UnreachableError, "returned incomplete credentials"),
    ],
)
def test_other_credentials(lone: Callable[..., None], document: Answer, fault: type[EcsauthError], said: str) -> None:
    """Whatever stands in the credentials' place is told, and not quoted."""
    with Documents(document, ROLE) as service:
        lone(AWS_EC2_METADATA_SERVICE_ENDPOINT=service.url)
        found = role_fault_of()
    assert type(found) is fault
    assert said in found.message


@pytest.mark.parametrize(("name", "fault"), [(b"", NotYetError), (b"two\nlines", UnreachableError)])
def test_other_roles(lone: Callable[..., None], name: bytes, fault: type[EcsauthError]) -> None:
    """No name is a role to come, a name that no role can have is nobody's."""
    with Documents(answer(200, name), ROLE_PATH) as service:
        lone(AWS_EC2_METADATA_SERVICE_ENDPOINT=service.url)
        assert type(role_fault_of()) is fault


@pytest.mark.parametrize("behaviour", [Behaviour.SILENT, Behaviour.SLOW])
def test_silence_ends_in_time(instance: StandIn, behaviour: Behaviour) -> None:
    """Nobody waits longer than the seconds that are left."""
    instance.become(behaviour)
    start = time.monotonic()
    fault_of(0.5)
    assert time.monotonic() - start < instance.delay_s / 2


def test_nobody_there(instance: StandIn) -> None:
    """A port that refuses connections is like silence: trying again may help."""
    with instance.refusing():
        found = fault_of()
    assert type(found) is UnreachableError
    assert found.message == "the instance metadata service refused the connection"
    assert "outside EC2: give --region and --bucket-owner" in found.hints


@pytest.mark.parametrize(
    ("document", "fault", "said"),
    [
        (answer(404, b"absent"), DeniedError, f"refused GET {DOCUMENT} with 404"),
        (answer(401, b"expired"), DeniedError, f"refused GET {DOCUMENT} with 401"),
        (answer(503, b""), UnreachableError, "failed with 503"),
        (answer(200, b""), UnreachableError, "returned no valid identity document"),
        (answer(200, b"<html>sign in</html>"), UnreachableError, "returned no valid identity document"),
        (answer(200, b"\xff\xfe"), UnreachableError, "returned no valid identity document"),
        (answer(200, b"[]"), UnreachableError, "returned no valid identity document"),
        (answer(200, b'"region"'), UnreachableError, "returned no valid identity document"),
        (answer(200, b'{"region": "us-west-2"}'), UnreachableError, "returned no valid identity document"),
        (
            answer(200, b'{"region": null, "accountId": "999999999999"}'),
            UnreachableError,
            "returned no valid identity document",
        ),
        (answer(200, b"[" * 60_000), UnreachableError, "returned no valid identity document"),
        (answer(200, b" " * 100_000), UnreachableError, "returned no valid identity document"),
    ],
)
def test_other_documents(lone: Callable[..., None], document: Answer, fault: type[EcsauthError], said: str) -> None:
    """Whatever stands in the document's place is told, never quoted and never a bug."""
    with Documents(document) as service:
        lone(AWS_EC2_METADATA_SERVICE_ENDPOINT=service.url)
        found = fault_of()
    assert type(found) is fault
    assert said in found.message


@pytest.mark.parametrize("token", [b"one\r\nX-Header: two", b"\xff", "\u20ac".encode()])
def test_other_tokens(lone: Callable[..., None], token: bytes) -> None:
    """A token that no header can hold is none."""
    with Documents(answer(200, token), "/latest/api/token") as service:
        lone(AWS_EC2_METADATA_SERVICE_ENDPOINT=service.url)
        found = fault_of()
        assert service.paths == ["PUT /latest/api/token"]
    assert type(found) is UnreachableError
    assert "returned an invalid token" in found.message


def test_switched_off(instance: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the variable of all SDKs switches it off, nothing is asked; who has to say the region is who runs it."""
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "True")
    for found, kind in ((fault_of(), UsageError), (role_fault_of(), DeniedError)):
        assert type(found) is kind
        assert "AWS_EC2_METADATA_DISABLED" in found.message
    assert instance.paths == []


@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "HTTPS_PROXY"])
def test_no_proxy_is_asked(instance: StandIn, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """A proxy in the environment is none of its business."""
    monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert MetadataService().identity(5).region == "us-west-2"
    assert len(instance.paths) == 2


@pytest.mark.parametrize(
    ("env", "url"),
    [
        ({}, "http://169.254.169.254"),
        ({"AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE": "IPv4"}, "http://169.254.169.254"),
        ({"AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE": "IPv6"}, "http://[fd00:ec2::254]"),
        ({ENDPOINT: ""}, "http://169.254.169.254"),
        ({ENDPOINT: "http://169.254.169.254/"}, "http://169.254.169.254"),
        ({ENDPOINT: "http://[fd00:ec2::254]/"}, "http://[fd00:ec2::254]"),
        ({ENDPOINT: "http://127.0.0.1:1338/"}, "http://127.0.0.1:1338"),
        ({ENDPOINT: "http://localhost:1338"}, "http://localhost:1338"),
        ({ENDPOINT: "http://[::1]:1338"}, "http://[::1]:1338"),
    ],
)
def test_endpoint(lone: Callable[..., None], env: dict[str, str], url: str) -> None:
    """The address is the service's own, or one on this machine."""
    lone(**env)
    assert endpoint() == url


@pytest.mark.parametrize(
    "url",
    [
        "http://10.0.0.1",
        "https://metadata.example.com",
        "http://127.0.0.1.example.com",
        "http://localhost.example.com",
        "http://169.254.169.254.example.com",
        "http://169.254.169.254@example.com",
        "http://127.0.0.1@example.com",
        "http://169.254.169.254:8080",
        "127.0.0.1:1338",
        "localhost:1338",
        "ftp://127.0.0.1",
        "https://127.0.0.1:1338",
        "http://[::1",
        "http://127.0.0.1:99999",
        "http://127.0.0.1:port",
        "nonsense",
    ],
)
def test_other_endpoints_are_refused(lone: Callable[..., None], url: str) -> None:
    """Any other address is refused before anything is asked there: credentials would travel in the clear."""
    lone(**{ENDPOINT: url})
    for ask in (endpoint, lambda: MetadataService().identity(1), lambda: proxy_exemptions(None)):
        with pytest.raises(UsageError) as caught:
            ask()
        assert ENDPOINT in caught.value.message
        assert "example.com" not in caught.value.message


OWN = "169.254.169.254,[fd00:ec2::254]"


@pytest.mark.parametrize(
    ("current", "env", "exempt"),
    [
        (None, {}, OWN),
        ("", {}, OWN),
        ("internal.example.com,10.0.0.1", {}, f"internal.example.com,10.0.0.1,{OWN}"),
        ("169.254.169.254", {}, OWN),
        ("internal.example.com,", {}, f"internal.example.com,{OWN}"),
        (" * ", {}, "*"),
        (None, {"no_proxy": "internal.example.com"}, f"internal.example.com,{OWN}"),
        ("other.example.com", {"no_proxy": "internal.example.com"}, f"internal.example.com,{OWN}"),
        (None, {ENDPOINT: "http://localhost:1338"}, f"{OWN},localhost"),
        (None, {ENDPOINT: "http://[::1]:1338"}, f"{OWN},[::1]"),
    ],
)
def test_proxy_exemptions(lone: Callable[..., None], current: str | None, env: dict[str, str], exempt: str) -> None:
    """The service's addresses join what is exempt already; `*` alone means everything, and only alone."""
    lone(**env)
    assert proxy_exemptions(current) == exempt


def test_nothing_of_the_answer_is_shown(lone: Callable[..., None]) -> None:
    """A document that is none may hold anything; the message does not repeat it."""
    with Documents(answer(200, b"the-secret-of-another-service")) as service:
        lone(AWS_EC2_METADATA_SERVICE_ENDPOINT=service.url)
        found: Any = fault_of()
    assert "secret" not in " ".join((found.message, *found.hints, repr(found)))
