"""Starts ecsauth from the boot archive that this is the `__main__` of, with what was made for this Python.

Written so that any Python can read it, to be told that it is too old.
"""

# ruff: noqa: UP031 - for Pythons of long ago

import os
import sys

OLDEST = (3, 9)
# Where in compiled.xz the code for a Python stands, by its cache tag and magic number.
PARTS = {}  # type: ignore[var-annotated]


def refuse():  # type: ignore[no-untyped-def]  # noqa: ANN201, D103 - no annotations, for the same Pythons
    try:
        sys.stderr.write(
            "ecsauth: error: this archive runs on Python %d.%d and later, and this is Python %d.%d\n"
            "ecsauth: hint: run it with a later one, as python3.11 -IS FILE\n" % (OLDEST + sys.version_info[:2])
        )
        sys.stderr.flush()
    finally:
        # Where the message cannot be written the status is still this one, not the interpreter's.
        os._exit(6)


def part():  # type: ignore[no-untyped-def]  # noqa: ANN201, D103 - as above
    import importlib.util

    number = int.from_bytes(importlib.util.MAGIC_NUMBER[:2], "little")
    tag = "%s-%d" % (sys.implementation.cache_tag, number)
    return PARTS.get(tag)


if __name__ == "__main__":
    if sys.version_info[:2] < OLDEST:
        refuse()  # type: ignore[no-untyped-call]
    __import__("importer").run(part())  # type: ignore[no-untyped-call]
