"""The packages of the archive: which release each group of Pythons gets, and its wheels, known by their hashes."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import tempfile
from pathlib import Path
from typing import NamedTuple, Optional

SCRIPTS = Path(__file__).resolve().parents[1]
_WANTED = "botocore"
_PIN = re.compile(r"^([a-z0-9-]+)==(\S+) --hash=sha256:([0-9a-f]{64})$")
_HEAD = """\
# What the boot archive has for Python {span}. Written by scripts/build-archive --renew-pins: look at the releases
# before you commit them.
"""


class PinError(Exception):
    """The pins cannot be read, met or renewed."""


class Pin(NamedTuple):
    """One package: its name, its version, and the SHA-256 of its wheel."""

    name: str
    version: str
    sha256: str

    def __str__(self) -> str:
        return f"{self.name}=={self.version} --hash=sha256:{self.sha256}"


def group_of(version: str) -> str:
    """Return the group of a Python: 3.9 has other releases of botocore and urllib3 than all later ones."""
    return "3.9" if version == "3.9" else "3.10"


def path_of(group: str) -> Path:
    """Return the file with a group's pins."""
    return SCRIPTS / f"archive-pins-{group}.txt"


def read(group: str) -> list[Pin]:
    """Return the pins of a group, in the order of their names."""
    path, found = path_of(group), []
    for line in path.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            match = _PIN.match(line)
            if match is None:
                raise PinError(f"{path.name}: this is no pin: {line}")
            found.append(Pin(*match.groups()))
    return sorted(found)


def wheels(group: str, interpreter: str) -> dict[Pin, bytes]:
    """Return the wheels of a group, from the cache or from the pip of an interpreter of it.

    Their content, read once: what was hashed is what is packed, whatever becomes of the file.
    """
    pins = read(group)
    folder = _cache()
    found = {pin: _content(folder, pin) for pin in pins}
    missing = [pin for pin, content in found.items() if content is None]
    if missing:
        _download(missing, folder, interpreter)
        found.update({pin: _content(folder, pin) for pin in missing})
    for pin, content in found.items():
        if content is None:
            raise PinError(f"pip gave no wheel for {pin.name} {pin.version}")
    return {pin: content for pin, content in found.items() if content is not None}


def renew(group: str, interpreter: str) -> None:
    """Write the pins of a group anew. Its own interpreter asks: pip judges by the one that runs it."""
    options = ("--quiet", "--dry-run", "--ignore-installed", "--only-binary=:all:", "--disable-pip-version-check")
    with tempfile.TemporaryDirectory(prefix="ecsauth-archive-") as scratch:
        report = Path(scratch) / "report.json"
        _pip(interpreter, "install", *options, f"--report={report}", _WANTED)
        found = json.loads(report.read_text(encoding="utf-8"))["install"]
    pins = [
        Pin(
            re.sub(r"[-_.]+", "-", one["metadata"]["name"]).lower(),
            one["metadata"]["version"],
            one["download_info"]["archive_info"]["hashes"]["sha256"],
        )
        for one in found
    ]
    span = "3.9" if group == "3.9" else "3.10 to 3.13"
    path_of(group).write_text(_HEAD.format(span=span) + "".join(f"{pin}\n" for pin in sorted(pins)), encoding="utf-8")


def _cache() -> Path:
    home = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = home / "ecsauth-archive"
    folder.mkdir(parents=True, exist_ok=True)
    if folder.stat().st_uid != os.geteuid():
        raise PinError(f"{folder} belongs to another user; hint: set XDG_CACHE_HOME to a directory of yours")
    folder.chmod(0o700)
    return folder


def _content(folder: Path, pin: Pin) -> Optional[bytes]:
    """Return a wheel of the cache if it has the pin's hash."""
    try:
        content = (folder / f"{pin.sha256}.whl").read_bytes()
    except FileNotFoundError:
        return None
    return content if hashlib.sha256(content).hexdigest() == pin.sha256 else None


def _download(pins: list[Pin], folder: Path, interpreter: str) -> None:
    options = ("--quiet", "--no-deps", "--only-binary=:all:", "--disable-pip-version-check", "--require-hashes")
    with tempfile.TemporaryDirectory(prefix="download-", dir=folder) as scratch:
        wanted = Path(scratch) / "pins.txt"
        wanted.write_text("".join(f"{pin}\n" for pin in pins), encoding="utf-8")
        _pip(interpreter, "download", *options, f"--dest={scratch}", f"--requirement={wanted}")
        for wheel in Path(scratch).glob("*.whl"):
            wheel.replace(folder / f"{hashlib.sha256(wheel.read_bytes()).hexdigest()}.whl")


def _pip(interpreter: str, *arguments: str) -> None:
    command = [interpreter, "-m", "pip", *arguments, "--retries=1"]
    done = subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise PinError(
            f"pip {arguments[0]} failed:\n{done.stderr.strip()}\n"
            "hint: the wheels come from a package index once, and are kept: is it within reach of pip?"
        )
