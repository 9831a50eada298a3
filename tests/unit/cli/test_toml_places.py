"""Where keys and tables stand in a TOML document: the lines that messages name."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from ecsauth.cli.toml_places import line_of, places
from hypothesis import given
from hypothesis import strategies as st

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PATH = ("env", "prod", "uri")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        pytest.param('[env.prod]\nuri = "x"\n', 2, id="table"),
        pytest.param('# [env.prod]\n\n[env.prod] # uri\n# uri = 1\n  uri="x"\n', 5, id="comments"),
        pytest.param('[env]\nprod.uri = "x"\n', 2, id="dotted key"),
        pytest.param('a = 1\nenv . prod . uri = "x"\n', 2, id="dotted key with blanks"),
        pytest.param('[env]\nprod = { profile = "[env.prod]", uri = "x" }\n', 2, id="inline table"),
        pytest.param('a = 1\nenv = { prod = { uri = "x" } }\n', 2, id="inline tables"),
        pytest.param('["env".\'prod\']\n\n"u\\u0072i" = "x"\n', 3, id="quoted keys"),
        pytest.param('[ env . prod ]\r\nuri = "x"\r\n', 2, id="line ends of Windows"),
        pytest.param('[env.prod]\nprofile = """\nuri = "y"\n\\"""" \nuri = "x"', 5, id="long string"),
        pytest.param("[env.prod]\nprofile = '''\nuri = 'y'\n\\'''''\nuri = 'x'", 5, id="long literal string"),
        pytest.param('[env.prod]\nprofile = "\\\\\\" # "\nuri = "x"', 3, id="escapes"),
        pytest.param("[env.prod]\nprofile = '\\'\nuri = 'x'", 3, id="literal string"),
        pytest.param('[env.prod]\nprofile = ""\nuri = "x"', 3, id="empty string"),
        pytest.param('[env.prod]\nprofile = [\n  "]", # ]\n  {uri = "y"}, [],\n]\nuri = "x"', 6, id="array"),
        pytest.param('[env.prod]\nprofile = 1979-05-27 07:32:00 # x\nuri = "x"', 3, id="date"),
        pytest.param('[env.uri.prod]\nuri = 1\n[[a.b]]\n[env.prod]\nuri = "x"\n', 5, id="other tables"),
    ],
)
def test_line_of_a_key(text: str, line: int) -> None:
    """The line is that of the key, in every form in which TOML takes a key."""
    document = tomllib.loads(text)
    assert "uri" in document["env"]["prod"], "the case is valid"
    if "[\n" not in text:
        assert line_of(text, PATH) == line
    else:
        assert line in {text.count("\n", 0, one.start) + 1 for one in places(text) if one.path == PATH}


@pytest.mark.parametrize(
    ("text", "path", "line"),
    [
        ("[a]\n[env.prod]\n", ("env", "prod"), 2),
        ("[a]\n[env.prod]\n", ("env",), 2),
        ("\nenv.prod.uri = 1", ("env", "prod"), 2),
        ("[env.prod]", ("env", "stage"), None),
        ("", ("env",), None),
        ("[env.prod", ("env", "stage"), None),
        ('uri = "', ("uri",), None),
        ("= 1", ("uri",), None),
        ("a = [ = ]", ("b",), None),
    ],
)
def test_line_of_tables_and_of_nothing(text: str, path: tuple[str, ...], line: int | None) -> None:
    """A table without a header is at its first key; what is not there has no line, and no document stops the scan."""
    assert line_of(text, path) == line


_KEYS = st.one_of(
    st.from_regex(r"[A-Za-z0-9_-]{1,5}", fullmatch=True),
    st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), max_size=4).map(
        lambda text: '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
    ),
    st.from_regex(r"'[ #=.\[\]\"a-c]{0,5}'", fullmatch=True),
)
_SCALARS = st.sampled_from(
    [
        "1",
        "true",
        "-0.5e3",
        "1979-05-27",
        "07:32:00",
        '"a # \\" b"',
        "'c:\\'",
        '"""\n"" x = 1\n\\""""',
        "'''\n[a]\n'''''",
    ]
)


def _between(items: list[str]) -> str:
    return f"[ # ]\n{', # ,'.join(f'{one}{chr(10)}' for one in items)}]" if items else "[]"


_VALUES = st.recursive(
    _SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(_between),
        st.dictionaries(st.from_regex(r"[a-z]{1,3}", fullmatch=True), inner, max_size=3).map(
            lambda pairs: "{ " + ", ".join(f"{key} = {value}" for key, value in pairs.items()) + " }"
        ),
    ),
    max_leaves=6,
)
_LINES = st.lists(
    st.one_of(
        st.tuples(st.lists(_KEYS, min_size=1, max_size=3), _VALUES),
        st.lists(_KEYS, min_size=1, max_size=3),
        st.sampled_from(["", "# [a] = 1", "\t"]),
    ),
    max_size=8,
)


def _written(lines: list[Any]) -> str:
    """Return the document of the lines, without each one that would make it invalid."""
    text = ""
    for line in lines:
        if isinstance(line, str):
            more = line
        elif isinstance(line, tuple):
            more = f"{' . '.join(line[0])} = {line[1]} # = 1"
        else:
            more = f"[{'.'.join(line)}]"
        try:
            tomllib.loads(f"{text}{more}\n")
        except tomllib.TOMLDecodeError:
            continue
        text += f"{more}\n"
    return text


def _leaves(value: Any, path: tuple[str, ...] = ()) -> set[tuple[str, ...]]:
    if not isinstance(value, dict):
        return {path}
    return {leaf for key, inner in value.items() for leaf in _leaves(inner, (*path, key))} | ({path} if path else set())


@given(lines=_LINES)
def test_every_key_has_its_place(lines: list[Any]) -> None:
    """Each key that the parser finds has a line, and the text of its value is the value that the parser reads."""
    text = _written(lines)
    document = tomllib.loads(text)
    for path in _leaves(document):
        assert line_of(text, path) is not None, path
    for place in places(text):
        value: Any = document
        for name in place.path:
            value = value.get(name) if isinstance(value, dict) else None
        if place.value is not None and not isinstance(value, (dict, type(None))):
            start, end = place.value
            assert tomllib.loads(f"x = {text[start:end]}\n")["x"] == value


@given(text=st.text(alphabet="[]{}\"'\\=.,# \n\tab1"))
def test_no_text_stops_the_scan(text: str) -> None:
    """Whatever the text is, the scan comes to an end, with places that are in the text."""
    assert all(0 <= place.start < len(text) for place in places(text))
