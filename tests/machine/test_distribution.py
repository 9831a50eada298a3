"""The wheel and the sdist: what they contain, and that every build of the same sources is the same file."""

from __future__ import annotations

import email
import hashlib
import os
import re
import subprocess
import tarfile
import zipfile
from typing import TYPE_CHECKING

import distribution
import pytest
from boot_archive import sample
from distribution import ROOT

if TYPE_CHECKING:
    from email.message import Message
    from pathlib import Path

pytestmark = [pytest.mark.once, pytest.mark.slow]

COMMIT = "0123456789abcdef0123456789abcdef01234567"
MOMENT = {"SOURCE_DATE_EPOCH": "1700000000"}
ARCHIVE = sample(filling=1000)
# The tests and their recorded vectors weigh ten times as much as the program.
LARGEST_SDIST = 600_000


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a copy of the sources in no clone of git."""
    return distribution.copy_sources(tmp_path_factory.mktemp("sources"))


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory, sources: Path) -> Path:
    """Give the sdist of those sources."""
    return distribution.build(
        "sdist", tmp_path_factory.mktemp("sdist"), root=sources, env={**MOMENT, "SOURCE_COMMIT": COMMIT}
    )


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a file that is like a boot archive."""
    path = tmp_path_factory.mktemp("archive") / "built"
    path.write_bytes(ARCHIVE)
    return path


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory, sources: Path, archive: Path) -> Path:
    """Give the wheel of those sources, as a release builds it."""
    env = {**MOMENT, "SOURCE_COMMIT": COMMIT, "ECSAUTH_BUILD_ARCHIVE": str(archive)}
    return distribution.build("wheel", tmp_path_factory.mktemp("wheel"), root=sources, env=env)


def contents(wheel: Path) -> dict[str, bytes]:
    """Return the files of a wheel by path."""
    with zipfile.ZipFile(wheel) as packed:
        return {name: packed.read(name) for name in packed.namelist()}


def metadata(wheel: Path) -> Message:
    """Return the metadata of a wheel."""
    (path,) = (name for name in contents(wheel) if name.endswith(".dist-info/METADATA"))
    return email.message_from_bytes(contents(wheel)[path])


def unpacked(sdist: Path, folder: Path) -> Path:
    """Unpack an sdist, and return its folder."""
    with tarfile.open(sdist) as packed:
        for member in packed:
            assert member.isfile()
            path = folder / member.name
            path.parent.mkdir(parents=True, exist_ok=True)
            stream = packed.extractfile(member)
            assert stream
            path.write_bytes(stream.read())
    (root,) = folder.iterdir()
    return root


def test_the_same_sources_make_the_same_wheel(wheel: Path, archive: Path, tmp_path: Path) -> None:
    """Folder, umask and time of a build leave no trace in the wheel."""
    other = distribution.copy_sources(tmp_path / "another" / "folder")
    for path in other.rglob("*.py"):
        path.chmod(0o600)
        os.utime(path, (1, 1))
    env = {**MOMENT, "SOURCE_COMMIT": COMMIT, "ECSAUTH_BUILD_ARCHIVE": str(archive), "TZ": "Asia/Tokyo"}
    again = distribution.build("wheel", tmp_path / "out", root=other, env=env, umask=0o077)
    assert again.read_bytes() == wheel.read_bytes()


def test_the_same_sources_make_the_same_sdist(sdist: Path, tmp_path: Path) -> None:
    """Folder, umask and time of a build leave no trace in the sdist."""
    other = distribution.copy_sources(tmp_path / "another" / "folder")
    for path in other.rglob("*.py"):
        path.chmod(0o600)
        os.utime(path, (1, 1))
    env = {**MOMENT, "SOURCE_COMMIT": COMMIT, "TZ": "Asia/Tokyo"}
    again = distribution.build("sdist", tmp_path / "out", root=other, env=env, umask=0o077)
    assert again.read_bytes() == sdist.read_bytes()


def test_the_sdist_makes_the_same_wheel(sdist: Path, wheel: Path, archive: Path, tmp_path: Path) -> None:
    """An sdist has all that a wheel is made of, and knows its commit without git."""
    root = unpacked(sdist, tmp_path / "unpacked")
    env = {**MOMENT, "ECSAUTH_BUILD_ARCHIVE": str(archive)}
    again = distribution.build("wheel", tmp_path / "out", root=root, env=env)
    assert again.read_bytes() == wheel.read_bytes()


