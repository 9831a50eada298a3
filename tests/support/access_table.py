"""The tables of iam/access.md and iam/fleet-access.md, as cases: who asks for what, how, and what the answer is."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

_ROOT = Path(__file__).resolve().parents[2]
PAGE, FLEET_PAGE = _ROOT / "iam" / "access.md", _ROOT / "iam" / "fleet-access.md"
_SECURITY = _ROOT / "docs" / "security.md"
_HEADING = ["Who", "Does", "To", "How", "Answer", "Enforced by"]


class Case(NamedTuple):
    """A request of the table. `how` is what it says of the request, `servers` where the answer is really given."""

    who: str
    action: str
    to: str
    how: tuple[str, ...]
    is_allowed: bool
    servers: frozenset[str]

    def __str__(self) -> str:
        how = f" ({', '.join(self.how)})" if self.how else ""
        return f"{self.who} {self.action} {self.to}{how}"

    @property
    def key(self) -> str:
        """The object's key, empty where it is not about an object."""
        return self.to.rpartition(" ")[2] if "/" in self.to else ""


def _cases(page: Path) -> list[Case]:
    lines = page.read_text(encoding="utf-8").split("\n## Table\n")[1].strip().splitlines()
    heading, _, *rows = [_cells(line) for line in lines]
    assert heading == _HEADING
    return [case for row in rows for case in _of_row(row)]


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


def _of_row(cells: list[str]) -> list[Case]:
    who, does, to, how, answer, servers = cells
    assert answer in ("yes", "no"), answer
    return [
        Case(who, action, target, _parts(how), answer == "yes", frozenset(_parts(servers)))
        for target in _parts(to)
        for action in _parts(does)
    ]


def _parts(cell: str) -> tuple[str, ...]:
    return tuple(re.sub("`", "", part) for part in cell.split(", ") if part)


def _commands() -> dict[str, dict[str, str]]:
    lines = _SECURITY.read_text(encoding="utf-8").split("\n## Who can do what\n")[1].split("\n## ")[0].splitlines()
    heading, _, *rows = [_cells(line) for line in lines if line.startswith("|")]
    return {
        who.lower(): {row[0].strip("`"): row[number] for row in rows}
        for number, who in enumerate(heading)
        if number > 0
    }


CASES = [*_cases(PAGE), *_cases(FLEET_PAGE)]
# What becomes of each command, by who runs it.
COMMANDS = _commands()
