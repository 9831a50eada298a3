"""Findings about the file itself: bytes, lines, and values that run over several of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from ecsauth.check import check

if TYPE_CHECKING:
    from ecsauth.finding import Finding

_DATA = '{"registry.example.com":{"username":"example","password":"not-a-secret"}}'
_AUTH = f"ECS_ENGINE_AUTH_TYPE=docker\nECS_ENGINE_AUTH_DATA={_DATA}\n"


def _found(text: str) -> list[Finding]:
    data = text.encode("utf-8", "surrogateescape")
    return [finding for finding in check(data) if finding.code not in ("A301", "V201")]


@pytest.mark.parametrize(
    ("text", "code", "line", "column"),
    [
        pytest.param("A=1\nB=caf\udce9\n", "F104", 2, 6, id="after characters of one byte"),
        pytest.param("A=1\nB=éé\udce9\n", "F104", 2, 5, id="after characters of two bytes"),
        pytest.param("A=1\nB=é\0\n", "F105", 2, 4, id="NUL"),
        pytest.param("\ufeffA=1\n", "F110", 1, 1, id="byte order mark"),
        pytest.param("\ufeff\nA=1\n", "F111", 1, 1, id="byte order mark before nothing"),
        pytest.param("A=1\n\ufeffB=1\n", "F112", 2, 1, id="byte order mark in the second line"),
        pytest.param("A=1\n  =x\n", "F113", 2, 3, id="no name"),
        pytest.param("A=1\n \texport B=1\n", "F114", 2, 3, id="export"),
        pytest.param("- ECS_CLUSTER=prod\n", "F114", 1, 1, id="item of a YAML list"),
        pytest.param("ENV ECS_CLUSTER=prod\n", "F114", 1, 1, id="line of a Dockerfile"),
        pytest.param("A =1\n", "F115", 1, 1, id="space before ="),
        pytest.param("A\t= 1\n", "F115", 1, 1, id="TAB before =, space after it"),
        pytest.param("A B=1\n", "F116", 1, 1, id="space in the name"),
        pytest.param("A=1\nECS_CLUSTER\n", "F117", 2, 1, id="known name alone"),
        pytest.param("A=1\nMY_OWN\n", "F117", 2, 1, id="unknown name alone"),
        pytest.param("A=1\nEOF\n", "F118", 2, 1, id="word"),
        pytest.param("A=1\n[section]\n", "F118", 2, 1, id="section"),
        pytest.param("ECS_LOGLEVEL : debug\n", "F119", 1, 1, id="YAML"),
        pytest.param("ECS_ENGINE_AUTH_TYPE: docker\n", "F119", 1, 1, id="YAML, registry credentials"),
        pytest.param("A=1\n// comment\n", "F120", 2, 1, id="slashes"),
        pytest.param("A=1\n;B=2\n", "F120", 2, 1, id="semicolon"),
        pytest.param("'ECS_LOGLEVEL'=debug\n", "F123", 1, 1, id="quoted name"),
        pytest.param("A=1\rB=2\n", "F134", 1, 4, id="CR in the line"),
        pytest.param("A=1\r\r\n", "F134", 1, 4, id="two CR"),
        pytest.param("A=1\r\n", "F135", 1, 4, id="CR LF"),
        pytest.param("A=\ufffe\n", "F140", 1, None, id="noncharacter"),
    ],
)
def test_each_slip_has_its_place(text: str, code: str, line: int, column: int) -> None:
    """The finding stands at the line and character of the slip."""
    first = _found(text)[0]
    assert (first.code, first.line, first.column) == (code, line, column)


@pytest.mark.parametrize(
    ("text", "code", "lines"),
    [
        ("export A=1\nB=1\nexport C=1\nexport D=1\n", "F114", "(also in lines 3, 4)"),
        ("A=1\none two\nthree four\n", "F118", "(also in line 3)"),
        ("".join(f"# {n}=1\n" for n in range(9)) + "A=1\n", "F122", "(also in lines 2, 3, 4, 5, 6, 3 more)"),
        ("A=1\r\nB=1\r\n", "F135", "(also in line 2)"),
    ],
)
def test_the_same_slip_in_many_lines_is_one_finding(text: str, code: str, lines: str) -> None:
    """The first place has the finding, and the message names the others."""
    (found,) = _found(text)
    assert found.code == code
    assert found.message.endswith(lines)


@pytest.mark.parametrize(
    "comment",
    [
        f"# ECS_ENGINE_AUTH_DATA={_DATA}",
        "#ECS_ENGINE_AUTHDATA=x",
        f"# old = {_DATA}",
        "# MY_PASSWORD=x",
        "#AWS_SECRET_ACCESS_KEY=x",
        "# HTTP_PROXY=http://user:pass@proxy.example.com",
        "# dXNlcjpwYXNzd29yZDEyMw== was the old one",
    ],
)
def test_a_secret_in_a_comment_is_an_error(comment: str) -> None:
    """ecs-init would put it into the container's environment."""
    assert [finding.code for finding in _found(f"ECS_CLUSTER=prod\n{comment}\n")] == ["F121"]


