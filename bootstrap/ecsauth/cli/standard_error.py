"""Standard error that never fails: messages are for people, and no message is worth more than the work.

The log of user data or of a unit may stand on a full disk, its reader may have died, its terminal may be gone. What
cannot be written then is lost; the command goes on and ends with its own status.
"""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING, Any, cast

from ecsauth.cli import standard_output

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TextIO


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
            standard_output.give_up(stream)


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
