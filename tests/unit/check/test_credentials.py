"""Findings about the registry credentials: where they point, what they name, and that one slip is one of them."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import pytest
from ecsauth.check import check
from ecsauth.check.credentials import CODES
from ecsauth.check.rules import find
from ecsauth.registry.problems import ProblemKind

if TYPE_CHECKING:
    from ecsauth.finding import Finding

_ENTRY = '{"username":"example","password":"not-a-secret"}'
_PREFIX = len("ECS_ENGINE_AUTH_DATA=")


def _found(kind: str, data: str) -> list[Finding]:
    text = f"ECS_CLUSTER=prod\nECS_ENGINE_AUTH_TYPE={kind}\nECS_ENGINE_AUTH_DATA={data}\n"
    return list(check(text.encode()))


@pytest.mark.parametrize("kind", ProblemKind, ids=lambda kind: kind.value)
def test_every_problem_has_a_rule(kind: ProblemKind) -> None:
    """No cause that the parser tells apart is lost on the way to the user."""
    assert find(CODES[kind]) is not None


@pytest.mark.parametrize(
    ("kind", "data", "code", "line", "column"),
    [
        ("docker", f'{{"docker.io":{_ENTRY}}}', "A370", 3, _PREFIX + 2),
        ("docker", f'{{"a.b":{_ENTRY},"docker.io":{_ENTRY}}}', "A370", 3, _PREFIX + 2 + len(f'"a.b":{_ENTRY},')),
        ("docker", f'{{"a.b":{_ENTRY}', "A327", 3, _PREFIX + 1 + len(f'{{"a.b":{_ENTRY}')),
        ("Docker", f'{{"a.b":{_ENTRY}}}', "A304", 2, 22),
        ("dockercfg", f'{{"a.b":{_ENTRY}}}', "A348", 3, _PREFIX + 2),
        ("docker", "", "A306", 3, _PREFIX + 1),
    ],
)
def test_a_problem_has_its_place(kind: str, data: str, code: str, line: int, column: int) -> None:
    """Columns of the data are columns of the file."""
    (found,) = _found(kind, data)
    assert (found.code, found.line, found.column) == (code, line, column)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        pytest.param(
            "{https://index.docker.io/v1/:auth:x} ECS_ENGINE_AUTH_DATA={https://index.docker.io/v1/:email:y}",
            "A331",
            id="brace expansion inside",
        ),
        pytest.param("a.b:auth:x ECS_ENGINE_AUTH_DATA=c.d:auth:y", "A331", id="brace expansion of the whole"),
        pytest.param("{a.b:{username:u,password:p}}", "A331", id="quotes gone"),
        pytest.param('{\\\\"a.b\\\\":{}}', "A331", id="backslashes doubled"),
        pytest.param('{"a.b":{}} ECS_ENGINE_AUTH_DATA={"c.d":{}}', "A331", id="name repeated with quotes"),
        pytest.param("{a.b: {username: u}}", "A316", id="YAML"),
        pytest.param('{\\"a.b\\":{\\"username\\":\\"u\\"}}', "A313", id="single backslashes"),
        pytest.param("{'a.b':{}}", "A314", id="single quotes"),
        pytest.param('{"a.b":{}} # ECS_ENGINE_AUTH_DATA={}', "A326", id="name in a comment"),
        pytest.param("a.b:auth:x", "A329", id="no JSON at all"),
    ],
)
def test_what_a_shell_wrote_is_mended_in_its_script(data: str, code: str) -> None:
    """The marks of a shell are its own finding, which says how to quote."""
    first = _found("docker", data)[0]
    assert first.code == code
    assert ("<<'EOF'" in first.fix) is (code == "A331")


_EXAMPLE = "zq212MzEXAMPLE7o6T25Dk0i"


@pytest.mark.parametrize(
    ("kind", "data", "codes"),
    [
        pytest.param(
            "dockercfg",
            f'{{"auths":{{"docker.io":{{"auth":"{_EXAMPLE}"}}}}}}',
            ["A341", "A365", "A370"],
            id="inside auths",
        ),
        pytest.param(
            "docker", f'{{"auths":{{"docker.io":{{"auth":"{_EXAMPLE}"}}}}}}', ["A341", "A365", "A370"], id="other type"
        ),
        pytest.param("dockercfg", '{"auths":{"a.b":{"auth":"dTpw"}}}', ["A341"], id="nothing wrong inside auths"),
        pytest.param("dockercfg", '\'{"a.b":{"auth":"u:p"}}\'', ["A312", "A351"], id="inside quotes"),
        pytest.param("docker", '{\\"docker.io\\":{\\"auth\\":\\"dTpw\\"}}', ["A313", "A348", "A370"], id="escaped"),
        pytest.param("docker", f'\'{{"auths":{{"a.b":{_ENTRY}}}}}\'', ["A312", "A341"], id="auths inside quotes"),
        pytest.param("docker", f'\ufeff{{"docker.io":{_ENTRY}}}', ["A311", "A370"], id="behind a byte order mark"),
        pytest.param("docker", f'{{"docker.io":{_ENTRY}}} # hub', ["A326", "A370"], id="before a comment"),
        pytest.param("dockercfg", '{"auths":{"a.b":{}},"credsStore":"x"}', ["A340"], id="emptied by a helper"),
    ],
)
def test_what_stands_around_the_registries_hides_nothing(kind: str, data: str, codes: list[str]) -> None:
    """All findings come at once, not one repair later."""
    assert sorted(finding.code for finding in _found(kind, data)) == codes


def test_a_place_inside_auths_is_one_of_the_file() -> None:
    """Columns count from the start of the line."""
    data = f'{{"auths":{{"a.b":{{"auth":"{_EXAMPLE}"}}}}}}'
    (example,) = [finding for finding in _found("dockercfg", data) if finding.code == "A365"]
    assert (example.line, example.column) == (3, _PREFIX + 1 + data.index(f'"{_EXAMPLE}'))


@pytest.mark.parametrize(
    ("kind", "data", "is_offered"),
    [
        pytest.param("dockercfg", '{"auths":{"docker.io":{"auth":"dTpw"}}}', True, id="all can be mended"),
        pytest.param(
            "dockercfg", f'{{"auths":{{"docker.io":{{"auth":"{_EXAMPLE}"}}}}}}', False, id="a value to change"
        ),
        pytest.param("docker", "'{\"a.b\":{}}'", False, id="an entry to complete"),
        pytest.param("docker", f'\ufeff{{"a.b":{_ENTRY}}}\nECS_LOGLEVEL', False, id="an error in another line"),
    ],
)
def test_fix_is_offered_only_where_it_succeeds(kind: str, data: str, is_offered: bool) -> None:
    """Else each finding says what to do by hand."""
    found = _found(kind, data)
    assert any("check --fix" in finding.fix for finding in found) is is_offered
    assert all(finding.fix and not finding.fix.endswith(":") for finding in found)


def test_the_fix_of_a_config_json_names_the_type() -> None:
    """Whoever unwraps the registries by hand needs the type that they are written for."""
    (found,) = _found("docker", '{"auths":{"a.b":{"auth":"dTpw"}}}')
    assert "ECS_ENGINE_AUTH_TYPE=dockercfg" in found.fix


@pytest.mark.parametrize(
    ("behind", "is_offered"), [("# pragma: allowlist secret", True), ("x # pragma", False), ("}", False)]
)
def test_a_comment_behind_the_json_is_mended_by_itself(behind: str, is_offered: bool) -> None:
    """`--fix` is offered for a comment, not for text that may be a part of something."""
    (found,) = _found("docker", f'{{"a.b":{_ENTRY}}} {behind}')
    assert found.code == "A326"
    assert ("check --fix" in found.fix) is is_offered


@pytest.mark.parametrize(
    ("kind", "data", "codes"),
    [
        pytest.param("docker", '{"username":"u","password":"p","email":"e"}', ["A343"], id="fields without a registry"),
        pytest.param("dockercfg", '{"a.b":{"auth":"ZQB4ADoAbgBvAA=="}}', ["A398"], id="UTF-16 pair"),
        pytest.param("docker", '{"a.b":{"account":"x"}}', ["A361"], id="empty but for unknown fields"),
        pytest.param("DockerCfg", f'{{"a.b":{_ENTRY}}}', ["A348"], id="misspelt and for the other type"),
        pytest.param("basic", "", ["A305"], id="unknown type without data"),
        pytest.param('{"a.b":{}}', "", ["A303"], id="data in the type"),
        pytest.param("dockercfg", '{"auths":{"a.b":{"auth":"dTpw"}},"credsStore":"x"}', ["A341"], id="helper unused"),
        pytest.param("dockercfg", '{"auths":{"a.b":{}},"credsStore":"x"}', ["A340"], id="helper used"),
        pytest.param("dockercfg", '{"auths":{"a.b":{}},"credsStore":"x","credHelpers":{}}', ["A340"], id="two helpers"),
        pytest.param(
            "docker", f'{{"a.b":{_ENTRY},"a.b/x":{_ENTRY},"a.b/y":{_ENTRY}}}', ["A386"], id="paths without a slash"
        ),
    ],
)
def test_one_slip_is_one_finding(kind: str, data: str, codes: list[str]) -> None:
    """What goes with another problem is not said again."""
    assert [finding.code for finding in _found(kind, data)] == codes


@pytest.mark.parametrize(
    ("kind", "data", "fix"),
    [
        ("DOCKER", f'{{"a.b":{_ENTRY}}}', "ECS_ENGINE_AUTH_TYPE=docker"),
        ("basic", '{"a.b":{"auth":"dTpw"}}', "ECS_ENGINE_AUTH_TYPE=dockercfg"),
        ("dockercfg", f'{{"a.b":{_ENTRY}}}', "ECS_ENGINE_AUTH_TYPE=docker"),
        ("docker", '{"a.b":{"user":"u","password":"p"}}', '"username"'),
        ("docker", f'{{"docker.io":{_ENTRY}}}', '"https://index.docker.io/v1/"'),
    ],
)
def test_the_fix_is_text_to_paste(kind: str, data: str, fix: str) -> None:
    """Where what is meant is clear, the fix says it in full."""
    assert fix in _found(kind, data)[0].fix


def test_data_without_a_type_is_told_with_the_type_that_it_looks_like() -> None:
    """The line to add stands in the fix."""
    (found,) = check(b'ECS_CLUSTER=prod\nECS_ENGINE_AUTH_DATA={"a.b":{"auth":"dTpw"}}\n')
    assert (found.code, found.line) == ("A302", 2)
    assert "ECS_ENGINE_AUTH_TYPE=dockercfg" in found.fix


@pytest.mark.parametrize(
    ("key", "shown"),
    [
        ("docker.io", "docker.io"),
        ("HTTPS://reg.example.com:5000/team", "HTTPS://reg.example.com:5000/team"),
        ("user:hunter2@docker.io", None),
        ("hunter2", None),
        ("hunter2!.example.com", None),
    ],
)
def test_a_registry_is_named_unless_it_may_be_a_secret(key: str, shown: str | None) -> None:
    """A key is shown only if it looks like a registry."""
    found = _found("docker", f'{{"{key}":{_ENTRY}}}')[0]
    assert found.registry == shown
    assert key in found.message if shown else "hunter2" not in str(found)


def test_misspelt_names_do_not_hide_what_is_in_them() -> None:
    """The data of a misspelt variable is checked as if the name were right."""
    text = f'ECS_CLUSTER=prod\nECS_ENGINE_AUTH_TYPE=docker\nECS_ENGINE_AUTH_DATE={{"docker.io":{_ENTRY}}}\n'
    assert [finding.code for finding in check(text.encode())] == ["V211", "A370"]


@pytest.mark.parametrize("text", ["ECS_ENGINE_AUTH_DATA\n", "see ECS_ENGINE_AUTH_DATA in the wiki\n"])
def test_no_note_of_absence_where_a_line_was_to_set_them(text: str) -> None:
    """A line that is lost has its own finding."""
    assert "A301" not in [finding.code for finding in check(f"ECS_CLUSTER=prod\n{text}".encode())]


_PAIR = base64.b64encode(b"user:${PASSWORD}").decode()


@pytest.mark.parametrize(
    ("kind", "entry", "codes"),
    [
        pytest.param("docker", '{"username":"u","password":"${PASSWORD}"}', ["A366"], id="password"),
        pytest.param("docker", '{"username":"${USER}","password":"${PASSWORD}"}', ["A366"], id="one slip"),
        pytest.param("docker", '{"username":"u","password":"$REGISTRY_PASSWORD"}', ["A366"], id="shell"),
        pytest.param("docker", '{"username":"u","password":"{{ password }}"}', ["A366"], id="Jinja"),
        pytest.param("docker", '{"username":"u","password":"<password>"}', ["A366"], id="a document"),
        pytest.param("docker", '{"identitytoken":"${TOKEN}"}', ["A362", "A366"], id="token"),
        pytest.param("dockercfg", f'{{"auth":"{_PAIR}"}}', ["A366"], id="within auth"),
        pytest.param("dockercfg", '{"auth":"${AUTH}"}', ["A356"], id="auth, which is lost"),
        pytest.param("docker", '{"username":"u","password":"a${b}"}', [], id="within a password"),
        pytest.param("docker", '{"username":"u","password":"$Ab1<x"}', [], id="a password"),
    ],
)
def test_a_placeholder(kind: str, entry: str, codes: list[str]) -> None:
    """What a template has left in the place of a credential is told, once for a registry, where it is the whole."""
    assert [finding.code for finding in _found(kind, f'{{"reg.example.com":{entry}}}')] == codes


def test_a_placeholder_for_auth_says_so() -> None:
    """A value that is lost because nobody has filled it in is not said to be encoded wrongly."""
    (finding,) = _found("dockercfg", '{"reg.example.com":{"auth":"${AUTH}"}}')
    assert finding.message == "reg.example.com: the auth value is not base64 (a placeholder)"
    assert finding.fix == "write base64 of user:password, or expand it in the template:\necsauth explain A366"
