"""What is asked for a login, to whom the credential goes, and what the answers mean, without any network."""

from __future__ import annotations

from typing import NamedTuple, Optional, Union

import pytest
from ecsauth.errors import ExitCode
from ecsauth.login import client, endpoints
from ecsauth.login import result as login_result
from ecsauth.login.endpoints import Ask, Failing, NoAnswer, RegistryAnswer, Reply
from ecsauth.login.result import LoginResult, LoginVerdict
from ecsauth.login.targets import LoginTarget, image
from ecsauth.registry.credential import ANONYMOUS, Credential
from ecsauth.secret import Secret

PASSWORD = "canary-password"
BOB = Credential(username="bob", password=Secret(PASSWORD))
BASIC = "Basic Ym9iOmNhbmFyeS1wYXNzd29yZA=="
TOKEN = "canary-token"
SILENCE = NoAnswer(Failing.SILENT, "does not answer")
REFUSED = NoAnswer(Failing.BROKEN, "refuses the connection")
NOT_TLS = NoAnswer(Failing.NOT_TLS, "does not use TLS")
BAD_CERTIFICATE = NoAnswer(Failing.UNTRUSTED, "has an invalid certificate: self-signed certificate")
WELCOME = RegistryAnswer(200, (("Content-Type", "application/json"),), b"{}")
GIVES = RegistryAnswer(200, (("Content-Type", "application/json"),), b'{"token": "canary-token", "expires_in": 60}')
WEB_SITE = RegistryAnswer(200, (("Content-Type", "text/html"),), b"<html>")
NO = RegistryAnswer(401)
IMAGE = "r.example/team/app:1"


def asks(text: str) -> RegistryAnswer:
    """Return an answer that asks for a login."""
    return RegistryAnswer(401, (("WWW-Authenticate", text),))


ASKS_BASIC = asks('Basic realm="x"')
ASKS_BEARER = asks('Bearer realm="https://auth.example/token",service="s"')


def _line(ask: Ask) -> str:
    return f"{ask.method} {ask.url.scheme}://{ask.url.authority}{ask.url.path}"


class Told(NamedTuple):
    """A dialogue that has ended."""

    result: LoginResult
    asked: list[Ask]

    @property
    def sent(self) -> list[tuple[str, Optional[str]]]:
        """Method and place of each request, and the credential that went with it."""
        return [(_line(ask), ask.authorization.reveal() if ask.authorization else None) for ask in self.asked]


def tell(
    *replies: Reply,
    credential: Credential = BOB,
    registry: str = "r.example",
    pulls: Optional[str] = None,
    insecure: tuple[str, ...] = (),
) -> Told:
    """Carry out a login with these replies, in order, all of which have to be asked for."""
    target = LoginTarget(registry, registry, credential, image(pulls) if pulls else None)
    talk = client.login(target, endpoints.insecure(insecure))
    asked: list[Ask] = []
    left = list(replies)
    reply: Union[Reply, None] = None
    try:
        while True:
            asked.append(talk.send(reply) if reply is not None else next(talk))
            reply = left.pop(0)
    except StopIteration as end:
        assert not left
        return Told(end.value, asked)


def test_basic() -> None:
    """The credential goes to the registry that has asked for it, after it has asked."""
    told = tell(ASKS_BASIC, WELCOME)
    assert told.result.verdict is LoginVerdict.OK
    assert told.sent == [("GET https://r.example/v2/", None), ("GET https://r.example/v2/", BASIC)]


def test_bearer() -> None:
    """The credential goes to the token server alone, and the token to the registry alone."""
    told = tell(ASKS_BEARER, GIVES, WELCOME)
    assert told.result.verdict is LoginVerdict.OK
    assert told.sent == [
        ("GET https://r.example/v2/", None),
        ("GET https://auth.example/token?service=s&account=bob", BASIC),
        ("GET https://r.example/v2/", f"Bearer {TOKEN}"),
    ]


def test_docker_hub() -> None:
    """Docker Hub is asked at its own address, and its token server is another domain's name."""
    challenge = asks('Bearer realm="https://auth.docker.io/token",service="registry.docker.io"')
    told = tell(
        challenge,
        GIVES,
        WELCOME,
        GIVES,
        RegistryAnswer(200),
        registry="https://index.docker.io/v1/",
        pulls="nginx:1.27",
    )
    assert told.result.verdict is LoginVerdict.OK
    assert [place for place, _ in told.sent] == [
        "GET https://registry-1.docker.io/v2/",
        "GET https://auth.docker.io/token?service=registry.docker.io&account=bob",
        "GET https://registry-1.docker.io/v2/",
        "GET https://auth.docker.io/token?service=registry.docker.io&scope=repository%3Alibrary%2Fnginx%3Apull&account=bob",
        "HEAD https://registry-1.docker.io/v2/library/nginx/manifests/1.27",
    ]


