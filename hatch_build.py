"""The build hook: add the boot archive and the commit to a wheel, and the commit to an sdist.

    ECSAUTH_BUILD_ARCHIVE=FILE  the boot archive for the wheel; without it the wheel carries none
    SOURCE_COMMIT=HASH          the commit, where the sources are not in a clone of git

An sdist keeps the commit that it was made from, so that its wheel is the same as the wheel from the clone.
`scripts/test` and `pip install .` need neither variable.
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import tempfile
from pathlib import Path
from typing import Any, Optional

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

_PACKAGE = "bootstrap/ecsauth"
_ARCHIVE = "ecsauth/boot_archive"
_COMMIT = re.compile(r"[0-9a-f]{40}")
_GIT_SECONDS = 30.0


class CustomBuildHook(BuildHookInterface[Any]):
    """Called by hatchling for each target that it builds."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the files. An editable install gets none: it runs the sources, which change."""
        if version == "editable":
            return
        self._folder = tempfile.TemporaryDirectory(prefix="ecsauth-build-")
        added: dict[str, str] = build_data["force_include"]
        commit = _kept(Path(self.root)) or _commit(Path(self.root))
        if commit:
            place = "ecsauth" if self.target_name == "wheel" else _PACKAGE
            added[self._file("commit", f"{commit}\n".encode())] = f"{place}/commit"
        archive = os.environ.get("ECSAUTH_BUILD_ARCHIVE")
        if archive and self.target_name == "wheel":
            content = Path(archive).read_bytes()
            sha256 = hashlib.sha256(content).hexdigest()
            added[self._file("ecsauth", content)] = f"{_ARCHIVE}/ecsauth"
            added[self._file("SHA256SUMS", f"{sha256}  ecsauth\n".encode())] = f"{_ARCHIVE}/SHA256SUMS"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Remove the temporary files."""
        del build_data, artifact_path
        if version != "editable":
            self._folder.cleanup()

    def _file(self, name: str, content: bytes) -> str:
        path = Path(self._folder.name) / name
        path.write_bytes(content)
        return str(path)


def _kept(root: Path) -> Optional[str]:
    """Return the commit that an sdist was made from, None if these are not the sources of an sdist."""
    path = root / _PACKAGE / "commit"
    return path.read_text().strip() if path.is_file() else None


def _commit(root: Path) -> Optional[str]:
    """Return the commit of the sources, None if it is unknown."""
    given = os.environ.get("SOURCE_COMMIT")
    if given:
        if not _COMMIT.fullmatch(given):
            raise ValueError("SOURCE_COMMIT is not a commit: it needs 40 hexadecimal digits")
        return given
    # The sources may lie in a clone of another project, which has commits of its own.
    top = _git(root, "rev-parse", "--show-toplevel")
    commit = _git(root, "rev-parse", "HEAD") if top and os.path.realpath(top) == os.path.realpath(root) else None
    return commit if commit and _COMMIT.fullmatch(commit) else None


def _git(root: Path, *arguments: str) -> Optional[str]:
    """Return the output of git, None if git fails or is not there."""
    try:
        done = subprocess.run(
            ["git", "-C", str(root), *arguments], capture_output=True, text=True, timeout=_GIT_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
