"""Waits between two tries that take no time: the clock is put forward by them instead.

A run that tries again until its deadline can so be given one that no machine is too slow for, and ends after a few
tries all the same. What waits for the world, for an answer or for the end of a socket's patience, takes its time still.

Also a program: `python tests/support/hurried.py PROGRAM ARGUMENT…` runs another one so, a module (`-m NAME`) or a file.
"""

from __future__ import annotations

import contextlib
import runpy
import sys
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

# Not an option of the program: tells `program` to run it so.
HURRIED = "hurried"
# For a boot that tries again: long enough for its first try on any machine, and over after four or five.
TRIES = (HURRIED, "--deadline=10")
# The modules that wait: ours, and the SDK's, each of which tries a second time by itself after up to a second.
_WAITING = ("ecsauth.host.clock.time", "ecsauth.aws.s3_request.time", "botocore.endpoint.time")

_sleep, _monotonic = time.sleep, time.monotonic


class ForwardTime:
    """The module `time`, whose `sleep` puts its monotonic clock forward. The time of day stays what it is."""

    def __init__(self) -> None:
        self._ahead = 0.0

    def __getattr__(self, name: str) -> Any:
        return getattr(time, name)

    def monotonic(self) -> float:
        """Return a reading that is ahead by all that has been waited for."""
        return _monotonic() + self._ahead

    def sleep(self, seconds: float) -> None:
        """Be later at once; let other threads have their turn."""
        self._ahead += seconds
        _sleep(0)


@contextlib.contextmanager
def hurried() -> Iterator[None]:
    """Let the program, inside the `with` block and in this process, wait for no time between its tries."""
    # Imported here: the program below has no need of it.
    from unittest import mock

    forward = ForwardTime()
    with contextlib.ExitStack() as stack:
        for module in _WAITING:
            stack.enter_context(mock.patch(module, forward))
        yield


def main() -> None:
    """Run the program that the command line names in the same way."""
    forward = ForwardTime()
    vars(time).update(sleep=forward.sleep, monotonic=forward.monotonic)
    # As the interpreter would have it: this program's own folder is not the other one's.
    del sys.path[0]
    if sys.argv[1] == "-m":
        del sys.argv[:2]
        runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
    else:
        del sys.argv[0]
        runpy.run_path(sys.argv[0], run_name="__main__")


if __name__ == "__main__":
    main()
