"""Questions to whoever sits at the terminal."""

from __future__ import annotations

import sys

# As a shell reports Ctrl-C: who says no has ended the command.
DECLINED = 130


def is_possible() -> bool:
    """Tell whether somebody is there to answer: what is asked goes to stderr, the answer comes from stdin."""
    return all(stream is not None and not stream.closed and stream.isatty() for stream in (sys.stdin, sys.stderr))


def is_yes(question: str, *, default: bool = False) -> bool:
    """Ask; an end of the input is a no, an empty line the default, another answer is asked for again."""
    choices = "[Y/n]" if default else "[y/N]"
    while True:
        sys.stderr.write(f"ecsauth: {question} {choices} ")
        sys.stderr.flush()
        line = sys.stdin.readline()
        answer = line.strip().lower()
        if not line:
            sys.stderr.write("\n")
            return False
        if not answer:
            return default
        if answer in ("y", "yes", "n", "no"):
            return answer[0] == "y"
