"""The challenges of WWW-Authenticate (RFC 9110 11.6.1): several in one value, in several values, quoted or not.

What cannot be read is left out with all that follows it in its value: a challenge that is half understood is none.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple, Optional

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_WORD = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_SCHEME = re.compile(rf"({_WORD})(?=[ \t,]|$)")
_PARAMETER = re.compile(rf'({_WORD})[ \t]*=[ \t]*(?:({_WORD})|"((?:[^"\\]|\\.)*)")(?=[ \t]*(?:,|$))')
_TOKEN68 = re.compile(r"[0-9A-Za-z._~+/-]+=*(?=[ \t]*(?:,|$))")
_BLANKS = re.compile(r"[ \t]*")
_COMMAS = re.compile(r"[ \t,]*")


class Challenge(NamedTuple):
    """One way to log in that a server offers; scheme and names of parameters in lower case."""

    scheme: str
    parameters: tuple[tuple[str, str], ...] = ()

    def get(self, name: str) -> str:
        """Return a parameter, empty if it is not there."""
        return dict(self.parameters).get(name, "")


def parse(values: Iterable[str]) -> tuple[Challenge, ...]:
    """Return the challenges of all values, in order. One that repeats a parameter is ambiguous, and left out."""
    return tuple(challenge for value in values for challenge in _challenges(value) if _is_clear(challenge))


def _is_clear(challenge: Challenge) -> bool:
    return len(dict(challenge.parameters)) == len(challenge.parameters)


def _challenges(value: str) -> Iterator[Challenge]:
    place = _skip(_COMMAS, value, 0)
    while place < len(value):
        scheme = _SCHEME.match(value, place)
        if scheme is None:
            return
        place = _skip(_BLANKS, value, scheme.end())
        parameters: list[tuple[str, str]] = []
        while True:
            parameter = _PARAMETER.match(value, place)
            if parameter is None:
                break
            parameters.append((parameter[1].lower(), _text(parameter)))
            place = _skip(_COMMAS, value, parameter.end())
        if not parameters:
            letters = _TOKEN68.match(value, place) if place > scheme.end() else None
            place = letters.end() if letters else place
            if place < len(value) and value[place] not in " \t,":
                return
            place = _skip(_COMMAS, value, place)
        yield Challenge(scheme[1].lower(), tuple(parameters))


def _text(parameter: re.Match[str]) -> str:
    quoted: Optional[str] = parameter[3]
    return parameter[2] if quoted is None else re.sub(r"\\(.)", r"\1", quoted)


def _skip(letters: re.Pattern[str], value: str, place: int) -> int:
    match = letters.match(value, place)
    return match.end() if match else place
