"""Secret texts and bytes, which print as `***`."""

from __future__ import annotations

from typing import NoReturn


class Secret:
    """Wrap a text so that `repr`, `str`, `format` and tracebacks show `***`; only `reveal()` returns it."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Return the text, for comparing, parsing and writing to files of mode 0600; never for messages."""
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
        raise TypeError("a Secret cannot be pickled")


class SecretBytes(bytes):
    """The content of an env-file: bytes for which `repr`, `str` and tracebacks show `***`.

    A slice or a decoded text is not protected: wrap it again before you keep it.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return "***"

    __str__ = __repr__
