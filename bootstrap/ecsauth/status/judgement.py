"""The results of `status` and `doctor`: ok, warning, failed or skipped, each with a message."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from ecsauth.errors import EcsauthError


class CheckOutcome(str, Enum):
    """The outcome of a check; SKIPPED means that the check could not be made."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    SKIPPED = "skipped"


class Diagnosis(NamedTuple):
    """The result of a check in one line, and the fix if there is one.

    `needs` is the check that has to pass first; only a skipped check has it.
    """

    outcome: CheckOutcome
    said: str
    fix: str = ""
    needs: str = ""


def ok(said: str) -> Diagnosis:
    """Return the diagnosis of a check that passed."""
    return Diagnosis(CheckOutcome.OK, said)


def warning(said: str, fix: str = "") -> Diagnosis:
    """Return the diagnosis of something that works but needs attention."""
    return Diagnosis(CheckOutcome.WARNING, said, fix)


def failed(said: str, fix: str = "") -> Diagnosis:
    """Return the diagnosis of something that does not work."""
    return Diagnosis(CheckOutcome.FAILED, said, fix)


def skipped(said: str, fix: str = "") -> Diagnosis:
    """Return the diagnosis of a check that could not be made."""
    return Diagnosis(CheckOutcome.SKIPPED, said, fix)


def blame(fault: EcsauthError) -> Diagnosis:
    """Return the diagnosis for an error: skipped if only root may read something, else failed."""
    return (skipped if fault.needs_root else failed)(fault.message, fault.hints[0] if fault.hints else "")
