"""The file: two lines of shell, then a zip archive, in which each Python has one of its own.

    __main__.py          chooses the part of the Python that runs it, or says that there is none
    part3_9.pyc          imports that part
    manifest.json        which packages each Python gets, and which interpreters compiled them
    licenses/            of this program and of each package
    python3.9.zip        modules and data for one Python, stored as they are
    python3.9.index      where each file is in it: path, place, packed size (0: not packed), one a line

Python reads the whole directory of an archive before it runs it, slowly: with parts within it that one stays short,
and the index of one part is read at once.
"""

from __future__ import annotations

import io
import json
import re
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from own import ROOT

if TYPE_CHECKING:
    from part import Part

# Isolated, and without site: else what PYTHONPATH or a .pth file names would be run before anything of the archive.
# The kernel passes one option at most through env.
_START = b'#!/bin/sh\nexec python3 -IS "$0" "$@"\n'
_MAIN = Path(__file__).with_name("chooser.py")
# The oldest that a zip archive can say.
_MOMENT = (1980, 1, 1, 0, 0, 0)
_UNIX, _MODE = 3, 0o100644 << 16


def archive(parts: list[Part]) -> bytes:
    """Return the whole file."""
    versions = tuple(part.version for part in parts)
    main = _MAIN.read_text(encoding="utf-8").replace("PYTHONS = ()", f"PYTHONS = {versions!r}")
    files = {"__main__.py": main.encode(), "manifest.json": _manifest(parts), "licenses/ecsauth": _read("LICENSE")}
    for part in parts:
        files.update({f"licenses/{name}": text for name, text in part.licences.items()})
    stored = {}
    for part in parts:
        inner = _zip(part.files, {})
        stored[f"python{part.version}.zip"] = inner
        files[f"python{part.version}.index"] = _index(inner)
        files[f"part{part.version.replace('.', '_')}.pyc"] = part.importer
    return _START + _zip(files, stored, len(_START))


def _read(name: str) -> bytes:
    return (ROOT / name).read_bytes()


def _manifest(parts: list[Part]) -> bytes:
    (version,) = re.findall(r'^__version__ = "(.+)"$', _read("bootstrap/ecsauth/__init__.py").decode(), re.MULTILINE)
    pythons = {
        part.version: {
            "compiled_by": part.compiled_by,
            "packages": {pin.name: {"version": pin.version, "sha256": pin.sha256} for pin in part.pins},
            "replaced": part.replaced,
        }
        for part in parts
    }
    return json.dumps({"schema": 1, "ecsauth": version, "pythons": pythons}, indent=2).encode() + b"\n"


def _zip(deflated: dict[str, bytes], stored: dict[str, bytes], before: int = 0) -> bytes:
    """Return a zip archive that is the same for the same content; `before` bytes stand before it in its file."""
    buffer = io.BytesIO(b"\0" * before)
    buffer.seek(before)
    with zipfile.ZipFile(buffer, "w") as out:
        for name, content in sorted({**deflated, **stored}.items()):
            entry = zipfile.ZipInfo(name, _MOMENT)
            entry.create_system, entry.external_attr = _UNIX, _MODE
            entry.compress_type = zipfile.ZIP_STORED if name in stored else zipfile.ZIP_DEFLATED
            out.writestr(entry, content, compresslevel=9)
    return buffer.getvalue()[before:]


def _index(inner: bytes) -> bytes:
    lines = []
    with zipfile.ZipFile(io.BytesIO(inner)) as part:
        for entry in part.infolist():
            # Before the content stands a head of 30 bytes and the name, and nothing else: zipfile adds no extra fields.
            start = entry.header_offset + 30 + len(entry.filename.encode())
            lines.append(f"{entry.filename} {start} {entry.compress_size}\n")
    return "".join(lines).encode()
