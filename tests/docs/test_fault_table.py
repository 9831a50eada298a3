"""What the page says of each fault is what the tests see happen."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest
from fault_table import ROWS, Next

if TYPE_CHECKING:
    from fault_table import Row

PAGE = Path(__file__).parents[2] / "docs" / "operations.md"


class Told(NamedTuple):
    """A row of the page's table: status, and what it means and what is next."""

    status: int
    text: str


def table() -> dict[str, Told]:
    """Return what the page tells of each message."""
    section = PAGE.read_text(encoding="utf-8").split("\n## What a failure means\n")[1].split("\n## ")[0]
    rows = re.findall(r"^\| (`.*?) \| (\d) \| (.*) \|$", section, flags=re.MULTILINE)
    return {
        message: Told(int(status), text) for cell, status, text in rows for message in re.findall(r"`([^`]+)`", cell)
    }


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_each_fault_is_in_the_table(row: Row) -> None:
    """The message stands there with its status, and with what the instance does next."""
    told = table()[row.message]
    assert told.status == row.status
    said = next((each for each in Next if each.value and each.value in told.text), Next.AT_ONCE)
    assert said is row.next
