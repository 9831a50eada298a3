"""The image of an instance is built once for each recipe, and what is built is kept within bounds."""

from __future__ import annotations

import os
import tarfile
from typing import TYPE_CHECKING

import instance_image
import pytest

if TYPE_CHECKING:
    from pathlib import Path

# Knows no image until one is imported.
DOCKER = """#!/bin/sh
echo "docker $*" >>"$CALLS"
case "$1 $2" in
    "image inspect") [ -e "$CALLS.image" ] ;;
    import*) : >"$CALLS.image" ;;
    images*) printf 'ecsauth-instance:%s\\n' new old older ;;
esac
"""
# The folder is the last argument but, where the host has a mirror, one.
DEBOOTSTRAP = """#!/bin/sh
echo "debootstrap $*" >>"$CALLS"
for argument; do
    case $argument in
        */root) mkdir -p "$argument/usr/share/doc/x" "$argument/etc" && echo kept >"$argument/etc/kept" ;;
    esac
done
[ -z "${BROKEN:-}" ] || { echo "E: no such suite"; exit 1; }
"""


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a cache of its own, and stand-ins of docker and debootstrap that note how they are called."""
    for name, script in (("docker", DOCKER), ("debootstrap", DEBOOTSTRAP)):
        program = tmp_path / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(script)
        program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    monkeypatch.setenv("CALLS", str(tmp_path / "calls"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "calls"


def of(calls: Path, program: str) -> list[str]:
    """Return the calls of a program."""
    return [line for line in calls.read_text().splitlines() if line.startswith(program)]


def test_built_once(calls: Path) -> None:
    """The second build finds the image, and one without the image finds the archive."""
    assert instance_image.build() == instance_image.build() == instance_image.tag()
    (calls.parent / "calls.image").unlink()
    instance_image.build()
    assert len(of(calls, "debootstrap")) == 1
    assert len(of(calls, "docker import")) == 2


def test_archive(calls: Path) -> None:
    """The archive is the file system without what no test reads."""
    instance_image.build()
    with tarfile.open(instance_image.archive()) as archive:
        names = archive.getnames()
    assert "./etc/kept" in names
    assert "./usr/share/doc/x" not in names
    assert of(calls, "debootstrap")[0].split()[1] == "--variant=minbase"


def test_failure_leaves_nothing(calls: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A build that fails says so in the words of what failed, and the next one begins anew."""
    monkeypatch.setenv("BROKEN", "yes")
    with pytest.raises(AssertionError, match="E: no such suite"):
        instance_image.build()
    assert [path.name for path in instance_image.cache().iterdir()] == ["lock"]
    assert not of(calls, "docker import")
    monkeypatch.delenv("BROKEN")
    instance_image.build()


def test_old_ones_are_forgotten(calls: Path) -> None:
    """Of the archives and of the images the two newest stay."""
    instance_image.cache().mkdir(parents=True)
    for age, name in enumerate(("newer", "older", "oldest"), start=1):
        path = instance_image.cache() / f"{instance_image.NAME}-{name}.tar"
        path.touch()
        os.utime(path, (1_000_000 - age, 1_000_000 - age))
    instance_image.build()
    kept = {path.name for path in instance_image.cache().glob("*.tar")}
    assert kept == {instance_image.archive().name, f"{instance_image.NAME}-newer.tar"}
    assert of(calls, "docker rmi") == ["docker rmi ecsauth-instance:older"]


def test_lack(calls: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without debootstrap there is an instance only where its image, or the archive of it, is already."""
    del calls
    monkeypatch.setattr("os.geteuid", lambda: 0)
    assert instance_image.lack() is None
    monkeypatch.setattr("shutil.which", lambda _: None)
    assert instance_image.lack() == "debootstrap is not installed, and the image of an instance is not built"
    instance_image.cache().mkdir(parents=True)
    instance_image.archive().touch()
    assert instance_image.lack() is None
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert "only root" in str(instance_image.lack())
