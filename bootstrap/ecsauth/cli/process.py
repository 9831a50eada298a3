"""The process around a command: signals, streams that may be closed or full, core dumps."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import resource
import signal
import sys
from typing import TYPE_CHECKING, Any, NoReturn, Optional, cast

from ecsauth.errors import LocalError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType
    from typing import TextIO

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def catch() -> None:
    """Let the first signal raise KeyboardInterrupt with its number; during a rollback, further signals wait."""
    for each in _SIGNALS:
        if signal.getsignal(each) is not signal.SIG_IGN:
            signal.signal(each, _interrupt)


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """Delay signals until the end of the `with` block; then the first one interrupts."""
    came: list[int] = []
    caught = {each: signal.getsignal(each) for each in _SIGNALS if signal.getsignal(each) is _interrupt}
    for each in caught:
        signal.signal(each, lambda number, _frame: came.append(number))
    try:
        yield
    finally:
        for each, handler in caught.items():
            signal.signal(each, handler)
        # This also replaces a fault: the sender of the signal expects its exit status.
        if came:
            _interrupt(came[0], None)


def _interrupt(number: int, _frame: Optional[FrameType]) -> NoReturn:
    for each in _SIGNALS:
        signal.signal(each, signal.SIG_IGN)
    raise KeyboardInterrupt(number)


_NAME = "standard output"


@contextlib.contextmanager
def watched() -> Iterator[None]:
    """Raise LocalError for a failed write to standard output, and flush it at the end of the `with` block."""
    stream = sys.stdout
    if isinstance(stream, io.TextIOWrapper):
        # A character that the encoding does not have is written as an escape, as on standard error. The bytes of a file
        # are not written here.
        stream.reconfigure(errors="backslashreplace")
    watcher = _Watched(stream, stream)
    sys.stdout = cast("TextIO", watcher)
    try:
        try:
            yield
        except SystemExit:
            # argparse exits after it has written its help, and ignores a closed pipe.
            watcher.flush()
            if watcher.has_no_reader:
                raise _no_reader() from None
            raise
        watcher.flush()
    finally:
        sys.stdout = stream


def give_up(stream: Any) -> None:
    """Discard what is left in the buffer, so that the interpreter's last flush does not fail."""
    with contextlib.suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def has_no_reader(fault: BrokenPipeError) -> bool:
    """Tell whether the broken pipe is standard output, and not another pipe or connection."""
    return bool(fault.filename == _NAME)


def _no_reader() -> BrokenPipeError:
    return BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE), _NAME)


class _Watched:
    """A stream, text or bytes, that behaves as the wrapped one, but reports its failures as LocalError."""

    def __init__(self, stream: Any, whole: Any) -> None:
        self._stream = stream
        self._whole = whole
        self.has_no_reader = False

    def write(self, data: Any) -> int:
        """Write; raise LocalError, or BrokenPipeError if the reader has closed the pipe."""
        with self._told():
            written: int = self._stream.write(data)
        return written

    def flush(self) -> None:
        """Flush the buffer; raise as `write`."""
        with self._told():
            self._stream.flush()

    @property
    def buffer(self) -> _Watched:
        """The stream of bytes below the stream of text."""
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


@contextlib.contextmanager
def forgiving() -> Iterator[None]:
    """Ignore each failed write to standard error inside the `with` block."""
    stream = sys.stderr
    sys.stderr = cast("TextIO", _Forgiving(stream))
    try:
        yield
    finally:
        sys.stderr = stream
        try:
            stream.flush()
        except OSError:
            # The interpreter would flush again, fail, and exit with its own status 120.
            give_up(stream)


class _Forgiving:
    """A stream of text that behaves as the wrapped one, but never fails."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write as much as possible; what a full disk refuses is retried with the next message."""
        with contextlib.suppress(OSError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Flush the buffer, as far as possible."""
        with contextlib.suppress(OSError):
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


# A limit of 0 prevents a core file, but not a pipe to a program in core_pattern (core(5)): systemd-coredump and others
# still get the memory. With 1 the kernel refuses both (fs/coredump.c).
_NO_CORE = 1
# Python's ssl and urllib3 write the keys of each TLS connection to the file that this variable names.
_TLS_KEYS = "SSLKEYLOGFILE"


def stop() -> None:
    """Prevent core dumps and logs of TLS keys, of this process and of all that it starts."""
    os.environ.pop(_TLS_KEYS, None)
    # Refused if the hard limit is 0 already and the user is not root: then the limit stays 0.
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (_NO_CORE, _NO_CORE))