def test_the_sdist_makes_the_same_sdist(sdist: Path, tmp_path: Path) -> None:
    """An sdist of an unpacked sdist is the same file."""
    root = unpacked(sdist, tmp_path / "unpacked")
    assert distribution.build("sdist", tmp_path / "out", root=root, env=MOMENT).read_bytes() == sdist.read_bytes()


def test_times_are_those_of_the_commit(wheel: Path, tmp_path: Path, sources: Path) -> None:
    """SOURCE_DATE_EPOCH is the time of all files."""
    env = {"SOURCE_COMMIT": COMMIT, "SOURCE_DATE_EPOCH": "1600000000"}
    other = distribution.build("wheel", tmp_path, root=sources, env=env)
    times = []
    for path in (wheel, other):
        with zipfile.ZipFile(path) as packed:
            times.append({info.date_time for info in packed.infolist()})
    assert times == [{(2023, 11, 14, 22, 13, 20)}, {(2020, 9, 13, 12, 26, 40)}]


def test_the_wheel_carries_the_archive(wheel: Path) -> None:
    """The wheel of a release has the boot archive, byte for byte, with its SHA-256."""
    found = contents(wheel)
    assert found["ecsauth/boot_archive/ecsauth"] == ARCHIVE
    sha256 = hashlib.sha256(ARCHIVE).hexdigest()
    assert found["ecsauth/boot_archive/SHA256SUMS"] == f"{sha256}  ecsauth\n".encode()


def test_the_wheel_knows_its_commit(wheel: Path) -> None:
    """The commit is in the package, with a newline."""
    assert contents(wheel)["ecsauth/commit"] == f"{COMMIT}\n".encode()


def test_a_wheel_of_no_release(sources: Path, tmp_path: Path) -> None:
    """Without git and without variables a wheel has neither a commit nor an archive."""
    found = contents(distribution.build("wheel", tmp_path, root=sources))
    assert "ecsauth/__init__.py" in found
    assert not [name for name in found if "boot_archive/" in name or name == "ecsauth/commit"]


@pytest.mark.parametrize("where", ["", "inside"])
def test_the_commit_of_a_clone(tmp_path: Path, where: str) -> None:
    """A clone knows its commit; a clone of another project, in which the sources lie, says nothing of them."""
    root = distribution.copy_sources(tmp_path / "clone" / where)
    git = ("git", "-c", "user.name=test", "-c", "user.email=test@example.com", "-C", str(tmp_path / "clone"))
    for arguments in (("init", "-q"), ("commit", "-q", "--allow-empty", "-m", "first")):
        subprocess.run([*git, *arguments], check=True, timeout=60)
    commit = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, timeout=60).stdout
    found = contents(distribution.build("wheel", tmp_path / "out", root=root))
    assert found.get("ecsauth/commit") == (None if where else commit)


def test_the_sdist_is_small(sdist: Path) -> None:
    """The sdist has the program, its licence and its documents, and no test."""
    with tarfile.open(sdist) as packed:
        tops = {name.split("/")[1] for name in packed.getnames()}
    listed = {name.split("/")[0] for name in distribution.included()}
    assert tops == {*listed, ".gitignore", "PKG-INFO"}
    assert sdist.stat().st_size < LARGEST_SDIST


def test_the_long_description(wheel: Path) -> None:
    """The description is docs/package.md, in Markdown, short, without a link that leads nowhere on another site."""
    found = metadata(wheel)
    text = found.get_payload()
    assert isinstance(text, str)
    assert text.strip() == (ROOT / "docs" / "package.md").read_text().strip()
    assert found["Description-Content-Type"] == "text/markdown"
    assert len(text.splitlines()) < 60
    assert all(target.startswith("https://") for target in re.findall(r"\]\(([^)]*)\)|(?:src|href)=\"([^\"]*)\"", text))


def test_the_classifiers(wheel: Path) -> None:
    """The metadata name each Python that the tests run on, and the licence as an expression only."""
    found = metadata(wheel)
    classifiers = found.get_all("Classifier") or []
    pythons = {one.rpartition(" ")[2] for one in classifiers if re.search(r":: Python :: 3\.\d+$", one)}
    assert pythons == {"3.9", "3.10", "3.11", "3.12", "3.13"}
    assert found["License-Expression"] == "Apache-2.0"
    assert not [one for one in classifiers if one.startswith("License ::")]
    assert len(found["Keywords"].split(",")) > 5
