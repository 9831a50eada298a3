"""What is going to be done to the machine, as data: a rehearsal prints it, a run carries it out."""

from __future__ import annotations

from typing import NamedTuple, Optional

# Seconds that a command may take which changes a record and waits for nothing.
QUICK = 30.0

Command = tuple[str, ...]


class Step(NamedTuple):
    """One command, why it is run, the seconds it may take, and what takes it back."""

    why: str
    command: Command
    seconds: float = QUICK
    undo: tuple[Command, ...] = ()


class Plan(NamedTuple):
    """Steps to the wanted agent.

    `prepare` changes nothing that runs. On the way back, after the steps' own undo, `back` restores an agent that an
    earlier run had parked, or was about to; `restore`, once the env-file of before is in its place again, an agent that
    reads it there. `finish` is for when the new agent is verified. `previous` tells whether there is an agent to go
    back to; `stops` is the ID of the container that the steps stop, if one runs.
    """

    prepare: tuple[Step, ...] = ()
    steps: tuple[Step, ...] = ()
    back: tuple[Command, ...] = ()
    finish: tuple[Step, ...] = ()
    previous: bool = False
    stops: Optional[str] = None
    restore: tuple[Command, ...] = ()


class Ended(NamedTuple):
    """A command that has ended. What it wrote may be the agent's words: never shown unmasked."""

    status: int
    out: str
    err: str

    def __repr__(self) -> str:
        return f"Ended({self.status}, ***)"
