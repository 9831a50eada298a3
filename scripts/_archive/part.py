"""What one Python has of its own in the archive: modules that it has compiled itself, and data."""

from __future__ import annotations

import io
import os
import re
import subprocess
import zipfile
from email.parser import HeaderParser
from pathlib import Path
from typing import NamedTuple

import own
import pins
import stand_ins
import trim

_COMPILER = Path(__file__).with_name("compile_tree.py")
_IMPORTER = Path(__file__).with_name("importer.py")
# Modules that no command of the archive ever imports.
_LEFT_OUT = re.compile(r"dateutil/(?:zoneinfo/|tzwin\.py|tz/win\.py)|urllib3/contrib/emscripten/|botocore/stub\.py")
_LICENCE = re.compile(r"[^/]+\.dist-info/(?:licenses/)?((?:LICEN[CS]E|NOTICE|COPYING|AUTHORS)[^/]*)")
_PACKED = "ecsauth/archive.py"
_NOTHING_PACKED = "PACKAGES: dict[str, str] = {}"


class Part(NamedTuple):
    """One Python's part.

    `replaced` are modules that have a stand-in, `files` compiled modules and data by path, `importer` the module that
    imports them, `licences` texts by package and name.
    """

    version: str
    compiled_by: str
    pins: tuple[pins.Pin, ...]
    replaced: tuple[str, ...]
    files: dict[str, bytes]
    importer: bytes
    licences: dict[str, bytes]

    @classmethod
    def make(cls, version: str, interpreter: str, scratch: Path) -> Part:
        """Compile what the Python gets with an interpreter of it."""
        wheels = pins.wheels(pins.group_of(version), interpreter)
        sources, compiled = scratch / f"{version}-sources", scratch / f"{version}-compiled"
        licences, files, replaced = {}, {}, []
        for pin, content in wheels.items():
            with zipfile.ZipFile(io.BytesIO(content)) as wheel:
                replaced += _unpack(wheel, sources)
                licences.update({f"{pin.name}-{pin.version}/{name}": text for name, text in _licences(wheel).items()})
                if pin.name == "botocore":
                    files.update(trim.data(wheel))
        _copy_own(sources, files, wheels)
        _write(sources / _IMPORTER.name, _IMPORTER.read_bytes())
        by = _compile(interpreter, sources, compiled)
        for path in compiled.rglob("*.pyc"):
            files[str(path.relative_to(compiled))] = path.read_bytes()
        importer = files.pop(f"{_IMPORTER.name}c")
        return cls(version, by, tuple(wheels), tuple(replaced), files, importer, licences)


def _unpack(wheel: zipfile.ZipFile, sources: Path) -> list[str]:
    """Write a package's modules; return the names of those that have a stand-in."""
    names = [name for name in wheel.namelist() if name.endswith(".py") and not _LEFT_OUT.match(name)]
    modules = {name: wheel.read(name) for name in names if not stand_ins.LEFT_OUT.match(name)}
    replaced = stand_ins.made(modules)
    for name, content in {**modules, **replaced}.items():
        _write(sources / name, content)
    return sorted(replaced)


def _licences(wheel: zipfile.ZipFile) -> dict[str, bytes]:
    found = ((_LICENCE.fullmatch(name), name) for name in wheel.namelist())
    texts = {match.group(1): wheel.read(name) for match, name in found if match}
    if texts:
        return texts
    # A wheel without the text names its licence in its metadata at least.
    (metadata,) = (name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
    headers = HeaderParser().parsestr(wheel.read(metadata).decode())
    named = [value for key, value in headers.items() if key.startswith("License") or "License ::" in value]
    return {"LICENSE": "\n".join(named).encode() + b"\n"}


def _copy_own(sources: Path, files: dict[str, bytes], wheels: dict[pins.Pin, bytes]) -> None:
    """Add this project's package, told what else is packed."""
    packages = {pin.name: pin.version for pin in sorted(wheels)}
    own_files = dict(own.files())
    text = own_files[_PACKED].decode()
    if _NOTHING_PACKED not in text:
        raise ValueError(_PACKED)
    own_files[_PACKED] = text.replace(_NOTHING_PACKED, f"PACKAGES = {packages!r}").encode()
    for name, content in own_files.items():
        if name.endswith(".py"):
            _write(sources / name, content)
        else:
            files[name] = content


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def _compile(interpreter: str, sources: Path, out: Path) -> str:
    """Compile in an environment of its own: the order of sets is in what is compiled, and hangs on the seed."""
    done = subprocess.run(
        # From 3.11 on code knows the columns of its source, a third of its size, and the source is not here.
        [interpreter, "-S", "-s", "-B", "-X", "no_debug_ranges", str(_COMPILER), str(sources), str(out)],
        env={"PYTHONHASHSEED": "0", "LC_ALL": "C.UTF-8", "PATH": os.defpath},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return done.stdout
