"""Standard output that says what is wrong with it: a full disk is a fault of this machine, whoever was writing."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import sys
from typing import TYPE_CHECKING, Any, cast

from ecsauth.core.errors import LocalError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TextIO


_NAME = "standard output"


@contextlib.contextmanager
def watched() -> Iterator[None]:
    """Let what is written to standard output raise LocalError where it cannot be written, and write out the rest."""
    stream = sys.stdout
    if isinstance(stream, io.TextIOWrapper):
        # A name that the encoding has no letters for is shown by its escapes, as standard error does; the bytes of a
        # file do not come this way.
        stream.reconfigure(errors="backslashreplace")
    watcher = _Watched(stream, stream)
    sys.stdout = cast("TextIO", watcher)
    try:
        try:
            yield
        except SystemExit:
            # argparse's, once it has written its help: it holds its tongue about a reader that has gone.
            watcher.flush()
            if watcher.has_no_reader:
                raise _no_reader() from None
            raise
        watcher.flush()
    finally:
        sys.stdout = stream


def give_up(stream: Any) -> None:
    """Write what is left nowhere: the interpreter's last flush must not complain."""
    with contextlib.suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def has_no_reader(fault: BrokenPipeError) -> bool:
    """Tell whether it is the reader of standard output that has gone, and not another pipe or connection."""
    return bool(fault.filename == _NAME)


def _no_reader() -> BrokenPipeError:
    return BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE), _NAME)


class _Watched:
    """A stream, text or bytes, that is the other one in all but the words of its failures."""

    def __init__(self, stream: Any, whole: Any) -> None:
        self._stream = stream
        self._whole = whole
        self.has_no_reader = False

    def write(self, data: Any) -> int:
        """Write; raise LocalError, and BrokenPipeError where the reader has gone."""
        with self._told():
            written: int = self._stream.write(data)
        return written

    def flush(self) -> None:
        """Write out what is kept back; raise as `write`."""
        with self._told():
            self._stream.flush()

    @property
    def buffer(self) -> _Watched:
        """The stream of bytes below one of text."""
        return _Watched(self._stream.buffer, self._whole)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except BrokenPipeError:
            self.has_no_reader = True
            raise _no_reader() from None
        except OSError as fault:
            give_up(self._whole)
            reason = (os.strerror(fault.errno) if fault.errno else "unknown error").lower()
            raise LocalError(f"cannot write standard output: {reason}") from None
