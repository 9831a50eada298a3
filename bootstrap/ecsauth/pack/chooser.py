"""The `__main__` of the boot archive: start ecsauth with the code that was compiled for this Python.

Any Python can parse this module, so that an old one can report that it is too old.
"""

# ruff: noqa: UP031 - for Pythons of long ago

import os
import sys

OLDEST = (3, 9)
# The position of the code in compiled.xz for each Python, by its cache tag and magic number.
PARTS = {}  # type: ignore[var-annotated]


def refuse():  # type: ignore[no-untyped-def]  # noqa: ANN201, D103 - no annotations, for the same Pythons
    try:
        sys.stderr.write(
            "ecsauth: error: this archive requires Python %d.%d or later, but this is Python %d.%d\n"
            "ecsauth: hint: run it with a later Python: python3.11 -IS FILE\n" % (OLDEST + sys.version_info[:2])
        )
        sys.stderr.flush()
    finally:
        # Even if the message cannot be written, the exit status is this one, not the interpreter's.
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
