"""How Go reads base64, white space, booleans, numbers and durations: packages of Go 1.25.

All functions take any text; bytes that are not UTF-8 may stand in it as surrogateescape and match nothing.
"""

from __future__ import annotations

import binascii
import re
from typing import NamedTuple, Optional

_STANDARD = "[A-Za-z0-9+/]*={0,2}"


def decode(text: str) -> Optional[bytes]:
    """Return the bytes, or None where Go reports corrupt input.

    CR and LF are skipped wherever they stand, padding is required and nothing may follow it, bits left over in the
    last letter may be anything; white space, url-safe letters and everything else are refused.
    """
    letters = text.replace("\r", "").replace("\n", "")
    if len(letters) % 4 or not re.fullmatch(_STANDARD, letters):
        return None
    return binascii.a2b_base64(letters)


# Go unicode/graphic.go and the table White_Space. Python's str.isspace() also takes U+001C to U+001F for space.
GO_SPACE = (
    "\t\n\v\f\r \u0085\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)


# strconv.ParseBool
_BOOLEANS = {
    **dict.fromkeys(("1", "t", "T", "true", "TRUE", "True"), True),
    **dict.fromkeys(("0", "f", "F", "false", "FALSE", "False"), False),
}
# time.unitMap, in nanoseconds; both micro signs, U+00B5 and U+03BC.
_UNITS = {
    "ns": 1,
    "us": 1_000,
    "\xb5s": 1_000,
    "\u03bcs": 1_000,
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
}
_DIGITS = "0123456789"
# Compiled when needed. Underscores stand between digits only (strconv, underscoreOK); inf written as a number is
# out of range. Digits go on behind a point only, so that no text can be split in two ways, one for each of its digits.
_DECIMAL_FLOAT = r"[+-]?(?:{0}(?:\.(?:{0})?)?|\.{0})(?:[eE][+-]?{0})?".format("[0-9](?:_?[0-9])*")
_HEX_FLOAT = r"[+-]?0[xX](?:_?{0}(?:\.(?:{0})?)?|\.{0})[pP][+-]?{1}".format(
    "[0-9a-fA-F](?:_?[0-9a-fA-F])*", "[0-9](?:_?[0-9])*"
)
_INFINITE = (float("inf"), float("-inf"))
# int64 ends at 2**63 - 1; no number of more digits than this fits.
_INT64_END = 1 << 63
_INT64_DIGITS = 19
_UINT64_MASK = (1 << 64) - 1


class Number(NamedTuple):
    """What Atoi returns: with a fault the value is 0 (no number) or the nearest number of 64 bits (out of range)."""

    value: int
    fault: Optional[str] = None


def trim_space(text: str) -> str:
    """Return the text without white space at its ends, as strings.TrimSpace does."""
    return text.strip(GO_SPACE)


def to_lower(text: str) -> str:
    """Return the text as strings.ToLower does: letter by letter, so that a dotted capital I is one letter."""
    return text.replace("\u0130", "i").lower()


def parse_bool(text: str) -> Optional[bool]:
    """Return what strconv.ParseBool makes of the text, None for an error."""
    return _BOOLEANS.get(text)


def atoi(text: str) -> Number:
    """Return what strconv.Atoi makes of the text: an optional sign and decimal digits."""
    digits = text[1:] if text.startswith(("+", "-")) else text
    if not (digits.isascii() and digits.isdigit()):
        return Number(0, "not an integer")
    value = _magnitude(digits)
    if text.startswith("-"):
        return Number(-value) if value <= _INT64_END else Number(-_INT64_END, "beyond 64 bits")
    return Number(value) if value < _INT64_END else Number(_INT64_END - 1, "beyond 64 bits")


def parse_uint(text: str, bits: int) -> Optional[int]:
    """Return what strconv.ParseUint(text, 10, bits) makes of the text, None for an error; bits up to 63."""
    if not (text.isascii() and text.isdigit()):
        return None
    value = _magnitude(text)
    return value if value < 1 << bits else None


def parse_float(text: str) -> Optional[float]:
    """Return what strconv.ParseFloat(text, 64) makes of the text, None for an error."""
    if re.fullmatch(_DECIMAL_FLOAT, text) or re.fullmatch(r"(?i)[+-]?inf(?:inity)?|nan", text):
        value = float(text)
        return None if value in _INFINITE and text[-1].isdigit() else value
    if not re.fullmatch(_HEX_FLOAT, text):
        return None
    try:
        return float.fromhex(text.replace("_", ""))
    except OverflowError:
        return None


def parse_duration(text: str) -> Optional[int]:
    """Return the nanoseconds that time.ParseDuration makes of the text, None for an error."""
    position = 1 if text.startswith(("+", "-")) else 0
    if text[position:] == "0":
        return 0
    if position == len(text):
        return None
    total = 0
    while position < len(text):
        step = _duration_step(text, position)
        if step is None:
            return None
        nanoseconds, position = step
        # Go adds in uint64 and asks afterwards: two terms of 2**63 each wrap to zero and pass.
        total = (total + nanoseconds) & _UINT64_MASK
        if total > _INT64_END:
            return None
    if text.startswith("-"):
        return -total
    return total if total < _INT64_END else None


def _duration_step(text: str, start: int) -> Optional[tuple[int, int]]:
    """Return the nanoseconds of one number with its unit and where the next one starts, None for an error."""
    point = _skip(text, start, _DIGITS)
    whole = _magnitude(text[start:point])
    after = _skip(text, point + 1, _DIGITS) if text[point : point + 1] == "." else point
    if point == start and after <= point + 1:
        return None
    end = after
    while end < len(text) and text[end] != "." and text[end] not in _DIGITS:
        end += 1
    unit = _UNITS.get(text[after:end])
    if unit is None or whole > _INT64_END // unit:
        return None
    numerator, scale = _fraction(text, point + 1, after)
    # uint64(float64(f) * (float64(unit) / scale)), in this order: the rounding is part of the answer.
    nanoseconds = whole * unit + int(float(numerator) * (float(unit) / scale))
    return (nanoseconds, end) if nanoseconds <= _INT64_END else None


def _fraction(text: str, start: int, end: int) -> tuple[int, float]:
    """Return numerator and scale of the digits after a point, as time.leadingFraction: what overflows is cut off."""
    numerator, scale = 0, 1.0
    for digit in text[start:end]:
        if numerator > (_INT64_END - 1) // 10:
            break
        longer = numerator * 10 + int(digit)
        if longer > _INT64_END:
            break
        numerator = longer
        scale *= 10
    return numerator, scale


def _skip(text: str, position: int, characters: str) -> int:
    """Return the first position from here on whose character is none of these."""
    while position < len(text) and text[position] in characters:
        position += 1
    return position


def _magnitude(digits: str) -> int:
    """Return what decimal digits stand for, or 2**64 for too many of them: int() is quadratic."""
    significant = digits.lstrip("0")
    return int(significant or "0") if len(significant) <= _INT64_DIGITS else 1 << 64