@pytest.mark.parametrize("other", ["", "# max = 5\n"])
def test_commented_out_credentials_are_one_finding(other: str) -> None:
    """The type is commented out with them, which is the same slip."""
    old = "".join(f"# {line}\n" for line in _AUTH.splitlines())
    found = _found(f"ECS_CLUSTER=prod\n{old}{other}")
    assert [(finding.code, finding.line) for finding in found] == [("F121", 2), ("F122", 4)][: 2 if other else 1]
    assert "sed -i '2d; 3d' FILE" in found[0].fix


@pytest.mark.parametrize(
    "comment", ["# max = 5", "#ECS_CLUSTER=old", "# see https://example.com/?a=b", "#ECS_ENGINE_AUTH_TYPE=docker"]
)
def test_another_comment_with_an_equals_sign_is_a_note(comment: str) -> None:
    """It becomes a variable that nobody reads."""
    assert [finding.code for finding in _found(f"ECS_CLUSTER=prod\n{comment}\n")] == ["F122"]


@pytest.mark.parametrize(
    ("value", "codes"),
    [
        pytest.param('{\n"registry.example.com":{"username":"u","password":"p"}\n}', ["F130"], id="three lines"),
        pytest.param(
            '{\r\n"registry.example.com":{"username":"u","password":"p"}\r\n}\r', ["F130", "F135"], id="CR LF"
        ),
        pytest.param('{\n\n"registry.example.com":\n\n{"username":"u","password":"p"}}', ["F130"], id="blank lines"),
        pytest.param('\'{\n"registry.example.com":{"username":"u","password":"p"}\n}\'', ["F130"], id="quoted"),
        pytest.param('{ \\\n"registry.example.com":{"username":"u","password":"p"}}', ["F130"], id="and a backslash"),
        pytest.param('{"registry.example.com":{"username":"u","pass\nword":"p"}}', ["F136"], id="inside a text"),
        pytest.param('\n{"registry.example.com":{"username":"u","password":"p"}}', ["F130"], id="below the name"),
        pytest.param('\\\n{"registry.example.com":{"username":"u","password":"p"}}', ["F131"], id="backslash"),
        pytest.param('{"registry.example.com":{"username":"u","password":"p"}', ["A327"], id="one line, cut"),
        pytest.param('{\n"registry.example.com":{"username":"u","password":"p"}', ["F130", "A327"], id="lines, cut"),
        pytest.param('{\n"docker.io":{"username":"u","password":"p"}\n}', ["F130", "A370"], id="another slip inside"),
    ],
)
def test_a_value_over_several_lines(value: str, codes: list[str]) -> None:
    """The lines are one finding; what is wrong in the value itself is found at its own line."""
    text = f"ECS_ENGINE_AUTH_TYPE=docker\nECS_ENGINE_AUTH_DATA={value}\nECS_LOGLEVEL=info\nECS_CLUSTER=prod\n"
    assert [finding.code for finding in _found(text)] == codes


@pytest.mark.parametrize(
    ("before", "column"),
    [
        pytest.param("{\n  ", 3, id="between tokens"),
        pytest.param('{"registry.example.com":{"username":"u","password":"p\n  q"},', 7, id="inside a text"),
    ],
)
def test_a_slip_inside_a_value_over_several_lines_has_its_own_place(before: str, column: int) -> None:
    """The column counts in the line that the slip stands in."""
    value = before + '"docker.io":{"username":"u","password":"p"}\n}\n'
    found = next(
        finding
        for finding in _found(f"ECS_ENGINE_AUTH_TYPE=docker\nECS_ENGINE_AUTH_DATA={value}")
        if finding.code == "A370"
    )
    assert (found.line, found.column) == (3, column)


@pytest.mark.parametrize("below", ["ECS_CLUSTER=prod", "# comment", "", "  MY_OWN=1"])
def test_a_value_does_not_swallow_lines_that_are_none_of_it(below: str) -> None:
    """A document that is cut ends before the next assignment, comment or blank line."""
    codes = [finding.code for finding in _found(f"ECS_ENGINE_AUTH_TYPE=docker\nECS_ENGINE_AUTH_DATA={{\n{below}\n")]
    assert codes == ["A327"]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("#!/bin/sh\ncat > /etc/ecs/ecs.config <<EOF\nECS_CLUSTER=prod\nEOF\n", "F107"),
        ("#cloud-config\nwrite_files:\n- path: /etc/ecs/ecs.config\n", "F107"),
        ("\ufeff  {}", "F106"),
        ("# only\n# comments\n", "F102"),
    ],
)
def test_a_file_that_is_something_else_is_one_finding(text: str, code: str) -> None:
    """Nothing is said of its lines."""
    assert [finding.code for finding in check(text.encode())] == [code]


def test_a_file_of_assignments_may_begin_like_a_script() -> None:
    """The first line is a comment to every reader."""
    assert [finding.code for finding in _found("#!/bin/sh\nECS_CLUSTER=prod\n")] == []


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf_16_is_one_finding(encoding: str) -> None:
    """PowerShell writes such files, with or without a mark."""
    assert [finding.code for finding in check(f"ECS_CLUSTER=prod\n{_AUTH}".encode(encoding))] == ["F103"]
