"""Commands that are measured against each other: run in turns, compared within each round."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_RUN_ONCE = str(Path(__file__).with_name("run_once.py"))
_LONGEST_S = 120.0


class Contender(NamedTuple):
    """One command, under the name that the tables give it."""

    name: str
    command: tuple[str, ...]


class Run(NamedTuple):
    """What one run of a command took: wall and CPU seconds, and peak memory in KiB.

    `began` is of the clock that `time.perf_counter` reads, which is one for all processes of a Linux machine.
    """

    wall: float
    cpu: float
    memory: float
    began: float = 0.0


class Contest:
    """Contenders in one environment, each measured against the one called `against`.

    `runs` has one list a contender, in the order of the rounds; `requests` what a contender asks of S3, as far as
    `take_requests` tells what S3 was asked since its last call.
    """

    def __init__(
        self,
        title: str,
        against: str,
        contenders: Sequence[Contender],
        environment: Mapping[str, str],
        take_requests: Callable[[], str] = str,
    ) -> None:
        self.title = title
        self.against = against
        self.contenders = tuple(contenders)
        self.runs: dict[str, list[Run]] = {contender.name: [] for contender in contenders}
        self.requests: dict[str, str] = {}
        self._environment = dict(environment)
        self._take_requests = take_requests

    def warm_up(self) -> None:
        """Run each once without counting it: afterwards everything is compiled and in the page cache."""
        for contender in self.contenders:
            self._run(contender)
            self.requests[contender.name] = self._take_requests()

    def play_round(self) -> None:
        """Run each once, in a new order."""
        for contender in random.sample(self.contenders, len(self.contenders)):
            self.runs[contender.name].append(self._run(contender))

    def taken(self, name: str, what: str) -> list[float]:
        """Return what a contender's runs took of `what`, a field of Run."""
        return [getattr(run, what) for run in self.runs[name]]

    def ratios(self, name: str, what: str) -> list[float]:
        """Return, of each round, what a contender took for each unit that `against` took in the same round."""
        return [one / other for one, other in zip(self.taken(name, what), self.taken(self.against, what))]

    def ratio(self, name: str, what: str) -> float:
        """Return the median of the ratios."""
        return median(self.ratios(name, what))

    def _run(self, contender: Contender) -> Run:
        return measured(contender, self._environment)


def measured(contender: Contender, environment: Mapping[str, str]) -> Run:
    """Run a command once; raise SystemExit if it fails."""
    done = subprocess.run(
        [sys.executable, "-I", "-S", _RUN_ONCE, *contender.command],
        env=dict(environment),
        capture_output=True,
        text=True,
        timeout=_LONGEST_S,
        check=True,
    )
    wall, cpu, memory, status, began = done.stdout.split()
    if status != "0":
        raise SystemExit(f"bench: {contender.name} failed: {done.stderr.strip()}")
    return Run(float(wall), float(cpu), float(memory), float(began))
