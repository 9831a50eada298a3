"""excerpt: the line of a finding, with nothing secret in it, and a mark inside of it.

The first two bytes of an input choose a place; the rest is the file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ecsauth.check import check
from ecsauth.check.excerpt import Excerpts

from _fuzz.secrecy import assert_hidden, secrets
from _fuzz.seeds import env_files
from _fuzz.target import holds

if TYPE_CHECKING:
    from collections.abc import Iterator

_WIDTHS = (100, 40)


def seeds() -> Iterator[bytes]:
    """Yield env-files with a place before them."""
    for data in env_files():
        yield b"\x02\x18" + data


def run(data: bytes) -> None:
    """Show the line of each finding, and of the place."""
    place, data = data[:2].ljust(2, b"\0"), data[2:]
    secret = secrets(data)
    excerpts = Excerpts(data)
    places = {(one.line, one.column) for one in check(data) if one.line is not None}
    for line, column in (*sorted(places, key=str), (place[0], place[1] or 1), (place[0], None)):
        for width in _WIDTHS:
            shown = excerpts.excerpt(line, column, width)
            if shown is None:
                continue
            assert_hidden(secret, (shown.text,))
            holds(shown.text.isprintable(), "it would do something to a terminal")
            holds(len(shown.text) <= width, "wider than asked for")
            holds(shown.mark is None or 0 <= shown.mark <= len(shown.text), "the mark is outside")
            holds((shown.mark is None) == (column is None), "a mark without a place")
