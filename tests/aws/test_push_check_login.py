"""`push --check-login`: credentials that a registry does not take are told, or not put."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Callable, NamedTuple

import pytest
from aws_environment import OPERATOR, aws_environment
from odd_registry import OddRegistry, challenge, welcome
from program import Ended, run_here

if TYPE_CHECKING:
    from pathlib import Path

    from canary import Canary
    from odd_registry import Behaviour, Seen
    from s3_proxy import S3Proxy
    from s3_server import S3Server


def takes(seen: Seen) -> Behaviour:
    """Let everybody in who has a password."""
    return welcome() if seen.authorization else challenge('Basic realm="x"')


def refuses(_: Seen) -> Behaviour:
    """Let nobody in."""
    return challenge('Basic realm="x"')


class Case(NamedTuple):
    """What a registry does, what is asked of it, and how the push ends."""

    registry: Callable[[Seen], Behaviour]
    mode: str
    status: int


CASES = [Case(takes, "warn", 0), Case(takes, "fail", 0), Case(refuses, "warn", 0), Case(refuses, "fail", 4)]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.registry.__name__}, {case.mode}")
def test_push(s3_server: S3Server, s3_proxy: S3Proxy, tmp_path: Path, canary: Canary, case: Case) -> None:
    """What the registry takes is put; what it does not is put with a warning, or not at all; no secret is shown."""
    registry, mode, status = case
    bucket = s3_server.make_bucket("fleet", default_key=s3_server.make_key())
    with OddRegistry(registry) as asked:
        done = push(s3_proxy, tmp_path, bucket, mode, auth_file(asked.name, canary.password))
        assert len(asked.seen) > 0
    assert done.status == status, done.err
    stored = s3_server.s3.list_objects_v2(Bucket=bucket).get("Contents", [])
    assert len(stored) == (0 if status else 1)
    assert (asked.name in done.err and "login" in done.err.lower()) is (registry is refuses)
    canary.assert_not_in(done.out + done.err, "output")


def auth_file(registry: str, password: str) -> bytes:
    """Return an env-file with one login."""
    data = json.dumps({registry: {"username": "fleet", "password": password}})
    return f"ECS_CLUSTER=demo\nECS_ENGINE_AUTH_TYPE=docker\nECS_ENGINE_AUTH_DATA={data}\n".encode()


def push(proxy: S3Proxy, folder: Path, bucket: str, mode: str, content: bytes) -> Ended:
    """Push as an operator without a terminal."""
    file = folder / "ecs.config"
    file.write_bytes(content)
    env = {**aws_environment(folder, endpoint=proxy.url), **OPERATOR}
    return run_here("push", str(file), f"s3://{bucket}/k", "--check-login", mode, env=env)
