"""The login as a generator without I/O: it yields requests, gets the replies, and returns the result.

Source: the registry HTTP API v2 and its token authentication (distribution docs/spec/api.md, docs/spec/auth), and
docker's engine (distribution registry/client/auth/session.go, moby registry/auth.go). The engine requests `/v2/` first,
uses only the challenges of that answer, and never sends a user name without a password or a password alone.
"""

from __future__ import annotations

import json
import re
import urllib.parse
from binascii import b2a_base64
from typing import TYPE_CHECKING, NamedTuple, Optional, Union

from ecsauth.envfile.reading import as_sent
from ecsauth.login import endpoints
from ecsauth.login.endpoints import Ask, Failing, NoAnswer, RegistryAnswer, Reply, Url
from ecsauth.login.result import LoginOutcome, LoginResult, LoginVerdict
from ecsauth.registry.credential import ANONYMOUS
from ecsauth.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Generator

    from ecsauth.login.endpoints import Challenge, Trust
    from ecsauth.login.targets import Image, LoginTarget
    from ecsauth.registry.credential import Credential

    Login = Generator[Ask, Reply, LoginResult]
    Step = Generator[Ask, Reply, LoginOutcome]

_OK, _UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND, _TOO_MANY = 200, 401, 403, 404, 429
_REDIRECTS, _SERVER_FAULTS = range(300, 400), range(500, 600)
_REFUSED = (_UNAUTHORIZED, _FORBIDDEN)
_REGISTRY = "the registry"
# The media types that docker requests, and the client ID that it sends with an identity token.
_MANIFESTS = (
    "application/vnd.docker.distribution.manifest.v2+json, "
    "application/vnd.docker.distribution.manifest.list.v2+json, "
    "application/vnd.oci.image.index.v1+json, "
    "application/vnd.oci.image.manifest.v1+json, "
    "application/vnd.docker.distribution.manifest.v1+prettyjws"
)
_CLIENT = "docker"
# In characters: longer than any token that a registry accepts in a header.
_LONGEST_TOKEN = 64 * 1024


def login(target: LoginTarget, trust: Trust) -> Login:
    """Log in as docker would, and request the image if the target has one."""
    outcome = yield from _outcome(target, trust)
    image = target.image.text if target.image else None
    return LoginResult(target.shown, target.username, outcome.verdict, outcome.detail, image)


def _outcome(target: LoginTarget, trust: Trust) -> Step:
    url = endpoints.api(target.registry)
    if url is None:
        return LoginOutcome(LoginVerdict.NOT_A_REGISTRY, "this host cannot be part of an image name")
    is_anonymous = target.image is not None and target.credential == ANONYMOUS
    if not is_anonymous and not _can_log_in(target.credential):
        return LoginOutcome(
            LoginVerdict.NO_CREDENTIALS, "docker sends a credential only if it has a user name and a password"
        )
    registry = yield from _probe(url, trust)
    if isinstance(registry, LoginOutcome):
        return registry
    session = _Session(target.credential, registry, trust)
    outcome = (
        LoginOutcome(LoginVerdict.OK, "the image can be pulled without a credential")
        if is_anonymous
        else (yield from session.log_in())
    )
    if target.image is None or outcome.verdict not in (LoginVerdict.OK, LoginVerdict.NOT_ASKED):
        return outcome
    refused = yield from session.look_for(target.image, is_anonymous=is_anonymous)
    return refused or outcome._replace(
        detail=outcome.detail if is_anonymous else f"{outcome.detail}, and the image can be pulled"
    )


def _can_log_in(credential: Credential) -> bool:
    """Tell whether docker would send it (distribution registry/client/auth/session.go, moby registry/auth.go)."""
    is_pair = bool(credential.username) and bool(credential.password)
    return is_pair or bool(credential.identitytoken) or bool(credential.registrytoken)


class _ProbedRegistry(NamedTuple):
    """A registry that has answered, with its challenges; without any, it needs no login."""

    url: Url
    bearer: Optional[Challenge] = None
    basic: bool = False

    @property
    def is_open(self) -> bool:
        return self.bearer is None and not self.basic


def _probe(url: Url, trust: Trust) -> Generator[Ask, Reply, Union[_ProbedRegistry, LoginOutcome]]:
    """Request the registry's challenges without a credential; without TLS only if that is allowed."""
    reply = yield Ask("GET", url, url.authority, trust.vouched(url))
    broken = isinstance(reply, NoAnswer) and reply.kind in (Failing.BROKEN, Failing.NOT_TLS)
    if broken and trust.may_be_plain(url):
        second = yield Ask("GET", endpoints.plain(url), url.authority)
        if isinstance(second, RegistryAnswer) or (isinstance(reply, NoAnswer) and reply.kind is Failing.NOT_TLS):
            url, reply = endpoints.plain(url), second
    if isinstance(reply, NoAnswer):
        return _failed(reply, _REGISTRY)
    if reply.status == _OK:
        return _ProbedRegistry(url) if _is_registry(reply) else _unlike_a_registry()
    if reply.status != _UNAUTHORIZED:
        return _unexpected(reply, _REGISTRY)
    challenges = endpoints.parse(reply.headers_of("WWW-Authenticate"))
    bearer = next((challenge for challenge in challenges if challenge.scheme == "bearer"), None)
    registry = _ProbedRegistry(url, bearer, any(challenge.scheme == "basic" for challenge in challenges))
    return (
        LoginOutcome(LoginVerdict.NOT_A_REGISTRY, "it requires a type of login that docker does not support")
        if (registry.is_open)
        else registry
    )


