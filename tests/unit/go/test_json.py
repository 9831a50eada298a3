"""JSON as Go's encoding/json takes it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ecsauth.go import json as go_json
from ecsauth.go.json import Flaw, JsonError, JsonKind, Value
from hypothesis import given
from hypothesis import strategies as st

_MEGABYTE = 1_000_000


def _plain(value: Value, text: str) -> Any:
    """Turn a value into what Python's json makes of it; what is not kept is read from its place in the text."""
    if value.kind is JsonKind.OBJECT:
        return {member.name: _plain(member.value, text) for member in value.members}
    if value.kind is JsonKind.STRING:
        assert value.text is not None
        return value.text.reveal()
    return json.loads(text[value.start : value.end])


def _flaw(text: str) -> tuple[Flaw, int]:
    with pytest.raises(JsonError) as caught:
        go_json.decode(text)
    return caught.value.flaw, caught.value.offset


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("null", JsonKind.NULL),
        ("true", JsonKind.BOOLEAN),
        ("false", JsonKind.BOOLEAN),
        ("-0", JsonKind.NUMBER),
        ("1.5e+300", JsonKind.NUMBER),
        ("1E9999", JsonKind.NUMBER),
        ('""', JsonKind.STRING),
        ("[]", JsonKind.ARRAY),
        ("[ 1 , [ ] , { } ]", JsonKind.ARRAY),
        ("{}", JsonKind.OBJECT),
        ("{ }", JsonKind.OBJECT),
        (" \t\r\n{} \t\r\n", JsonKind.OBJECT),
    ],
)
def test_kinds(text: str, kind: JsonKind) -> None:
    """Each kind of value is a document by itself."""
    assert go_json.decode(text).kind is kind


@pytest.mark.parametrize(
    ("text", "flaw", "offset"),
    [
        pytest.param("", Flaw.EMPTY, 0, id="nothing"),
        pytest.param(" \r\n", Flaw.EMPTY, 3, id="white-space"),
        pytest.param("{", Flaw.TRUNCATED, 1, id="open-object"),
        pytest.param('{"a"', Flaw.TRUNCATED, 4, id="name-only"),
        pytest.param('{"a":', Flaw.TRUNCATED, 5, id="no-value"),
        pytest.param('{"a":1', Flaw.TRUNCATED, 6, id="not-closed"),
        pytest.param('{"a":1,', Flaw.TRUNCATED, 7, id="comma-last"),
        pytest.param("[1,", Flaw.TRUNCATED, 3, id="open-array"),
        pytest.param('"a', Flaw.TRUNCATED, 2, id="open-string"),
        pytest.param("-", Flaw.TRUNCATED, 1, id="minus-only"),
        pytest.param("nul", Flaw.VALUE, 0, id="cut-word"),
        pytest.param("NaN", Flaw.VALUE, 0, id="nan"),
        pytest.param("Infinity", Flaw.VALUE, 0, id="infinity"),
        pytest.param("True", Flaw.VALUE, 0, id="python-word"),
        pytest.param("+1", Flaw.VALUE, 0, id="plus"),
        pytest.param(".5", Flaw.VALUE, 0, id="no-leading-digit"),
        pytest.param("'a'", Flaw.VALUE, 0, id="single-quotes"),
        pytest.param("\ufeff{}", Flaw.VALUE, 0, id="byte-order-mark"),
        pytest.param("\u00a0{}", Flaw.VALUE, 0, id="no-break-space"),
        pytest.param("\v{}", Flaw.VALUE, 0, id="vertical-tab"),
        pytest.param("}", Flaw.VALUE, 0, id="closing-only"),
        pytest.param("[,1]", Flaw.VALUE, 1, id="leading-comma"),
        pytest.param('{"a":}', Flaw.VALUE, 5, id="value-missing"),
        pytest.param("{a:1}", Flaw.KEY, 1, id="name-without-quotes"),
        pytest.param("{1:1}", Flaw.KEY, 1, id="number-as-name"),
        pytest.param("{,}", Flaw.KEY, 1, id="comma-in-empty-object"),
        pytest.param('{"a" 1}', Flaw.COLON, 5, id="colon-missing"),
        pytest.param('{"a":1 "b":2}', Flaw.COMMA, 7, id="comma-missing"),
        pytest.param("[1 2]", Flaw.COMMA, 3, id="comma-missing-in-array"),
        pytest.param("[1}", Flaw.COMMA, 2, id="wrong-closer"),
        pytest.param("[nullx]", Flaw.COMMA, 5, id="word-goes-on"),
        pytest.param('{"a":1,}', Flaw.TRAILING_COMMA, 7, id="trailing-comma"),
        pytest.param("[1,]", Flaw.TRAILING_COMMA, 3, id="trailing-comma-in-array"),
        pytest.param("{}x", Flaw.TRAILING, 2, id="text-after"),
        pytest.param("{}{}", Flaw.TRAILING, 2, id="second-document"),
        pytest.param("{}\u00a0", Flaw.TRAILING, 2, id="no-break-space-after"),
        pytest.param("{}\0", Flaw.TRAILING, 2, id="nul-after"),
        pytest.param('"a\tb"', Flaw.CONTROL, 2, id="raw-tab"),
        pytest.param('"a\nb"', Flaw.CONTROL, 2, id="raw-line-break"),
        pytest.param('{"\x1f":1}', Flaw.CONTROL, 2, id="raw-control-in-name"),
        pytest.param('"\\x41"', Flaw.ESCAPE, 1, id="unknown-escape"),
        pytest.param('"\\\'"', Flaw.ESCAPE, 1, id="escaped-apostrophe"),
        pytest.param('"\\u12"', Flaw.ESCAPE, 1, id="short-escape"),
        pytest.param('"\\u+041"', Flaw.ESCAPE, 1, id="sign-in-escape"),
        pytest.param('"\\U0041"', Flaw.ESCAPE, 1, id="capital-u"),
        pytest.param("01", Flaw.NUMBER, 1, id="leading-zero"),
        pytest.param("1.", Flaw.NUMBER, 1, id="no-digit-after-dot"),
        pytest.param("[1.e5]", Flaw.NUMBER, 2, id="no-digit-before-exponent"),
        pytest.param("[1e]", Flaw.NUMBER, 2, id="no-exponent"),
        pytest.param("[-a]", Flaw.NUMBER, 2, id="minus-and-no-digit"),
        pytest.param("[\u0661]", Flaw.VALUE, 1, id="arabic-digit"),
    ],
)
def test_refused(text: str, flaw: Flaw, offset: int) -> None:
    """What Go refuses is refused, with the flaw and the character where it shows."""
    assert _flaw(text) == (flaw, offset)


