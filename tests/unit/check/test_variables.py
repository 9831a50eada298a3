"""Findings about names and values of variables."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from ecsauth.agent import variables as agent_variables
from ecsauth.check import check
from ecsauth.check.examine import Target
from ecsauth.finding import Severity

if TYPE_CHECKING:
    from ecsauth.finding import Finding


def _found(text: str, target: Target = Target.ALL) -> list[Finding]:
    return [finding for finding in check(f"ECS_CLUSTER=prod\n{text}\n".encode(), target) if finding.code != "A301"]


def _codes(text: str) -> list[str]:
    return [finding.code for finding in _found(text)]


@pytest.mark.parametrize(
    "line",
    [
        "HTTP_PROXY=http://user:pass@proxy.example.com:3128",
        "http_proxy=proxy:3128",
        "NO_PROXY=169.254.169.254,169.254.170.2",
        "AWS_DEFAULT_REGION=eu-west-1",
        "AWS_SOMETHING_NEW=1",
        "MY_OWN=1",
        "my-own=1",
        "PASSWORD=x",
        "MY_OWN='quoted'",
        "MY_OWN=a # b",
        "MY_OWN=$OTHER",
        "ECS_RESERVED_PORTS=[22, 80]",
        'ECS_INSTANCE_ATTRIBUTES={"stack": "prod"}',
        'ECS_INSTANCE_ATTRIBUTES={"colour": "#ff0000"}',
        'ECS_INSTANCE_ATTRIBUTES={"secret-store": "vault"}',
        'ECS_LOG_OPTS=\'{"max-size":"10m"}\'',
        'ECS_LOG_OPTS={"max-size":"10m"}',
        'ECS_LOG_OPTS="{\\"max-size\\":\\"10m\\"}"',
        'ECS_AGENT_LABELS={"a":"[\\"b\\"]"}',
        'ECS_AGENT_LABELS={"a":"\\u002f"}',
        "ECS_LOG_DRIVER=awslogs",
        "ECS_TASK_METADATA_RPS_LIMIT=40,60",
        "ECS_DYNAMIC_HOST_PORT_RANGE=49153-65535",
        "ECS_EXCLUDE_UNTRACKED_IMAGE=nginx,redis:7#1",
        "DOCKER_HOST=unix:///var/run/docker.sock",
        "ECS_CONTAINER_STOP_TIMEOUT=1h2m",
    ],
)
def test_ordinary_lines_are_clean(line: str) -> None:
    """No false alarm: what works, and what belongs to somebody else."""
    assert _codes(line) == []


def _defaults() -> list[str]:
    """Return an assignment of its default to each variable whose default is a value."""
    variables = [variable for variable in map(agent_variables.find, agent_variables.names()) if variable is not None]
    kinds = ("bool", "duration", "int", "enum")
    given = [
        one for one in variables if one.kind in kinds and one.ignored is None and one.default and " " not in one.default
    ]
    return [f"{one.name}={one.default}" for one in given]


@pytest.mark.parametrize("line", _defaults())
def test_a_documented_default_is_clean(line: str) -> None:
    """Writing a default down is no fault."""
    assert {*_codes(line)} <= {"V216", "V223"}


@pytest.mark.parametrize(
    ("line", "code", "meant"),
    [
        ("ECS_LOG_LEVEL=debug", "V212", "ECS_LOGLEVEL"),
        ("ECS_CLUSTR=prod", "V212", "ECS_CLUSTER"),
        ("ECS_POLL_METRICS_WAIT_DURATION=10s", "V212", "ECS_POLLING_METRICS_WAIT_DURATION"),
        ("ecs_loglevel=debug", "V210", "ECS_LOGLEVEL"),
        ("ECS-LOGLEVEL=debug", "V210", "ECS_LOGLEVEL"),
        ("ECS_ENGINE_AUTH_TYP=docker", "V211", "ECS_ENGINE_AUTH_TYPE"),
    ],
)
def test_a_misspelt_name_gets_the_nearest_known_one(line: str, code: str, meant: str) -> None:
    """Message and fix name the variable that is meant."""
    found = _found(line)[0]
    assert found.code == code
    assert meant in found.message
    assert meant in found.fix


@pytest.mark.parametrize("line", ["AWS_ACCESS_KEY=not-a-secret", "ECS_ENGINE_AUTH_TYP=docker"])
def test_a_name_inside_the_documented_name_is_named(line: str) -> None:
    """A message begins with the name in the file, also if the documented name contains it."""
    found = [finding for finding in _found(line) if finding.code in ("V211", "V216")]
    assert [finding.message.partition(":")[0] for finding in found] == [line.partition("=")[0]]


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("ECS_FAVOURITE_COLOUR=blue", "V213"),
        ("ECS_FSX_WINDOWS_FILE_SERVER_SUPPORTED=true", "V214"),
        ("ECS_OFFHOST_INTROSPECTION_INTERFACE_NAME=eth0", "V215"),
        ("ECS_BACKEND_PORT=443", "V215"),
        ("ECS_AGENT_RUN_PRIVILEGED=true", "V216"),
    ],
)
def test_names_that_nothing_reads(line: str, code: str) -> None:
    """Unknown, for Windows, ignored, deprecated: each is told for what it is."""
    assert _codes(line) == [code]


@pytest.mark.parametrize(
    ("line", "code"),
    [
        pytest.param('ECS_AVAILABLE_LOGGING_DRIVERS=["jsonfile"]', "V220", id="unknown driver"),
        pytest.param('ECS_AWSVPC_ADDITIONAL_LOCAL_ROUTES=["10.0.0.0"]', "V220", id="not a CIDR block"),
        pytest.param('ECS_CONTAINER_INSTANCE_TAGS={"a":1}', "V220", id="tag that is no text"),
        pytest.param("ECS_EXTERNAL=true", "V220", id="external without a region"),
        pytest.param("ECS_IMAGE_PULL_BEHAVIOR=never", "V221", id="unknown word, silently"),
        pytest.param("ECS_ENABLE_GPU_SUPPORT=yes", "V221", id="no boolean, silently"),
        pytest.param("ECS_RESERVED_PORTS=[]", "V221", id="empty list, silently"),
        pytest.param("ECS_DISABLE_METRICS=yes", "V222", id="no boolean, with a warning"),
        pytest.param("ECS_CONTAINER_STOP_TIMEOUT=30", "V222", id="duration without a unit"),
        pytest.param("ECS_IMAGE_CLEANUP_INTERVAL=1m", "V222", id="below the minimum"),
        pytest.param("ECS_TASK_PIDS_LIMIT=0x10", "V222", id="no decimal number"),
        pytest.param("ECS_POLLING_METRICS_WAIT_DURATION=15s", "V223", id="used under a condition"),
        pytest.param("ECS_ENABLE_GPU_SUPPORT=TRUE", "V224", id="true to the agent only"),
        pytest.param("ECS_ENGINE_TASK_CLEANUP_WAIT_DURATION_JITTER=-1m", "V225", id="crashes later"),
        pytest.param('ECS_AGENT_LABELS={"a":1}', "V226", id="label that is no text"),
        pytest.param('ECS_AGENT_LABELS=\'{"a":"b"}\'', "V226", id="quoted labels"),
        pytest.param('ECS_AGENT_LABELS="{\\"a\\":\\"b\\"}"', "V226", id="quoted and escaped labels"),
        pytest.param('ECS_LOG_OPTS=["max-size"]', "V226", id="log options that are no object"),
        pytest.param("ECS_LOG_OPTS='{\"a\":1}'", "V226", id="quoted log option that is no text"),
        pytest.param('ECS_INSTANCE_ATTRIBUTES="{\\"a\\":\\"b\\"}"', "V230", id="quoted and escaped JSON"),
        pytest.param("ECS_DATADIR=", "V227", id="no state, where ecs-init would set its place"),
        pytest.param("ECS_ENABLE_TASK_IAM_ROLE=", "V227", id="false, where ecs-init would set true"),
        pytest.param("ECS_AVAILABLE_LOGGING_DRIVERS=", "V227", id="two drivers, where ecs-init would set five"),
        pytest.param("ECS_DOMAIN_JOINED_LINUX_INSTANCE=", "V227", id="nothing, where ecs-init would look"),
        pytest.param("ECS_EBSTA_SUPPORTED=", "V228", id="true, as ecs-init would set"),
        pytest.param("AWS_DEFAULT_REGION=", "V228", id="empty region"),
        pytest.param("AWS_ACCESS_KEY_ID=", "V228", id="empty key"),
        pytest.param("ECS_AGENT_LABELS= ", "V228", id="white space for labels"),
        pytest.param("ECS_ENGINE_AUTH_TYPE=\nECS_ENGINE_AUTH_DATA=", "A307", id="empty credentials"),
        pytest.param("ECS_ENGINE_AUTH_TYPE=", "A307", id="empty type alone"),
        pytest.param("ECS_ENGINE_AUTH_DATA= ", "A307", id="white space for data alone"),
        pytest.param("ECS_ENGINE_AUTH_DATE=", "V211", id="empty and misspelt"),
        pytest.param('ECS_LOGLEVEL="debug"', "V230", id="quoted word"),
        pytest.param("ECS_DATADIR='/data'", "V230", id="quoted path"),
        pytest.param('ECS_INSTANCE_ATTRIBUTES=\'{"stack":"prod"}\'', "V230", id="quoted JSON"),
        pytest.param("ECS_LOGLEVEL=debug # for now", "V231", id="comment behind a word"),
        pytest.param("ECS_RESERVED_PORTS=[22] # ssh", "V231", id="comment behind JSON"),
        pytest.param("ECS_BACKEND_HOST=$HOST", "V232", id="reference"),
        pytest.param("ECS_BACKEND_HOST=${var.host}", "V232", id="reference of Terraform"),
        pytest.param("ECS_DATADIR=${DIR:-/data}", "V232", id="reference with a default"),
        pytest.param("AWS_DEFAULT_REGION=eu west", "V233", id="region that is none"),
        pytest.param("AWS_DEFAULT_REGION=${AWS::Region}", "V234", id="reference of CloudFormation"),
        pytest.param('ECS_INSTANCE_ATTRIBUTES={"az":"$(az)"}', "V232", id="command"),
        pytest.param(
            'ECS_BACKEND_HOST=https://u:hunter22@ecs.example.com\nECS_CONTAINER_INSTANCE_TAGS={"token":"hunter22"}',
            "V240",
            id="logged",
        ),
        pytest.param("AWS_SECRET_ACCESS_KEY=x", "V241", id="AWS key"),
        pytest.param("ECS_LOGLEVEL=info\nECS_LOGLEVEL=debug", "V250", id="twice"),
        pytest.param("ECS_LOGLEVEL=info\nECS_LOGLEVEL=info", "V251", id="twice the same"),
    ],
)
def test_a_bad_value_is_one_finding(line: str, code: str) -> None:
    """The cause is named: a quoted boolean is quoted, not in addition no boolean."""
    assert _codes(line) == [code]


@pytest.mark.parametrize(
    ("line", "code", "fix"),
    [
        ("ECS_CHECKPOINT=maybe", "V222", "write true or false"),
        ("ECS_IMAGE_PULL_BEHAVIOR=never", "V221", "write one of default, always, once, prefer-cached"),
        ("ECS_ENGINE_TASK_CLEANUP_WAIT_DURATION=3x", "V222", "write a duration of 1s or more, such as 10m"),
    ],
)
def test_a_value_that_is_lost_is_told_with_what_the_agent_accepts(line: str, code: str, fix: str) -> None:
    """The fix names the accepted values of the variable."""
    assert [(finding.code, finding.fix) for finding in _found(line)] == [(code, fix)]


@pytest.mark.parametrize(
    ("line", "code", "column"),
    [
        ("ECS_DATADIR=/data ", "F132", 18),
        ("ECS_DATADIR=  /data", "F132", 13),
        ("HTTPS_PROXY=proxy:3128\t", "F132", 23),
        ("ECS_CONTAINER_STOP_TIMEOUT=30s ", "F132", 31),
        ("ECS_CLUSTER=prod ", "F133", 17),
        ("ECS_DISABLE_METRICS= true", "F133", 21),
        ("ECS_RESERVED_PORTS=[22] ", "F133", 24),
        ("MY_OWN=1 ", "F133", 9),
    ],
)
def test_white_space_counts_where_nobody_trims_it(line: str, code: str, column: int) -> None:
    """A duration, a path or a URL with a space at its end is another value; a cluster, boolean or list is not."""
    found = check(f"ECS_LOGLEVEL=info\n{line}\n".encode())
    (space,) = [finding for finding in found if finding.code.startswith("F")]
    assert (space.code, space.line, space.column) == (code, 2, column)


@pytest.mark.parametrize("line", ["ECS_LOG_OPTS={} ", "ECS_AGENT_RUN_PRIVILEGED= true"])
def test_white_space_that_systemd_removes_is_nothing(line: str) -> None:
    """What only ecs-init reads comes through systemd."""
    assert not [code for code in _codes(line) if code.startswith("F")]


@pytest.mark.parametrize(
    ("text", "fix"),
    [
        ("# comment \\\nECS_LOG_DRIVER=awslogs", "comment above"),
        ("MY_OWN='open\nECS_LOG_DRIVER=awslogs", "lines above"),
        ('ECS_LOG_OPTS={"tag":"a\\\\b"}', "single quotes"),
    ],
)
def test_what_systemd_reads_otherwise_matters_for_ecs_init(text: str, fix: str) -> None:
    """A variable of ecs-init's own that systemd changes or swallows is an error."""
    (found,) = _found(text)
    assert found.code == "F141"
    assert fix in found.fix
    assert not _found(text, Target.DOCKER)


