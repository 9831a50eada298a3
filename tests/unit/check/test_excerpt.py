"""The masked line of a finding: what may be shown of it, and where the mark stands."""

from __future__ import annotations

import time
from typing import Optional

import pytest
from ecsauth.check.excerpt import Excerpt, Excerpts
from ecsauth.check.redact import masked
from hypothesis import given
from hypothesis import strategies as st

WIDE = 1000
AUTH = "ECS_ENGINE_AUTH_DATA="


def _shown(data: bytes, line: int = 1) -> Optional[str]:
    excerpt = Excerpts(data).excerpt(line, None, WIDE)
    return None if excerpt is None else excerpt.text


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        pytest.param("ECS_CLUSTER=hunter2", "ECS_CLUSTER=***", id="a value"),
        pytest.param("ECS_CLUSTER=", "ECS_CLUSTER=", id="no value"),
        pytest.param("  ECS_CLUSTER=hunter2", "  ECS_CLUSTER=***", id="white space before the name"),
        pytest.param("export ECS_CLUSTER=hunter2", "export ECS_CLUSTER=***", id="a word before the name"),
        pytest.param("ECS_CLUSTER = hunter2", "ECS_CLUSTER = ***", id="spaces around ="),
        pytest.param("ECS_CLUSTER: hunter2", "ECS_CLUSTER: ***", id="a colon"),
        pytest.param('"ECS_CLUSTER=hunter2"', '"ECS_CLUSTER=***"', id="quotes around all"),
        pytest.param("ECS_CLUSTER= hunter2\t ", "ECS_CLUSTER=·***··", id="white space around the value"),
        pytest.param("ECS_CLUSTER=hunter2\r", "ECS_CLUSTER=***", id="CR at the end"),
        pytest.param("ECS_CLUSTER='hunter2'", "ECS_CLUSTER='***'", id="quotes around a value"),
        pytest.param("MY_PASSWORD='hunter2'", "MY_PASSWORD=***", id="quotes that may belong to a secret"),
        pytest.param("ECS_CLUSTER=hunter2 # the big one", "ECS_CLUSTER=*** #***", id="a comment behind a value"),
        pytest.param("MY_PASSWORD=hunter2 #x", "MY_PASSWORD=***", id="what may not be a comment"),
        pytest.param("\ufeffECS_CLUSTER=hunter2", "\\ufeffECS_CLUSTER=***", id="a byte order mark"),
        pytest.param("ECS_CLUS\u200bTER=hunter2", "ECS_CLUS\\u200bTER=***", id="an invisible character"),
        pytest.param("ECS_CLUSTER\x1b=hunter2", "ECS_CLUSTER\\x1b=***", id="a control character"),
        pytest.param("# ECS_CLUSTER=hunter2", "# ECS_CLUSTER=***", id="commented out"),
        pytest.param("#export ECS_CLUSTER =hunter2", "#export ECS_CLUSTER =***", id="commented out with export"),
        pytest.param("# ecsauth: accept V201, A301", "# ecsauth: accept V201, A301", id="an acceptance"),
        pytest.param("ECS_LOGLEVEL", "ECS_LOGLEVEL", id="a bare name that is known"),
        pytest.param("=hunter2", "=***", id="no name"),
        pytest.param("; hunter2", ";***", id="another comment"),
        pytest.param("// hunter2", "//***", id="one more"),
        pytest.param("hunter2", None, id="a word"),
        pytest.param("HUNTER_2", None, id="a bare name that is not known"),
        pytest.param("hunter2=x", None, id="a name that may be a secret"),
        pytest.param("my password is=hunter2", None, id="prose"),
        pytest.param("# hunter2", None, id="a comment"),
        pytest.param("# hunter2=x", None, id="a comment with ="),
        pytest.param("# my ECS_CLUSTER=hunter2", None, id="a comment in words"),
        pytest.param("# ecsauth: accept hunter2", None, id="an acceptance of nothing"),
        pytest.param("", None, id="nothing"),
    ],
)
def test_lines(line: str, shown: Optional[str]) -> None:
    """Names that are no secret and signs are shown; values never."""
    assert _shown(line.encode()) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ('{"r.example":{"username":"u","password":"p"}}', '{"r.example":{"username":"***","password":"***"}}'),
        ('{ "r.example" : { "Auth" : "p" } , "x.y":{}}', '{"r.example":{"Auth":"***"},"x.y":{}}'),
        ('{"docker\\u002eio":{}}', '{"docker.io":{}}'),
        ('{"auths":{"a.b":{"auth":"p"}},"credsStore":"s"}', '{"auths":{"a.b":{"auth":"***"}},"credsStore":"***"}'),
        ('{"credHelpers":{"r.example":"p"}}', '{"credHelpers":{"r.example":"***"}}'),
        ('{"hunter2":{"hunter2":"p"}}', '{"***":{"***":"***"}}'),
        ('{"u:hunter2@r.example":{}}', '{"***":{}}'),
        ('{"r.example":{"s.ecret":"p"}}', '{"r.example":{"***":"***"}}'),
        ('{"a.b":{"password":12,"email":null}}', '{"a.b":{"password":***,"email":***}}'),
        ('{"a.b":{"auth":["p",{"auth":1}],"auth":"p"}}', '{"a.b":{"auth":***,"auth":"***"}}'),
        ('{"r.example":{"auth":{"auth":"p"}}}', '{"r.example":{"auth":***}}'),
        ('["p",{"auth":"p"}]', "***"),
        ('"p"', '"***"'),
        ("hunter2", "***"),
        ("'{\"r.example\":{\"auth\":\"p\"}}'", "'{\"r.example\":{\"auth\":\"***\"}}'"),
        ("'{\"r.example\":{\"auth\":\"p\"}}", "'{\"r.example\":{\"auth\":\"***\"}}"),
        ('"{\\"r.example\\":{}}"', '"{***"'),
        ("\ufeff{}", "\\ufeff{}"),
        ('{"r.example":{"auth":"p",}}', '{"r.example":{"auth":"***",}***'),
        ('{"r.example":{"auth":"p"},}', '{"r.example":{"auth":"***"},}'),
        ('{"r.example":{"auth":"p"}', '{"r.example":{"auth":"***"}'),
        ('{"r.example":{"auth":"p', '{"r.example":{"auth":"***"'),
        ('{"r.example":{"auth":"p\\q","auth":"s"}}', '{"r.example":{"auth":"***'),
        ('{"r.example":{"auth":"p\ts"}}', '{"r.example":{"auth":"***'),
        ('{"r.example":{"auth":"p"s"}}', '{"r.example":{"auth":"***"***'),
        ('{"r.example":{"auth":p}}', '{"r.example":{"auth":***'),
        ('{"r.example"}', '{"***"***'),
        ("{r.example:{}}", "{***"),
        ('{"r.example":{}} # p', '{"r.example":{}} ***'),
        ('{"r.example":{}}p', '{"r.example":{}}***'),
        ("[" * 10_001, "***"),
        ("", ""),
    ],
)  # fmt: skip
def test_registry_credentials(value: str, shown: str) -> None:
    """Brackets, registries and fields are shown as far as Go would read; what follows is one mask."""
    assert _shown(f"{AUTH}{value}".encode()) == AUTH + shown
    assert "".join(text for _, text in masked(value)) == shown


