"""Go's readings of white space, booleans, numbers and durations; the tables follow Go's own tests of them."""

from __future__ import annotations

import pytest
from ecsauth.go.values import Number, atoi, parse_bool, parse_duration, parse_float, parse_uint, to_lower, trim_space
from hypothesis import given
from hypothesis import strategies as st

_SECOND = 1_000_000_000
_MINUTE = 60 * _SECOND
_HOUR = 60 * _MINUTE


@pytest.mark.parametrize(
    ("text", "trimmed"),
    [
        (" \t\r\n\v\f x \x85\xa0", "x"),
        ("\u2003x\u3000", "x"),
        ("\x1cx", "\x1cx"),
        ("\u200bx\ufeff", "\u200bx\ufeff"),
        ("\udca0x", "\udca0x"),
        ("", ""),
    ],
)
def test_trim_space(text: str, trimmed: str) -> None:
    """strings.TrimSpace: Unicode white space, without the information separators that Python counts in."""
    assert trim_space(text) == trimmed


@pytest.mark.parametrize(("text", "lower"), [("IPV4", "ipv4"), ("\u0130PV4", "ipv4"), ("Ärger", "ärger")])
def test_to_lower(text: str, lower: str) -> None:
    """strings.ToLower maps letter by letter."""
    assert to_lower(text) == lower


@pytest.mark.parametrize("text", ["1", "t", "T", "true", "TRUE", "True"])
def test_true(text: str) -> None:
    """The six spellings of true."""
    assert parse_bool(text) is True


@pytest.mark.parametrize("text", ["0", "f", "F", "false", "FALSE", "False"])
def test_false(text: str) -> None:
    """The six spellings of false."""
    assert parse_bool(text) is False


@pytest.mark.parametrize("text", ["", "tRUE", "yes", "on", "2", "-1", " true", '"true"', "enabled", "no", "off"])
def test_no_boolean(text: str) -> None:
    """All else is an error, white space included."""
    assert parse_bool(text) is None


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", 0),
        ("-0", 0),
        ("+5", 5),
        ("-5", -5),
        ("012345", 12345),
        pytest.param("0" * 5000 + "7", 7, id="zeros"),
        ("9223372036854775807", 2**63 - 1),
        ("-9223372036854775808", -(2**63)),
    ],
)
def test_atoi(text: str, value: int) -> None:
    """An optional sign and decimal digits."""
    assert atoi(text) == Number(value)


@pytest.mark.parametrize(
    "text", ["", "+", "-", " 5", "5 ", "0x10", "1_000", "1.5", "1e3", "abc", "--5", "\u0665", "\uff15", "²"]
)
def test_atoi_syntax(text: str) -> None:
    """A text that is no number gives 0 beside the error."""
    assert atoi(text) == Number(0, "not an integer")


@pytest.mark.parametrize(
    ("text", "nearest"),
    [
        ("9223372036854775808", 2**63 - 1),
        ("-9223372036854775809", -(2**63)),
        pytest.param("9" * 100_000, 2**63 - 1, id="nines"),
        pytest.param("-" + "9" * 100_000, -(2**63), id="minus nines"),
    ],
)
def test_atoi_range(text: str, nearest: int) -> None:
    """A number beyond 64 bits gives the nearest one beside the error."""
    assert atoi(text) == Number(nearest, "beyond 64 bits")


@pytest.mark.parametrize(("text", "value"), [("0", 0), ("05", 5), ("65535", 65_535)])
def test_parse_uint(text: str, value: int) -> None:
    """Decimal digits of 16 bits."""
    assert parse_uint(text, 16) == value