def test_another_fault_of_a_line_says_what_systemd_reads_otherwise() -> None:
    """A line that nobody reads as it was meant has its own finding, and not that of systemd as well."""
    assert [finding.code for finding in _found('export ECS_LOG_OPTS={"tag":"a\\b"}')] == ["F114"]


@pytest.mark.parametrize("line", ['ECS_AGENT_LABELS={"a":"b"}', "ECS_ENABLE_GPU_SUPPORT=true", "ECS_DATADIR=/data"])
def test_what_systemd_reads_otherwise_does_not_matter_for_what_is_read_from_the_file(line: str) -> None:
    """Ecs-init takes some variables from the text of the file: what systemd loses of them counts for nothing."""
    assert _codes(f"# comment \\\n{line}") == []


@pytest.mark.parametrize(
    ("value", "fix"), [('\'{"a":"b"}\'', "check --fix"), ('"{\\"a\\":\\"b\\"}"', "and the backslashes")]
)
def test_quoted_labels_are_mended_where_that_is_no_guess(value: str, fix: str) -> None:
    """The fix offers `--fix` only for quotes that mark nothing but the ends."""
    (found,) = _found(f"ECS_AGENT_LABELS={value}")
    assert fix in found.fix
    assert not _found(f"ECS_AGENT_LABELS={value}", Target.DOCKER)


