"""From the wheel to an instance: what somebody does on a machine with nothing but Python.

`pipx install` is `pip install` into an environment of its own, with the commands of the wheel on PATH. Here pip
installs the wheel alone, as no network may be needed: its dependencies come from the environment of the tests.
"""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from typing import TYPE_CHECKING

import pytest
from cloud_account import ADMINISTRATOR, CloudAccount
from program import ROOT
from pushing import CHANGED, FILE

if TYPE_CHECKING:
    from pathlib import Path

    from s3_server import S3Server


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """Build the wheel, install it, and give the path of its command."""
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True, timeout=120)
    (wheel,) = tmp_path.glob("*.whl")
    place = tmp_path / "pipx"
    subprocess.run([sys.executable, "-m", "venv", str(place)], check=True, capture_output=True, timeout=300)
    (packages,) = place.glob("lib/python*/site-packages")
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    pip = [str(place / "bin/python"), "-m", "pip", "install", "--no-index", "--no-deps", "--quiet", str(wheel)]
    subprocess.run(pip, check=True, capture_output=True, timeout=300)
    return place / "bin" / "ecsauth"


@pytest.mark.once
@pytest.mark.slow
def test_from_the_wheel_to_an_instance(installed: Path, s3_server: S3Server, tmp_path: Path) -> None:
    """Two commands, install and init, end with an instance in the cluster; then `push prod` pushes a change."""
    with CloudAccount(s3_server, tmp_path / "home") as account:
        env = account.env_of()

        def type_in(*words: str) -> subprocess.CompletedProcess[str]:
            command = [str(installed), *words]
            return subprocess.run(
                command, cwd=tmp_path, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
            )

        (tmp_path / "ecs.config").write_bytes(FILE)
        init = ("init", "ecs.config", "--administrator", ADMINISTRATOR, "--subnets", "default", "--no-compile")
        looked = type_in(*init, "--dry-run")
        assert (looked.returncode, account.changes) == (0, []), looked.stderr
        done = type_in(*init, "--yes")
        assert done.returncode == 0, done.stderr
        assert "in the cluster: i-" in done.stderr
        (tmp_path / "ecs.config").write_bytes(CHANGED)
        pushed = type_in("push", "ecs.config", "prod")
        assert pushed.returncode == 0, pushed.stderr
        stored = s3_server.s3.get_object(Bucket=account.outputs["BucketName"], Key="prod/ecs.config")
        assert stored["Body"].read() == CHANGED
