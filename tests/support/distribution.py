"""Build the distributions of this project, the wheel and the sdist, as pip and a release do."""

from __future__ import annotations

import email
import os
import re
import shutil
import subprocess
import sys
import zipfile
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]
BUILD_TIMEOUT_S = 120.0
# Variables that change a build: those of the machine do not count.
_OF_THE_BUILD = ("ECSAUTH_BUILD_ARCHIVE", "SOURCE_COMMIT", "SOURCE_DATE_EPOCH")

if TYPE_CHECKING:
    from collections.abc import Mapping


def build(
    target: str, out: Path, *, root: Path = ROOT, env: Mapping[str, str] | None = None, umask: int = 0o022
) -> Path:
    """Build a target (`wheel` or `sdist`) from a tree, and return its file; AssertionError if it fails."""
    hatchling = (sys.executable, "-m", "hatchling", "build", "--target", target, "--directory", str(out))
    kept = {name: value for name, value in os.environ.items() if name not in _OF_THE_BUILD}
    done = subprocess.run(
        ["sh", "-c", f'umask {umask:o}; exec "$@"', "sh", *hatchling],
        cwd=root,
        env={**kept, **(env or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=BUILD_TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (built,) = out.glob("*.whl" if target == "wheel" else "*.tar.gz")
    return built


def included() -> tuple[str, ...]:
    """Return the paths that an sdist includes, as pyproject.toml lists them."""
    text = (ROOT / "pyproject.toml").read_text()
    listed = re.search(r"^only-include = \[(.*?)^\]", text, flags=re.MULTILINE | re.DOTALL)
    assert listed
    return tuple(re.findall(r'"([^"]+)"', listed[1]))


def copy_sources(folder: Path) -> Path:
    """Copy all that a distribution is made of into a folder, without git and without the tests; return the folder."""
    for name in (*included(), ".gitignore"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            # The times of files are those of the copy.
            shutil.copyfile(ROOT / name, folder / name)
    return folder


def installed_wheel(name: str, out: Path) -> Path:
    """Pack a package that is installed beside this interpreter into a wheel again: no test downloads one."""
    found = metadata.distribution(name)
    wheel = email.message_from_string(found.read_text("WHEEL") or "")
    tag = next(tag for tag in wheel.get_all("Tag") or () if tag.startswith("py3-"))
    path = out / f"{name.replace('-', '_')}-{found.version}-{tag}.whl"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for file in found.files or ():
            # Commands are beside the packages; compiled files belong to this interpreter.
            if ".." not in file.parts and "__pycache__" not in file.parts:
                packed.write(str(file.locate()), str(file))
    return path


def all_needed(*names: str) -> set[str]:
    """Return the names of packages and of all that they need here."""
    found: set[str] = set()
    wanted = list(names)
    while wanted:
        name = wanted.pop()
        if name not in found:
            found.add(name)
            needed = map(Requirement, metadata.requires(name) or ())
            wanted += [one.name for one in needed if one.marker is None or one.marker.evaluate({"extra": ""})]
    return found
