"""What a command that only looks must leave alone: everything in both places of a machine, to the last trace."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fetching import trace

if TYPE_CHECKING:
    from fetching import Trace
    from machine import Machine


def traces(machine: Machine) -> dict[str, Trace]:
    """Return everything in both places, the places themselves included, in all that a write would change."""
    places = [place for place in (machine.place, machine.state_place) if place.exists()]
    return {str(path): trace(path) for place in places for path in (place, *place.iterdir())}
