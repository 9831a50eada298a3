"""readers.systemd, which takes runs of bytes, against the ten-state machine of env-file.c, which takes one byte."""

from __future__ import annotations

from typing import NamedTuple

from ecsauth import envfile
from hypothesis import given
from hypothesis import strategies as st


class _Step(NamedTuple):
    """On one of these bytes (None: any other) do the actions, a letter each, and go to the state."""

    on: bytes | None
    to: str
    actions: str = ""


_NEWLINE = b"\n\r"
_BLANK = b" \t"
# k, v: append the byte to key, value; b: append a backslash to the value; f: what was read so far is firm;
# s: white space begins here, unless it has begun; c: cut white space off the value; p: push; d: drop the key.
_MACHINE = {
    "pre_key": [_Step(b"#;", "comment"), _Step(_BLANK + _NEWLINE, "pre_key"), _Step(None, "key", "k")],
    "key": [_Step(_NEWLINE, "pre_key", "d"), _Step(b"=", "pre_value", "f"), _Step(None, "key", "k")],
    "pre_value": [
        _Step(_NEWLINE, "pre_key", "p"),
        _Step(b"'", "single"),
        _Step(b'"', "double"),
        _Step(b"\\", "value_escape"),
        _Step(_BLANK, "pre_value"),
        _Step(None, "value", "v"),
    ],
    "value": [
        _Step(_NEWLINE, "pre_key", "cp"),
        _Step(b"\\", "value_escape", "f"),
        _Step(_BLANK, "value", "sv"),
        _Step(None, "value", "fv"),
    ],
    "value_escape": [_Step(_NEWLINE, "value"), _Step(None, "value", "v")],
    "single": [_Step(b"'", "pre_value"), _Step(None, "single", "v")],
    "double": [_Step(b'"', "pre_value"), _Step(b"\\", "double_escape"), _Step(None, "double", "v")],
    "double_escape": [_Step(b'"\\`$', "double", "v"), _Step(b"\n", "double"), _Step(None, "double", "bv")],
    "comment": [_Step(b"\\", "comment_escape"), _Step(_NEWLINE, "pre_key"), _Step(None, "comment")],
    "comment_escape": [_Step(None, "comment")],
}
_AT_END = {"pre_value": "p", "value": "cp", "value_escape": "p", "single": "p", "double": "p", "double_escape": "p"}


class _Machine:
    def __init__(self) -> None:
        self.pushed: list[tuple[bytes, bytes]] = []
        self.key = b""
        self.value = b""
        self.white_space_from: int | None = None

    def run(self, data: bytes) -> list[tuple[bytes, bytes]]:
        state = "pre_key"
        for code in data:
            step = next(one for one in _MACHINE[state] if one.on is None or code in one.on)
            for action in step.actions:
                self.act(action, bytes([code]))
            state = step.to
        for action in _AT_END.get(state, ""):
            self.act(action, b"")
        return self.pushed

    def act(self, action: str, byte: bytes) -> None:
        if action == "k":
            self.key += byte
        elif action in "vb":
            self.value += b"\\" if action == "b" else byte
        elif action == "f":
            self.white_space_from = None
        elif action == "s":
            self.white_space_from = len(self.value) if self.white_space_from is None else self.white_space_from
        elif action == "c":
            self.value = self.value[: self.white_space_from]
        else:
            if action == "p":
                self.pushed.append((self.key.rstrip(_BLANK), self.value))
            self.key = self.value = b""


def _is_text(read: bytes) -> bool:
    try:
        codes = [ord(character) for character in read.decode()]
    except UnicodeDecodeError:
        return False
    return not any(0xFDD0 <= code <= 0xFDEF or code & 0xFFFE == 0xFFFE for code in codes)


def _is_name(name: bytes) -> bool:
    return name.isascii() and name.decode().isidentifier()


# Bytes that change the state, and the parts of an e acute and of U+FFFE.
_PIECES = [
    *b"A=A= \t\n\r\n\\\\'\"#;`$-1",
    b"A=",
    b"\n",
    b"\xc3",
    b"\xa9",
    b"\xef\xbf\xbe",
    b"\xff",
    b"B='",
    b'C="',
    b"#\\",
]
_FILES = st.lists(st.sampled_from([bytes([one]) if isinstance(one, int) else one for one in _PIECES]), max_size=40)


@given(_FILES.map(b"".join))
def test_agrees_with_the_machine(data: bytes) -> None:
    """Runs of bytes give what the byte-by-byte machine gives, refusals included."""
    reading = envfile.systemd(data)
    pushed = _Machine().run(data)
    readable = [_is_text(name) and _is_text(value) for name, value in pushed]
    before_refusal = pushed[: readable.index(False)] if not all(readable) else pushed
    expected = [(name.decode(), value.decode()) for name, value in before_refusal if _is_name(name)]
    assert [(one.name, one.value.reveal()) for one in reading.assignments] == expected
    assert (reading.refusal is None) == all(readable)
