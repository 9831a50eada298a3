"""`verify` against the real registry: passwords and tokens, right and wrong, and what may be pulled."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Optional

import docker_registry
import program
import pytest
from certificates import Certificates
from docker_registry import REPOSITORY, DockerRegistry
from needs import need
from registry_file import ENVIRONMENT, only, pair, verify, write
from token_server import TokenServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from canary import Canary


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a registry's folder with the image in it."""
    need(docker_registry.lack())
    folder = tmp_path_factory.mktemp("registry")
    docker_registry.fill(folder)
    return folder


@pytest.fixture
def basic(folder: Path, canary: Canary) -> Iterator[DockerRegistry]:
    """Serve with passwords."""
    with DockerRegistry(folder, users={"bob": canary.password}) as registry:
        yield registry


@pytest.fixture
def tokens(folder: Path, canary: Canary) -> Iterator[TokenServer]:
    """Serve tokens: bob may pull, eve may not."""
    with TokenServer(folder) as server:
        server.users = {"bob": canary.password, "eve": canary.password}
        server.identity_tokens = {f"identity-{canary.password}": "bob"}
        server.rights = {"bob": (REPOSITORY, "no/such")}
        yield server


@pytest.fixture
def bearer(folder: Path, tokens: TokenServer) -> Iterator[DockerRegistry]:
    """Serve with tokens."""
    with DockerRegistry(folder, tokens=tokens) as registry:
        yield registry


class Case(NamedTuple):
    """Who logs in ({} is the right password), what is to be pulled, and what comes of it."""

    username: str
    password: str
    image: Optional[str]
    expected: str

    def try_at(self, registry: DockerRegistry, canary: Canary, folder: Path) -> None:
        """Log in, and compare."""
        credentials = {registry.host: pair(self.username, self.password.format(canary.password))}
        done = verify(folder, credentials, *(["--image", f"{registry.host}/{self.image}"] if self.image else []))
        assert only(done)["result"] == self.expected
        assert done.status == (0 if self.expected == "ok" else 4)
        canary.assert_not_in(done.out + done.err, "the output")


PASSWORDS = [
    Case("bob", "{}", None, "ok"),
    Case("bob", "{}", f"{REPOSITORY}:1", "ok"),
    Case("bob", "{}", f"{REPOSITORY}:2", "no-such-image"),
    Case("bob", "{}", "no/such", "no-such-image"),
    Case("bob", "not-{}", None, "wrong-credentials"),
    Case("bob", "not-{}", f"{REPOSITORY}:1", "wrong-credentials"),
    Case("nobody", "{}", None, "wrong-credentials"),
]


@pytest.mark.parametrize("case", PASSWORDS, ids=str)
def test_basic(basic: DockerRegistry, canary: Canary, tmp_path: Path, case: Case) -> None:
    """A password is tried for real, by htpasswd."""
    case.try_at(basic, canary, tmp_path)


@pytest.mark.parametrize(
    "case", [*PASSWORDS, Case("eve", "{}", None, "ok"), Case("eve", "{}", f"{REPOSITORY}:1", "may-not-pull")], ids=str
)
def test_bearer(bearer: DockerRegistry, canary: Canary, tmp_path: Path, case: Case) -> None:
    """A token is asked for with the password, and tried; that somebody logs in does not say that they may pull."""
    case.try_at(bearer, canary, tmp_path)


@pytest.mark.parametrize(("prefix", "expected"), [("identity", "ok"), ("other", "wrong-credentials")])
def test_identity_token(bearer: DockerRegistry, canary: Canary, tmp_path: Path, prefix: str, expected: str) -> None:
    """A token of `docker login` is given for a token, as docker does it."""
    done = verify(tmp_path, {bearer.host: {"username": "bob", "identitytoken": f"{prefix}-{canary.password}"}})
    assert only(done)["result"] == expected
    canary.assert_not_in(done.out + done.err, "the output")


def test_registry_token(bearer: DockerRegistry, tokens: TokenServer, tmp_path: Path) -> None:
    """A token of the registry itself is passed on, and refused when it has expired."""
    good = tokens.token("bob", f"repository:{REPOSITORY}:pull")
    tokens.lifetime = -1800
    old = tokens.token("bob", f"repository:{REPOSITORY}:pull")
    for token, expected in ((good, "ok"), (old, "token-refused")):
        done = verify(tmp_path, {bearer.host: {"username": "bob", "registrytoken": token}}, "--image", bearer.image)
        assert only(done)["result"] == expected
        assert token not in done.out + done.err


