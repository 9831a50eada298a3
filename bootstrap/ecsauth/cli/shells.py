"""The shells that can complete ecsauth's command line: where each loads a script from, and how it begins to use it."""

from __future__ import annotations

import os
import shlex
from typing import TYPE_CHECKING, NamedTuple

from ecsauth.command_hint import CommandHint
from ecsauth.errors import LocalError, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

_DATA, _CONFIG = ("XDG_DATA_HOME", ".local/share"), ("XDG_CONFIG_HOME", ".config")


class Shell(NamedTuple):
    """A shell. `file` is below the directory that the variable `base[0]` names, or else below `base[1]` at home."""

    name: str
    base: tuple[str, str]
    file: str

    def place(self, environment: Mapping[str, str]) -> str:
        """Return the file that the shell loads the script from; raise LocalError if the user has no home."""
        variable, default = self.base
        given = environment.get(variable, "")
        # A relative path does not count (XDG Base Directory Specification).
        base = given if os.path.isabs(given) else os.path.join(_home(environment), default)
        return os.path.join(base, self.file)

    def start_file(self, environment: Mapping[str, str]) -> str:
        """Return the file that zsh reads at its start; the other shells need no line in theirs."""
        return os.path.join(environment.get("ZDOTDIR") or _home(environment), ".zshrc")

    def hints(self, place: str, start_text: str) -> tuple[str, ...]:
        """Return how to begin using the script; `start_text` is the content of the file that zsh starts with."""
        if self.name == "fish":
            return ("fish loads it by itself, in this shell too",)
        if self.name == "bash":
            return (
                "new shells load it by themselves if the package bash-completion is installed",
                f"to use it in this shell: source {shlex.quote(place)}",
            )
        folder = os.path.dirname(place)
        line = f"fpath=({shlex.quote(folder)} $fpath)"
        # The folder may be written there with ~ or $HOME.
        is_named = folder in start_text or self.file.rpartition("/")[0] in start_text
        add = () if is_named else (f"add this line to .zshrc, before compinit: {line}",)
        return (*add, f"to use it in this shell: {line} && autoload -Uz compinit && compinit")


# bash-completion and fish load a script when its command is completed for the first time. zsh has no such directory of
# the user: this is the one that most tools take.
SHELLS = {
    shell.name: shell
    for shell in (
        Shell("bash", _DATA, "bash-completion/completions/ecsauth"),
        Shell("zsh", _DATA, "zsh/site-functions/_ecsauth"),
        Shell("fish", _CONFIG, "fish/completions/ecsauth.fish"),
    )
}
NAMES = "bash, zsh or fish"


def of_user(environment: Mapping[str, str]) -> str:
    """Return the name of the user's shell; raise UsageError if it is none of these."""
    name = os.path.basename(environment.get("SHELL", ""))
    if name not in SHELLS:
        raise UsageError(
            f"$SHELL is none of {NAMES}", CommandHint("name the shell", "ecsauth", "completion", "--install", "bash")
        )
    return name


def _home(environment: Mapping[str, str]) -> str:
    home = environment.get("HOME") or os.path.expanduser("~")
    if not os.path.isabs(home):
        raise LocalError("this user has no home directory", "set HOME")
    return home
