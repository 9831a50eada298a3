"""`check` as a whole: whose reading counts, what is accepted, and in which order findings come."""

from __future__ import annotations

from pathlib import Path

import pytest
from ecsauth import envfile
from ecsauth.agent import variables
from ecsauth.check import approve, check
from ecsauth.check.examine import Target
from ecsauth.errors import InvalidError
from ecsauth.finding import Severity
from hypothesis import given, settings
from hypothesis import strategies as st

_AWS = Path(__file__).parents[2] / "fixtures" / "aws"
_ONE = '{"registry.example.com":{"username":"example","password":"not-a-secret"}}'
_PAIR = f"ECS_CLUSTER=prod\nECS_ENGINE_AUTH_TYPE=docker\nECS_ENGINE_AUTH_DATA={_ONE}\n"


def _codes(text: str, target: Target = Target.ALL, ignore: tuple[str, ...] = ()) -> list[str]:
    return [finding.code for finding in check(text.encode(), target, frozenset(ignore))]


@pytest.mark.parametrize(
    ("name", "codes"),
    [
        ("docker-hub", []),
        ("docker-several", []),
        ("dockercfg-hub", ["A365"]),
        ("dockercfg-several", ["A365", "A365"]),
        ("dockercfg-hub-real", []),
        ("dockercfg-several-real", []),
        ("config-json", ["F106"]),
        ("auths", ["F106"]),
        ("docker-json", ["F106"]),
    ],
)
def test_the_examples_of_the_aws_page(name: str, codes: list[str]) -> None:
    """The page's docker files are clean; its dockercfg value decodes to bytes without a colon, a real one is fine."""
    found = check((_AWS / f"{name}.config").read_bytes())
    assert [finding.code for finding in found if finding.code != "V201"] == codes


@pytest.mark.parametrize(
    ("text", "code", "consequence"),
    [
        pytest.param(
            _PAIR.replace(
                _ONE, '{\n\t"auths": {\n\t\t"https://index.docker.io/v1/": {\n\t\t\t"auth": "dTpw"\n\t\t}\n\t}\n}'
            ),
            "F130",
            "cut the value",
            id="config.json over its lines",
        ),
        pytest.param(_PAIR.replace(_ONE, '{"auths":{"reg.example.com":{"auth":"dTpw"}}}'), "A341", "auths", id="auths"),
        pytest.param(_PAIR.replace(_ONE, f"'{_ONE}'"), "A312", "drops all registry credentials", id="quoted JSON"),
        pytest.param(_PAIR.replace("registry.example.com", "docker.io"), "A370", "only https://index", id="docker.io"),
        pytest.param(_PAIR + f"# ECS_ENGINE_AUTH_DATA={_ONE}\n", "F121", "docker inspect", id="commented-out secret"),
        pytest.param("\ufeff" + _PAIR, "F110", "they lose the variable", id="byte order mark"),
        pytest.param("".join(f"export {line}\n" for line in _PAIR.splitlines()), "F114", "refuses", id="export"),
    ],
)
def test_a_slip_of_a_newcomer_is_one_finding(text: str, code: str, consequence: str) -> None:
    """Whatever follows from the slip is said by its consequence, not by more findings."""
    (found,) = check(text.encode())
    assert found.code == code
    assert consequence in found.consequence


@pytest.mark.parametrize(
    ("text", "docker", "ecs_init"),
    [
        ("\ufeffECS_CLUSTER=prod\n", [], ["F110"]),
        ("ECS_CLUSTER=prod\n# ECS_LOGLEVEL=debug\n", [], ["F122"]),
        ("ECS_CLUSTER=prod\nECS_DATADIR=/data \n", ["F132"], []),
        ("ECS_CLUSTER=prod\nECS_DATADIR= /data\n", ["F132"], ["F132"]),
        ("ECS_CLUSTER=prod\nexport ECS_LOGLEVEL=debug\n", ["F114"], ["F114"]),
        ('ECS_CLUSTER=prod\nECS_LOG_OPTS={"a":"\\u002f"}\n', [], ["F141"]),
        ("ECS_CLUSTER=prod\nECS_AUDIT_LOGFILE=/\ufffe\n", [], ["F140"]),
        ("ECS_CLUSTER=prod\nECS_IMAGE_PULL_BEHAVIOR=cached\n", ["V221"], ["V221"]),
        ("ECS_CLUSTER=prod\nAWS_DEFAULT_REGION=eu-west-1\nECS_EXTERNAL=1\n", [], ["V224"]),
        ("ECS_CLUSTER=prod\n=x\n", ["F113"], ["F113"]),
        ("ECS_CLUSTER=prod\n#" + "x" * 65_536 + "\n", ["F108"], ["F108"]),
        ("ECS_CLUSTER=prod\nsome name=x\n", ["F116"], ["F116"]),
    ],
)
def test_the_target_decides_whose_reading_counts(text: str, docker: list[str], ecs_init: list[str]) -> None:
    """What one reader takes is no finding for it; what no instance can take is one for both."""
    assert [code for code in _codes(text, Target.DOCKER) if code != "A301"] == docker
    assert [code for code in _codes(text, Target.ECS_INIT) if code != "A301"] == ecs_init


