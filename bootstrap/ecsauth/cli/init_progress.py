"""The progress of `init`: one line that is overwritten at a terminal, a line for each step elsewhere."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from ecsauth.cli import console
from ecsauth.timing import in_words

if TYPE_CHECKING:
    from ecsauth.timing import Clock

_PREFIX = len("ecsauth: ") + 1


class InitProgress:
    """Shows the current step with its time and what it waits for; `made` is what this run has made so far."""

    def __init__(self, clock: Clock, *, is_quiet: bool = False) -> None:
        self._clock = clock
        self._line = console.Progress()
        self._is_quiet = is_quiet
        self._step = ""
        self._since = 0.0
        self._waits_for = ""
        self._warned: set[str] = set()
        self.made: list[str] = []

    def begin(self, step: str) -> None:
        """Begin a step."""
        self._step, self._since, self._waits_for = step, self._clock.now(), ""
        self._line.show(f"{step} …")
        if not self._line.is_shown:
            self._say(step)

    def begun(self, what: str) -> None:
        """Note what AWS goes on to make if this run ends now."""
        self.made.append(what)

    def wait(self, text: str) -> None:
        """Show what the step waits for; without a terminal only when that changes."""
        elapsed = in_words(self._clock.now() - self._since)
        # A longer line would not be removed as a whole.
        self._line.show(f"{self._step}, {elapsed} ({text})"[: console.style(sys.stderr).width - _PREFIX])
        if not self._line.is_shown and text != self._waits_for:
            self._say(f"{self._step}, {elapsed}: {text}")
        self._waits_for = text

    def done(self, what: str) -> None:
        """End the step."""
        self._line.clear()
        self._say(f"{what}, {in_words(self._clock.now() - self._since)}")
        self.made = [*(one for one in self.made if "finishes by itself" not in one), what]

    def warn(self, text: str) -> None:
        """Show a warning, above the line."""
        self._line.clear()
        console.warn(text)

    def warn_once(self, text: str) -> None:
        """Show a warning, unless this run has shown it."""
        if text not in self._warned:
            self._warned.add(text)
            self.warn(text)

    def end_early(self, *, has_begun: bool) -> None:
        """Tell what has been made, after an interruption or a fault."""
        self._line.clear()
        if not has_begun:
            return
        for what in self.made:
            console.say(f"made so far: {what}")
        if not self.made:
            console.say("nothing was made in this run")

    def _say(self, text: str) -> None:
        if not self._is_quiet:
            console.say(text)
