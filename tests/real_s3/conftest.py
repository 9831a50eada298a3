"""Fixtures of the tests on a real S3 server: the server itself, and an instance with a role of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import sdk_data
import seaweed_server
from needs import need
from real_instance import RealInstance
from s3_server import S3Server
from seaweed_server import SeaweedServer, Witness

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from certificates import Certificates
    from metadata_service import MetadataService


@pytest.fixture(scope="session", autouse=True)
def sdk_data_read_once() -> Iterator[None]:
    """Keep what the SDK has read of its own data: these tests make many clients."""
    with sdk_data.read_once():
        yield


@pytest.fixture(scope="session")
def running_seaweed(tmp_path_factory: pytest.TempPathFactory, certificates: Certificates) -> Iterator[SeaweedServer]:
    """Run one server for the whole session."""
    need(seaweed_server.lack())
    folder = tmp_path_factory.mktemp("seaweed") / "server"
    with S3Server.as_process() as keys, Witness(keys.url) as kms, SeaweedServer(folder, certificates, keys, kms) as it:
        yield it


@pytest.fixture
def seaweed(running_seaweed: SeaweedServer) -> Iterator[SeaweedServer]:
    """Give the server, with a KMS that does not fail."""
    yield running_seaweed
    running_seaweed.kms.heal()
    running_seaweed.kms.judge = None


@pytest.fixture
def witness(seaweed: SeaweedServer) -> Iterator[Witness]:
    """Stand in front of the server, for what is to be counted or to happen at a certain moment."""
    with Witness(seaweed.url) as witness:
        yield witness


@pytest.fixture
def instance(tmp_path: Path, seaweed: SeaweedServer, witness: Witness, metadata: MetadataService) -> RealInstance:
    """Give an instance with a role that may read `prod/*` of a bucket with nothing in it yet."""
    return RealInstance(tmp_path, seaweed, witness, metadata)
