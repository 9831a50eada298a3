"""Which commit the program names: that of its file, or of the clone that it is in, and no other repository's."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import ecsauth
import pytest
from needs import lack_of, need

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Give a copy of the sources, laid out as in the repository, that is in no repository."""
    shutil.copytree(Path(ecsauth.__file__).parent, tmp_path / "clone" / "bootstrap" / "ecsauth")
    return tmp_path / "clone"


def _git(folder: Path, *words: str) -> str:
    need(lack_of("git", "--version"))
    names = {f"GIT_{who}_{what}": "x" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    done = subprocess.run(
        ["git", "-C", folder, *words],
        env={"PATH": os.environ["PATH"], "HOME": str(folder), **names},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return done.stdout.strip()


def _make_repository(folder: Path) -> str:
    _git(folder, "init", "--quiet")
    _git(folder, "commit", "--quiet", "--allow-empty", "--message=first")
    return _git(folder, "rev-parse", "HEAD")


def _version(sources: Path, **more: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "ecsauth", "--version"],
        env={"PATH": os.environ["PATH"], "HOME": str(sources), "PYTHONPATH": str(sources), **more},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stderr == ""
    return done.stdout.partition("(")[2].rstrip(")\n")


def test_file_of_the_package(tree: Path) -> None:
    """The file that the build of the wheel writes counts, also inside of a clone."""
    _make_repository(tree)
    (tree / "bootstrap" / "ecsauth" / "commit").write_text(f"{COMMIT}\n")
    assert _version(tree / "bootstrap") == f"commit {COMMIT}"


@pytest.mark.parametrize("content", ["", "main\n", COMMIT[:-1], f"{COMMIT}0\n", f"{COMMIT}\n\x1b[31m", "\ud8ff"])
def test_file_with_something_else(tree: Path, content: str) -> None:
    """What is no commit is not shown."""
    (tree / "bootstrap" / "ecsauth" / "commit").write_bytes(content.encode("utf-8", "surrogatepass"))
    assert _version(tree / "bootstrap") == "commit unknown"


def test_clone(tree: Path) -> None:
    """In a clone git tells, whatever repository git's own variables name."""
    commit = _make_repository(tree)
    assert _version(tree / "bootstrap", GIT_DIR="/nonexistent", GIT_WORK_TREE="/") == f"commit {commit}"


def test_work_tree_of_a_clone(tree: Path, tmp_path: Path) -> None:
    """So it does in a further work tree, where .git is a file."""
    commit = _make_repository(tree)
    _git(tree, "worktree", "add", "--quiet", "--detach", str(tmp_path / "second"))
    shutil.copytree(tree / "bootstrap", tmp_path / "second" / "bootstrap")
    assert _version(tmp_path / "second" / "bootstrap") == f"commit {commit}"


def test_clone_without_git(tree: Path, tmp_path: Path) -> None:
    """Without git the commit is unknown, and that is no fault."""
    _make_repository(tree)
    assert _version(tree / "bootstrap", PATH=str(tmp_path)) == "commit unknown"


def test_other_repository(tree: Path) -> None:
    """A package that is installed somewhere below another repository does not take that one's commit."""
    place = tree / "project" / "lib"
    shutil.move(str(tree / "bootstrap"), place)
    _make_repository(tree)
    _make_repository(tree / "project")
    assert _version(place) == "commit unknown"


def test_no_repository(tree: Path) -> None:
    """Sources without a repository have no commit."""
    assert _version(tree / "bootstrap") == "commit unknown"
