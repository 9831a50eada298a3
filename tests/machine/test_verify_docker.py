"""The counter-check: what `verify` says of a credential, docker finds as well, at the same registry."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING, NamedTuple

import docker_registry
import pytest
from certificates import Certificates
from docker_registry import REPOSITORY, DockerRegistry
from needs import need
from registry_file import only, pair, verify
from token_server import TokenServer

if TYPE_CHECKING:
    from pathlib import Path

PASSWORD, WRONG = "right-password", "wrong-password"
PATIENCE_S = 60.0


class Docker:
    """The docker command with a configuration of its own."""

    def __init__(self, folder: Path) -> None:
        settings = folder / "docker"
        settings.mkdir()
        # With an entry in it docker leaves the machine's credential helpers alone.
        (settings / "config.json").write_text('{"auths": {"registry.invalid": {}}}')
        self._environment = {**os.environ, "DOCKER_CONFIG": str(settings)}

    def logs_in(self, host: str, username: str, password: str) -> bool:
        """Tell whether `docker login` succeeds."""
        return self._succeeds("login", "--username", username, "--password-stdin", host, stdin=password)

    def pulls(self, image: str) -> bool:
        """Tell whether `docker pull` succeeds; what it pulls does not stay."""
        pulled = self._succeeds("pull", image)
        if pulled:
            assert self._succeeds("rmi", image)
        return pulled

    def _succeeds(self, *arguments: str, stdin: str = "") -> bool:
        done = subprocess.run(
            ["docker", *arguments],
            env=self._environment,
            input=stdin,
            text=True,
            capture_output=True,
            timeout=PATIENCE_S,
            check=False,
        )
        return done.returncode == 0


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, docker_lack: str | None) -> Path:
    """Give a registry's folder with the image in it."""
    need(docker_lack)
    need(docker_registry.lack())
    folder = tmp_path_factory.mktemp("registry")
    docker_registry.fill(folder)
    return folder


class Case(NamedTuple):
    """Who pulls what, and the verdict."""

    username: str
    password: str
    tag: str
    verdict: str

    def agree(self, registry: DockerRegistry, folder: Path, **environment: str) -> None:
        """Assert the verdict, and that docker comes to the same at its login and its pull."""
        docker = Docker(folder)
        image = f"{registry.host}/{REPOSITORY}:{self.tag}"
        credentials = {registry.host: pair(self.username, self.password)}
        login = verify(folder, credentials, **environment)
        pull = verify(folder, credentials, "--image", image, **environment)
        assert only(pull)["result"] == self.verdict
        assert docker.logs_in(registry.host, self.username, self.password) == (login.status == 0)
        assert docker.pulls(image) == (pull.status == 0)


RIGHT, ABSENT = Case("bob", PASSWORD, "1", "ok"), Case("bob", PASSWORD, "2", "no-such-image")
REFUSED = Case("bob", WRONG, "1", "wrong-credentials")


@pytest.mark.parametrize("case", [RIGHT, ABSENT, REFUSED], ids=str)
@pytest.mark.parametrize("tls", [False, True])
def test_passwords(folder: Path, tmp_path: Path, tls: bool, case: Case) -> None:
    """By htpasswd, without TLS and with it."""
    certificates = Certificates(tmp_path)
    certificate, trust = (certificates.server_file, {"SSL_CERT_FILE": str(certificates.ca_file)}) if tls else (None, {})
    with DockerRegistry(folder, users={"bob": PASSWORD}, certificate=certificate) as registry:
        case.agree(registry, tmp_path, **trust)


@pytest.mark.parametrize("case", [RIGHT, ABSENT, REFUSED, Case("eve", PASSWORD, "1", "may-not-pull")], ids=str)
def test_tokens(folder: Path, tmp_path: Path, case: Case) -> None:
    """By a token server."""
    with TokenServer(folder) as tokens:
        tokens.users = {"bob": PASSWORD, "eve": PASSWORD}
        tokens.rights = {"bob": (REPOSITORY,)}
        with DockerRegistry(folder, tokens=tokens) as registry:
            case.agree(registry, tmp_path)


def test_expired_tokens(folder: Path, tmp_path: Path) -> None:
    """By one whose tokens have expired."""
    with TokenServer(folder) as tokens:
        tokens.users, tokens.lifetime = {"bob": PASSWORD}, -1800
        with DockerRegistry(folder, tokens=tokens) as registry:
            RIGHT._replace(verdict="token-refused").agree(registry, tmp_path)


def test_no_registry(folder: Path, tmp_path: Path) -> None:
    """Where nobody answers."""
    RIGHT._replace(verdict="unreachable").agree(DockerRegistry(folder), tmp_path)


@pytest.fixture
def bridge(folder: Path) -> str:
    """Give an address of this machine that docker does not take for loopback: that of its own bridge."""
    del folder
    asked = ["ip", "-oneline", "-4", "address", "show", "docker0"]
    shown = subprocess.run(asked, capture_output=True, text=True, timeout=PATIENCE_S, check=False).stdout
    address = shown.partition(" inet ")[2].partition("/")[0]
    need(None if address else "docker has no bridge")
    return address


@pytest.mark.parametrize("tls", [False, True])
def test_what_docker_does_not_trust(folder: Path, tmp_path: Path, bridge: str, tls: bool) -> None:
    """Off loopback docker wants TLS, and a certificate of an authority that it knows."""
    certificate = Certificates(tmp_path, address=bridge).server_file if tls else None
    with DockerRegistry(folder, users={"bob": PASSWORD}, certificate=certificate, address=bridge) as registry:
        RIGHT._replace(verdict="untrusted" if tls else "no-tls").agree(registry, tmp_path)
