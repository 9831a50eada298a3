"""Fixtures of the tests that talk to AWS: an environment that leads to the servers of the tests, and a bucket."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Callable

import archive_sources
import pytest
import sdk_data
from aws_environment import OPERATOR, aws_environment
from bucket import Bucket
from ecsauth.aws.s3_get import InstanceStore
from fetching import Instance
from fleet_world import FleetWorld
from forked_program import ForkedProgram
from pushing import Operator
from s3_upload_tags import UploadTagsProxy

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from metadata_service import MetadataService
    from s3_proxy import S3Proxy
    from s3_server import S3Server


@pytest.fixture(scope="session", autouse=True)
def sdk_data_read_once() -> Iterator[None]:
    """Keep what the SDK has read of its own data: these tests make many clients."""
    with sdk_data.read_once():
        yield


@pytest.fixture(scope="session", autouse=True)
def archive_sources_parsed_once() -> Iterator[None]:
    """Keep what a boot archive gets of the sources: `init` builds one in each run."""
    with archive_sources.parsed_once():
        yield


@pytest.fixture
def bucket(s3_server: S3Server) -> Bucket:
    """Make a versioned bucket without a default key."""
    return Bucket(s3_server, s3_server.make_bucket("fleet"))


@pytest.fixture
def operator_env(s3_proxy: S3Proxy, tmp_path: Path) -> dict[str, str]:
    """Give the environment of an operator's shell, with access keys."""
    home = tmp_path / "home"
    home.mkdir()
    return {**aws_environment(home, endpoint=s3_proxy.url), "AWS_REGION": "eu-central-1", **OPERATOR}


@pytest.fixture
def live_in(monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[str, str]], None]:
    """Give a function that makes an environment this process's own, for the rest of the test."""

    def replace(env: dict[str, str]) -> None:
        for name in os.environ:
            monkeypatch.delenv(name)
        for name, value in env.items():
            monkeypatch.setenv(name, value)
        for name in ("NO_PROXY", "no_proxy"):
            # The program sets both: known to the fixture, they are put back.
            if name not in env:
                monkeypatch.setenv(name, "")
                monkeypatch.delenv(name)

    return replace


@pytest.fixture
def store(operator_env: dict[str, str], live_in: Callable[[dict[str, str]], None]) -> InstanceStore:
    """Give S3 as an instance sees it that has its credentials in the environment."""
    live_in(operator_env)
    return InstanceStore()


@pytest.fixture
def instance(tmp_path: Path, s3_server: S3Server, s3_proxy: S3Proxy, metadata: MetadataService) -> Instance:
    """Give an instance on which nothing has run yet."""
    return Instance(tmp_path, s3_server, s3_proxy, metadata)


@pytest.fixture
def settled(instance: Instance) -> Instance:
    """Give an instance on which a good file is installed."""
    instance.settle()
    return instance


@pytest.fixture
def operator(operator_env: dict[str, str], tmp_path: Path, bucket: Bucket, s3_proxy: S3Proxy) -> Operator:
    """Give an operator."""
    return Operator(operator_env, tmp_path / "ecs.config", bucket, s3_proxy)


@pytest.fixture(scope="session")
def forked_program() -> Iterator[ForkedProgram]:
    """Give the program as processes that cost little, for the instances of fleets."""
    with ForkedProgram() as program:
        yield program


@pytest.fixture
def fleet_world(
    tmp_path: Path, s3_server: S3Server, metadata: MetadataService, forked_program: ForkedProgram
) -> Iterator[FleetWorld]:
    """Give Systems Manager, ECS and S3, without an instance yet."""
    with UploadTagsProxy(s3_server.url) as proxy:
        world = FleetWorld(tmp_path, s3_server, proxy, metadata, forked_program)
        with world.service:
            yield world


@pytest.fixture
def fleet(fleet_world: FleetWorld) -> FleetWorld:
    """Give four instances that run the released version."""
    fleet_world.launch(4)
    return fleet_world


@pytest.fixture
def models(fleet_world: FleetWorld) -> FleetWorld:
    """Give eight models of instances that have the released version."""
    fleet_world.launch_models(8)
    return fleet_world