@pytest.mark.parametrize(
    ("quoted", "decoded"),
    [
        pytest.param(r"\"\\\/\b\f\n\r\t", '"\\/\b\f\n\r\t', id="short-escapes"),
        pytest.param(r"\u0041\u00e9\u00E9", "A\xe9\xe9", id="hexadecimal"),
        pytest.param(r"\u0000", "\0", id="nul"),
        pytest.param(r"\ud83d\ude00", "\U0001f600", id="pair"),
        pytest.param(r"\ud83d", "\ufffd", id="high-alone"),
        pytest.param(r"\ude00", "\ufffd", id="low-alone"),
        pytest.param(r"\ude00\ud83d", "\ufffd\ufffd", id="wrong-order"),
        pytest.param(r"\ud83d\u0041", "\ufffdA", id="high-and-letter"),
        pytest.param(r"\ud83d\ud83d\ude00", "\ufffd\U0001f600", id="high-and-pair"),
        pytest.param(r"\ud83dx\ude00", "\ufffdx\ufffd", id="pair-torn-apart"),
        pytest.param("\udcff", "\ufffd", id="bad-byte"),
        pytest.param("\udce2\udc82", "\ufffd\ufffd", id="cut-character-one-for-each-byte"),
        pytest.param("\udced\udca0\udc80", "\ufffd\ufffd\ufffd", id="surrogate-as-bytes"),
        pytest.param("\\ud83d\udc80", "\ufffd\ufffd", id="escape-and-bad-byte-are-no-pair"),
        pytest.param("\x7f\u2028\ufeff", "\x7f\u2028\ufeff", id="delete-separator-and-mark-are-fine"),
    ],
)
def test_strings(quoted: str, decoded: str) -> None:
    """Escapes and bytes that are not UTF-8 decode as Go's unquote has them, in names too."""
    value = go_json.decode(f'{{"{quoted}":"{quoted}"}}')
    assert value.members[0].name == decoded
    assert value.members[0].value.text is not None
    assert value.members[0].value.text.reveal() == decoded