@pytest.mark.parametrize(
    ("line", "column", "marked"),
    [
        pytest.param("ECS_CLUSTER=hunter2", 1, "E", id="the name"),
        pytest.param("export ECS_CLUSTER=hunter2", 8, "E", id="a name behind a word"),
        pytest.param("ECS_CLUSTER=hunter2", 13, "***", id="the value"),
        pytest.param("ECS_CLUSTER=hunter2", 16, "***", id="inside the value"),
        pytest.param("ECS_DATADIR=/data  ", 18, "··", id="white space behind the value"),
        pytest.param("ECS_DATADIR= /data", 13, "·***", id="white space before the value"),
        pytest.param("ECS_CLUSTER=hunter2 #x", 21, "#***", id="a comment"),
        pytest.param("ECS_CLUSTER\u200b=x", 12, "\\u200b=", id="an invisible character"),
        pytest.param(f'{AUTH}{{"docker.io":{{"auth":"p"}}}}', 23, '"docker.io"', id="a registry"),
        pytest.param(f'{AUTH}{{"docker.io":{{"auth":"hunter2"}}}}', 43, '"***"', id="a field's value"),
        pytest.param(f'{AUTH}{{"x.io":{{"auth":"p",}}}}', 42, "}***", id="a comma too many"),
        pytest.param(f'{AUTH}{{"x.io":{{"auth":"p\ts"}}}}', 40, "***", id="inside a text"),
    ],
)
def test_mark(line: str, column: int, marked: str) -> None:
    """The mark stands under what stands for the place in the real line."""
    excerpt = Excerpts(line.encode()).excerpt(1, column, WIDE)
    assert excerpt is not None
    assert excerpt.mark is not None
    assert excerpt.text[excerpt.mark :].startswith(marked)


