"""The YAML that is written is read by PyYAML as what was meant."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from bootstrap.core import plain_yaml

_TEXTS = st.text(max_size=12) | st.sampled_from(
    (
        "yes",
        "No",
        "Null",
        "~",
        "2012-10-17",
        "0o7",
        "1e3",
        "a: b",
        "- a",
        "*",
        "&a",
        "!x",
        "#",
        "%a",
        "",
        "\ufeff",
        "\x85",
    )
)
_DOCUMENTS = st.recursive(
    _TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXTS, inner, max_size=3),
    max_leaves=12,
)


@given(_DOCUMENTS)
def test_pyyaml_reads_what_was_written(document: Any) -> None:
    """Any document of objects, lists and strings comes back as it was, and is ASCII."""
    text = plain_yaml.dumps(document)
    assert yaml.safe_load(text) == document
    assert text.isascii()


def test_form() -> None:
    """Names are plain where nothing else can be meant, values in quotes, lists indented."""
    document = {"Version": "2012-10-17", "Statement": [{"Sid": "A", "Null": {"aws:x": ["true"]}}], "No": {}, "L": []}
    assert plain_yaml.dumps(document) == (
        'Version: "2012-10-17"\n'
        "Statement:\n"
        '  - Sid: "A"\n'
        '    "Null":\n'
        '      "aws:x":\n'
        '        - "true"\n'
        '"No": {}\n'
        "L: []\n"
    )


@pytest.mark.parametrize("value", [1, 1.5, True, None, b"x"])
def test_what_stands_in_no_policy(value: Any) -> None:
    """What would have to be guessed is not written."""
    with pytest.raises(TypeError):
        plain_yaml.dumps({"A": value})
