"""What must not be shown: it prints as `***` wherever it ends up."""

from __future__ import annotations

from typing import NoReturn


class Secret:
    """Wrap a text so that `repr`, `str`, `format` and tracebacks show `***`; `reveal()` alone gives it back."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Return the text itself: for comparing, parsing and writing to 0600 files, never for messages."""
        return self._text

    def __repr__(self) -> str:
        return "***"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return format("***", spec)

    def __bool__(self) -> bool:
        return bool(self._text)

    def __eq__(self, other: object) -> bool:
        return self._text == other._text if isinstance(other, Secret) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._text)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret is not pickled")


class SecretBytes(bytes):
    """What an env-file holds: bytes to read, compare and write, of which `repr`, `str` and tracebacks show `***`.

    Whatever is made of them, as a slice or a text, is bare: it is wrapped again where it is kept.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return "***"

    __str__ = __repr__
