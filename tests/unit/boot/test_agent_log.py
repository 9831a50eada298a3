"""What a failed agent wrote last is shown without what may be secret."""

from __future__ import annotations

import base64
import json

import pytest
from ecsauth.boot.agent_log import MOST_LINES, redacted_log

PASSWORD = 'hunter2 "quoted" \\ and é'


def env_file(data: object, kind: str = "docker", *more: str) -> bytes:
    """Return an env-file with these credentials."""
    lines = ["ECS_CLUSTER=demo", f"ECS_ENGINE_AUTH_TYPE={kind}", f"ECS_ENGINE_AUTH_DATA={json.dumps(data)}", *more]
    return "".join(f"{line}\n" for line in lines).encode()


AUTH = base64.b64encode(b"fleet:hunter2-pass").decode()
BASIC = base64.b64encode(b"fleet:Tr0ub&dor<3>").decode()
AMPERSAND = env_file({"registry.example.com": {"username": "fleet", "password": "Tr0ub&dor<3>"}})
DOCKER = env_file({"registry.example.com": {"username": "fleet-user", "password": PASSWORD}})
DOCKERCFG = env_file({"registry.example.com": {"auth": AUTH}}, "dockercfg")


@pytest.mark.parametrize(
    ("data", "log", "secret"),
    [
        pytest.param(DOCKER, f"bad password {PASSWORD} given", "hunter2", id="as it is"),
        pytest.param(DOCKER, f"bad password {json.dumps(PASSWORD)}", "hunter2", id="as JSON"),
        pytest.param(DOCKER, f"bad {json.dumps(PASSWORD, ensure_ascii=False)}", "hunter2", id="as Go quotes"),
        pytest.param(DOCKER, DOCKER.decode().splitlines()[2], "hunter2", id="the whole line"),
        pytest.param(DOCKER, "user fleet-user denied", "fleet-user", id="user name"),
        pytest.param(DOCKERCFG, f"cannot decode {AUTH}", AUTH, id="auth"),
        pytest.param(DOCKERCFG, "login as fleet with hunter2-pass", "hunter2-pass", id="password in the auth"),
        pytest.param(env_file({}, "docker", "MY_TOKEN=abc-123"), "token abc-123", "abc-123", id="an unknown name"),
        pytest.param(env_file({}, "s3cret-type"), "Unrecognized auth type s3cret-type", "s3cret", id="type"),
        pytest.param(env_file({"me:pw@r.io": {"auth": AUTH}}), "registry me:pw@r.io", "pw@r.io", id="user in a key"),
        pytest.param(AMPERSAND, r'given "Tr0ub\u0026dor\u003c3\u003e"', "dor", id="as Go's JSON"),
        pytest.param(AMPERSAND, r'given "{\"p\":\"Tr0ub\\u0026dor\\u003c3\\u003e\"}"', "dor", id="as JSON in %q"),
        pytest.param(AMPERSAND, "GET /?p=Tr0ub%26dor%3C3%3E", "dor", id="in a URL"),
        pytest.param(AMPERSAND, f"Authorization: Basic {BASIC}", BASIC, id="as HTTP sends it"),
        pytest.param(env_file({"r": {"password": "a\x7f\U0001f600q"}}), r'%q: "a\x7f😀q"', r"\x7f", id="as %q"),
        pytest.param(env_file({"r": {"password": "docker"}}), "password docker", "docker", id="a word as password"),
        pytest.param(env_file({"r": {"password": "a\nb7x"}}), "first a\nthen b7x", "b7x", id="over two lines"),
    ],
)
def test_no_secret_is_shown(data: bytes, log: str, secret: str) -> None:
    """A secret of the env-file is masked however the log writes it; the rest of the line stays."""
    said = redacted_log(log, data)
    assert said
    assert not any(secret in line for line in said)
    assert any("***" in line for line in said)


def test_the_rest_is_shown() -> None:
    """Names of clusters and registries, and what is no secret, are shown as they are."""
    log = "level=error msg=InvalidParameterException: cluster demo at registry.example.com\n"
    assert redacted_log(log, DOCKER) == (log.strip(),)


def test_last_lines_only() -> None:
    """A few lines, each bounded, without what would command a terminal."""
    log = "".join(f"line {number}\n\n" for number in range(100)) + "\x1b[31mred\x07" + "x" * 10_000
    said = redacted_log(log, DOCKER)
    assert len(said) == MOST_LINES
    assert said[0] == "line 91"
    assert all(len(line) <= 300 and line.isprintable() for line in said)


