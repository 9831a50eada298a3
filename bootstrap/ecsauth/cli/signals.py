"""The signals that end a command: the first one interrupts, unless it has to wait."""

from __future__ import annotations

import contextlib
import signal
from typing import TYPE_CHECKING, NoReturn, Optional

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

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