def test_mark_behind_the_end() -> None:
    """A JSON that ends early is marked where it ends."""
    line = f'{AUTH}{{"x.io":{{"auth":"p"'
    assert Excerpts(line.encode()).excerpt(1, len(line) + 1, WIDE) == Excerpt(f'{AUTH}{{"x.io":{{"auth":"***"', 42)


def test_values_over_several_lines() -> None:
    """Each line that a value goes on in is masked as its part of the value, and marked there."""
    data = f'{AUTH}{{\n\t"auths": {{\n    "docker.io": {{"auth": "p"}}\n}}}}\n'.encode()
    shown = [_shown(data, line) for line in range(1, 6)]
    assert shown == [f"{AUTH}{{", ' "auths":{', '    "docker.io":{"auth":"***"}', "}}", None]
    assert Excerpts(data).excerpt(3, 5, WIDE) == Excerpt('    "docker.io":{"auth":"***"}', 4)


def test_backslashes_join_lines() -> None:
    """A value that is continued by backslashes is one mask a line."""
    data = b"ECS_LOG_DRIVER=hunter2\\\n  hunter2\\\n3\n"
    assert [_shown(data, line) for line in (1, 2, 3)] == ["ECS_LOG_DRIVER=***\\", "  ***\\", "***"]


@pytest.mark.parametrize("width", [40, 80, 100])
@pytest.mark.parametrize("number", [0, 7, 99])
def test_long_lines_are_cut_around_the_mark(width: int, number: int) -> None:
    """However long the line, the marked part is in a window of the width, and cuts are shown."""
    names = [f'"r{index}.io":{{}}' for index in range(100)]
    line = f"{AUTH}{{{','.join(names)}}}"
    excerpt = Excerpts(line.encode()).excerpt(1, line.index(f'"r{number}.') + 1, width)
    assert excerpt is not None
    assert excerpt.mark is not None
    assert len(excerpt.text) == width
    assert excerpt.text[excerpt.mark :].startswith(f'"r{number}.')
    assert excerpt.text.startswith("…") == (number > 0 or width == 40)
    assert excerpt.text.endswith("…") == (number < 99)


@pytest.mark.parametrize("line", [0, 3, -1])
def test_lines_that_are_not_there(line: int) -> None:
    """Of a line that the file does not have, nothing is shown."""
    assert Excerpts(b"A_B=1\nA_C=2").excerpt(line, 1) is None


@given(data=st.binary(max_size=200), column=st.integers(1, 300))
def test_any_bytes(data: bytes, column: int) -> None:
    """Whatever the bytes, each line is shown within the width, and the mark stands in it or right behind it."""
    excerpts = Excerpts(data)
    for line in range(data.count(b"\n") + 2):
        excerpt = excerpts.excerpt(line, column, 60)
        if excerpt is not None:
            assert len(excerpt.text) <= 60
            assert 0 <= (excerpt.mark or 0) <= len(excerpt.text)
            assert excerpt.text.isprintable()


_JSON_LIKE = st.text(st.sampled_from(list("{}[]:,\"\\'n1. ab\t")), max_size=60)


@given(value=_JSON_LIKE)
def test_masks_grow_from_left_to_right(value: str) -> None:
    """The offsets of what stands for a text that looks like JSON only grow, and stay inside of it."""
    offsets = [offset for offset, _ in masked(value)]
    assert offsets == sorted(offsets)
    assert all(0 <= offset <= len(value) for offset in offsets)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"#" * 30_000 + b"a b=", id="a comment of signs"),
        pytest.param(b"# " + b"x" * 60_000 + b" =", id="a comment with a long word"),
        pytest.param(b" " * 60_000 + b"A_B=1" + b" " * 60_000, id="white space"),
        pytest.param(AUTH.encode() + b'{"a":' * 9_000 + b"1" + b"}" * 9_000, id="a deep document"),
        pytest.param(AUTH.encode() + b'{"a.b":{}' + b',"a.b":{"auth":"x"}' * 3_000 + b"}", id="many registries"),
        pytest.param(AUTH.encode() + b'"' + b"\\" * 60_000, id="backslashes"),
        pytest.param(AUTH.encode() + b"{\n" + b'"a.b":{},\n' * 6_000, id="many lines"),
    ],
)
def test_time_is_linear(data: bytes) -> None:
    """A line of 64 KiB with a thousand findings takes no noticeable time."""
    start = time.process_time()
    excerpts = Excerpts(data)
    for column in range(1, 60_000, 60):
        excerpts.excerpt(1, column)
    # Of CPU time: half a second on a good machine.
    assert time.process_time() - start < 4