def test_identity_token() -> None:
    """It is given in the body of a POST, and no password with it."""
    credential = Credential(username="bob", identitytoken=Secret("canary-identity"))
    told = tell(
        ASKS_BEARER, RegistryAnswer(200, (), b'{"access_token": "canary-token"}'), WELCOME, credential=credential
    )
    assert told.result.verdict is LoginVerdict.OK
    ask = told.asked[1]
    assert (ask.method, ask.url.path, ask.authorization) == ("POST", "/token", None)
    assert ask.form is not None
    assert ask.form.reveal() == "grant_type=refresh_token&refresh_token=canary-identity&client_id=docker&service=s"


def test_registry_token() -> None:
    """It goes to the registry as it is, as docker passes it on."""
    told = tell(ASKS_BEARER, WELCOME, credential=Credential(username="bob", registrytoken=Secret("canary-registry")))
    assert told.sent[1] == ("GET https://r.example/v2/", "Bearer canary-registry")


def test_registry_token_that_no_header_can_hold() -> None:
    """It is not sent, and splits no header."""
    told = tell(ASKS_BEARER, credential=Credential(registrytoken=Secret("canary\r\nX: y")))
    assert told.result.verdict is LoginVerdict.NO_CREDENTIALS


@pytest.mark.parametrize(
    "credential",
    [Credential(), Credential(username="bob"), Credential(password=Secret("p")), Credential(auth=Secret("Ym9iOnA="))],
)
def test_nothing_that_docker_would_send(credential: Credential) -> None:
    """Nobody is asked: docker sends no half of a pair, and decodes no `auth`."""
    told = tell(credential=credential)
    assert told.result.verdict is LoginVerdict.NO_CREDENTIALS
    assert told.asked == []


