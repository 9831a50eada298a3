"""Base64 as Go's StdEncoding takes it."""

from __future__ import annotations

import base64
from typing import Optional

import pytest
from ecsauth.go import values
from hypothesis import given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("", b"", id="empty"),
        pytest.param("\r\n", b"", id="only-line-breaks"),
        pytest.param("dTpw", b"u:p", id="no-padding-needed"),
        pytest.param("dTo=", b"u:", id="one-pad"),
        pytest.param("Og==", b":", id="two-pads"),
        pytest.param("dTp=", b"u:", id="left-over-bits-may-be-set"),
        pytest.param("Oh==", b":", id="left-over-bits-may-be-set-2"),
        pytest.param("d\nT\rp\r\nw", b"u:p", id="line-breaks-inside"),
        pytest.param("Og=\n=\n", b":", id="line-breaks-in-padding"),
        pytest.param("+/+/", b"\xfb\xff\xbf", id="plus-and-slash"),
        pytest.param("Og=", None, id="pad-missing"),
        pytest.param("Og", None, id="pads-missing"),
        pytest.param("O", None, id="one-letter"),
        pytest.param("dTpw=", None, id="pad-too-many"),
        pytest.param("dTpw====", None, id="four-pads"),
        pytest.param("O===", None, id="three-pads"),
        pytest.param("====", None, id="only-pads"),
        pytest.param("Og==dTpw", None, id="data-after-padding"),
        pytest.param("O=g=", None, id="pad-inside"),
        pytest.param("-_-_", None, id="url-safe"),
        pytest.param(" dTpw", None, id="space-before"),
        pytest.param("dTpw ", None, id="space-after"),
        pytest.param("dTpw\t", None, id="tab"),
        pytest.param("dTpw\v", None, id="vertical-tab"),
        pytest.param("dTpw\0", None, id="nul"),
        pytest.param("dT\xf6w", None, id="not-ascii"),
        pytest.param("dTpw!", None, id="punctuation"),
    ],
)
def test_decode(text: str, expected: Optional[bytes]) -> None:
    """Each spelling decodes, or is refused, as by Go."""
    assert values.decode(text) == expected


@given(st.binary())
def test_decodes_what_was_encoded(data: bytes) -> None:
    """Any bytes come back, in one line or several."""
    assert values.decode(base64.b64encode(data).decode()) == data
    assert values.decode(base64.encodebytes(data).decode()) == data


@given(st.text(alphabet="AZaz09+/=\n-_ "))
def test_agrees_with_a_model_that_goes_letter_by_letter(text: str) -> None:
    """Groups of four letters, of which only the last may end in one or two pads."""
    letters = [letter for letter in text if letter not in "\r\n"]
    groups = ["".join(letters[start : start + 4]) for start in range(0, len(letters), 4)]
    good = all(len(group) == 4 and set(group) <= set("AZaz09+/=") for group in groups) and all(
        "=" not in group.rstrip("=") and (not group.endswith("=") or (number == len(groups) and group.count("=") <= 2))
        for number, group in enumerate(groups, 1)
    )
    assert (values.decode(text) is not None) == good
