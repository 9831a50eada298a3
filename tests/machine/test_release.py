"""`scripts/build-release` and `scripts/write-sbom`, run in a clone of this tree as it is."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import zipfile
from typing import TYPE_CHECKING, Any

import distribution
import pytest
from needs import need

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.once, pytest.mark.slow]

SCRIPTS = ("build-release", "write-sbom", "_venv")
OWN = "{}.{}".format(*sys.version_info[:2])
TIMEOUT_S = 300.0


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a repository with the sources and the scripts of a release, in one commit with a tag."""
    folder = distribution.copy_sources(tmp_path_factory.mktemp("clone"))
    (folder / "scripts").mkdir()
    for name in SCRIPTS:
        shutil.copy(distribution.ROOT / "scripts" / name, folder / "scripts" / name)
    shutil.copy(distribution.ROOT / "docs" / "ci.md", folder / "docs")
    git(folder, "init", "--quiet")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message=a release")
    return folder


def git(clone: Path, *arguments: str) -> str:
    """Run git in the clone."""
    identity = ("-c", "user.name=test", "-c", "user.email=test@example.com")
    command = ["git", *identity, "-C", str(clone), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout.strip()


def release(clone: Path, out: Path, *options: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Build the release with the interpreter of the tests."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ECSAUTH_", "SOURCE_", "PYTHON"))}
    return subprocess.run(
        [str(clone / "scripts" / "build-release"), *options, str(out)],
        env={**kept, "ECSAUTH_RELEASE_PYTHON": sys.executable, **more},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )


@pytest.fixture(scope="module")
def released(clone: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build a release whose archive is compiled for one Python only."""
    need(None if importlib.util.find_spec("cyclonedx") else "cyclonedx-python-lib is not installed")
    out = tmp_path_factory.mktemp("out")
    done = release(clone, out, ECSAUTH_RELEASE_PYTHONS=OWN)
    assert done.returncode == 0, done.stderr
    return out


def sbom(released: Path) -> Any:
    """Return the SBOM of a release."""
    (path,) = released.glob("*.cdx.json")
    return json.loads(path.read_text())


def test_files_of_a_release(released: Path) -> None:
    """A release has five files, and SHA256SUMS has the sum of each other one."""
    names = sorted(path.name for path in released.iterdir())
    assert names == [
        "SHA256SUMS",
        "ecsauth",
        "ecsauth-0.1.0-py3-none-any.whl",
        "ecsauth-0.1.0.cdx.json",
        "ecsauth-0.1.0.tar.gz",
    ]
    lines = (released / "SHA256SUMS").read_text().splitlines()
    listed = {name: sha256 for sha256, name in (line.split("  ") for line in lines)}
    assert listed == {name: hashlib.sha256((released / name).read_bytes()).hexdigest() for name in names[1:]}


def test_the_wheel_of_a_release(clone: Path, released: Path) -> None:
    """The wheel carries the archive of the release and knows its commit."""
    with zipfile.ZipFile(released / "ecsauth-0.1.0-py3-none-any.whl") as packed:
        assert packed.read("ecsauth/boot_archive/ecsauth") == (released / "ecsauth").read_bytes()
        assert packed.read("ecsauth/commit").decode().strip() == git(clone, "rev-parse", "HEAD")


def test_the_archive_of_a_release_runs(clone: Path, released: Path, tmp_path: Path) -> None:
    """The archive is a program that knows its commit."""
    command = [sys.executable, "-IS", str(released / "ecsauth"), "--version"]
    done = subprocess.run(command, env={"HOME": str(tmp_path)}, check=True, capture_output=True, text=True, timeout=60)
    assert f"commit {git(clone, 'rev-parse', 'HEAD')}" in done.stdout


def test_the_sbom_names_what_is_needed(released: Path) -> None:
    """The SBOM has the files with their SHA-256, and the packages that the wheel needs, directly or not."""
    document = sbom(released)
    assert (document["bomFormat"], document["metadata"]["component"]["name"]) == ("CycloneDX", "ecsauth")
    names = {one["name"] for one in document["components"]}
    assert {"boto3", "botocore", "python-dotenv", "shtab", "urllib3", "ecsauth", "ecsauth-0.1.0.tar.gz"} <= names
    assert not names & {"pytest", "moto", "ruff"}
    wheel = hashlib.sha256((released / "ecsauth-0.1.0-py3-none-any.whl").read_bytes()).hexdigest()
    assert document["metadata"]["component"]["hashes"] == [{"alg": "SHA-256", "content": wheel}]
    needs = {one["ref"].partition("==")[0]: one.get("dependsOn", []) for one in document["dependencies"]}
    assert {name.partition("==")[0] for name in needs["ecsauth"]} == {"boto3", "botocore", "python-dotenv", "shtab"}


def test_the_sbom_says_nothing_of_the_machine(released: Path) -> None:
    """The time of the SBOM is that of the commit, and no path is in it."""
    (path,) = released.glob("*.cdx.json")
    assert "timestamp" in sbom(released)["metadata"]
    assert "/tmp" not in path.read_text()  # noqa: S108 - where builds are
    assert os.path.expanduser("~") + "/" not in path.read_text()


def test_a_folder_that_is_not_empty(clone: Path, tmp_path: Path) -> None:
    """No file of another release is mixed with this one."""
    (tmp_path / "ecsauth").touch()
    done = release(clone, tmp_path)
    assert done.returncode == 1
    assert "is not empty" in done.stderr


def test_a_final_release_has_its_tag(clone: Path, tmp_path: Path) -> None:
    """A commit without the tag of its version is no release; the tag of a candidate is another one."""
    git(clone, "tag", "v0.1.0rc1")
    done = release(clone, tmp_path / "out", "--final")
    assert (done.returncode, "this commit has no tag v0.1.0" in done.stderr) == (1, True), done.stderr


def test_a_final_release_is_for_all_pythons(clone: Path, tmp_path: Path) -> None:
    """What helps to try the script makes no release."""
    done = release(clone, tmp_path / "out", "--final", ECSAUTH_RELEASE_PYTHONS=OWN)
    assert (done.returncode, "a release is compiled for all Pythons" in done.stderr) == (1, True), done.stderr


@pytest.mark.parametrize("is_filled_in", [False, True])
def test_a_final_release_has_its_addresses(clone: Path, tmp_path: Path, *, is_filled_in: bool) -> None:
    """Addresses that are not filled in are refused; the next step, where they are, is to look for the Pythons."""
    other = tmp_path / "clone"
    git(clone, "clone", "--quiet", str(clone), str(other))
    if is_filled_in:
        for path in (other / "pyproject.toml", other / "docs" / "ci.md"):
            path.write_text(path.read_text().replace(".invalid", ".example.com"))
        git(other, "commit", "--quiet", "--all", "--message=addresses")
    git(other, "tag", "v0.1.0")
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("bash", "dirname", "env", "git", "grep", "ls", "mkdir", "mktemp", "rm", "sed"):
        (programs / name).symlink_to(str(shutil.which(name)))
    done = release(other, tmp_path / "out", "--final", PATH=str(programs), HOME=str(tmp_path), PYENV_ROOT=str(tmp_path))
    assert done.returncode == 1
    assert ("the addresses are not filled in" in done.stderr) is not is_filled_in, done.stderr
    assert ("there is no python3.9, on PATH or of pyenv" in done.stderr) is is_filled_in, done.stderr
