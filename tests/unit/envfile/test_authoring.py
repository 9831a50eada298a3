"""From python-dotenv's dialect to docker's: the same meaning, line by line."""

from __future__ import annotations

import io
from typing import Optional

import pytest
from dotenv import dotenv_values
from ecsauth import envfile
from ecsauth.envfile import dotenv
from ecsauth.envfile.dotenv import AuthoredVariable, Written
from ecsauth.errors import InvalidError
from ecsauth.secret import Secret, SecretBytes
from hypothesis import given
from hypothesis import strategies as st


def _write(authored: bytes) -> Written:
    return dotenv.write(authored, dotenv.read(authored).entries)


@pytest.mark.parametrize(
    ("authored", "data", "difference"),
    [
        pytest.param("A_B=1\n", "A_B=1\n", None, id="as docker reads it"),
        pytest.param("export A_B=1\n", "A_B=1\n", "export", id="export"),
        pytest.param(
            "A_B = 1\n", "A_B=1\n", "white space behind the name and white space around the value", id="spaces"
        ),
        pytest.param("'A_B'=1\n", "A_B=1\n", "quotes around the name", id="a quoted name"),
        pytest.param("A_B='1 #2'\n", "A_B=1 #2\n", "quotes", id="single quotes"),
        pytest.param('A_B="1\\"2"\n', 'A_B=1"2\n', "quotes", id="escapes"),
        pytest.param("A_B=1 # one\n", "A_B=1\n", "comment", id="a comment"),
        pytest.param("export A_B='1' # one\n", "A_B=1\n", "export and quotes", id="export and quotes"),
        pytest.param("A_B=1  \n", "A_B=1\n", "white space around the value", id="white space behind the value"),
    ],
)  # fmt: skip
def test_differences(authored: str, data: str, difference: Optional[str]) -> None:
    """What docker would not remove is removed, and told without the value."""
    told = ((1, f"A_B: written without {difference}, which docker would not remove"),) if difference else ()
    assert _write(authored.encode()) == Written(SecretBytes(data.encode()), told)


def test_lines_stay() -> None:
    """Each variable stands in the line in which it was authored, so that findings name that line."""
    authored = b"# comment\n\nA_B='1'\r\nexport A_C=2\rA_D=\"\n\"\nA_E=3\n".replace(b'"\n"', b"4")
    lines = _write(authored).data.split(b"\n")
    assert lines == [b"", b"", b"A_B=1", b"A_C=2", b"A_D=4", b"A_E=3", b""]


def test_the_last_of_a_name_counts() -> None:
    """A name that comes twice is written once, in its last place; one that ends without a value not at all."""
    assert _write(b"A_B=1\nA_C=2\nA_B=3\n").data == b"\nA_C=2\nA_B=3\n"
    written = _write(b"A_B=1\nA_B\n")
    assert written == Written(SecretBytes(), ((2, "A_B: left out, because it has no value"),))


def test_json_over_several_lines_is_joined() -> None:
    """Quoted JSON may have line breaks between its parts: they become blanks."""
    authored = b"""A_B=1\nECS_ENGINE_AUTH_DATA='{\n  "r.example": {}\n}'\nA_C=2\n"""
    written = _write(authored)
    assert written.data == b'A_B=1\nECS_ENGINE_AUTH_DATA={   "r.example": {} }\n\n\nA_C=2\n'
    assert written.differences[0][1].startswith("ECS_ENGINE_AUTH_DATA: written without line breaks and quotes")


@pytest.mark.parametrize(
    ("authored", "message"),
    [
        ("A_B='1\nhunter2'\n", "line 1: A_B has a value over several lines, which an env-file cannot contain"),
        ('\nhunter2="1\\nhunter2"\n', "line 2: a variable has a value over several lines"),
        ("ECS_ENGINE_AUTH_DATA='{\n\"a.b'\n", "line 1: ECS_ENGINE_AUTH_DATA has a value over several lines"),
        ("'A=hunter2'=1\n", "line 1: a name that an env-file cannot contain"),
        ("'A\nhunter2'=1\n", "line 1: a name that an env-file cannot contain"),
        ("'#hunter2'=1\n", "line 1: a name that an env-file cannot contain"),
    ],
)  # fmt: skip
def test_what_no_line_can_hold_is_refused(authored: str, message: str) -> None:
    """A value over several lines and a name that docker would end elsewhere are refused, without being shown."""
    with pytest.raises(InvalidError) as caught:
        _write(authored.encode())
    assert caught.value.message.startswith(message)
    assert "hunter2" not in f"{caught.value!r} {caught.value.hints}"


@pytest.mark.parametrize("blank", [" ", "\t", "\u00a0", "\u3000", "\f"])
def test_long_white_space_is_refused(blank: str) -> None:
    """python-dotenv would take time as the square of it; a thousand is still fine."""
    dotenv.refuse_long_blanks(f"A=1\r\n\rB=x{blank * dotenv.LONGEST_BLANK}y\n".encode())
    with pytest.raises(InvalidError, match=r"^line 3: more than 1000 blanks in a row: "):
        dotenv.refuse_long_blanks(f"A=1\r\n\rB=x{blank * dotenv.LONGEST_BLANK} y\n".encode())


def test_many_lines_are_no_long_white_space() -> None:
    """Line ends do not count: python-dotenv looks for a comment in one line only."""
    dotenv.refuse_long_blanks(b"\n\r\n" * 10_000)


def test_representation_shows_no_value() -> None:
    """The written file is a secret."""
    assert repr(_write(b"A_B='hunter2'\n")) == (
        "Written(data=***, differences=((1, 'A_B: written without quotes, which docker would not remove'),))"
    )
    assert "hunter2" not in repr(AuthoredVariable("A", Secret("hunter2"), 1))


_NAMES = st.sampled_from(["A_B", "A_C", "ECS_CLUSTER"])
_VALUES = st.text(st.sampled_from(list("ab1 #'\"=\\${}é")), max_size=8)
_STATEMENTS = st.builds(
    "{0}{1}{2}{3}{4}".format,
    st.sampled_from(["", "export ", "  "]),
    _NAMES,
    st.sampled_from(["=", " = ", "=  "]),
    st.one_of(_VALUES, _VALUES.map(lambda text: f"'{text}'"), _VALUES.map(lambda text: f'"{text}"')),
    st.sampled_from(["", " # comment", "  "]),
)


@given(statements=st.lists(_STATEMENTS, max_size=5))
def test_docker_reads_what_python_dotenv_read(statements: list[str]) -> None:
    """Whatever can be written: docker's environment afterwards is python-dotenv's before."""
    authored = "\n".join(statements)
    if dotenv.read(authored.encode()).unparsable:
        return
    try:
        data = _write(authored.encode()).data
    except InvalidError:
        return
    meant = dotenv_values(stream=io.StringIO(authored), interpolate=False)
    read = {name: value.reveal() for name, value in envfile.docker(data).environment().items()}
    assert read == {name: value for name, value in meant.items() if value is not None}
