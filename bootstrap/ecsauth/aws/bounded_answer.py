"""The answer of an HTTP server, with a size limit for all of it: head, chunks and trailers, too.

http.client limits the length of a line and the number of headers. But it reads interim answers, trailers and the
headers of a proxy without a limit, it reads a chunk of size -1 to the end of the stream, and it accepts a head that was
cut off. Source: CPython, http/client.py, `begin`, `_read_headers`, `_read_and_discard_trailer`, `_get_chunk_left` and
`_tunnel`.
"""

from __future__ import annotations

import http.client
import io
import re
from typing import Any, Optional

# A body has at most 256 KiB, and the head of S3's answer some KiB.
_LONGEST = 1024 * 1024


class BoundedAnswer(http.client.HTTPResponse):
    """Raises HTTPException for an answer that is too long, has an incomplete head, or gives its length in two ways."""

    def __init__(self, sock: Any, *arguments: Any, **more: Any) -> None:
        super().__init__(sock, *arguments, **more)
        stream: Any = self.fp
        self.fp = _Lines(_Bounded(stream.detach()))

    def begin(self) -> None:
        """Read the head. It must give the length of the answer once and in one way (RFC 9112, section 6.3)."""
        super().begin()
        lengths = self.headers.get_all("content-length", [])
        codings = self.headers.get_all("transfer-encoding", [])
        if len(set(lengths)) > 1 or not all(re.fullmatch("[0-9]{1,18}", length.strip()) for length in lengths):
            raise http.client.HTTPException
        if [coding.strip().lower() for coding in codings] not in ([], ["chunked"]):
            raise http.client.HTTPException


class _Lines(io.BufferedReader):
    """A stream in which each line must end with a newline."""

    def readline(self, size: Optional[int] = -1, /) -> bytes:
        """Return a line of at most `size` bytes; raise HTTPException for an incomplete line."""
        line = super().readline(size)
        if not line.endswith(b"\n") and len(line) != size:
            raise http.client.HTTPException
        return line


class _Bounded(io.RawIOBase):
    """The bytes of a socket, up to the limit."""

    def __init__(self, stream: io.RawIOBase) -> None:
        self._stream = stream
        self._left = _LONGEST

    def readable(self) -> bool:
        """Return True: this stream is for reading."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read the available bytes; raise HTTPException when the limit is reached."""
        if self._left <= 0:
            raise http.client.HTTPException
        count: int = self._stream.readinto(memoryview(buffer)[: self._left]) or 0
        self._left -= count
        return count

    def close(self) -> None:
        """Release the socket."""
        self._stream.close()
        super().close()
