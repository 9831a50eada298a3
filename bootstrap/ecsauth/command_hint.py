"""A hint that ends in a whole command, ready to paste.

The code that finds a fault does not know region, account, keys and paths; the command line or the record of `boot` has
them. So a hint keeps its command as words, which are completed before the hint is shown.
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

# Placeholders in a command for values that are unknown where the hint is made.
S3URI, KEY, INSTANCE, FILE = "S3URI", "KEY", "INSTANCE_ID", "FILE"


class CommandHint(str):
    """A purpose, a colon and a command; `words` are those of the command."""

    __slots__ = ("why", "words")
    why: str
    words: tuple[str, ...]

    def __new__(cls, why: str, *words: str) -> CommandHint:  # noqa: PYI034 - a subclass is not meant
        """Make the hint; `why` is lower case, without the colon."""
        hint = super().__new__(cls, f"{why}: {shlex.join(words)}")
        hint.why, hint.words = why, words
        return hint

    def filled(self, known: Mapping[str, str]) -> CommandHint:
        """Return the hint with the known values in place of the placeholders."""
        return CommandHint(self.why, *(known.get(word, word) for word in self.words))

    def extended(self, *words: str) -> CommandHint:
        """Return the hint with words added to its command."""
        return CommandHint(self.why, *self.words, *words)
