"""`--set NAME=VALUE`: what is taken, and what it makes of the env-file's bytes."""

from __future__ import annotations

import pytest
from ecsauth import envfile
from ecsauth.envfile import overrides
from ecsauth.envfile.overrides import Setting
from ecsauth.errors import UsageError
from hypothesis import given
from hypothesis import strategies as st

CLUSTER = Setting("ECS_CLUSTER", "prod")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ECS_CLUSTER=prod", CLUSTER),
        ("ECS_CLUSTER=", Setting("ECS_CLUSTER", "")),
        ('ECS_INSTANCE_ATTRIBUTES={"a": "b=c"}', Setting("ECS_INSTANCE_ATTRIBUTES", '{"a": "b=c"}')),
        ("_x9=#1", Setting("_x9", "#1")),
        ("NO_PROXY=169.254.169.254,\u00fc", Setting("NO_PROXY", "169.254.169.254,\u00fc")),
        ("A=" + "x" * 65_533, Setting("A", "x" * 65_533)),
    ],
)
def test_takes(text: str, expected: Setting) -> None:
    """The first `=` ends the name, and the value is anything printable on one line."""
    assert overrides.setting(text) == expected
    assert str(expected) == text


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        pytest.param("s3cret", "NAME=VALUE", id="no ="),
        pytest.param("", "NAME=VALUE", id="empty"),
        pytest.param("=s3cret", "NAME=VALUE", id="no name"),
        pytest.param("1A=s3cret", "NAME=VALUE", id="leading digit"),
        pytest.param("A B=s3cret", "NAME=VALUE", id="space in the name"),
        pytest.param(" A=s3cret", "NAME=VALUE", id="space before the name"),
        pytest.param("A\n=s3cret", "NAME=VALUE", id="newline behind the name"),
        pytest.param("\u00c4=s3cret", "NAME=VALUE", id="a letter of another script"),
        pytest.param("ECS_ENGINE_AUTH_DATA=s3cret", "must not have ECS_ENGINE_AUTH_DATA", id="credentials"),
        pytest.param("ECS_ENGINE_AUTH_TYPE=s3cret", "must not have ECS_ENGINE_AUTH_TYPE", id="their type"),
        pytest.param("AWS_SECRET_ACCESS_KEY=s3cret", "must not have AWS_SECRET_ACCESS_KEY", id="an AWS key"),
        pytest.param("AWS_SESSION_TOKEN=s3cret", "must not have", id="an AWS token"),
        pytest.param("HTTP_PROXY=http://u:s3cret@proxy", "must not have HTTP_PROXY", id="a proxy's password"),
        pytest.param("A=s3cret\nB=1", "one line", id="LF"),
        pytest.param("A=s3cret\r", "one line", id="CR"),
        pytest.param("A=s3cret\0", "one line", id="NUL"),
        pytest.param("A=s3cret\x1b[0m", "one line", id="escape sequence"),
        pytest.param("A=s3cret\u2028", "one line", id="line separator"),
        pytest.param("A=s3cret\udcff", "one line", id="not UTF-8"),
        pytest.param("A= s3cret", "one line", id="space at the start"),
        pytest.param("A=s3cret ", "one line", id="space at the end"),
        pytest.param("A=s3cret" + "x" * 65_530, "one line", id="longer than docker's lines"),
    ],
)
def test_refuses_without_the_value(text: str, reason: str) -> None:
    """What is refused is refused by name, and the value is not repeated."""
    with pytest.raises(UsageError, match=reason) as raised:
        overrides.setting(text)
    assert "s3cret" not in " ".join((raised.value.message, *raised.value.hints))


@pytest.mark.parametrize(
    ("data", "settings", "result"),
    [
        pytest.param(b"A=1\n", (), b"A=1\n", id="no settings: the bytes stay"),
        pytest.param(b"A=1\r\n", (), b"A=1\r\n", id="no settings: CRLF stays too"),
        pytest.param(b"A=1\n", (CLUSTER,), b"A=1\nECS_CLUSTER=prod\n", id="added at the end"),
        pytest.param(b"A=1", (CLUSTER,), b"A=1\nECS_CLUSTER=prod\n", id="the last line gets its LF"),
        pytest.param(b"", (CLUSTER,), b"ECS_CLUSTER=prod\n", id="empty file"),
        pytest.param(b"ECS_CLUSTER=x\nA=1\n", (CLUSTER,), b"A=1\nECS_CLUSTER=prod\n", id="replaced"),
        pytest.param(b"ECS_CLUSTER=x\nECS_CLUSTER=y", (CLUSTER,), b"ECS_CLUSTER=prod\n", id="each of them"),
        pytest.param(b"\xef\xbb\xbf ECS_CLUSTER=x\r\n", (CLUSTER,), b"ECS_CLUSTER=prod\n", id="as docker reads names"),
        pytest.param(b"#ECS_CLUSTER=x\n", (CLUSTER,), b"#ECS_CLUSTER=x\nECS_CLUSTER=prod\n", id="comments stay"),
        pytest.param(b"MY_ECS_CLUSTER=x\n", (CLUSTER,), b"MY_ECS_CLUSTER=x\nECS_CLUSTER=prod\n", id="whole names"),
        pytest.param(b"A=1\r\nB=2\r\n", (CLUSTER,), b"A=1\r\nB=2\r\nECS_CLUSTER=prod\n", id="other lines stay"),
        pytest.param(b"", (Setting("A", "1"), CLUSTER, Setting("A", "2")), b"A=2\nECS_CLUSTER=prod\n", id="last wins"),
    ],
)
def test_apply(data: bytes, settings: tuple[Setting, ...], result: bytes) -> None:
    """A setting stands in place of every earlier assignment; all other bytes stay."""
    assert overrides.apply(data, settings) == result


@pytest.mark.parametrize("data", [b"=hunter2\n", b"A B=1\n", b"A=\xff\n", b"A=" + b"x" * 65_534 + b"\n"])
def test_a_refused_file_stays_as_it_is(data: bytes) -> None:
    """What docker refuses is left to the check, which says why."""
    assert overrides.apply(data, (CLUSTER,)) == data


_lines = st.lists(st.sampled_from([b"A=1", b"A=2\r", b"B=3", b"C", b"# A=4", b"", b" A=5", b"AB=6"]), max_size=8)


@given(_lines, st.sampled_from([b"", b"\n"]))
def test_docker_reads_the_setting_and_the_rest(lines: list[bytes], end: bytes) -> None:
    """To docker the file with a setting is the file, and then the setting."""
    data = b"\n".join(lines) + end
    before = {name: value.reveal() for name, value in envfile.docker(data).environment().items()}
    after = envfile.docker(overrides.apply(data, (Setting("A", "new"),)))
    assert {name: value.reveal() for name, value in after.environment().items()} == {**before, "A": "new"}
    assert sum(1 for one in after.assignments if one.name == "A") == 1


@given(_lines)
def test_applying_twice_changes_nothing(lines: list[bytes]) -> None:
    """The same settings on their own result give the same bytes."""
    once = overrides.apply(b"\n".join(lines), (CLUSTER,))
    assert overrides.apply(once, (CLUSTER,)) == once
