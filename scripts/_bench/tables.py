"""Contests as tables, for a terminal and for docs/benchmarks.md."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from _bench.contest import Contest

_KIB_PER_MIB = 1024


def rows(contest: Contest) -> list[tuple[str, ...]]:
    """Return the table of a contest, its head first."""
    of = f"of {contest.against}"
    head = ("command", "wall", "min to max", of, "CPU", of, "peak memory", of)
    table = [head, *(_row(contest, contender.name) for contender in contest.contenders)]
    if not any(contest.requests.values()):
        return table
    requests = ("asks of S3", *(contest.requests[contender.name] for contender in contest.contenders))
    return [(*row, asked) for row, asked in zip(table, requests)]


def _row(contest: Contest, name: str) -> tuple[str, ...]:
    wall, cpu, memory = (contest.taken(name, what) for what in ("wall", "cpu", "memory"))
    return (
        name,
        f"{median(wall):.3f} s",
        f"{min(wall):.3f} to {max(wall):.3f} s",
        f"{contest.ratio(name, 'wall'):.2f}",
        f"{median(cpu):.3f} s",
        f"{contest.ratio(name, 'cpu'):.2f}",
        f"{median(memory) / _KIB_PER_MIB:.1f} MiB",
        f"{contest.ratio(name, 'memory'):.2f}",
    )


def plain(table: Sequence[Sequence[str]]) -> str:
    """Return the table in columns."""
    widths = [max(map(len, column)) for column in zip(*table)]
    lines = ("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in table)
    return "".join(f"{line}\n" for line in lines)


def markdown(table: Sequence[Sequence[str]]) -> str:
    """Return the table as Markdown."""
    head, *body = table
    rule = tuple("---:" if cell[:1].isdigit() else "---" for cell in body[0])
    return "".join(f"| {' | '.join(row)} |\n" for row in (head, rule, *body))