class _Session:
    """The requests of one credential to its registry."""

    def __init__(self, credential: Credential, registry: _ProbedRegistry, trust: Trust) -> None:
        self._credential = credential
        self._registry = registry
        self._trust = trust

    def log_in(self) -> Step:
        """Repeat the request for `/v2/` with the credential."""
        if self._registry.is_open:
            return LoginOutcome(LoginVerdict.NOT_ASKED, "the registry needs no login; the credential was not verified")
        authorization = yield from self._authorization(None)
        if isinstance(authorization, LoginOutcome):
            return authorization
        reply = yield self._ask("GET", "/v2/", authorization)
        if isinstance(reply, NoAnswer):
            return _failed(reply, _REGISTRY)
        if reply.status == _OK:
            return LoginOutcome(LoginVerdict.OK, "logs in") if _is_registry(reply) else _unlike_a_registry()
        if reply.status not in _REFUSED:
            return _unexpected(reply, _REGISTRY)
        if self._registry.bearer is not None:
            given = "from the file" if self._credential.registrytoken else "from its token server"
            return LoginOutcome(LoginVerdict.TOKEN_REFUSED, f"the registry refuses the token {given} ({reply.status})")
        return LoginOutcome(
            LoginVerdict.WRONG_CREDENTIALS, f"the registry refuses the user name and password ({reply.status})"
        )

    def look_for(self, image: Image, *, is_anonymous: bool) -> Generator[Ask, Reply, Optional[LoginOutcome]]:
        """Request the image's manifest; return the outcome if it fails, None if it succeeds."""
        authorization = yield from self._authorization(f"repository:{image.repository}:pull")
        if isinstance(authorization, LoginOutcome):
            is_refused = authorization.verdict in (LoginVerdict.WRONG_CREDENTIALS, LoginVerdict.NO_CREDENTIALS)
            return (
                _no_pull("its token server refuses a token for the image", is_anonymous=is_anonymous)
                if is_refused
                else authorization
            )
        path = f"/v2/{image.repository}/manifests/{image.reference}"
        reply = yield self._ask("HEAD", path, authorization, _MANIFESTS)
        if isinstance(reply, NoAnswer):
            return _failed(reply, _REGISTRY)
        if reply.status == _OK:
            return None
        if reply.status in _REFUSED:
            return _no_pull(f"the registry refuses access to the image ({reply.status})", is_anonymous=is_anonymous)
        if reply.status == _NOT_FOUND:
            return LoginOutcome(LoginVerdict.NO_SUCH_IMAGE, "the registry does not have this image (404)")
        return _unexpected(reply, _REGISTRY)

    def _ask(self, method: str, path: str, authorization: Optional[Secret], accept: str = "application/json") -> Ask:
        url = self._registry.url._replace(path=path)
        return Ask(method, url, url.authority, self._trust.vouched(url), authorization, accept=accept)

    def _authorization(self, scope: Optional[str]) -> Generator[Ask, Reply, Union[Secret, LoginOutcome, None]]:
        """Return the Authorization header that the registry needs, None if it needs none."""
        credential, registry = self._credential, self._registry
        if registry.is_open:
            return None
        if registry.bearer is not None:
            token = credential.registrytoken or (yield from self._token(registry.bearer, scope))
            if isinstance(token, Secret) and not _is_token(token.reveal()):
                return LoginOutcome(
                    LoginVerdict.NO_CREDENTIALS, "the registrytoken of the file cannot be sent in a header"
                )
            return token if isinstance(token, LoginOutcome) else Secret(f"Bearer {token.reveal()}")
        if not (credential.username and credential.password):
            return LoginOutcome(LoginVerdict.NO_CREDENTIALS, "the registry requires a user name and a password")
        return _basic(credential)

    def _token(self, bearer: Challenge, scope: Optional[str]) -> Generator[Ask, Reply, Union[Secret, LoginOutcome]]:
        """Request a token from the registry's token server; only this server gets the credential."""
        credential, registry = self._credential, self._registry
        server = endpoints.realm(bearer.get("realm"))
        if server is None:
            return LoginOutcome(LoginVerdict.NOT_A_REGISTRY, "the registry requires a token, but names no token server")
        refusal = endpoints.refusal(server, registry.url, self._trust)
        if refusal is not None:
            return LoginOutcome(LoginVerdict.UNSAFE_TOKEN_SERVER, refusal)
        reply = yield self._token_ask(server, bearer, scope)
        who = f"its token server {server.authority}"
        if isinstance(reply, NoAnswer):
            return _failed(reply, who)
        if reply.status in _REFUSED:
            what = "identity token" if credential.identitytoken else "user name and password"
            return LoginOutcome(LoginVerdict.WRONG_CREDENTIALS, f"{who} refuses the {what} ({reply.status})")
        if reply.status != _OK:
            return _unexpected(reply, who)
        token = _token_of(reply.body)
        return token or LoginOutcome(LoginVerdict.NOT_A_REGISTRY, f"{who} returned no token")

    def _token_ask(self, server: Url, bearer: Challenge, scope: Optional[str]) -> Ask:
        """Return docker's request: GET with the pair, POST with an identity token (docs/spec/auth/oauth.md)."""
        credential, registry = self._credential, self._registry.url.authority
        service = bearer.get("service")
        query = [("service", service)] if service else []
        query += [("scope", scope)] if scope else []
        ask = Ask("GET", server, registry, self._trust.vouched(server), wants_body=True)
        if credential.identitytoken:
            secret = (("grant_type", "refresh_token"), ("refresh_token", credential.identitytoken.reveal()))
            form = urllib.parse.urlencode((*secret, ("client_id", _CLIENT), *query))
            return ask._replace(method="POST", form=Secret(form))
        authorization = None
        if credential.username and credential.password:
            query.append(("account", as_sent(credential.username)))
            authorization = _basic(credential)
        joint = "&" if "?" in server.path else "?"
        path = server.path + (joint + urllib.parse.urlencode(query) if query else "")
        return ask._replace(url=server._replace(path=path), authorization=authorization)


