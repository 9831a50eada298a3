"""What is fuzzed: one part of the program, with inputs to start from and what must hold of every input."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

NAMES = ("readers", "auth", "check", "canonical", "excerpt", "difference", "overlay", "dialect", "effects", "answer")


class Target(NamedTuple):
    """`seeds` yields inputs; `run` takes any bytes and raises where something does not hold."""

    name: str
    seeds: Callable[[], Iterator[bytes]]
    run: Callable[[bytes], None]


def load(name: str) -> Target:
    """Return the target of this name, one of NAMES."""
    module = importlib.import_module(f"_fuzz.on_{name}")
    return Target(name, module.seeds, module.run)


def holds(fact: object, what: str) -> None:
    """Raise AssertionError unless `fact` is true, with python -O too."""
    if not fact:
        raise AssertionError(what)
