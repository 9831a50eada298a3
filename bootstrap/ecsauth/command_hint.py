"""A hint that ends in a command: whole, so that it can be pasted.

Who finds a fault knows what it is about; which region, account, keys and places belong to it knows the command line, or
the record. So the command is a fact of the hint, and is completed before it is shown.
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

# Words in a command that stand for what is not known where the hint is made.
S3URI, KEY, INSTANCE, FILE = "S3URI", "KEY", "INSTANCE_ID", "FILE"


class CommandHint(str):
    """What a command is good for, a colon, and the command; `words` are the command's."""

    __slots__ = ("why", "words")
    why: str
    words: tuple[str, ...]

    def __new__(cls, why: str, *words: str) -> CommandHint:  # noqa: PYI034 - a subclass is not meant
        """Make the hint; `why` is lower case, without the colon."""
        hint = super().__new__(cls, f"{why}: {shlex.join(words)}")
        hint.why, hint.words = why, words
        return hint

    def filled(self, known: Mapping[str, str]) -> CommandHint:
        """Return the hint with what is known in place of the words that stand for it."""
        return CommandHint(self.why, *(known.get(word, word) for word in self.words))

    def extended(self, *words: str) -> CommandHint:
        """Return the hint with words added to its command."""
        return CommandHint(self.why, *self.words, *words)
