"""`ecsauth archive publish` of a release: its wheel carries the boot archive, and nothing is built."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from boot_archive import sample
from program import SOURCES, TIMEOUT_S

if TYPE_CHECKING:
    from pathlib import Path

    from pushing import Operator

pytestmark = pytest.mark.slow

URI = "s3://fleet/prod/ecsauth"
KEY = "prod/ecsauth"
ARCHIVE = sample()
SHA256 = hashlib.sha256(ARCHIVE).hexdigest()


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """Give a folder with the package as the wheel of a release installs it; the wheel has a test of its own."""
    folder = tmp_path / "site"
    shutil.copytree(SOURCES / "ecsauth", folder / "ecsauth", ignore=shutil.ignore_patterns("__pycache__"))
    carried = folder / "ecsauth" / "boot_archive"
    carried.mkdir()
    (carried / "ecsauth").write_bytes(ARCHIVE)
    (carried / "SHA256SUMS").write_text(f"{SHA256}  ecsauth\n")
    return folder


def publish(operator: Operator, site: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Publish with the package of that folder."""
    command = [sys.executable, "-m", "ecsauth", "archive", "publish", URI, "--kms-key", operator.bucket.kms_key]
    return subprocess.run(
        [*command, *options],
        env={**operator.env, "PYTHONPATH": str(site)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )


def test_the_archive_of_the_release(operator: Operator, site: Path) -> None:
    """The archive of the release is published as it is, and the message says so."""
    done = publish(operator, site)
    assert (done.returncode, done.stdout) == (0, f"{SHA256}\n"), done.stderr
    assert done.stderr.endswith("; the archive of this release\n")
    assert operator.bucket.get(KEY) == ARCHIVE


def test_programs_read_the_source(operator: Operator, site: Path) -> None:
    """JSON names the source of the archive."""
    done = publish(operator, site, "--format=json")
    assert done.returncode == 0, done.stderr
    assert (json.loads(done.stdout)["source"], json.loads(done.stdout)["sha256"]) == ("release", SHA256)


def test_options_of_a_build_build_one(operator: Operator, site: Path) -> None:
    """`--no-compile` asks for another archive: one is built, although the release has one."""
    shutil.copy(SOURCES.parent / "LICENSE", site / "ecsauth")
    done = publish(operator, site, "--no-compile")
    assert done.returncode == 0, done.stderr
    assert done.stderr.endswith("; built by this command\n")
    assert ARCHIVE not in operator.bucket.get(KEY)


@pytest.mark.parametrize("content", [ARCHIVE[:-1], b""], ids=["cut", "empty"])
def test_a_damaged_archive(operator: Operator, site: Path, content: bytes) -> None:
    """An archive whose SHA-256 is not the recorded one is not published."""
    (site / "ecsauth" / "boot_archive" / "ecsauth").write_bytes(content)
    done = publish(operator, site)
    assert (done.returncode, done.stdout) == (6, "")
    assert "the boot archive of this installation is damaged: its SHA-256 is not the one of the release" in done.stderr
    assert not operator.proxy.operations


def test_no_archive_contains_an_archive(site: Path, tmp_path: Path) -> None:
    """The package of a release builds the same archive as a package that carries none."""
    shutil.copy(SOURCES.parent / "LICENSE", site / "ecsauth")
    built = []
    for number in range(2):
        out = tmp_path / str(number)
        command = [sys.executable, "-m", "ecsauth", "archive", "build", "--no-compile", "-o", str(out)]
        env = {"PYTHONPATH": str(site), "HOME": str(tmp_path)}
        subprocess.run(command, env=env, check=True, capture_output=True, timeout=TIMEOUT_S)
        built.append(out.read_bytes())
        shutil.rmtree(site / "ecsauth" / "boot_archive", ignore_errors=True)
    assert built[0] == built[1]
