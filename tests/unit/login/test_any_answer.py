"""Whatever a registry answers: the login ends, says nothing secret, and its credential goes nowhere else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Optional, Union

from ecsauth.login import client, endpoints
from ecsauth.login.endpoints import Failing, NoAnswer, RegistryAnswer
from ecsauth.login.targets import LoginTarget, image
from ecsauth.registry.credential import Credential
from ecsauth.secret import Secret
from hypothesis import given
from hypothesis import strategies as st

if TYPE_CHECKING:
    from ecsauth.login.endpoints import Ask
    from ecsauth.login.result import LoginResult

MOST_REQUESTS = 6
REGISTRY, NAMED = "r.example", "auth.example"
SECRET = "canary"

_WORDS = st.sampled_from(
    [
        'Basic realm="x"',
        "Basic",
        f'Bearer realm="https://{NAMED}/token",service="s"',
        f'Bearer realm="http://{NAMED}/token"',
        f'Bearer realm="https://{REGISTRY}@evil.example/"',
        f'Bearer realm="https://{NAMED}\\\\@evil.example/"',
        'Bearer realm="//evil.example/"',
        'Bearer realm="http://127.0.0.1/"',
        ", ",
        '"',
        "Negotiate abc==",
    ]
)
_CHALLENGES = st.lists(_WORDS, max_size=4).map("".join) | st.text(max_size=40)
_NAMES = st.sampled_from(["WWW-Authenticate", "www-authenticate", "Content-Type", "Location", "Retry-After"])
_TEXTS = _CHALLENGES | st.sampled_from(["application/json", "text/html", "https://evil.example/", "1"])
_BODIES = st.sampled_from([b"", b'{"token":"t-of-server"}', b'{"access_token":"t-of-server"}', b"[[["]) | st.binary()
_ANSWERS = st.builds(
    RegistryAnswer,
    st.sampled_from([200, 301, 400, 401, 403, 404, 429, 500, 999]),
    st.lists(st.tuples(_NAMES, _TEXTS), max_size=4).map(tuple),
    _BODIES,
)
_FAILURES = st.builds(NoAnswer, st.sampled_from(Failing), st.just("fails"))
_CREDENTIALS = st.sampled_from(
    [
        Credential(username="bob", password=Secret(SECRET)),
        Credential(username="bob", identitytoken=Secret(SECRET)),
        Credential(username="bob", registrytoken=Secret(SECRET)),
        Credential(username="bob", password=Secret(SECRET), registrytoken=Secret(f"{SECRET}\r\n")),
    ]
)
_WELCOME = RegistryAnswer(200, (("Content-Type", "application/json"),), b'{"token":"t-of-server"}')


def carries(ask: Ask) -> bool:
    """Tell whether a request has the credential in it."""
    return ask.form is not None or (ask.authorization is not None and "t-of-server" not in ask.authorization.reveal())


@given(st.lists(_ANSWERS | _FAILURES | st.just(_WELCOME), max_size=MOST_REQUESTS), _CREDENTIALS, st.booleans())
def test_any_answers(replies: list[Union[RegistryAnswer, NoAnswer]], credential: Credential, pulls: bool) -> None:
    """A credential goes over TLS, to the registry or to the host that its first answer names."""
    target = LoginTarget(REGISTRY, REGISTRY, credential, image(f"{REGISTRY}/a:1") if pulls else None)
    talk = client.login(target, endpoints.Trust())
    asked: list[Ask] = []
    left = [*replies, *[NoAnswer(Failing.SILENT, "is silent")] * MOST_REQUESTS]
    reply: Optional[Union[RegistryAnswer, NoAnswer]] = None
    result: Optional[LoginResult] = None
    try:
        while True:
            asked.append(talk.send(reply) if reply is not None else next(talk))
            reply = left.pop(0)
    except StopIteration as end:
        result = end.value
    assert result is not None
    assert len(asked) <= MOST_REQUESTS
    for ask in asked:
        assert ask.vouched
        assert ask.url.scheme == "https"
        assert ask.url.host in (REGISTRY, NAMED)
        assert ask.url.host == REGISTRY or not (ask.authorization and "t-of-server" in ask.authorization.reveal())
    assert not carries(asked[0])
    assert SECRET not in repr((result, asked))
    assert str(result).isprintable()
