"""The targets of scripts/fuzz, on inputs that fuzzing found and on some that hypothesis makes: they hold.

What has to hold of every input is written down once, in scripts/_fuzz/on_*.py.
"""

from __future__ import annotations

import importlib
import sys
from functools import lru_cache
from pathlib import Path
from typing import Any, Callable

import pytest
from ecsauth.check.fix import canonical
from ecsauth.errors import InvalidError
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.append(str(Path(__file__).parents[3] / "scripts"))

_LONGEST_SEED = 4096
_BYTES = [bytes([byte]) for byte in b" \t\r\n\0=#;'\"\\{}[],:.-_/+$`@01aA\x1c\x7f\xff"]

_FILES_ONCE_WRONG = [
    pytest.param("check", b"A=" + b"\x1d" * 50 + b"1\n", id="information separators are no white space to Go"),
    pytest.param("canonical", b"ECS_CLUSTER='\xc2\xa0'\n", id="white space in quotes is not the readers' to keep"),
    pytest.param("canonical", b'ECS_CLUSTER=a\n"#A"=1\n', id="quoted name that would become a comment"),
    pytest.param("canonical", b"ECS_CLUSTER=a\n\xe2\x80\x8b#A=1\n", id="name behind an invisible character, likewise"),
    pytest.param("canonical", b"'\xc2\xa0ECS_CLUSTER=a\n", id="white space in a quoted name"),
    pytest.param("canonical", b'ECS_CLUSTER=a\n""=1\n', id="quotes around nothing are no line to drop"),
    pytest.param("canonical", b'"ECS_CLUSTER=a\xc2\xa0"\n', id="white space before the quote that ends a line"),
    pytest.param("canonical", b"A=x\\\nB=\r\\", id="white space before the last backslash of joined lines"),
]


@pytest.mark.parametrize(("target", "data"), _FILES_ONCE_WRONG)
def test_what_was_wrong_once(target: str, data: bytes) -> None:
    """Inputs that fuzzing found."""
    _target(target).run(data)


@pytest.mark.parametrize("name", ["", "#A", "#"])
@pytest.mark.parametrize("form", ['"{}"=x', "\u200b{}=x", "export '{}'=x", 'export "{}"=x'])
def test_no_assignment_is_mended_into_nothing(form: str, name: str) -> None:
    """Without its quotes or invisible characters, such a name would be a comment or none: that takes a guess."""
    with pytest.raises(InvalidError, match="fixed automatically"):
        canonical(b"ECS_CLUSTER=prod\n" + form.format(name).encode() + b"\n")


@lru_cache
def _target(name: str) -> Any:
    return importlib.import_module("_fuzz.target").load(name)


@lru_cache
def _seeds(name: str) -> tuple[bytes, ...]:
    return tuple(dict.fromkeys(seed for seed in _target(name).seeds() if len(seed) <= _LONGEST_SEED))


def _inputs(name: str) -> st.SearchStrategy[bytes]:
    """Return inputs for a target: recorded ones with words changed, words put together, and any bytes."""
    words = importlib.import_module("_fuzz.dictionary").words()
    mutate: Callable[[bytes, int], bytes] = importlib.import_module("_fuzz.mutator").mutate
    changed = st.builds(mutate, st.sampled_from(_seeds(name)), st.integers(0, 2**32))
    pieces = st.one_of(st.sampled_from(words), st.sampled_from(_BYTES), st.binary(max_size=4))
    return st.one_of(changed, changed, st.lists(pieces, max_size=30).map(b"".join), st.binary(max_size=100))


@pytest.mark.parametrize("name", importlib.import_module("_fuzz.target").NAMES)
def test_arbitrary_bytes(name: str) -> None:
    """What must hold of every input of a fuzz target holds: see scripts/_fuzz/on_*.py."""

    @settings(max_examples=120, deadline=None)
    @given(_inputs(name))
    def run(data: bytes) -> None:
        _target(name).run(data)

    run()
