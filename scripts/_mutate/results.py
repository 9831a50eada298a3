"""What came of each mutant in each tier: lines of JSON, added one by one, and the tables made of them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

KILLED, SURVIVED, UNREACHED = "killed", "survived", "no test runs this line"


class Result(NamedTuple):
    """What came of a mutant in a tier: `by` which test it was killed, `tests` how many ran, in how many `seconds`."""

    key: str
    area: str
    file: str
    line: int
    operator: str
    before: str
    after: str
    stage: str
    outcome: str
    by: str
    tests: int
    seconds: float


def read(path: Path) -> list[Result]:
    """Return the results of a file, none where there is no file."""
    if not path.exists():
        return []
    return [Result(**json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]


def add(path: Path, result: Result) -> None:
    """Add a result at once."""
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(result._asdict()) + "\n")


def tables(results: Sequence[Result], areas: Iterable[str], stages: Sequence[str], *, markdown: bool = False) -> str:
    """Return the table of the areas, then that of the survivors, each followed by the change that was not noticed."""
    last = _last(results, stages)
    rows = [("area", "mutants", *(f"killed by {stage}" for stage in stages), "survived")]
    for area in (*areas, ""):
        here = [one for one in last if area in (one.area, "")]
        kills = (sum(one.outcome == KILLED and one.stage == stage for one in here) for stage in stages)
        counts = (len(here), *kills, sum(one.outcome != KILLED for one in here))
        rows.append((area or "all", *map(str, counts)))
    survivors = [("place", "tests that ran", "change")]
    survivors += (_survivor(one, results) for one in last if one.outcome != KILLED)
    form = _markdown if markdown else _plain
    return form(rows) + ("\n" + form(survivors) if len(survivors) > 1 else "")


def _last(results: Sequence[Result], stages: Sequence[str]) -> list[Result]:
    """Return of each mutant how it ended: the kill, or what the last tier said."""
    last: dict[str, Result] = {}
    for stage in stages:
        last.update({one.key: one for one in results if one.stage == stage})
    return list(last.values())


def _survivor(last: Result, results: Sequence[Result]) -> tuple[str, str, str]:
    """Return the row of a mutant that survived: tests that ran are those of all tiers."""
    ran = sum(one.tests for one in results if one.key == last.key)
    change = f"`{last.before}` -> " + (f"`{last.after}`" if last.after else "nothing")
    return (f"{last.file}:{last.line}", str(ran) if ran else UNREACHED, change)


def _plain(rows: Sequence[tuple[str, ...]]) -> str:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows)
    return "\n".join(lines) + "\n"


def _markdown(rows: Sequence[tuple[str, ...]]) -> str:
    head, *body = ("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |\n" for row in rows)
    return head + "|---" * len(rows[0]) + "|\n" + "".join(body)