def _basic(credential: Credential) -> Secret:
    pair = f"{as_sent(credential.username)}:{as_sent(credential.password.reveal())}"
    return Secret(f"Basic {b2a_base64(pair.encode('utf-8'), newline=False).decode('ascii')}")


def _token_of(body: bytes) -> Optional[Secret]:
    """Return the token in a token server's answer, also under its name in OAuth."""
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(content, dict):
        return None
    token = content.get("token") or content.get("access_token")
    return Secret(token) if isinstance(token, str) and _is_token(token) else None


def _is_token(text: str) -> bool:
    """Tell whether a header can have this token."""
    return len(text) <= _LONGEST_TOKEN and re.fullmatch(r"[!-~]+", text) is not None


def _is_registry(answer: RegistryAnswer) -> bool:
    """Tell whether a registry answered, and not a web site: by the header of the first specification, or by JSON."""
    is_json = answer.header("Content-Type").lower().startswith("application/json")
    return is_json or answer.header("Docker-Distribution-Api-Version").lower().startswith("registry/2")


def _unlike_a_registry() -> LoginOutcome:
    return LoginOutcome(LoginVerdict.NOT_A_REGISTRY, "the answer is not from a registry; it may be from a web site")


def _no_pull(why: str, *, is_anonymous: bool) -> LoginOutcome:
    return LoginOutcome(
        LoginVerdict.MAY_NOT_PULL, f"the file has no credential for this image, and {why}" if is_anonymous else why
    )


def _failed(failure: NoAnswer, who: str) -> LoginOutcome:
    verdicts = {Failing.NOT_TLS: LoginVerdict.NO_TLS, Failing.UNTRUSTED: LoginVerdict.UNTRUSTED}
    verdicts[Failing.NOT_HTTP] = LoginVerdict.NOT_A_REGISTRY
    return LoginOutcome(verdicts.get(failure.kind, LoginVerdict.UNREACHABLE), f"{who} {failure.detail}")


def _unexpected(answer: RegistryAnswer, who: str) -> LoginOutcome:
    """Return the outcome of an answer that neither accepts nor refuses the login."""
    status = answer.status
    if status == _TOO_MANY:
        seconds = answer.header("Retry-After").strip()
        when = f"in {seconds} s" if re.fullmatch("[0-9]{1,6}", seconds) else "later"
        return LoginOutcome(LoginVerdict.RATE_LIMITED, f"{who} limits the number of requests: retry {when} (429)")
    if status in _SERVER_FAULTS:
        return LoginOutcome(LoginVerdict.UNREACHABLE, f"{who} returned {status}")
    if status in _REDIRECTS:
        return LoginOutcome(
            LoginVerdict.NOT_A_REGISTRY, f"{who} redirects ({status}); the credential was not sent to the new address"
        )
    return LoginOutcome(
        LoginVerdict.NOT_A_REGISTRY, f"{who} returned {status}, which neither accepts nor refuses the login"
    )
