"""The commands that change the machine, as data: `--dry-run` prints them, a run executes them."""

from __future__ import annotations

from typing import NamedTuple, Optional

# The time limit, in seconds, of a command that only changes a setting and waits for nothing.
QUICK = 30.0

Command = tuple[str, ...]


class Step(NamedTuple):
    """One command, its purpose, its time limit in seconds, and the commands that undo it."""

    why: str
    command: Command
    seconds: float = QUICK
    undo: tuple[Command, ...] = ()


class Plan(NamedTuple):
    """The steps to the wanted agent.

    `prepare` does not change a running agent. A rollback first runs the undo commands of the steps. Then `back`
    restores an agent that an earlier run set aside, or was about to. `restore` runs after the previous env-file is
    installed again; it restores an agent that reads that file. `finish` runs after the new agent has registered.
    `previous` tells whether there is a previous agent. `stops` is the ID of the running container that the steps stop,
    if any.
    """

    prepare: tuple[Step, ...] = ()
    steps: tuple[Step, ...] = ()
    back: tuple[Command, ...] = ()
    finish: tuple[Step, ...] = ()
    previous: bool = False
    stops: Optional[str] = None
    restore: tuple[Command, ...] = ()


class Unfinished(NamedTuple):
    """A step after the registration of the new agent that failed, and why."""

    step: Step
    reason: str


class Ended(NamedTuple):
    """The result of a command. Its output may be the agent's log, so it is never shown without masking."""

    status: int
    out: str
    err: str

    def __repr__(self) -> str:
        return f"Ended({self.status}, ***)"
