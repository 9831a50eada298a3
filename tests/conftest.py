"""Fixtures: the real servers and the real machine that the tests stand on.

Everything heavy is a fixture of its own, so that a test pays for what it names only. What a machine may lack (a Docker
engine, strace) skips the test with the reason, and fails it where `CI=true` says that nothing may be missing.
"""

from __future__ import annotations

import contextlib
import gc
import resource
import sys
from typing import TYPE_CHECKING, Callable

import docker_engine
import instance_image as images
import own_host
import pytest
import tiers
import watch as watching
from canary import Canary, Recorder
from certificates import Certificates
from instance import Instance
from metadata_service import MetadataService
from needs import need
from s3_proxy import S3Proxy
from s3_server import S3Server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def pytest_addoption(parser: pytest.Parser) -> None:
    """Take `--own-host` and `--in-process`."""
    parser.addoption(
        "--own-host", action="store_true", help="run in a network of its own, with a Docker engine of its own, as root"
    )
    parser.addoption("--in-process", action="store_true", help="serve S3 from this process, not from one of its own")


def pytest_configure(config: pytest.Config) -> None:
    """Prepare this process."""
    if sys.version_info < (3, 10):
        # Its urllib3 leaves the answer of a proxy that refuses, and so a closed socket, to the garbage collector.
        config.addinivalue_line("filterwarnings", "ignore:unclosed <socket.socket .closed.:ResourceWarning")
    _enter_own_host(config)
    # Commands that run in this process give up core dumps for it, for good; a test of that needs one that has not.
    limit = resource.setrlimit
    resource.setrlimit = lambda kind, limits: None if kind == resource.RLIMIT_CORE else limit(kind, limits)


def _enter_own_host(config: pytest.Config) -> None:
    """Enter a host of its own where asked to, if this is a process that runs tests: with xdist the workers are."""
    if config.getoption("own_host") and (hasattr(config, "workerinput") or not config.getoption("numprocesses", None)):
        lack = own_host.lack()
        if lack is not None:
            raise pytest.UsageError(f"--own-host: {lack}")
        own_host.enter()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test that needs a Docker engine or boots an instance, and give each the marks of its tiers.

    By what it asks for, not by hand: every fixture that needs an engine asks why there may be none.
    """
    for item in items:
        fixtures = getattr(item, "fixturenames", ())
        if "instance_image" in fixtures:
            item.add_marker("instance")
        if "docker_lack" in fixtures:
            if item.nodeid.startswith("tests/unit/"):
                raise pytest.UsageError(f"{item.nodeid} needs docker: scripts/test does not look for it there")
            item.add_marker("docker")
        for tier in tiers.of(item.nodeid, frozenset(mark.name for mark in item.iter_markers())):
            item.add_marker(tier)


@pytest.fixture(autouse=True)
def garbage_is_collected() -> Iterator[None]:
    """Take back what a command run in this process has done to the collector: it is made for short lives."""
    yield
    gc.enable()


@pytest.fixture
def metadata() -> Iterator[MetadataService]:
    """Serve the metadata of an instance with a role."""
    with MetadataService() as service:
        yield service


@pytest.fixture(scope="session")
def moto_server(request: pytest.FixtureRequest) -> Iterator[S3Server]:
    """Run one moto server for the whole session: a process of its own, so that both use a processor, unless told."""
    with S3Server.in_process() if request.config.getoption("in_process") else S3Server.as_process() as server:
        yield server


@pytest.fixture
def s3_server(moto_server: S3Server) -> S3Server:
    """Serve S3, KMS, STS and IAM with nothing in them yet."""
    moto_server.reset()
    return moto_server


@pytest.fixture
def s3_proxy(s3_server: S3Server) -> Iterator[S3Proxy]:
    """Serve the same with the manners of S3, faults on demand, and a log of requests."""
    with S3Proxy(s3_server.url) as proxy:
        yield proxy


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    """Make a certificate authority and a server certificate for 127.0.0.1."""
    return Certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def s3_proxy_https(s3_server: S3Server, certificates: Certificates) -> Iterator[S3Proxy]:
    """Serve the same as `s3_proxy` over HTTPS; clients are to trust `certificates.ca_file`."""
    with S3Proxy(s3_server.url, tls=certificates.server_context()) as proxy:
        yield proxy


@pytest.fixture(scope="session")
def docker_lack(request: pytest.FixtureRequest) -> Iterator[str | None]:
    """Say once why no Docker engine can be used, or None; on a host of its own, one is started."""
    with own_host.engine() if request.config.getoption("own_host") else contextlib.nullcontext():
        yield docker_engine.lack()


@pytest.fixture
def docker(docker_lack: str | None) -> Iterator[docker_engine.DockerEngine]:
    """Be alone with the Docker engine: no agent of the tests is there before or after."""
    need(docker_lack)
    with docker_engine.exclusive() as engine:
        yield engine


@pytest.fixture(scope="session")
def instance_image(docker_lack: str | None) -> str:
    """Give the image that instances are made of, built now if need be: a minute, once on a machine."""
    need(docker_lack)
    need(images.lack())
    return images.build()


@pytest.fixture
def instance(instance_image: str, s3_server: S3Server) -> Iterator[Instance]:
    """Give an instance with systemd and cloud-init that has not been booted yet."""
    with Instance(instance_image, s3_server) as instance:
        yield instance


@pytest.fixture(scope="session")
def strace_lack() -> str | None:
    """Say once why strace cannot be used, or None."""
    return watching.lack()


@pytest.fixture
def watch(strace_lack: str | None) -> Callable[..., watching.Watched]:
    """Give `watch.watch`, where strace works."""
    need(strace_lack)
    return watching.watch


@pytest.fixture
def canary() -> Canary:
    """Make a password that must be seen nowhere."""
    return Canary()


@pytest.fixture
def docker_calls(docker: docker_engine.DockerEngine, tmp_path: Path) -> Recorder:
    """Make a wrapper of docker that notes every call of it."""
    del docker
    directory = tmp_path / "docker-calls"
    directory.mkdir()
    return Recorder(directory, "docker")
