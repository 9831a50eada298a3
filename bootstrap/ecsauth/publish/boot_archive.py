"""Recognise a boot archive by its bytes and read its manifest."""

from __future__ import annotations

import hashlib
import io
import json
from typing import NamedTuple

from ecsauth.command_hint import CommandHint
from ecsauth.errors import InvalidError
from ecsauth.pack.layout import MAIN, MANIFEST, SCHEMA, START

# In bytes. Earlier archives, which had the SDK, were up to 7 MB; an instance can read much more.
LONGEST = 16 * 1024 * 1024
# The schema of an archive that has the SDK and runs only on the Pythons that it was compiled for.
_WITH_SDK = 1
# Most bytes before the zip archive: the first lines are for a shell.
_MOST_BEFORE = 256


class BootArchive(NamedTuple):
    """The manifest of an archive: ecsauth's version, and the Pythons that it was compiled for.

    `has_sources`: it also runs on every other Python from 3.9 on. `sha256` is of the whole file.
    """

    version: str
    pythons: tuple[str, ...]
    has_sources: bool
    sha256: str

    @property
    def runs_on(self) -> str:
        """The Pythons on which it runs, for messages."""
        pythons = ", ".join(self.pythons)
        if not self.has_sources:
            return f"for Python {pythons}"
        if not pythons:
            return "not compiled, runs from source on Python 3.9 and later"
        return f"compiled for Python {pythons}, runs from source on other versions from 3.9"


def read(content: bytes, name: str) -> BootArchive:
    """Parse a boot archive; raise InvalidError, naming the file, if it is not one."""
    import zipfile
    import zlib

    if len(content) > LONGEST:
        raise _none(name, f"it is larger than {LONGEST // 1024 // 1024} MiB")
    if not content.startswith(START):
        raise _none(name, "its first line is not that of a boot archive")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            # Reads every member, so that a truncated or damaged copy is not pushed.
            damaged = packed.testzip()
            manifest = json.loads(packed.read(MANIFEST))
            packed.getinfo(MAIN)
    except (zipfile.BadZipFile, zlib.error, KeyError, ValueError, EOFError, NotImplementedError, RuntimeError):
        raise _none(name, "its content cannot be read") from None
    if damaged:
        raise _none(name, f"its member {damaged} is damaged")
    try:
        version, pythons, schema = manifest["ecsauth"], tuple(manifest["pythons"]), manifest["schema"]
    except (KeyError, TypeError):
        raise _none(name, "its manifest is invalid") from None
    if (
        schema not in (_WITH_SDK, SCHEMA)
        or not isinstance(version, str)
        or not all(isinstance(one, str) for one in pythons)
    ):
        raise _none(name, "its manifest is invalid")
    return BootArchive(version, pythons, schema != _WITH_SDK, hashlib.sha256(content).hexdigest())


def is_like_one(content: bytes) -> bool:
    """Tell whether content is an archive of any ecsauth, even a damaged one: a push may replace it with an archive."""
    return content.startswith(b"#!") and b"PK\x03\x04" in content[:_MOST_BEFORE]


def _none(name: str, why: str) -> InvalidError:
    return InvalidError(f"{name} is not a boot archive: {why}", CommandHint("build one", "ecsauth", "archive", "build"))
