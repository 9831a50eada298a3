"""The boot archive as a file: two lines of shell, then a zip archive.

    __main__.py      chooses the compiled code for the Python that runs it
    importer.py      imports the modules in the archive
    sources          all modules and their data
    compiled.xz      the same, compiled for each Python of the archive, one after the other
    manifest.json    the version of ecsauth, and the Pythons that have compiled it
    LICENSE

Before Python runs a zip archive, it reads the whole directory of it, which is slow. So all modules are in one entry.
compiled.xz is compressed as one, which makes the file half as large, because the code for the Pythons is similar. The
oldest Python comes first, because the file is decompressed only up to the end of the code that is needed.
"""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, NamedTuple

from ecsauth import __version__
from ecsauth.errors import LocalError
from ecsauth.pack.strip import stripped

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# -I and -S: otherwise modules that PYTHONPATH or a .pth file names would run before the archive.
# The kernel passes one option at most through env.
START = b'#!/bin/sh\nexec python3 -IS "$0" "$@"\n'
MAIN, MANIFEST, SCHEMA = "__main__.py", "manifest.json", 2
_COMPILED = "compiled.xz"
_NO_PARTS = "PARTS = {}"
# The earliest time that a zip archive can store.
_MOMENT = (1980, 1, 1, 0, 0, 0)
_UNIX, _MODE = 3, 0o100644 << 16
# Larger than the code of five Pythons, so that lzma finds the similar parts of all of it.
_WINDOW = 8 * 1024 * 1024


class CompiledPart(NamedTuple):
    """The code compiled by one Python. `tag` selects it at run time; `python` and `compiled_by` are for people."""

    python: str
    compiled_by: str
    tag: str
    files: dict[str, bytes]


class Programs(NamedTuple):
    """The source texts of the programs that start the archive."""

    chooser: str
    importer: str


def archive(files: Mapping[str, bytes], parts: Sequence[CompiledPart], programs: Programs, licence: bytes) -> bytes:
    """Return the whole file, reproducible byte by byte; raise LocalError if this Python has no lzma."""
    code, places = b"", {}
    for part in parts:
        packed = pack({**files, **part.files})
        places[part.tag] = (len(code), len(code) + len(packed))
        code += packed
    entries = {
        MAIN: stripped(programs.chooser).replace(_NO_PARTS, f"PARTS = {places!r}").encode(),
        "importer.py": stripped(programs.importer).encode(),
        "sources": pack(files),
        MANIFEST: _manifest(parts),
        "LICENSE": licence,
        **({_COMPILED: _compressed(code)} if parts else {}),
    }
    return START + _zip(entries, len(START))


def pack(files: Mapping[str, bytes]) -> bytes:
    """Pack files into one: one line per file with path and size, an empty line, all contents."""
    head = "".join(f"{path} {len(content)}\n" for path, content in files.items())
    return b"\n".join((head.encode(), b"".join(files.values())))


def _manifest(parts: Sequence[CompiledPart]) -> bytes:
    pythons = {part.python: {"compiled_by": part.compiled_by, "tag": part.tag} for part in parts}
    return json.dumps({"schema": SCHEMA, "ecsauth": __version__, "pythons": pythons}, indent=2).encode() + b"\n"


def _compressed(code: bytes) -> bytes:
    try:
        import lzma
    except ImportError:
        raise LocalError(
            "this Python has no module lzma, which compresses the compiled code",
            "use another Python, or build without compiled code: --no-compile",
        ) from None
    how = {"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME, "dict_size": _WINDOW, "lc": 4, "pb": 0}
    return lzma.compress(code, filters=[how])


def _zip(entries: Mapping[str, bytes], before: int) -> bytes:
    """Return a reproducible zip archive that starts `before` bytes after the start of its file."""
    import zipfile  # loads more than its users want

    buffer = io.BytesIO(b"\0" * before)
    buffer.seek(before)
    with zipfile.ZipFile(buffer, "w") as out:
        for name, content in sorted(entries.items()):
            entry = zipfile.ZipInfo(name, _MOMENT)
            entry.create_system, entry.external_attr = _UNIX, _MODE
            entry.compress_type = zipfile.ZIP_STORED if name == _COMPILED else zipfile.ZIP_DEFLATED
            out.writestr(entry, content, compresslevel=9)
    return buffer.getvalue()[before:]
