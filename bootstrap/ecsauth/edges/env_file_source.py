"""Where an operator's file is read from: a path, or standard input."""

from __future__ import annotations

import errno
import os
import sys

from ecsauth.core.errors import InvalidError, LocalError

# Far above any env-file and docker's config.json; the same as what S3 may give.
LONGEST = 256 * 1024


def read(path: str, otherwise: str = "it is no env-file") -> bytes:
    """Return the file's bytes, `-` for standard input; `otherwise` says what is wrong with a larger file.

    Raises LocalError where it cannot be read, InvalidError where it is larger than 256 KiB.
    """
    try:
        if path == "-":
            if sys.stdin is None:
                # Started with it closed, as by `<&-`.
                raise OSError(errno.EBADF, os.strerror(errno.EBADF))
            data = sys.stdin.buffer.read(LONGEST + 1)
        else:
            with open(path, "rb") as file:
                data = file.read(LONGEST + 1)
    except OSError as fault:
        raise LocalError(f"cannot read {path}: {os.strerror(fault.errno or 0).lower()}") from None
    if len(data) > LONGEST:
        raise InvalidError(f"{path} is larger than {LONGEST // 1024} KiB: {otherwise}")
    return data
