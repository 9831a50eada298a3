"""What was measured, as text for a terminal and as a part of docs/benchmarks.md."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from _bench import tables

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

PICTURE = "benchmarks.svg"
_BEGIN, _END = "<!-- scripts/bench writes from here -->", "<!-- to here -->"
_ENOUGH_ROUNDS = 10


class Section(NamedTuple):
    """A table under its title."""

    title: str
    table: Sequence[Sequence[str]]


class Report(NamedTuple):
    """All sections, after lines that say on what they were measured."""

    conditions: Sequence[str]
    sections: Sequence[Section]

    def plain(self) -> str:
        """Return it for a terminal."""
        parts = [f"{line}\n" for line in self.conditions]
        parts += [f"\n{section.title}\n{tables.plain(section.table)}" for section in self.sections]
        return "".join(parts)

    def markdown(self) -> str:
        """Return it for the page."""
        parts = ["\n\n".join(self.conditions) + "\n"]
        parts += [f"\n### {section.title}\n\n{tables.markdown(section.table)}" for section in self.sections]
        return "".join(parts)


def doubts(rounds: int, load: float, processors: int) -> list[str]:
    """Say why the figures are not to be quoted."""
    reasons = []
    if rounds < _ENOUGH_ROUNDS:
        reasons.append(f"there were only {rounds} rounds")
    if load > processors:
        reasons.append("the machine was busy")
    return [f"Do not quote these figures, measure again: {' and '.join(reasons)}."] if reasons else []


def write(folder: Path, report: Report, title: str, picture: str) -> None:
    """Put the report between the marks of benchmarks.md, and the picture beside it."""
    path = folder / "benchmarks.md"
    text = filled(path.read_text(encoding="utf-8"), f"![{title}]({PICTURE})\n\n{report.markdown()}")
    (folder / PICTURE).write_text(picture, encoding="utf-8")
    path.write_text(text, encoding="utf-8")


def filled(page: str, content: str) -> str:
    """Return a page with the content between its marks; raise SystemExit if it has none."""
    before, begin, rest = page.partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not begin or not end:
        raise SystemExit(f"bench: the page has no place for the results, from {_BEGIN} to {_END}")
    return f"{before}{begin}\n\n{content}\n{end}{after}"
