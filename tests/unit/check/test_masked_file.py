"""A whole env-file, masked."""

from __future__ import annotations

import pytest
from ecsauth.check import rules
from ecsauth.check.excerpt import masked_lines


@pytest.mark.parametrize(
    ("data", "shown"),
    [
        (b"", []),
        (b"ECS_CLUSTER=prod", ["ECS_CLUSTER=prod"]),
        (b"ECS_CLUSTER=prod\r\n\r\nECS_LOGLEVEL=\n", ["ECS_CLUSTER=prod", "", "ECS_LOGLEVEL="]),
        (b"ECS_CLUSTER='prod'\n ECS_CLUSTER=prod \n", ["ECS_CLUSTER='***'", " ECS_CLUSTER=***·"]),
        (b"#ECS_CLUSTER=prod\n", ["#ECS_CLUSTER=***"]),
        (b"# the password is hunter2\n", ["# ***"]),
        (b"# ecsauth: accept V201\n", ["# ecsauth: accept V201"]),
        (b"#MY_TOKEN=hunter2\n", ["#MY_TOKEN=***"]),
        (b"hunter2\nhunter2=1\n", ["***", "***"]),
        (
            b'ECS_ENGINE_AUTH_DATA={"r.io":{"username":"u","password":"hunter2"}}\n',
            ['ECS_ENGINE_AUTH_DATA={"r.io":{"username":"***","password":"***"}}'],
        ),
    ],
)
def test_lines(data: bytes, shown: list[str]) -> None:
    """Names, brackets and what is surely no secret are shown; other values and comments are not."""
    assert list(masked_lines(data)) == shown


@pytest.mark.parametrize("rule", rules.RULES, ids=lambda rule: rule.code)
def test_any_file(rule: rules.Rule) -> None:
    """Each file can be masked, however wrong it is, line by line."""
    data = rule.before.encode("utf-8", "surrogateescape")
    lines = masked_lines(data)
    assert len(lines) == data.count(b"\n") + (not data.endswith(b"\n"))
    assert not any("not-a-secret" in line for line in lines)