DENIED = (
    'level=error time=2024-02-27T03:56:19Z msg="Error registering container instance" error="AccessDeniedException: '
    "User: arn:aws:sts::111122223333:assumed-role/example-instances/i-056dca48216db8a88 is not authorized to "
    "perform: ecs:RegisterContainerInstance on resource: arn:aws:ecs:us-east-1:111122223333:cluster/prod because no "
    'identity-based policy allows the ecs:RegisterContainerInstance action" module=client.go'
)
TERMINAL = (
    'level=critical time=2024-02-27T03:56:19Z msg="Received terminal error registering container instance, exiting"'
)
# What an agent says at each start, from its documentation and from real logs.
START = """\
level=info time=2024-02-27T03:56:17Z msg="Starting Amazon ECS Agent" version="1.105.1" commit="0a1b2c3d"
level=info time=2024-02-27T03:56:17Z msg="Loading configuration"
level=info time=2019-12-12T23:43:29Z msg="Loading configuration" module=agent.go
level=info time=2019-12-12T23:43:29Z msg="Image excluded from cleanup: amazon/amazon-ecs-agent:latest" module=parse.go
level=info time=2019-12-12T23:43:29Z msg="Amazon ECS agent Version: 1.36.0, Commit: ca640387" module=agent.go
level=info time=2019-12-12T23:43:29Z msg="Creating root ecs cgroup: /ecs" module=init_linux.go
level=info time=2019-12-12T23:43:29Z msg="Creating cgroup /ecs" module=cgroup_controller_linux.go
level=info time=2019-12-12T23:43:29Z msg="Loading state!" module=statemanager.go
level=info time=2019-12-12T23:43:29Z msg="Event stream ContainerChange start listening..." module=eventstream.go
{"level":"error","time":"2024-10-01T06:24:05Z","msg":"Driver log level mapping not found","module":"log.go"}
{"level":"error","time":"2024-10-01T06:24:05Z","msg":"Instance log level mapping not found","module":"log.go"}
{"level":"info","time":"2024-10-01T06:24:05Z","msg":"Registered transformation function with threshold 1.0.0."}
{"level":"info","time":"2024-10-01T06:24:05Z","msg":"Image excluded from cleanup","image":"amazon/amazon-ecs-pause:1"}
level=info time=2025-02-11T01:21:31Z msg="Remaining memory" remainingMemory=952
"""


def test_both_ends_of_a_line() -> None:
    """Of a long error who was denied is at the start; the action, the resource and the reason are at the end."""
    (said,) = redacted_log(DENIED, DOCKER)
    assert len(said) <= 300
    assert said.startswith('level=error time=2024-02-27T03:56:19Z msg="Error registering container instance"')
    assert "ecs:RegisterContainerInstance on resource: arn:aws:ecs:us-east-1:111122223333:cluster/prod because" in said
    assert said.endswith('action" module=client.go')


def test_what_every_start_says_is_left_out() -> None:
    """Only what is about this failure is shown, also of an agent that was started over and over."""
    log = "".join(f"{START}{TERMINAL}\n" for _ in range(3))
    assert redacted_log(log, DOCKER) == (TERMINAL,) * 3


def test_a_start_that_says_nothing_else() -> None:
    """Where there is nothing else, that is what the agent wrote last."""
    assert redacted_log(START, DOCKER) == tuple(START.splitlines()[-MOST_LINES:])


@pytest.mark.parametrize(
    "error",
    [
        TERMINAL,
        'level=error time=2024-02-27T03:56:19Z msg="Data mismatch; saved cluster does not match"',
        '{"level":"error","time":"2024-10-01T06:24:05Z","msg":"no route"}',
        '{"time": "2024-10-01T06:24:05Z", "level": "critical", "msg": "no route"}',
        "2019-04-11T01:14:00Z [CRITICAL] Error loading previously saved state",
        "1749224150222807666 [Error] no route",
    ],
)
def test_the_first_error_is_kept(error: str) -> None:
    """However much is said after it, the first error is the first line, and there are no more lines than before."""
    after = [f"level=info msg={number}" for number in range(30)]
    said = redacted_log("\n".join(["level=info msg=x", error, "level=error msg=later", *after]), DOCKER)
    assert said == (error, *after[-MOST_LINES + 1 :])


def test_file_of_before() -> None:
    """The log of a service reaches back to the agent of before: the secrets of its file are masked as well."""
    assert redacted_log("old password hunter2-pass", DOCKER, DOCKERCFG) == ("old password ***",)


def test_nothing_written() -> None:
    """Where there is no log there is nothing to show."""
    assert redacted_log("", DOCKER) == ()
