"""How Go reads base64, white space, booleans, numbers and durations: packages of Go 1.25.

All functions accept any text; bytes that are not UTF-8 are surrogate escapes in it and match nothing.
"""

from __future__ import annotations

import binascii
import re
from typing import NamedTuple, Optional

_STANDARD = "[A-Za-z0-9+/]*={0,2}"


def decode(text: str) -> Optional[bytes]:
    """Return the decoded bytes, None if Go reports corrupt input.

    CR and LF are skipped anywhere. Padding is required, and nothing may follow it. The unused bits of the last letter
    may have any value. White space, URL-safe letters and all other characters are refused.
    """
    letters = text.replace("\r", "").replace("\n", "")
    if len(letters) % 4 or not re.fullmatch(_STANDARD, letters):
        return None
    return binascii.a2b_base64(letters)


# Go unicode/graphic.go and the table White_Space. Python's str.isspace() also includes U+001C to U+001F.
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
# Compiled when needed. Underscores are allowed only between digits (strconv, underscoreOK). More digits can follow only
# after a point, so that each text matches in one way only and the time is linear.
_DECIMAL_FLOAT = r"[+-]?(?:{0}(?:\.(?:{0})?)?|\.{0})(?:[eE][+-]?{0})?".format("[0-9](?:_?[0-9])*")
_HEX_FLOAT = r"[+-]?0[xX](?:_?{0}(?:\.(?:{0})?)?|\.{0})[pP][+-]?{1}".format(
    "[0-9a-fA-F](?:_?[0-9a-fA-F])*", "[0-9](?:_?[0-9])*"
)
_INFINITE = (float("inf"), float("-inf"))
# The largest int64 is 2**63 - 1, which has 19 digits.
_INT64_END = 1 << 63
_INT64_DIGITS = 19
_UINT64_MASK = (1 << 64) - 1


class Number(NamedTuple):
    """The result of Atoi. With a fault, the value is 0 (not a number) or the nearest int64 (out of range)."""

    value: int
    fault: Optional[str] = None


def trim_space(text: str) -> str:
    """Return the text without white space at its ends, as strings.TrimSpace does."""
    return text.strip(GO_SPACE)


def to_lower(text: str) -> str:
    """Return the text as strings.ToLower does: letter by letter, so a dotted capital I stays one letter."""
    return text.replace("\u0130", "i").lower()


def parse_bool(text: str) -> Optional[bool]:
    """Return the result of strconv.ParseBool, None for an error."""
    return _BOOLEANS.get(text)


def atoi(text: str) -> Number:
    """Return the result of strconv.Atoi, which reads an optional sign and decimal digits."""
    digits = text[1:] if text.startswith(("+", "-")) else text
    if not (digits.isascii() and digits.isdigit()):
        return Number(0, "not an integer")
    value = _magnitude(digits)
    if text.startswith("-"):
        return Number(-value) if value <= _INT64_END else Number(-_INT64_END, "beyond 64 bits")
    return Number(value) if value < _INT64_END else Number(_INT64_END - 1, "beyond 64 bits")


def parse_uint(text: str, bits: int) -> Optional[int]:
    """Return the result of strconv.ParseUint(text, 10, bits), None for an error; `bits` is at most 63."""
    if not (text.isascii() and text.isdigit()):
        return None
    value = _magnitude(text)
    return value if value < 1 << bits else None


def parse_float(text: str) -> Optional[float]:
    """Return the result of strconv.ParseFloat(text, 64), None for an error."""
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
    """Return the result of time.ParseDuration in nanoseconds, None for an error."""
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
        # Go adds in uint64 and checks afterwards: two terms of 2**63 each wrap to zero and are accepted.
        total = (total + nanoseconds) & _UINT64_MASK
        if total > _INT64_END:
            return None
    if text.startswith("-"):
        return -total
    return total if total < _INT64_END else None


def _duration_step(text: str, start: int) -> Optional[tuple[int, int]]:
    """Return the nanoseconds of one number with its unit and the offset of the next one, None for an error."""
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
    # uint64(float64(f) * (float64(unit) / scale)), in this order, so that the rounding is the same.
    nanoseconds = whole * unit + int(float(numerator) * (float(unit) / scale))
    return (nanoseconds, end) if nanoseconds <= _INT64_END else None


def _fraction(text: str, start: int, end: int) -> tuple[int, float]:
    """Return numerator and scale of the digits after a point, as time.leadingFraction: too many digits are cut off."""
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
    """Return the first position from `position` on whose character is not in `characters`."""
    while position < len(text) and text[position] in characters:
        position += 1
    return position


def _magnitude(digits: str) -> int:
    """Return the number of decimal digits, 2**64 if there are too many: the time of int() is quadratic."""
    significant = digits.lstrip("0")
    return int(significant or "0") if len(significant) <= _INT64_DIGITS else 1 << 64
