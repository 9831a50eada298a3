"""What has to be reached, beside what was measured."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING, NamedTuple, Optional

from _bench import launch
from _bench.contenders import BOOT, CHECK, COMPILED, COPY, HELP, NOTHING, SOURCES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from _bench.contest import Contest

# At most so much of the time of `aws s3 cp`, by how the row's name begins: over HTTP, over HTTPS.
_OF_COPY: Mapping[str, tuple[float, float]] = {
    BOOT: (0.25, 0.30),
    COMPILED: (0.22, 0.28),
    SOURCES: (0.60, 0.65),
    # It speaks HTTPS only.
    launch.NAME: (0.15, 0.15),
}
_LABELS = {COMPILED: "archive with compiled code", SOURCES: "archive from sources only"}
_BOOTS = (BOOT, COMPILED, SOURCES)
_MEMORY_MIB, _MODULES, _REQUESTS = 30.0, 230, 1
_OF_NOTHING = 4.0
_ARCHIVE_KB = 700
_KIB_PER_MIB = 1024


class Target(NamedTuple):
    """What may be `most`, and is `measured`, both to so many `digits`; of several commands, `worst` is the one."""

    what: str
    most: float
    measured: float
    digits: int = 2
    unit: str = ""
    worst: str = ""

    @property
    def is_reached(self) -> bool:
        """Compare what the table shows."""
        return round(self.measured, self.digits) <= self.most


def of_copy(name: str, *, tls: bool) -> Optional[float]:
    """Return how much of the time of `aws s3 cp` a row may take, None where that is not ours."""
    return next((limits[tls] for start, limits in _OF_COPY.items() if name.startswith(start)), None)


def of_fetching(contest: Contest, kind: str, modules: int) -> list[Target]:
    """Return the targets of a contest over HTTP or HTTPS, in which a boot loads that many modules."""
    tls = kind == "HTTPS"
    found = [
        _worst(f"{_LABELS.get(start, start)}, {kind}: of {COPY}", limits[tls], _ratios(contest, [start]))
        for start, limits in _OF_COPY.items()
        if _named(contest, [start])
    ]
    boots = _named(contest, _BOOTS)
    memory = {name: median(contest.taken(name, "memory")) / _KIB_PER_MIB for name in boots}
    found.append(_worst(f"each boot, {kind}: peak memory", _MEMORY_MIB, memory)._replace(digits=1, unit=" MiB"))
    found.append(Target(f"{BOOT}, {kind}: modules loaded", _MODULES, modules, digits=0))
    requests = {name: len(contest.requests[name].split(", ")) for name in boots}
    return [*found, _worst(f"each boot, {kind}: requests to S3", _REQUESTS, requests)._replace(digits=0)]


def of_starting(contest: Contest, archive_bytes: int) -> list[Target]:
    """Return the targets of the commands that need no network, and that of the archive's size."""
    starts = [_worst(f"{name}: of {NOTHING}", _OF_NOTHING, _ratios(contest, [name])) for name in (HELP, CHECK)]
    return [*starts, Target("archive for five Pythons: size", _ARCHIVE_KB, archive_bytes / 1000, digits=0, unit=" KB")]


def rows(targets: Iterable[Target]) -> list[tuple[str, ...]]:
    """Return the table."""
    head = ("target", "at most", "measured", "reached")
    return [head, *(_row(target) for target in targets)]


def _row(target: Target) -> tuple[str, ...]:
    most, measured = (f"{value:.{target.digits}f}{target.unit}" for value in (target.most, target.measured))
    worst = f" ({target.worst})" if target.worst else ""
    return target.what, most, f"{measured}{worst}", "yes" if target.is_reached else "no"


def _named(contest: Contest, starts: Sequence[str]) -> list[str]:
    return [each.name for each in contest.contenders if each.name.startswith(tuple(starts))]


def _ratios(contest: Contest, starts: Sequence[str]) -> dict[str, float]:
    return {name: contest.ratio(name, "wall") for name in _named(contest, starts)}


def _worst(what: str, most: float, values: Mapping[str, float]) -> Target:
    name, value = max(values.items(), key=lambda each: each[1])
    return Target(what, most, value, worst=name if len(values) > 1 else "")
