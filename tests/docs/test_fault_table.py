"""What the page says of each fault is what the tests see happen."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest
from fault_table import ROWS

if TYPE_CHECKING:
    from fault_table import Row

PAGE = Path(__file__).parents[2] / "docs" / "runbook.md"


class Told(NamedTuple):
    """A row of the page's tables: the status, and how long `boot` retries."""

    status: int
    retried: str


def table() -> dict[str, Told]:
    """Return what the page tells of each message."""
    section = PAGE.read_text(encoding="utf-8").split("\n## Messages\n")[1]
    rows = re.findall(r"^\| (`.*?) \| (\d) \|([^|]*)\|", section, flags=re.MULTILINE)
    return {
        message: Told(int(status), retried.strip())
        for cell, status, retried in rows
        for message in re.findall(r"`([^`]+)`", cell)
    }


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_each_fault_is_in_the_table(row: Row) -> None:
    """The message stands there with its status, and with what the instance does next."""
    told = table()[row.message]
    assert told.status == row.status
    assert told.retried == row.next.value