def test_expired_token(bearer: DockerRegistry, tokens: TokenServer, canary: Canary, tmp_path: Path) -> None:
    """A token server whose tokens are old when they are made is told apart from a wrong password."""
    tokens.lifetime = -1800
    done = verify(tmp_path, {bearer.host: pair("bob", canary.password)})
    assert (done.status, only(done)["result"]) == (4, "token-refused")


def test_nobody_is_let_in_everywhere(folder: Path, tmp_path: Path) -> None:
    """A registry that asks for nothing says nothing about a password."""
    with DockerRegistry(folder) as registry:
        done = verify(tmp_path, {registry.host: pair("bob", "p")}, "--image", registry.image)
    assert (done.status, only(done)["result"]) == (0, "not-asked")


def test_anonymous(bearer: DockerRegistry, canary: Canary, tokens: TokenServer, tmp_path: Path) -> None:
    """An image that no credential is for is looked for by nobody in particular."""
    credentials = {"registry.invalid": pair("bob", canary.password)}
    options = ("--image", bearer.image, "--registry", bearer.host)
    assert only(verify(tmp_path, credentials, *options))["result"] == "may-not-pull"
    tokens.rights[""] = (REPOSITORY,)
    done = verify(tmp_path, credentials, *options)
    assert only(done)["result"] == "ok"
    assert "username" not in only(done)


@pytest.mark.parametrize("trusted", [True, False])
def test_private_authority(folder: Path, canary: Canary, tmp_path: Path, trusted: bool) -> None:
    """A registry's certificate has to be vouched for, by an authority of the system's, or the one that is named."""
    certificates = Certificates(tmp_path)
    environment = {"SSL_CERT_FILE": str(certificates.ca_file)} if trusted else {}
    users = {"bob": canary.password}
    with DockerRegistry(folder, users=users, certificate=certificates.server_file) as registry:
        done = verify(tmp_path, {registry.host: pair("bob", canary.password)}, **environment)
        insecure = verify(tmp_path, {registry.host: pair("bob", canary.password)}, "--insecure-registry", registry.host)
    assert only(done)["result"] == ("ok" if trusted else "untrusted")
    assert only(insecure)["result"] == "ok"


def test_several(basic: DockerRegistry, canary: Canary, tmp_path: Path) -> None:
    """Each has a result, in the file's order; the status is that of the worst, and programs may choose one."""
    gone = "127.0.0.1:1"
    credentials = {gone: pair("bob", "p"), basic.host: pair("bob", canary.password)}
    done = verify(tmp_path, credentials)
    assert [each["result"] for each in done.document["results"]] == ["unreachable", "ok"]
    assert done.status == 5
    assert verify(tmp_path, credentials, "--registry", basic.host).status == 0
    assert verify(tmp_path, {gone: pair("bob", "p"), basic.host: pair("bob", "p")}).status == 4


def test_text(basic: DockerRegistry, canary: Canary, tmp_path: Path) -> None:
    """People read who, where, what it means and what to do."""
    file = write(tmp_path, {basic.host: pair("bob", f"not-{canary.password}")})
    done = program.run("verify", str(file), env=ENVIRONMENT)
    assert done.status == 4
    assert done.out.splitlines() == [
        f"{basic.host} as bob: wrong-credentials: the registry refuses the user name and password (401)",
        "  consequence: pulls from this registry will fail",
        "  fix: try the login with docker login, then put the credential that works into the file",
    ]
    assert done.err == ""


def test_file_with_an_error(basic: DockerRegistry, canary: Canary, tmp_path: Path) -> None:
    """Nobody is asked: the agent would not send what the file seems to say."""
    done = verify(tmp_path, {"auths": {basic.host: "x"}})
    assert (done.status, done.document["outcome"]) == (3, "failed")
    canary.assert_not_in(done.out + done.err, "the output")


def test_file_without_credentials(tmp_path: Path) -> None:
    """There is nothing to try, and that is said."""
    file = tmp_path / "ecs.config"
    file.write_text("ECS_CLUSTER=prod\n")
    done = program.run_here("verify", str(file), env=ENVIRONMENT)
    assert (done.status, done.out) == (0, "")
    assert "has no registry credentials" in done.err


@pytest.mark.parametrize(
    "options",
    [
        ("--registry", "registry.example.org"),
        ("--image", "No Image"),
        ("--insecure-registry", "a b"),
        ("--timeout", "0"),
    ],
)
def test_usage(tmp_path: Path, options: tuple[str, ...]) -> None:
    """What cannot be meant is refused before anybody is asked, and not repeated."""
    done = verify(tmp_path, {"registry.invalid": pair("bob", "p")}, *options)
    assert done.status == 2
    assert options[1] not in done.err.replace("must be a number", "") or options[1] == "0"
