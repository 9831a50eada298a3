"""The words in which `status` and `doctor` judge: ok, warning, failed, skipped, each with what was found."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from ecsauth.errors import EcsauthError


class CheckOutcome(str, Enum):
    """How a check ended; skipped: it could not be told."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"
    SKIPPED = "skipped"


class Diagnosis(NamedTuple):
    """What a check found, in one line, and the fix where there is something to fix.

    `needs` names the check that has to hold before one that was skipped for it.
    """

    outcome: CheckOutcome
    said: str
    fix: str = ""
    needs: str = ""


def ok(said: str) -> Diagnosis:
    """Return that it is well."""
    return Diagnosis(CheckOutcome.OK, said)


def warning(said: str, fix: str = "") -> Diagnosis:
    """Return that it works, and that something should be done all the same."""
    return Diagnosis(CheckOutcome.WARNING, said, fix)


def failed(said: str, fix: str = "") -> Diagnosis:
    """Return that it does not work."""
    return Diagnosis(CheckOutcome.FAILED, said, fix)


def skipped(said: str, fix: str = "") -> Diagnosis:
    """Return that it could not be told."""
    return Diagnosis(CheckOutcome.SKIPPED, said, fix)


def blame(fault: EcsauthError) -> Diagnosis:
    """Return what a fault says; what only root may look at is no fault of the machine."""
    return (skipped if fault.needs_root else failed)(fault.message, fault.hints[0] if fault.hints else "")
