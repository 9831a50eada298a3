"""A secret anywhere in docker's config.json is in no message of `import`, however the file is broken."""

from __future__ import annotations

import base64
import json
import os
import tempfile
from pathlib import Path
from typing import Any, Callable

import pytest
from canary import Canary
from hypothesis import given, settings
from hypothesis import strategies as st
from program import run_here

HUB = "https://index.docker.io/v1/"
ENVIRONMENT = {"PATH": os.environ["PATH"]}
SECRETS = st.text(st.sampled_from("abcdefghijkmnpqrstuvwxyz0123456789"), min_size=9, max_size=24).map("s3c{}".format)
WRONG = ("", ",", "}", "{", '"', "\\", "[1]", " ", "\n", "\0", "\ufeff", ":", "null", "\ud800", '"x":1,')


def _auth(secret: str) -> str:
    return base64.b64encode(f"user:{secret}".encode()).decode()


GOOD = {"auth": _auth("p")}
DOCUMENTS: tuple[Callable[[str], Any], ...] = (
    lambda it: {"auths": {"r.example": {"auth": _auth(it)}}},
    lambda it: {"auths": {"r.example": {"auth": it}}},
    lambda it: {"auths": {"r.example": {"username": it, "password": it}}},
    lambda it: {"auths": {"r.example": {**GOOD, "identitytoken": it}}},
    lambda it: {"auths": {"r.example": {"registrytoken": it, it: it}}},
    lambda it: {"auths": {"docker.io": {"auth": _auth(it)}, HUB: GOOD}},
    lambda it: {"auths": {f"user:{it}@r.example": GOOD}},
    lambda it: {"auths": {it: GOOD, it[::-1]: {}}},
    lambda it: {"auths": {"r.example": [it]}, "credHelpers": {it: [it]}},
    lambda it: {"auths": it},
    lambda it: {"r.example": {"auth": _auth(it)}, it: {"auth": it}},
    lambda it: {"HttpHeaders": {"Authorization": it}, "auths": {"r.example": GOOD}},
    lambda it: [it],
    lambda it: it,
)


def _assert_hidden(secret: str, document: int, wrong: str = "", place: float = 0.0) -> None:
    text = json.dumps(DOCUMENTS[document](secret), indent=1)
    at = int(place * len(text))
    data = (text[:at] + wrong + text[at:]).encode("utf-8", "surrogatepass")
    canary = Canary(secret)
    with tempfile.TemporaryDirectory() as folder:
        for style in ("text", "json"):
            file = Path(folder, style)
            ended = run_here("import", "-", "-o", str(file), "--format", style, env=ENVIRONMENT, stdin=data)
            assert ended.status in (0, 3)
            assert file.exists() is (ended.status == 0)
            canary.assert_not_in(ended.out, "the output")
            canary.assert_not_in(ended.err, "the messages")


@given(secret=SECRETS, document=st.integers(0, len(DOCUMENTS) - 1), wrong=st.sampled_from(WRONG), place=st.floats(0, 1))
@settings(max_examples=100, deadline=None)
def test_no_message_holds_a_secret(secret: str, document: int, wrong: str, place: float) -> None:
    """The file is taken or refused, and nothing of it is repeated."""
    _assert_hidden(secret, document, wrong, place)


@pytest.mark.parametrize("document", range(len(DOCUMENTS)))
def test_no_message_holds_a_secret_of_a_document(document: int) -> None:
    """Every document once, as it is."""
    _assert_hidden("s3cret0123456", document)