def test_members_keep_order_duplicates_and_places() -> None:
    """Every member is kept, equal names too, with the columns of name and value."""
    text = '{ "a": 1, "b" : "x",\n"a":{"c":[]}}'
    members = go_json.decode(text).members
    assert [member.name for member in members] == ["a", "b", "a"]
    assert [(text[member.column - 1], member.value.column) for member in members] == [('"', 8), ('"', 17), ('"', 26)]
    assert [text[member.value.start : member.value.end] for member in members] == ["1", '"x"', '{"c":[]}']
    assert [member.name for member in members[2].value.members] == ["c"]


def test_members_are_not_kept_where_nobody_looks() -> None:
    """Below a registry's fields, and in arrays, values are checked but not kept."""
    document = go_json.decode('{"1":{"2":{"3":{"4":5}}},"a":[{"b":1}]}')
    third = document.members[0].value.members[0].value.members[0]
    assert (third.name, third.value.members, document.members[1].value.members) == ("3", (), ())


@pytest.mark.parametrize("brackets", [("[", "]", "1"), ('{"a":', "}", "1"), ("[", "]", ""), ('[{"a":', "}]", "0")])
def test_depth(brackets: tuple[str, str, str]) -> None:
    """Ten thousand levels are fine, one more is refused at the bracket that opens it."""
    opening, closing, inner = brackets
    levels = go_json.MAX_DEPTH // sum(opening.count(bracket) for bracket in "[{")
    fitting = opening * levels + inner + closing * levels
    assert go_json.decode(fitting).end == len(fitting)
    assert _flaw("[" + fitting)[0] is Flaw.DEPTH
    assert _flaw("[" * _MEGABYTE) == (Flaw.DEPTH, go_json.MAX_DEPTH)


@pytest.mark.parametrize(
    "text",
    [
        '"' + "a" * _MEGABYTE + '"',
        '"' + "\\n" * (_MEGABYTE // 10) + '"',
        '"' + "\udcff" * _MEGABYTE + '"',
        " " * _MEGABYTE + "1",
        "1" * _MEGABYTE,
        "[" + "0," * (_MEGABYTE // 20) + "0]",
    ],
    ids=["letters", "escapes", "bad-bytes", "spaces", "digits", "elements"],
)
def test_large(text: str) -> None:
    """Large texts of any sort end, in a time that grows with their length only."""
    assert go_json.decode(text).end == len(text)


def test_error_holds_no_content() -> None:
    """The message tells the place and the flaw, nothing of the text."""
    with pytest.raises(JsonError, match=r"^not valid JSON at character 9: an unknown escape in a string$") as caught:
        go_json.decode('"hunter2\\x"')
    assert "hunter2" not in repr(caught.value)


def test_values_do_not_show_their_text() -> None:
    """A value prints without what it holds."""
    assert "hunter2" not in repr(go_json.decode('{"a":"hunter2"}'))


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


@given(st.dictionaries(st.text(), st.none() | st.integers() | st.text() | st.dictionaries(st.text(), st.text())))
def test_decodes_what_was_encoded(document: dict[str, Any]) -> None:
    """What Python's json writes comes back the same, escaped or not."""
    for ascii_only in (True, False):
        text = json.dumps(document, ensure_ascii=ascii_only)
        assert _plain(go_json.decode(text), text) == document


@given(_JSON)
def test_spans_cover_the_document(document: Any) -> None:
    """The root spans the text without the white space around it."""
    text = json.dumps(document)
    value = go_json.decode(f" {text}\n")
    assert (value.start, value.end) == (1, 1 + len(text))


@given(st.text(alphabet='{}[]",:\\ \n\t019.-+eEtrufalsn"\'\x01u', max_size=12))
def test_refuses_what_is_no_json(text: str) -> None:
    """Python's json, told to be strict about constants, takes and refuses the same texts."""

    def refuse(_name: str) -> None:
        raise ValueError

    try:
        json.loads(text, parse_constant=refuse)
    except ValueError:
        flaw, offset = _flaw(text)
        assert isinstance(flaw, Flaw)
        assert 0 <= offset <= len(text)
    else:
        assert go_json.decode(text).end <= len(text)


@given(st.text(alphabet=st.characters()))
def test_no_text_crashes(text: str) -> None:
    """Any text, stray surrogates too, is decoded or refused."""
    try:
        end = go_json.decode(text).end
    except JsonError as error:
        end = error.offset
    assert 0 <= end <= len(text)
