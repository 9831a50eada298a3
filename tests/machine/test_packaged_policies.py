"""Where `ecsauth iam` finds its files: in a source checkout, and in a wheel as it is built."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from typing import TYPE_CHECKING

import pytest
from aws_environment import aws_environment
from program import ROOT

if TYPE_CHECKING:
    from pathlib import Path

FILES = sorted(str(path.relative_to(ROOT / "iam")) for path in (ROOT / "iam").rglob("*") if path.is_file())


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel of this source tree."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)],
        cwd=ROOT,
        check=True,
        capture_output=True,
        timeout=60,
    )
    (built,) = folder.glob("*.whl")
    return built


def _run(place: Path, home: Path) -> subprocess.CompletedProcess[str]:
    """Print a policy with the package of that place."""
    return subprocess.run(
        [sys.executable, "-m", "ecsauth", "iam", "instance-role-trust", "--region", "cn-north-1"],
        cwd=home,
        env={**aws_environment(home, endpoint="http://127.0.0.1:1"), "PYTHONPATH": str(place)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_wheel(wheel: Path, tmp_path: Path) -> None:
    """The wheel has every file of the folder as it is, and the program in it prints them."""
    with zipfile.ZipFile(wheel) as archive:
        packed = {name: archive.read(name) for name in archive.namelist() if name.startswith("ecsauth/iam/")}
        archive.extractall(tmp_path / "site")
    assert packed == {f"ecsauth/iam/{name}": (ROOT / "iam" / name).read_bytes() for name in FILES}
    done = _run(tmp_path / "site", tmp_path)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["Statement"][0]["Principal"] == {"Service": "ec2.amazonaws.com.cn"}


def test_source_checkout(tmp_path: Path) -> None:
    """Beside the package the files are found too, which is how an editable install sees them."""
    done = _run(ROOT, tmp_path)
    assert done.returncode == 0, done.stderr


def test_program_without_its_files(wheel: Path, tmp_path: Path) -> None:
    """Where they are missing that is said, with 6."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site", [name for name in archive.namelist() if "/iam/" not in name])
    done = _run(tmp_path / "site", tmp_path)
    assert (done.returncode, done.stdout) == (6, "")
    assert "this program was installed without its policies" in done.stderr


def test_unreadable_file(wheel: Path, tmp_path: Path) -> None:
    """A file that is not text as it should be is no file that is missing: no other one takes its place."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    (tmp_path / "site/ecsauth/iam/instance-role-trust.json").write_bytes(b"\xff")
    assert _run(tmp_path / "site", tmp_path).returncode == 6
