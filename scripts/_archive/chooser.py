"""Runs ecsauth from the archive that this is the `__main__` of, with the part that was made for this Python.

Written so that any Python can read it, to be told that it is not one of those.
"""

# ruff: noqa: UP031, RUF005 - for Pythons of long ago

import os
import sys

PYTHONS = ()

if "%d.%d" % sys.version_info[:2] not in PYTHONS:
    try:
        sys.stderr.write(
            "ecsauth: error: this archive runs on Python %s, and this is Python %d.%d\n"
            "ecsauth: hint: run it with one of those, as python%s FILE, or build another: "
            "scripts/build-archive --python\n" % ((", ".join(PYTHONS),) + sys.version_info[:2] + (PYTHONS[-1],))
        )
        sys.stderr.flush()
    finally:
        # Where the message cannot be written the status is still this one, not the interpreter's.
        os._exit(6)

__import__("part%d_%d" % sys.version_info[:2]).run()
