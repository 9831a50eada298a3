"""`boot --check-login`: credentials that a registry does not take are told, or not installed."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import program
import pytest
from machine import FIRST
from odd_registry import Behaviour, Odd, OddRegistry, Seen, challenge, welcome

if TYPE_CHECKING:
    from canary import Canary
    from machine import Machine
    from program import Ended

BOUND_S = 10.0
SLACK_S = 40.0


def env_file(registry: str, password: str) -> bytes:
    """Return an env-file with one login."""
    data = json.dumps({registry: {"username": "fleet", "password": password}})
    return f"ECS_CLUSTER=demo\nECS_ENGINE_AUTH_TYPE=docker\nECS_ENGINE_AUTH_DATA={data}\n".encode()


def boot(machine: Machine, *options: str) -> Ended:
    """Boot without an agent, in this process."""
    return program.run_here(*machine.boot_arguments("--launch=none", *options), env=machine.environment())


def takes(seen: Seen) -> Behaviour:
    """Let everybody in who has a password."""
    return welcome() if seen.authorization else challenge('Basic realm="x"')


def refuses(_: Seen) -> Behaviour:
    """Let nobody in."""
    return challenge('Basic realm="x"')


def is_silent(_: Seen) -> Behaviour:
    """Say nothing."""
    return Odd.HANG


@pytest.fixture
def installed(bare_machine: Machine) -> Machine:
    """Give an instance with a file; its registry was not asked."""
    assert boot(bare_machine).status == 0
    return bare_machine


@pytest.mark.parametrize("mode", ["warn", "fail"])
def test_right(installed: Machine, canary: Canary, mode: str) -> None:
    """What the registry takes is installed, and the login is a step of the run; the next run does not log in again."""
    with OddRegistry(takes) as registry:
        content = env_file(registry.name, canary.password)
        installed.put(content)
        done = boot(installed, f"--check-login={mode}")
        again = len(registry.seen)
        assert boot(installed, f"--check-login={mode}").status == 0
        assert len(registry.seen) == again == 2
    assert done.status == 0
    assert ", login " in done.err
    assert "warning" not in done.err
    assert installed.env_file.read_bytes() == content
    canary.assert_not_in(done.out + done.err, "the output")


@pytest.mark.parametrize("dry", [False, True])
def test_wrong_fails(installed: Machine, canary: Canary, dry: bool) -> None:
    """What the registry refuses is not installed, and the message says what was refused and what to do."""
    with OddRegistry(refuses) as registry:
        installed.put(env_file(registry.name, canary.password))
        done = boot(installed, "--check-login=fail", *(["--dry-run"] if dry else []))
        assert done.status == 4
        refusal = "the registry refuses the user name and password (401)"
        error, *hints = done.err.splitlines()
        assert error == f"ecsauth: error: the login failed at {registry.name}: wrong-credentials: {refusal}"
        assert (
            hints[-1]
            == "ecsauth: hint: try the login with docker login, then put the credential that works into the file"
        )
    assert installed.env_file.read_bytes() == FIRST
    canary.assert_not_under(installed.folder)


def test_wrong_warns(installed: Machine, canary: Canary) -> None:
    """Where it is only to be told, it is, and the file is installed."""
    with OddRegistry(refuses) as registry:
        content = env_file(registry.name, canary.password)
        installed.put(content)
        done = boot(installed, "--check-login=warn")
        assert f"ecsauth: warning: {registry.name}: wrong-credentials: " in done.err
    assert done.status == 0
    assert installed.env_file.read_bytes() == content
    canary.assert_not_in(done.out + done.err, "the output")


def test_silence(installed: Machine, canary: Canary) -> None:
    """A registry that does not answer refuses the file for now, within a bound; it may be tried again."""
    with OddRegistry(is_silent) as registry:
        content = env_file(registry.name, canary.password)
        installed.put(content)
        began = time.monotonic()
        assert boot(installed, "--check-login=fail").status == 5
        assert time.monotonic() - began < BOUND_S + SLACK_S
        assert installed.env_file.read_bytes() == FIRST
        registry.script = takes
        assert boot(installed, "--check-login=fail").status == 0
    assert installed.env_file.read_bytes() == content


def test_not_asked_for(installed: Machine, canary: Canary) -> None:
    """Without the option nobody is asked."""
    with OddRegistry(refuses) as registry:
        installed.put(env_file(registry.name, canary.password))
        assert boot(installed).status == 0
        assert len(registry.seen) == 0


def test_file_with_an_error_is_not_tried(installed: Machine, canary: Canary) -> None:
    """The check comes first."""
    with OddRegistry(takes) as registry:
        installed.put(env_file(registry.name, canary.password) + b"=x\n")
        assert boot(installed, "--check-login=fail").status == 3
        assert len(registry.seen) == 0


def test_last_good_file_is_not_tried(installed: Machine, canary: Canary) -> None:
    """In an outage of S3 the last good file is put back without asking anybody."""
    with OddRegistry(takes) as registry:
        content = env_file(registry.name, canary.password)
        installed.put(content)
        assert boot(installed, "--check-login=fail").status == 0
        registry.script = refuses
        asked = len(registry.seen)
        installed.env_file.write_bytes(FIRST)
        with installed.proxy.refusing():
            assert boot(installed, "--check-login=fail", "--deadline=1").status == 8
        assert len(registry.seen) == asked
    assert installed.env_file.read_bytes() == content