@pytest.mark.parametrize("target", Target)
@pytest.mark.parametrize(
    "data", [b"", b" \n", b"A=\xff\n", b"A=\0\n", b"=hunter2\n", b"A" * 262_145, b"A b=1\n", b"A=" + b"x" * 65_534]
)
def test_what_no_instance_can_take_is_an_error_for_every_target(data: bytes, target: Target) -> None:
    """Docker would print such a line, or a later step fail on it."""
    assert any(finding.severity is Severity.ERROR for finding in check(data, target))


def test_ignore_leaves_out_warnings_and_notes_in_any_case() -> None:
    """The codes may be given in small letters."""
    assert _codes("ECS_LOGLEVEL=info\n", ignore=("v201", "A301")) == []


def test_ignore_does_not_leave_out_errors() -> None:
    """A file with an error does not work, whoever accepts that."""
    assert _codes("export ECS_CLUSTER=prod\n", ignore=("F114", "A301")) == ["F114"]


def test_findings_come_by_line_and_worst_first() -> None:
    """Errors come before warnings of the same line, findings without a line at the end."""
    text = "ECS_FAVOURITE_COLOUR=blue\nexport ECS_IMAGE_PULL_BEHAVIOR=cached\nECS_CHECKPOINT=maybe\n"
    assert _codes(text) == ["V213", "F114", "V221", "V222", "V201", "A301"]


def test_a_whole_file_that_is_refused_is_one_finding() -> None:
    """Nothing else is said of a file that is too large."""
    assert _codes("export A\n" * 40_000) == ["F101"]


def test_500_registries_in_one_line() -> None:
    """A line of 50 KiB is read like any other."""
    entries = ",".join(f'"registry-{n}.example.com":{{"username":"u{n}","password":"{"p" * 40}"}}' for n in range(500))
    assert _codes(_PAIR.replace(_ONE, "{" + entries + "}")) == []


_LINES = st.sampled_from(
    [
        "ECS_CLUSTER=prod",
        "ECS_CLUSTER = prod",
        "ECS_DATADIR= /data ",
        "ECS_LOGLEVEL='debug'",
        'ECS_LOG_OPTS={"a":"b\\\\c"}',
        "ECS_EXTERNAL=1",
        "ECS_LOG_DRIVER=awslogs",
        "ECS_LOG_OPTS=a b'c\"",
        'MY_OWN="x',
        "MY_OWN=x'y",
        "MY_OWN= 'x",
        "AWS_DEFAULT_REGION=x",
        "# note\\",
        "#A=1",
        "export B=2",
        "B",
        "=",
        "\ufeffA=1",
        "A=1\r",
        "A=1\rB=2",
        "A={",
        "}",
        "A='x",
        "A=\\",
        "a b",
        "A\u200b=1",
        "\u00a0A=\u00a01\u00a0",
        ";A=1",
        "A=\ufffe",
        "A=\0",
    ]
)


@settings(max_examples=300, deadline=None)
@given(st.lists(_LINES, max_size=5), st.booleans())
def test_without_errors_all_readers_agree(lines: list[str], mark: bool) -> None:
    """A file without errors is refused by no reader, and docker and ecs-init read the same from it."""
    data = ("\ufeff" * mark + "\n".join(lines)).encode()
    found = check(data)
    if any(finding.severity is Severity.ERROR for finding in found):
        return
    docker, ecs_init = envfile.docker(data), envfile.ecs_init(data)
    assert docker.refusal is ecs_init.refusal is envfile.systemd(data).refusal is None
    assert docker.start_failure is ecs_init.start_failure is None
    lines_forgiven = {finding.line for finding in found if finding.code == "F133"}
    forgiven = {one.name for one in docker.assignments if one.line in lines_forgiven}
    ours = {name: value for name, value in docker.environment().items() if name not in forgiven}
    theirs = {name: value for name, value in ecs_init.environment().items() if name not in forgiven}
    assert ours == {name: value for name, value in theirs.items() if not name.startswith(("#", "\ufeff#"))}
    through_systemd = envfile.systemd(data).environment()
    for name, value in ours.items():
        variable = variables.find(name)
        if variable is not None and variable.read_by != "agent" and value.reveal()[:1] not in ("'", '"'):
            assert through_systemd.get(name) == value


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200) | st.text(max_size=100).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_any_bytes_are_read(data: bytes) -> None:
    """No file crashes the check, and every place is inside the file."""
    for finding in check(data):
        assert finding.line is None or 1 <= finding.line <= data.count(b"\n") + 1
        assert finding.column is None or finding.column >= 1


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ("=nothing\n", "ecs.config is invalid: 1 error"),
        ("=nothing\n# MY_PASSWORD=x\n", "ecs.config is invalid: 2 errors"),
    ],
)
def test_a_refusal_counts_the_errors(lines: str, told: str) -> None:
    """What does not pass says how many errors it has; warnings and notes are not counted."""
    with pytest.raises(InvalidError) as raised:
        approve(f"ECS_CLUSTER=prod\n{lines}".encode(), "ecs.config")
    assert raised.value.message == told
    assert len(raised.value.findings) > int(told.split()[-2])
