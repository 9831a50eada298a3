"""Fixtures of the tests on this machine: the place of an env-file, and instances for the whole program."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import docker_starts
import program
import pytest
import sdk_data
from boot_model import World
from ecsauth.host.disk import LocalDisk
from machine import FIRST, Machine

if TYPE_CHECKING:
    from collections.abc import Iterator

    from docker_engine import DockerEngine
    from metadata_service import MetadataService
    from s3_proxy import S3Proxy
    from s3_server import S3Server


@pytest.fixture(scope="session", autouse=True)
def sdk_data_read_once() -> Iterator[None]:
    """Keep what the SDK has read of its own data: these tests make many clients in this process."""
    with sdk_data.read_once():
        yield


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Give a directory like /etc/ecs."""
    place = tmp_path / "etc"
    place.mkdir(mode=0o755)
    return place


@pytest.fixture
def quick_place(tmp_path: Path) -> Iterator[Path]:
    """Give a directory in memory, where there is one: for thousands of files that need not outlive anything."""
    memory = Path("/dev/shm")  # noqa: S108 - a directory of its own is made there
    if not (memory.is_dir() and os.access(memory, os.W_OK)):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(prefix="ecsauth-", dir=memory) as directory:
        yield Path(directory)


@pytest.fixture
def world(quick_place: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """Give a model of an instance that has booted with the first, the released version."""
    monkeypatch.setattr(os, "fsync", lambda _: None)
    found = World(quick_place)
    docker_starts.booted(found)
    return found


@pytest.fixture
def disk(place: Path) -> LocalDisk:
    """Give the disk of an instance that ecsauth has not seen yet."""
    return LocalDisk(str(place / "ecs.config"), str(place.parent / "state"))


@pytest.fixture
def bare_machine(tmp_path: Path, s3_server: S3Server, s3_proxy: S3Proxy, metadata: MetadataService) -> Machine:
    """Give an instance on which no agent is started, with a first version of the env-file in S3."""
    machine = Machine(tmp_path, s3_server, s3_proxy, metadata)
    machine.put(FIRST)
    return machine


@pytest.fixture
def machine(docker: DockerEngine, bare_machine: Machine) -> Machine:
    """Give an instance with a Docker engine of its own."""
    del docker
    return bare_machine


@pytest.fixture
def booted(machine: Machine) -> Machine:
    """Give an instance whose agent runs with the first version of the env-file."""
    image = f"--image={machine.docker.image()}"
    # In this process: what is set up need not be shown to work once more.
    done = program.run_here(*machine.boot_arguments(image), env=machine.environment())
    assert done.status == 0, done.err
    machine.proxy.requests.clear()
    return machine


@pytest.fixture
def open_place() -> Iterator[Path]:
    """Give a directory that everybody may search, as /etc and /var/lib are."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory)
        path.chmod(0o755)
        yield path
