"""The Dockerfile: an image for CI is built of it, offline, on a base that is made of this machine's files."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import TYPE_CHECKING

import distribution
import pytest
import python_image
import stand_in_image
from distribution import ROOT
from needs import need
from pushing import FILE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.once, pytest.mark.slow]

BASE, IMAGE = "ecsauth-tests-python", "ecsauth-tests-ci"
TIMEOUT_S = 300.0
BROKEN = b"ECS_CLUSTER=prod\nECS_ENGINE_AUTH_TYPE=docker\nECS_ENGINE_AUTH_DATA={canary\n"


def docker(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run docker to its end."""
    # The engine's own builder: the other one is a program of its own, which need not be there.
    env = {**os.environ, "DOCKER_BUILDKIT": "0"}
    return subprocess.run(
        ["docker", *arguments], env=env, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
    )


@pytest.fixture(scope="module")
def image(docker_lack: str | None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Build the image, and remove it in the end."""
    need(docker_lack)
    need(python_image.lack())
    busybox = stand_in_image.static_busybox()
    assert busybox
    context = tmp_path_factory.mktemp("context")
    for name in ("Dockerfile", ".dockerignore"):
        shutil.copy(ROOT / name, context / name)
    (context / "secret").write_text("canary")
    (context / "wheels").mkdir()
    distribution.build("wheel", context / "wheels")
    for name in distribution.all_needed("boto3", "botocore", "python-dotenv", "shtab"):
        distribution.installed_wheel(name, context / "wheels")
    python_image.build(BASE, busybox)
    # Steps of a build have no network either.
    built = docker("build", "--network=none", f"--build-arg=BASE={BASE}", f"--tag={IMAGE}", str(context))
    assert built.returncode == 0, built.stdout + built.stderr
    yield IMAGE
    docker("image", "rm", "--force", IMAGE, BASE)


def run(image: str, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the image on a folder as docs/ci.md does."""
    return docker("run", "--rm", "--network=none", "--read-only", f"--volume={folder}:/work:ro", image, *arguments)


@pytest.mark.parametrize(("content", "status"), [(FILE, 0), (BROKEN, 3)], ids=["good", "broken"])
def test_check_in_a_container(image: str, tmp_path: Path, content: bytes, status: int) -> None:
    """The image checks a file of the working directory, and its status is that of ecsauth."""
    (tmp_path / "ecs.config").write_bytes(content)
    tmp_path.chmod(0o755)
    done = run(image, tmp_path, "check", "ecs.config")
    assert done.returncode == status, done.stderr
    assert "canary" not in done.stdout + done.stderr


def test_commands_of_an_operator_are_there(image: str, tmp_path: Path) -> None:
    """The SDK is in the image: push gets as far as to look for credentials."""
    (tmp_path / "ecs.config").write_bytes(FILE)
    tmp_path.chmod(0o755)
    done = run(image, tmp_path, "push", "ecs.config", "s3://bucket/key", "--region=eu-central-1")
    assert done.returncode == 4, done.stderr
    assert "credentials" in done.stderr


def test_the_user_is_not_root(image: str) -> None:
    """The program runs as a user without rights, given as a number, and owns none of its files."""
    done = docker("run", "--rm", "--network=none", "--entrypoint=sh", image, "-c", "id -u; touch /opt/ecsauth/x")
    assert done.stdout == "65532\n"
    assert done.returncode != 0


def test_threads_may_outlive_the_program(image: str) -> None:
    """A program that ends while threads of it work ends with its own status, as ecsauth's have to."""
    threads = "import threading, time; [threading.Thread(target=work, daemon=True).start() for _ in range(16)]"
    code = f"def work():\n    while True: time.sleep(0.0001)\n{threads}; time.sleep(0.05)"
    done = docker("run", "--rm", "--network=none", "--entrypoint=python3", image, "-c", code)
    assert done.returncode == 0, done.stderr


def test_nothing_else_is_in_it(image: str) -> None:
    """Neither the wheels nor another file of the folder of the build is in the image."""
    done = docker("run", "--rm", "--network=none", "--entrypoint=ls", image, "/", "/work", "/opt")
    assert done.returncode == 0, done.stderr
    assert not {"wheels", "secret", "Dockerfile"} & set(done.stdout.split())
