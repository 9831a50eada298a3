"""`ecsauth explain`."""

from __future__ import annotations

import os

import pytest
from ecsauth.check import rules
from program import run_here

ENVIRONMENT = {"PATH": os.environ["PATH"]}


@pytest.mark.parametrize("code", ["A370", "a370"])
def test_page(code: str) -> None:
    """A rule is told in full: what happens, what to do, an example, and where it is known from."""
    assert run_here("explain", code, env=ENVIRONMENT) == (
        0,
        """\
A370 (error): the agent never looks up this name of Docker Hub

Consequence
  Docker Hub pulls will be anonymous: the agent looks up only https://index.docker.io/v1/

Fix
  write the name as "https://index.docker.io/v1/":
  ecsauth check --fix FILE

Before
  ECS_CLUSTER=prod
  ECS_ENGINE_AUTH_TYPE=docker
  ECS_ENGINE_AUTH_DATA={"docker.io":{"username":"example","password":"not-a-secret"}}

After
  ECS_CLUSTER=prod
  ECS_ENGINE_AUTH_TYPE=docker
  ECS_ENGINE_AUTH_DATA={"https://index.docker.io/v1/":{"username":"example","password":"not-a-secret"}}

Source
  amazon-ecs-agent agent/dockerclient/dockerauth/dockerauth.go, GetAuthconfig, isDockerhubHostname
""",
        "",
    )


@pytest.mark.parametrize("rule", rules.RULES, ids=lambda rule: rule.code)
def test_every_page_is_readable(rule: rules.Rule) -> None:
    """Whatever is wrong in an example, its page is short and has nothing in it that a terminal would obey."""
    page = run_here("explain", rule.code, env=ENVIRONMENT).out
    assert page.replace("\n", "").isprintable()
    assert page.count("\n") < 50
    assert max(map(len, page.splitlines())) <= 302


@pytest.mark.parametrize(
    ("code", "shown"),
    [
        ("F110", "\\ufeffECS_CLUSTER"),
        ("F103", "\\xff\\xfeE\\x00"),
        ("F101", "… 9998 more lines"),
        ("F108", "…"),
    ],
)
def test_what_cannot_be_seen_is_shown(code: str, shown: str) -> None:
    """Marks and bytes stand as escapes; long examples are cut, and that is said."""
    assert shown in run_here("explain", code, env=ENVIRONMENT).out


def test_json() -> None:
    """Programs get the rule as it is in the catalogue."""
    rule = rules.find("A370")
    assert rule is not None
    document = run_here("explain", "A370", "--format", "json", env=ENVIRONMENT).document
    assert document == {"schema": 1, **rule._asdict(), "severity": "error"}


def test_list() -> None:
    """Without a code all rules are listed, one a line; for programs in full."""
    lines = run_here("explain", env=ENVIRONMENT).out.splitlines()
    assert [line.split()[0] for line in lines] == [rule.code for rule in rules.RULES]
    assert "A370 error   the agent never looks up this name of Docker Hub" in lines
    listed = run_here("explain", "--format", "json", env=ENVIRONMENT).document["rules"]
    assert [rule["code"] for rule in listed] == [rule.code for rule in rules.RULES]


def test_unknown_code() -> None:
    """A code that no rule has is a usage fault; it is not repeated."""
    ended = run_here("explain", "hunter2", env=ENVIRONMENT)
    assert ended.status == 2
    assert "no rule has this code" in ended.err
    assert "hunter2" not in ended.err + ended.out
