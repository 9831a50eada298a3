"""Words in a unit file: systemd gives back what was put in, or they are refused."""

from __future__ import annotations

from typing import Callable

import pytest
import systemd_model
from ecsauth.boot import units_quoting
from ecsauth.errors import UsageError
from hypothesis import given
from hypothesis import strategies as st
from needs import need

PROGRAM = "/usr/local/bin/ecsauth"
NASTY = [
    "s3://bucket/a key?versionId=1",
    "100%",
    "%n",
    "%%",
    "$HOME",
    "${HOME}",
    "a${HOME}b",
    "$",
    "$$",
    "a$",
    "$;",
    ";",
    "\\;",
    "'",
    '"',
    "it's",
    '"quoted"',
    "\\",
    "\\n",
    "a\\",
    "C:\\x\\",
    "",
    " ",
    "#",
    "-",
    "@x",
    "!x",
    ":x",
    "~",
    "*",
    "|",
    "a&b",
    "ключ/ü€😀",
    "\u00a0",
    "\u2028",
    "\x85",
    "\ufeff",
]
_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters=[*map(chr, range(32)), "\x7f"]))
_WORDS = st.lists(_TEXT | st.text("$%{}\\\"' ;#aHOME") | st.sampled_from(NASTY), max_size=6)


@given(_WORDS)
def test_words_come_back(words: list[str]) -> None:
    """Whatever is said on the command line is what the unit says."""
    line = units_quoting.command_line((PROGRAM,), tuple(words))
    assert systemd_model.split(line) == [PROGRAM, *words]
    assert "\n" not in line


@pytest.mark.parametrize("word", NASTY)
def test_each_nasty_word_comes_back(word: str) -> None:
    """The same for words that are known to be read in other ways somewhere."""
    assert systemd_model.split(units_quoting.command_line((PROGRAM, word), (word, "x"))) == [PROGRAM, word, word, "x"]


def test_the_real_systemd_reads_the_same() -> None:
    """The systemd of this machine takes the lines apart as the model above does."""
    need(systemd_model.lack())
    lines = [units_quoting.command_line((PROGRAM,), (word, "x")) for word in NASTY]
    lines.append(units_quoting.command_line(("/opt/a b/ü/ecsauth",), tuple(NASTY)))
    read = [[word.replace("$$", "$") for word in words] for words in systemd_model.real_split(lines)]
    assert read == [systemd_model.split(line) for line in lines]


@pytest.mark.parametrize(
    ("line", "written"),
    [
        (
            ("s3://b/k", "--kms-key", "arn:aws:kms:eu-west-1:1:key/x"),
            "s3://b/k --kms-key arn:aws:kms:eu-west-1:1:key/x",
        ),
        (("s3://b/k?versionId=A_1.b",), "s3://b/k?versionId=A_1.b"),
        (("100%", "$x"), "100%% $$x"),
        (("a b", ""), '"a b" ""'),
    ],
)
def test_usual_words_stay_readable(line: tuple[str, ...], written: str) -> None:
    """Quotes stand only where they are needed."""
    assert units_quoting.command_line((PROGRAM,), line) == f"{PROGRAM} {written}"


@pytest.mark.parametrize("word", ["a\nb", "\x00", "\x1b[31m", "\x7f", "\t", "\udcff", "a\r"])
def test_control_characters_are_refused(word: str) -> None:
    """A line feed would begin a new directive; the others are lost or refused by systemd. None is shown."""
    writes: list[Callable[[], str]] = [
        lambda: units_quoting.command_line((PROGRAM,), (word,)),
        lambda: units_quoting.command_line(("/opt/" + word,), ()),
        lambda: units_quoting.path(f"/var/{word}/x"),
    ]
    for write in writes:
        with pytest.raises(UsageError) as caught:
            write()
        assert word not in caught.value.message


@pytest.mark.parametrize(
    "program",
    [(), ("ecsauth",), ("./ecsauth",), ("",), ("/a'b",), ('/a"b',), ("/a\\b",), ("/a%b",), ("/a$b",)],
)
def test_programs_that_systemd_does_not_start_alike(program: tuple[str, ...]) -> None:
    """The path of the program is read by rules of its own."""
    with pytest.raises(UsageError):
        units_quoting.command_line(program, ("x",))


@pytest.mark.parametrize(
    ("text", "written"),
    [("/var/lib/ecsauth/checked", "/var/lib/ecsauth/checked"), ("/a b/100%/'x'", "/a b/100%%/'x'"), ("/a\\b", "/a\\b")],
)
def test_paths_of_conditions(text: str, written: str) -> None:
    """A condition takes the rest of its line, quotes as they are."""
    assert units_quoting.path(text) == written


@pytest.mark.parametrize("text", ["", "x", "!/x", "|/x", " /x", "/x ", "/x\\", "/a/../b"])
def test_paths_that_a_condition_does_not_take(text: str) -> None:
    """Such a line would have systemd ignore the condition, and with it the gate."""
    with pytest.raises(UsageError):
        units_quoting.path(text)
