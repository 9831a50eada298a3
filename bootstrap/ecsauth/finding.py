"""Findings: the results of checking an env-file against the rules.

A finding never has a value of the file. If the name itself may be a secret (a line without `=`), the finding has only
the line and column.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple, Optional


class Severity(str, Enum):
    """How bad a finding is.

    error: a program that reads the file loses, misreads or refuses something.
    warning: the file works today, but it is fragile or random.
    note: information.
    """

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


class Finding(NamedTuple):
    """One result of one rule at one place.

    `line` and `column` count from 1; `column` counts characters; both are None for a finding about the file
    as a whole. `consumers` names the programs concerned: docker, ecs-init, systemd, agent.
    """

    code: str
    severity: Severity
    message: str
    consequence: str
    fix: str
    line: Optional[int] = None
    column: Optional[int] = None
    variable: Optional[str] = None
    registry: Optional[str] = None
    consumers: tuple[str, ...] = ()
