"""What one assignment does to the agent."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple, Union

Scalar = Union[bool, int, None]


class Verdict(Enum):
    """How the program that reads a variable takes its value.

    FATAL: the agent does not start. WARNED: it logs a warning or an error and goes on. QUIET: it says nothing,
    whether it takes the value or not.
    """

    QUIET = "quiet"
    WARNED = "warned"
    FATAL = "fatal"


class Effect(NamedTuple):
    """What an assignment comes to.

    `effective` and `default` are the values of booleans, integers and durations (nanoseconds), None for all other
    kinds; `effective` is None too where the agent does not start. `lost`: a value was given and something else
    is in force, the default or a bound. `reason` says why, or what else to know (a value that works only with
    another variable); it is empty where nothing is to be said and never holds the value.
    """

    verdict: Verdict
    effective: Scalar = None
    default: Scalar = None
    lost: bool = False
    reason: str = ""


def fatal(reason: str, default: Scalar = None) -> Effect:
    """Return the effect of a value with which the agent does not start."""
    return Effect(Verdict.FATAL, None, default, lost=True, reason=reason)


def lost(reason: str, *, warned: bool) -> Effect:
    """Return the effect of a text, list or object that is not used."""
    return Effect(Verdict.WARNED if warned else Verdict.QUIET, lost=True, reason=reason)
