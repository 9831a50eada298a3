"""A boot archive as a file of bytes: whether it is one, and what it says of itself."""

from __future__ import annotations

import hashlib
import io
import json
from typing import NamedTuple

from ecsauth.errors import InvalidError

# Several times what scripts/build-archive makes, far below what could hurt an instance.
LONGEST = 16 * 1024 * 1024
_START = b'#!/bin/sh\nexec python3 -IS "$0" "$@"\n'
_MAIN, _MANIFEST = "__main__.py", "manifest.json"
_SCHEMA = 1
# The first lines, for a shell.
_MOST_BEFORE = 256


class BootArchive(NamedTuple):
    """What an archive says of itself: ecsauth's version, the Pythons that it runs on, and the SHA-256 of all of it."""

    version: str
    pythons: tuple[str, ...]
    sha256: str


def read(content: bytes, name: str) -> BootArchive:
    """Return what the archive is; raise InvalidError, under its name, if it is none."""
    import zipfile
    import zlib

    if len(content) > LONGEST:
        raise _none(name, f"it is larger than {LONGEST // 1024 // 1024} MiB")
    if not content.startswith(_START):
        raise _none(name, "it does not start as one")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            # Reads all of it: a copy that was cut short or changed does not get to an instance.
            damaged = packed.testzip()
            manifest = json.loads(packed.read(_MANIFEST))
            packed.getinfo(_MAIN)
    except (zipfile.BadZipFile, zlib.error, KeyError, ValueError, EOFError, NotImplementedError, RuntimeError):
        raise _none(name, "it cannot be read as one") from None
    if damaged:
        raise _none(name, f"{damaged} in it is damaged")
    try:
        version, pythons, schema = manifest["ecsauth"], tuple(manifest["pythons"]), manifest["schema"]
    except (KeyError, TypeError):
        raise _none(name, "its manifest is that of something else") from None
    if schema != _SCHEMA or not isinstance(version, str) or not all(isinstance(one, str) for one in pythons):
        raise _none(name, "its manifest is that of something else")
    return BootArchive(version, pythons, hashlib.sha256(content).hexdigest())


def is_like_one(content: bytes) -> bool:
    """Tell whether content is an archive of any ecsauth, a damaged one too: what may be replaced by one."""
    return content.startswith(b"#!") and b"PK\x03\x04" in content[:_MOST_BEFORE]


def _none(name: str, why: str) -> InvalidError:
    return InvalidError(f"{name} is no boot archive: {why}", "build one: scripts/build-archive")