def test_what_systemd_reads_otherwise_does_not_matter_for_the_agent() -> None:
    """The agent's variables do not come through systemd."""
    assert _codes('# comment \\\nECS_DATADIR=/data\nECS_INSTANCE_ATTRIBUTES={"a":"b\\\\c"}') == []


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("", ["V201"]),
        ("ECS_CLUSTER=\n", ["V201"]),
        ("ECS_CLUSTR=prod\n", ["V212"]),
        ("ECS_CLUSTER=prod\nECS_CLUSTER=\n", ["V250", "V201"]),
    ],
)
def test_a_missing_cluster_is_told_once(text: str, codes: list[str]) -> None:
    """Not set, empty and misspelt all mean the cluster default."""
    found = [finding for finding in check(f"{text}ECS_LOGLEVEL=info\n".encode()) if finding.code != "A301"]
    assert [finding.code for finding in found] == codes
    assert "joins the cluster default" in found[-1].consequence


def test_an_empty_cluster_is_told_at_its_line() -> None:
    """A template with an unset variable writes the name: the finding is about that line."""
    (found,) = [finding for finding in check(b"ECS_LOGLEVEL=info\nECS_CLUSTER=\n") if finding.code == "V201"]
    assert (found.line, found.message) == (2, "ECS_CLUSTER is empty")


