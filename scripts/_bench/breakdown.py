"""Where the time of one boot goes."""

from __future__ import annotations

import json
import time
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, NamedTuple

from s3_proxy import S3Proxy

from _bench import contenders
from _bench.contest import Contender, measured

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from loopback_server import Answer

    from _bench.contest import Run

_SPLIT_BOOT = str(Path(__file__).with_name("split_boot.py"))
_OURS = "ecsauth"


class TimedProxy(S3Proxy):
    """The S3 that the contenders ask; it adds up the seconds of its answers."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._answering = 0.0

    def course(self, *request: Any) -> Answer:
        """Answer as S3 does."""
        began = time.perf_counter()
        try:
            return super().course(*request)
        finally:
            self._answering += time.perf_counter() - began

    def take_operations(self) -> str:
        """Return what was asked since the last call."""
        asked = ", ".join(self.operations)
        self.requests.clear()
        return asked

    def take_answering(self) -> float:
        """Return the seconds that the answers since the last call took."""
        seconds, self._answering = self._answering, 0.0
        return seconds


class Parts(NamedTuple):
    """The seconds of one boot. `fsync` is a part of `install` and `command`; all others make up `whole`."""

    start: float
    standard_library: float
    ecsauth: float
    command: float
    answer: float
    request: float
    check: float
    install: float
    rest: float
    whole: float
    fsync: float


def parts(run: Run, answer: float, report: Mapping[str, Any]) -> Parts:
    """Return the parts of a boot: what its process took, S3's answer in it, and what it reports itself."""
    steps, main, start = report["steps"], report["main"], report["began"] - run.began
    loading = report["standard_library"] + report["ecsauth"]
    return Parts(
        start=start,
        standard_library=report["standard_library"],
        ecsauth=report["ecsauth"],
        command=main - sum(steps.values()),
        answer=answer,
        request=steps["fetch"] - answer,
        check=steps["check"],
        install=steps["install"],
        rest=run.wall - start - loading - main,
        whole=run.wall,
        fsync=sum(report["fsync"]),
    )


class Breakdown:
    """Boots over one kind of connection, each split into its parts."""

    def __init__(self, scratch: Path, kms_key: str, kind: str, environment: Mapping[str, str], s3: TimedProxy) -> None:
        self.kind = kind
        self.taken: list[Parts] = []
        self.fsyncs = 0
        self._modules, self._report = scratch / f"modules-{kind}", scratch / f"parts-{kind}.json"
        places = (str(self._modules), str(self._report))
        command = (contenders.program("python"), "-I", _SPLIT_BOOT, *places, *contenders.boot(kms_key))
        self._boot = Contender(f"a boot in parts, {kind}", (*command, "--format", "json"))
        self._environment = dict(environment)
        self._s3 = s3

    def warm_up(self) -> None:
        """Find out what a boot loads, then run it once without counting it."""
        for _ in range(2):
            measured(self._boot, self._environment)

    def play_round(self) -> None:
        """Run one boot."""
        self._s3.take_answering()
        run = measured(self._boot, self._environment)
        report = json.loads(self._report.read_text(encoding="utf-8"))
        self.fsyncs = len(report["fsync"])
        self.taken.append(parts(run, self._s3.take_answering(), report))
        self._s3.take_operations()

    @property
    def modules(self) -> list[str]:
        """The modules that a boot loads, without those that Python loads by itself."""
        return self._modules.read_text(encoding="utf-8").split()

    def median(self, part: str) -> float:
        """Return the median of a field of Parts."""
        seconds: list[float] = [getattr(each, part) for each in self.taken]
        return median(seconds)


def rows(breakdowns: Sequence[Breakdown]) -> list[tuple[str, ...]]:
    """Return the table: a pair of columns for each kind of connection."""
    head = ["part of a boot"]
    for each in breakdowns:
        head += [each.kind, "of the whole"]
    return [tuple(head), *(_row(part, label, breakdowns) for part, label in _labels(breakdowns).items())]


def _row(part: str, label: str, breakdowns: Sequence[Breakdown]) -> tuple[str, ...]:
    cells = [label]
    for each in breakdowns:
        seconds = each.median(part)
        cells += [f"{seconds * 1000:.1f} ms", f"{seconds / each.median('whole'):.0%}"]
    return tuple(cells)


def _labels(breakdowns: Sequence[Breakdown]) -> dict[str, str]:
    ours = _each(sum(name.partition(".")[0] == _OURS for name in each.modules) for each in breakdowns)
    others = _each(sum(name.partition(".")[0] != _OURS for name in each.modules) for each in breakdowns)
    return {
        "start": "the interpreter, until it runs the first line",
        "standard_library": f"imports of the standard library ({others} modules)",
        "ecsauth": f"imports of ecsauth ({ours} modules)",
        "command": "command line, lock, record",
        "answer": "request: until the stand-in for S3 answers",
        "request": "request: signing, connection, reading",
        "check": "trust and check",
        "install": "install",
        "rest": "the rest, such as the end of the process",
        "whole": "the whole",
        "fsync": f"in it: {_each(each.fsyncs for each in breakdowns)} calls of fsync",
    }


def _each(numbers: Any) -> str:
    """Return a number, or both where they differ."""
    return " and ".join(str(number) for number in dict.fromkeys(numbers))