@pytest.mark.parametrize("text", ["", "+5", "-1", " 5", "65536", "0x10", "1_000", "9" * 30, "\u0665"])
def test_no_uint(text: str) -> None:
    """No sign, no underscore, no other base."""
    assert parse_uint(text, 16) is None


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [
        ("0", 0),
        ("-0", 0),
        ("+0", 0),
        ("0s", 0),
        ("5s", 5 * _SECOND),
        ("-5s", -5 * _SECOND),
        ("+5s", 5 * _SECOND),
        ("5.6s", 5_600_000_000),
        ("5.s", 5 * _SECOND),
        (".5s", 500_000_000),
        ("1.0040s", 1_004_000_000),
        ("100.00100s", 100_001_000_000),
        ("10ns", 10),
        ("11us", 11_000),
        ("12\xb5s", 12_000),
        ("12\u03bcs", 12_000),
        ("13ms", 13_000_000),
        ("15m", 15 * _MINUTE),
        ("16h", 16 * _HOUR),
        ("3h30m", 3 * _HOUR + 30 * _MINUTE),
        ("10.5s4m", 4 * _MINUTE + 10_500_000_000),
        ("-2m3.4s", -(2 * _MINUTE + 3_400_000_000)),
        ("1h2m3s4ms5us6ns", _HOUR + 2 * _MINUTE + 3 * _SECOND + 4_005_006),
        ("39h9m14.425s", 39 * _HOUR + 9 * _MINUTE + 14_425_000_000),
        ("52763797000ns", 52_763_797_000),
        ("0.3333333333333333333h", 20 * _MINUTE),
        ("9007199254740993ns", 9_007_199_254_740_993),
        ("9223372036854775.807us", 2**63 - 1),
        ("9223372036s854ms775us807ns", 2**63 - 1),
        ("-9223372036854775808ns", -(2**63)),
        ("-9223372036854775.808us", -(2**63)),
        ("-2562047h47m16.854775808s", -(2**63)),
        ("0.100000000000000000000h", 6 * _MINUTE),
        ("0.830103483285477580700h", 49 * _MINUTE + 48_372_539_827),
        pytest.param("0." + "0" * 1000 + "1h", 0, id="decimals"),
        ("9223372036854775808ns9223372036854775808ns", 0),
    ],
)
def test_duration(text: str, nanoseconds: int) -> None:
    """time.ParseDuration, its rounding and its wrapping sum included."""
    assert parse_duration(text) == nanoseconds


@pytest.mark.parametrize(
    "text",
    [
        *("", "3", "-", "+", "s", ".", "-.", ".s", "+.s", "1d", "1w", "--5s", "+-5s", "5s ", " 5s", "1h 30m", "10 m"),
        *("10M", "10sec", "1e3s", "0x1s", "1_0s", "1.5.5s", "\u0665s", "\x85\x85", "5\udcffs", '"10m"', "00", "-00"),
        *("9223372036854775810ns", "9223372036854775808ns", "-9223372036854775809ns", "9223372036854776us"),
        *("3000000h", "9999999h", "9223372036854775.808us", "9223372036854ms775us808ns"),
        pytest.param("9" * 100_000 + "h", id="nines"),
    ],
)
def test_no_duration(text: str) -> None:
    """A unit everywhere, no white space, no more than 64 bits."""
    assert parse_duration(text) is None


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("5", 5.0),
        ("-1.5e3", -1500.0),
        (".5", 0.5),
        ("5.", 5.0),
        ("1_0", 10.0),
        ("0x1p-2", 0.25),
        ("+Inf", float("inf")),
        ("infinity", float("inf")),
        ("1e-999", 0.0),
    ],
)
def test_float(text: str, value: float) -> None:
    """Decimal and hexadecimal numbers, underscores between digits, infinity by name."""
    assert parse_float(text) == value


@pytest.mark.parametrize(
    "text", ["", ".", "e3", "5MB", " 5", "5 ", "1__0", "_1", "1_", "1e999", "0x1", "0x1p9999", "\u0665"]
)
def test_no_float(text: str) -> None:
    """No white space, no unit, nothing out of range."""
    assert parse_float(text) is None


@given(st.text(alphabet="0123456789.-+nuµmsh_ eE", max_size=40) | st.text(max_size=20))
def test_any_text_is_read(text: str) -> None:
    """No text makes a reader fail, and what fits 64 bits comes back within them."""
    assert -(2**63) <= atoi(text).value < 2**63
    duration = parse_duration(text)
    assert duration is None or -(2**63) <= duration < 2**63
    parse_float(text)
    parse_bool(text)


@given(st.integers(-(2**63), 2**63 - 1))
def test_whole_nanoseconds_are_exact(nanoseconds: int) -> None:
    """Any number of nanoseconds is read as itself."""
    assert parse_duration(f"{nanoseconds}ns") == nanoseconds


def test_long_texts_are_read_in_one_pass() -> None:
    """A quarter of a megabyte of terms, of digits and of decimals."""
    assert parse_duration("1ns" * 87_000) == 87_000
    assert parse_duration("0" * 262_000 + "1s") == _SECOND
    assert parse_duration("1." + "0" * 262_000 + "s") == _SECOND