def test_an_empty_value_is_said_with_what_it_replaces() -> None:
    """The finding names what ecs-init would set, and what the agent does without it; docker sets nothing."""
    (found,) = _found("ECS_DATADIR=")
    assert "/data" in found.message
    assert "saves no state" in found.consequence
    assert not _found("ECS_DATADIR=", Target.DOCKER)
    assert _found("ECS_DETAILED_OS_FAMILY=", Target.DOCKER)


@pytest.mark.parametrize(
    ("name", "codes"),
    [
        ("prod", []),
        ("Prod_1-a", []),
        ("x" * 255, []),
        ("arn:aws:ecs:eu-west-1:123456789012:cluster/prod", []),
        ("arn:aws-us-gov:ecs:us-gov-west-1:123456789012:cluster/prod", []),
        ("prod cluster!", ["V233"]),
        ("prod.example", ["V233"]),
        ("pr\u00f6d", ["V233"]),
        ("x" * 256, ["V233"]),
        ("arn:aws:ecs:eu-west-1:123456789012:service/prod", ["V233"]),
        ("cluster/prod", ["V233"]),
        ("prod#1", ["V233"]),
        ("'prod'", ["V230"]),
        ("prod # the big one", ["V231"]),
        ("${cluster}", ["V234"]),
        ("$CLUSTER", ["V234"]),
        ("$${cluster}", ["V234"]),
        ("prod-${!Stage}", ["V234"]),
        ("${var.stage}-ecs", ["V234"]),
        ("$(cat cluster)", ["V234"]),
        ("{{ cluster }}", ["V234"]),
        ("<your-cluster>", ["V234"]),
        ("%CLUSTER%", ["V234"]),
    ],
)
def test_a_cluster_has_a_name_that_ecs_allows(name: str, codes: list[str]) -> None:
    """Up to 255 letters, digits, hyphens and underscores, or an ARN: with all else the instance cannot register."""
    found = [finding for finding in check(f"ECS_CLUSTER={name}\n".encode()) if finding.code != "A301"]
    assert [finding.code for finding in found] == codes
    assert all(finding.severity is Severity.ERROR for finding in found)


