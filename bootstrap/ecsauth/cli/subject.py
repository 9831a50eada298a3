"""What a command's FILE is called: by people, in a command that they paste, and by services that show findings."""

from __future__ import annotations

import os
from typing import Optional

_STDIN = "-"
_S3 = "s3://"
_STDIN_NAME = "<stdin>"


def for_people(file: str) -> str:
    """Return the name of the file in a message."""
    if file == _STDIN:
        return _STDIN_NAME
    if file.isprintable():
        return file
    from ecsauth.cli.terminal import printable

    return printable(file)


def for_shell(file: str) -> Optional[str]:
    """Return the file's path as a word of a shell command; None if it is no file of this machine."""
    if file == _STDIN or file.startswith(_S3):
        return None
    import shlex

    return shlex.quote(os.path.join(".", file) if file.startswith("-") else file)


def path(file: str) -> Optional[str]:
    """Return the file's path, relative to the working directory where it is below it; None if it is no file here."""
    if file == _STDIN or file.startswith(_S3):
        return None
    relative = os.path.relpath(file)
    return os.path.abspath(file) if relative.split(os.sep)[0] == os.pardir else relative


def uri(file: str) -> str:
    """Return a URI (RFC 3986), a relative one for a file below the working directory."""
    from urllib.parse import quote

    if file.startswith(_S3):
        return _S3 + quote(os.fsencode(file[len(_S3) :]), safe="/?=")
    place = path(file)
    if place is None:
        return _STDIN_NAME.strip("<>")
    quoted = quote(os.fsencode(place))
    return f"file://{quoted}" if os.path.isabs(place) else quoted
