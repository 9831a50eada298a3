"""A boot archive as a file of bytes: whether it is one, and what it says of itself."""

from __future__ import annotations

import hashlib
import io
import json
from typing import NamedTuple

from ecsauth.command_hint import CommandHint
from ecsauth.errors import InvalidError
from ecsauth.pack.layout import MAIN, MANIFEST, SCHEMA, START

# Archives with the SDK, which this replaces, had up to 7 MB; far below what could hurt an instance.
LONGEST = 16 * 1024 * 1024
# Of an archive that has the SDK, and runs on the Pythons that it was compiled for only.
_WITH_SDK = 1
# The first lines, for a shell.
_MOST_BEFORE = 256


class BootArchive(NamedTuple):
    """What an archive says of itself: ecsauth's version, and the Pythons that it was compiled for.

    `has_sources`: it runs on all others, too, from 3.9 on. `sha256` is of the whole file.
    """

    version: str
    pythons: tuple[str, ...]
    has_sources: bool
    sha256: str

    @property
    def runs_on(self) -> str:
        """On which Pythons it runs, for people."""
        pythons = ", ".join(self.pythons)
        if not self.has_sources:
            return f"for Python {pythons}"
        if not pythons:
            return "compiled for no Python, runs from sources on all from 3.9 on"
        return f"compiled for Python {pythons}, runs from sources on all others from 3.9 on"


def read(content: bytes, name: str) -> BootArchive:
    """Parse a boot archive; raise InvalidError, naming the file, if it is not one."""
    import zipfile
    import zlib

    if len(content) > LONGEST:
        raise _none(name, f"it is larger than {LONGEST // 1024 // 1024} MiB")
    if not content.startswith(START):
        raise _none(name, "it does not start as one")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            # Reads all of it: a copy that was cut short or changed does not get to an instance.
            damaged = packed.testzip()
            manifest = json.loads(packed.read(MANIFEST))
            packed.getinfo(MAIN)
    except (zipfile.BadZipFile, zlib.error, KeyError, ValueError, EOFError, NotImplementedError, RuntimeError):
        raise _none(name, "it cannot be read as one") from None
    if damaged:
        raise _none(name, f"{damaged} in it is damaged")
    try:
        version, pythons, schema = manifest["ecsauth"], tuple(manifest["pythons"]), manifest["schema"]
    except (KeyError, TypeError):
        raise _none(name, "its manifest is that of something else") from None
    if (
        schema not in (_WITH_SDK, SCHEMA)
        or not isinstance(version, str)
        or not all(isinstance(one, str) for one in pythons)
    ):
        raise _none(name, "its manifest is that of something else")
    return BootArchive(version, pythons, schema != _WITH_SDK, hashlib.sha256(content).hexdigest())


def is_like_one(content: bytes) -> bool:
    """Tell whether content is an archive of any ecsauth, a damaged one too: what may be replaced by one."""
    return content.startswith(b"#!") and b"PK\x03\x04" in content[:_MOST_BEFORE]


def _none(name: str, why: str) -> InvalidError:
    return InvalidError(f"{name} is no boot archive: {why}", CommandHint("build one", "ecsauth", "archive", "build"))
