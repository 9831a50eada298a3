"""The progress of `init`: the line of `progress` at a terminal, a line for each step elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ecsauth.cli import console, progress
from ecsauth.timing import in_words

if TYPE_CHECKING:
    from ecsauth.timing import Clock


class InitProgress:
    """Shows the current step and what it waits for; `made` is what this run has made so far.

    The line at a terminal has its own seconds, and appears only inside a section of `progress`.
    """

    def __init__(self, clock: Clock, *, is_quiet: bool = False) -> None:
        self._clock = clock
        self._has_line = progress.is_possible()
        self._is_quiet = is_quiet
        self._step = ""
        self._since = 0.0
        self._waits_for = ""
        self._warned: set[str] = set()
        self._unfinished = ""
        self.made: list[str] = []

    def begin(self, step: str) -> None:
        """Begin a step."""
        self._step, self._since, self._waits_for, self._unfinished = step, self._clock.now(), "", ""
        progress.tell(step)
        if not self._has_line:
            self._say(step)

    def begun(self, what: str) -> None:
        """Note what AWS goes on to make if this run ends during the step."""
        self._unfinished = what

    def wait(self, text: str) -> None:
        """Show what the step waits for; without a line only when that changes."""
        progress.tell(f"{self._step}: {text}")
        if not self._has_line and text != self._waits_for:
            self._say(f"{self._step}, {in_words(self._clock.now() - self._since)}: {text}")
        self._waits_for = text

    def done(self, what: str) -> None:
        """End the step."""
        self._say(f"{what}, {in_words(self._clock.now() - self._since)}")
        self._unfinished = ""
        self.made.append(what)

    def warn(self, text: str) -> None:
        """Show a warning, above the line."""
        console.warn(text)

    def warn_once(self, text: str) -> None:
        """Show a warning, unless this run has shown it."""
        if text not in self._warned:
            self._warned.add(text)
            self.warn(text)

    def end_early(self, *, has_begun: bool) -> None:
        """Tell what has been made, after an interruption or a fault."""
        if not has_begun:
            return
        made = [*self.made, *filter(None, (self._unfinished,))]
        for what in made:
            console.say(f"made so far: {what}")
        if not made:
            console.say("nothing was made in this run")

    def _say(self, text: str) -> None:
        if not self._is_quiet:
            console.say(text)