@pytest.mark.parametrize(
    ("replies", "expected"),
    [
        pytest.param([ASKS_BASIC, NO], LoginVerdict.WRONG_CREDENTIALS, id="wrong password"),
        pytest.param([ASKS_BASIC, RegistryAnswer(403)], LoginVerdict.WRONG_CREDENTIALS, id="user is locked out"),
        pytest.param([ASKS_BASIC, WEB_SITE], LoginVerdict.NOT_A_REGISTRY, id="web site behind a password"),
        pytest.param([ASKS_BASIC, RegistryAnswer(500)], LoginVerdict.UNREACHABLE, id="fails at the login"),
        pytest.param([ASKS_BASIC, RegistryAnswer(429)], LoginVerdict.RATE_LIMITED, id="too many logins"),
        pytest.param([ASKS_BASIC, SILENCE], LoginVerdict.UNREACHABLE, id="silent at the login"),
        pytest.param([ASKS_BASIC, RegistryAnswer(307)], LoginVerdict.NOT_A_REGISTRY, id="redirect at the login"),
        pytest.param([ASKS_BEARER, NO], LoginVerdict.WRONG_CREDENTIALS, id="token server says no"),
        pytest.param([ASKS_BEARER, RegistryAnswer(403)], LoginVerdict.WRONG_CREDENTIALS, id="token server forbids"),
        pytest.param([ASKS_BEARER, GIVES, NO], LoginVerdict.TOKEN_REFUSED, id="registry refuses the token"),
        pytest.param([ASKS_BEARER, SILENCE], LoginVerdict.UNREACHABLE, id="token server is silent"),
        pytest.param([ASKS_BEARER, BAD_CERTIFICATE], LoginVerdict.UNTRUSTED, id="certificate of the token server"),
        pytest.param([ASKS_BEARER, NOT_TLS], LoginVerdict.NO_TLS, id="token server without TLS"),
        pytest.param([ASKS_BEARER, RegistryAnswer(302)], LoginVerdict.NOT_A_REGISTRY, id="token server redirects"),
        pytest.param([ASKS_BEARER, RegistryAnswer(404)], LoginVerdict.NOT_A_REGISTRY, id="token server is none"),
        pytest.param([ASKS_BEARER, RegistryAnswer(503)], LoginVerdict.UNREACHABLE, id="token server fails"),
        pytest.param([ASKS_BEARER, RegistryAnswer(429)], LoginVerdict.RATE_LIMITED, id="token server is busy"),
        pytest.param([ASKS_BEARER, RegistryAnswer(200)], LoginVerdict.NOT_A_REGISTRY, id="no token: nothing"),
        pytest.param(
            [ASKS_BEARER, RegistryAnswer(200, (), b"[" * 100_000)], LoginVerdict.NOT_A_REGISTRY, id="no token: brackets"
        ),
        pytest.param(
            [ASKS_BEARER, RegistryAnswer(200, (), b'{"token": 1}')], LoginVerdict.NOT_A_REGISTRY, id="no token: number"
        ),
        pytest.param(
            [ASKS_BEARER, RegistryAnswer(200, (), b'{"token": "a\\nb"}')],
            LoginVerdict.NOT_A_REGISTRY,
            id="token: lines",
        ),
        pytest.param([asks("Bearer")], LoginVerdict.NOT_A_REGISTRY, id="no token server"),
        pytest.param([asks('Bearer realm="/token"')], LoginVerdict.NOT_A_REGISTRY, id="token server without a host"),
        pytest.param([asks('Bearer realm="http://r.example/"')], LoginVerdict.UNSAFE_TOKEN_SERVER, id="without TLS"),
        pytest.param([asks('Bearer realm="http://127.0.0.1/"')], LoginVerdict.UNSAFE_TOKEN_SERVER, id="this machine"),
        pytest.param([asks("Negotiate")], LoginVerdict.NOT_A_REGISTRY, id="another kind of login"),
        pytest.param([NO], LoginVerdict.NOT_A_REGISTRY, id="no challenge"),
        pytest.param([WELCOME], LoginVerdict.NOT_ASKED, id="the registry needs no login"),
        pytest.param([WEB_SITE], LoginVerdict.NOT_A_REGISTRY, id="web site"),
        pytest.param([RegistryAnswer(404)], LoginVerdict.NOT_A_REGISTRY, id="nothing there"),
        pytest.param([RegistryAnswer(403)], LoginVerdict.NOT_A_REGISTRY, id="forbidden before any login"),
        pytest.param([RegistryAnswer(301)], LoginVerdict.NOT_A_REGISTRY, id="redirect"),
        pytest.param([RegistryAnswer(429)], LoginVerdict.RATE_LIMITED, id="rate limited"),
        pytest.param([RegistryAnswer(503)], LoginVerdict.UNREACHABLE, id="fails"),
        pytest.param([SILENCE], LoginVerdict.UNREACHABLE, id="silent"),
        pytest.param([REFUSED], LoginVerdict.UNREACHABLE, id="refuses, and is not asked without TLS"),
        pytest.param([NOT_TLS], LoginVerdict.NO_TLS, id="no TLS, and is not asked without"),
        pytest.param([BAD_CERTIFICATE], LoginVerdict.UNTRUSTED, id="certificate"),
        pytest.param([NoAnswer(Failing.NOT_HTTP, "x")], LoginVerdict.NOT_A_REGISTRY, id="another protocol"),
    ],
)
def test_verdicts(replies: list[Reply], expected: LoginVerdict) -> None:
    """Each way that a login can go has its verdict, with what it means and what to do; no secret is in it."""
    told = tell(*replies)
    assert told.result.verdict is expected
    assert told.result.detail
    assert bool(told.result.consequence) == bool(told.result.fix) == (told.result.exit_code is not ExitCode.OK)
    assert "canary" not in repr(told)


BEARER_PULL = [ASKS_BEARER, GIVES, WELCOME, GIVES]


@pytest.mark.parametrize(
    ("replies", "expected"),
    [
        pytest.param([*BEARER_PULL, RegistryAnswer(200)], LoginVerdict.OK, id="may pull"),
        pytest.param([*BEARER_PULL, NO], LoginVerdict.MAY_NOT_PULL, id="token without the right"),
        pytest.param([*BEARER_PULL, RegistryAnswer(403)], LoginVerdict.MAY_NOT_PULL, id="forbidden"),
        pytest.param([*BEARER_PULL, RegistryAnswer(404)], LoginVerdict.NO_SUCH_IMAGE, id="no image"),
        pytest.param([*BEARER_PULL, RegistryAnswer(429)], LoginVerdict.RATE_LIMITED, id="pull limit"),
        pytest.param([*BEARER_PULL, RegistryAnswer(307)], LoginVerdict.NOT_A_REGISTRY, id="manifest elsewhere"),
        pytest.param([*BEARER_PULL, SILENCE], LoginVerdict.UNREACHABLE, id="silent"),
        pytest.param([ASKS_BEARER, GIVES, WELCOME, NO], LoginVerdict.MAY_NOT_PULL, id="no token for it"),
        pytest.param([ASKS_BEARER, GIVES, WELCOME, SILENCE], LoginVerdict.UNREACHABLE, id="token server falls silent"),
        pytest.param([ASKS_BEARER, NO], LoginVerdict.WRONG_CREDENTIALS, id="wrong password"),
        pytest.param([ASKS_BASIC, WELCOME, RegistryAnswer(200)], LoginVerdict.OK, id="basic"),
        pytest.param(
            [ASKS_BASIC, WELCOME, RegistryAnswer(403)], LoginVerdict.MAY_NOT_PULL, id="basic without the right"
        ),
        pytest.param([WELCOME, RegistryAnswer(200)], LoginVerdict.NOT_ASKED, id="everybody"),
        pytest.param([WELCOME, NO], LoginVerdict.MAY_NOT_PULL, id="everybody in, nobody pulls"),
    ],
)
def test_pulls(replies: list[Reply], expected: LoginVerdict) -> None:
    """To log in is one thing, to pull another."""
    assert tell(*replies, pulls=IMAGE).result.verdict is expected