@pytest.mark.parametrize(
    ("line", "is_told"),
    [
        ("ECS_INSTANCE_ATTRIBUTES={stack:prod}", True),
        ("ECS_INSTANCE_ATTRIBUTES=a:b ECS_INSTANCE_ATTRIBUTES=c:d", True),
        ("ECS_AVAILABLE_LOGGING_DRIVERS=[json-file,awslogs]", True),
        ("ECS_AGENT_LABELS={a:b}", True),
        ("ECS_INSTANCE_ATTRIBUTES={'stack':'prod'}", False),
        ("ECS_INSTANCE_ATTRIBUTES={stack: prod}", False),
        ("ECS_RESERVED_PORTS=[22", False),
        ("ECS_CONTAINER_STOP_TIMEOUT=30", False),
    ],
)
def test_json_that_a_shell_took_apart_is_mended_in_its_script(line: str, is_told: bool) -> None:
    """The fix shows how to quote this variable in the script that writes the file."""
    (found,) = _found(line)
    assert ("<<'EOF'" in found.fix) is is_told
    assert (f"\n{line.partition('=')[0]}=" in found.fix) is is_told


def test_a_placeholder_is_told_with_what_leaves_it() -> None:
    """The fix names the tools that write such a file."""
    (found,) = [finding for finding in check(b"ECS_CLUSTER=${cluster}\n") if finding.code == "V234"]
    assert all(cause in found.fix for cause in ("here-document", "$$", "Terraform", "CloudFormation"))


@pytest.mark.parametrize("value", ["debug # hunter22", "'hunter22'", "$hunter22"])
def test_places_are_those_of_the_value(value: str) -> None:
    """A finding about a value points into the value."""
    (finding,) = [finding for finding in _found(f"ECS_LOGLEVEL={value}") if finding.code.startswith("V23")]
    assert finding.line == 2
    assert finding.column == 14 + max(value.find("#"), 0)


def test_a_file_of_unknown_names_is_read_in_time() -> None:
    """Only some of many unknown names are guessed at."""
    found = check("".join(f"ECS_UNKNOWN_{n}=1\n" for n in range(2_000)).encode())
    assert len([finding for finding in found if finding.code == "V213"]) == 2_000
