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
    """Have the first signal raise KeyboardInterrupt with its number; while things are put back, further ones wait."""
    for each in _SIGNALS:
        if signal.getsignal(each) is not signal.SIG_IGN:
            signal.signal(each, _interrupt)


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """Have signals wait for the end of the `with` block; then the first one interrupts."""
    came: list[int] = []
    caught = {each: signal.getsignal(each) for each in _SIGNALS if signal.getsignal(each) is _interrupt}
    for each in caught:
        signal.signal(each, lambda number, _frame: came.append(number))
    try:
        yield
    finally:
        for each, handler in caught.items():
            signal.signal(each, handler)
        # Also in place of a fault: whoever sends a signal looks for the status that says so.
        if came:
            _interrupt(came[0], None)


def _interrupt(number: int, _frame: Optional[FrameType]) -> NoReturn:
    for each in _SIGNALS:
        signal.signal(each, signal.SIG_IGN)
    raise KeyboardInterrupt(number)


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


@contextlib.contextmanager
def forgiving() -> Iterator[None]:
    """Drop what cannot be written to standard error inside the `with` block, whoever writes it."""
    stream = sys.stderr
    sys.stderr = cast("TextIO", _Forgiving(stream))
    try:
        yield
    finally:
        sys.stderr = stream
        try:
            stream.flush()
        except OSError:
            # The interpreter would flush once more and make its own status, 120, of the failure.
            give_up(stream)


class _Forgiving:
    """A stream of text that is the other one in all but its failures."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write what can be written; what a full disk has refused is tried again with the next message."""
        with contextlib.suppress(OSError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Write out what is kept back, as far as that is possible."""
        with contextlib.suppress(OSError):
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


# A limit of 0 stops a core file, but no program that core_pattern pipes to (core(5)): systemd-coredump and others get
# the memory and decide by themselves. At 1 the kernel refuses both (fs/coredump.c).
_NO_CORE = 1
# Python's ssl and urllib3 write to the file that it names what deciphers each connection.
_TLS_KEYS = "SSLKEYLOGFILE"


def stop() -> None:
    """Have neither a core dump nor a log of TLS keys, of this process and of all that it starts."""
    os.environ.pop(_TLS_KEYS, None)
    # Refused where the hard limit is 0 already, and this is not root: that stays.
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (_NO_CORE, _NO_CORE))
