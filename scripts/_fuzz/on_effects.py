"""effects: what the agent makes of one variable.

An input is NAME=VALUE, and in more lines the rest of the environment.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ecsauth.agent import config
from ecsauth.agent import variables as agent_variables
from ecsauth.agent.config import ConfigVerdict

from _fuzz.secrecy import assert_hidden, secrets
from _fuzz.seeds import cases, catalogue, variables
from _fuzz.target import holds

if TYPE_CHECKING:
    from collections.abc import Iterator


def seeds() -> Iterator[bytes]:
    """Yield the recorded cases, and what no case is about."""
    yield from catalogue()
    yield from (f"ECS_LOG_MAX_FILE_SIZE_MB={number}".encode() for number in ("-1.5e3", "0x1p-2", "1_0.2_5", "Inf"))
    for case in cases("config"):
        yield "\n".join(f"{name}={value}" for name, value in variables(case).items()).encode("utf-8", "replace")


def run(data: bytes) -> None:
    """Take the effect of the first line, with the others around it."""
    lines = [line.partition("=") for line in data.decode("utf-8", "surrogateescape").split("\n")]
    (name, _, value), *rest = lines
    other = {one: text for one, _, text in rest}
    effect = config.effect(name, value, other)
    holds(effect == config.effect(name, value, other), "not the same twice")
    holds(not effect.lost or effect.reason, "lost without a reason")
    holds(effect.verdict is not ConfigVerdict.FATAL or effect.lost, "fatal and yet in force")
    holds(isinstance(effect.effective, (bool, int, type(None))), "no such value")
    assert_hidden(secrets(data), (effect.reason,))
    meant = agent_variables.nearest(name)
    holds(meant is None or agent_variables.find(meant) is not None, "an unknown name is suggested")