@pytest.mark.parametrize(
    ("replies", "expected"),
    [
        ([ASKS_BEARER, GIVES, RegistryAnswer(200)], LoginVerdict.OK),
        ([ASKS_BEARER, NO], LoginVerdict.MAY_NOT_PULL),
        ([ASKS_BEARER, GIVES, NO], LoginVerdict.MAY_NOT_PULL),
        ([ASKS_BASIC], LoginVerdict.MAY_NOT_PULL),
        ([WELCOME, RegistryAnswer(200)], LoginVerdict.OK),
    ],
)
def test_anonymous_pulls(replies: list[Reply], expected: LoginVerdict) -> None:
    """An image that no credential is for may be everybody's."""
    told = tell(*replies, credential=ANONYMOUS, pulls=IMAGE)
    assert told.result.verdict is expected
    assert told.result.username is None
    assert all(credential in (None, f"Bearer {TOKEN}") for _, credential in told.sent)


@pytest.mark.parametrize("reply", [REFUSED, NOT_TLS])
def test_without_tls_on_this_machine(reply: Reply) -> None:
    """A registry on loopback that does not use TLS is asked without, and its credential goes there so."""
    told = tell(reply, ASKS_BASIC, WELCOME, registry="127.0.0.1:5000")
    assert told.result.verdict is LoginVerdict.OK
    assert told.sent[1:] == [("GET http://127.0.0.1:5000/v2/", None), ("GET http://127.0.0.1:5000/v2/", BASIC)]


@pytest.mark.parametrize("reply", [BAD_CERTIFICATE, SILENCE, WEB_SITE])
def test_tls_is_not_given_up(reply: Reply) -> None:
    """Where TLS answers, or nothing does, there is no second try without, not even on this machine."""
    assert len(tell(reply, registry="127.0.0.1:5000").asked) == 1


def test_insecure_registry() -> None:
    """One that the user calls insecure needs no certificate, and no TLS."""
    told = tell(NOT_TLS, ASKS_BASIC, WELCOME, insecure=("r.example",))
    assert told.sent[2] == ("GET http://r.example/v2/", BASIC)
    assert not told.asked[0].vouched


def test_retry_after() -> None:
    """When to come back is said where the registry says it in seconds; nothing else of its header is repeated."""
    assert "in 30 s" in tell(RegistryAnswer(429, (("Retry-After", "30"),))).result.detail
    assert "later" in tell(RegistryAnswer(429, (("Retry-After", "\x1b[31m"),))).result.detail


def test_bytes_that_are_not_utf8_are_sent_as_docker_gets_them() -> None:
    """The engine's API replaces them."""
    told = tell(ASKS_BASIC, WELCOME, credential=Credential(username="b\udcff", password=Secret("p")))
    assert told.sent[1][1] == "Basic Yu+/vTpw"


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        ([], 0),
        ([LoginVerdict.OK, LoginVerdict.NOT_ASKED], 0),
        ([LoginVerdict.OK, LoginVerdict.UNREACHABLE], 5),
        ([LoginVerdict.RATE_LIMITED], 5),
        ([LoginVerdict.UNREACHABLE, LoginVerdict.WRONG_CREDENTIALS, LoginVerdict.OK], 4),
        ([LoginVerdict.UNTRUSTED], 4),
        ([LoginVerdict.NOT_A_REGISTRY], 4),
    ],
)
def test_exit_status(verdicts: list[LoginVerdict], expected: int) -> None:
    """A no counts more than silence."""
    assert login_result.exit_code([LoginResult("r", "u", each, "") for each in verdicts]) == expected
