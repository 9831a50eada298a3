"""`ecsauth completion`: a script for a shell, made from the parsers by shtab; print it, or install it for this user."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

from ecsauth.check import rules
from ecsauth.cli import console, shells
from ecsauth.cli.parser import COMMANDS, make_parser
from ecsauth.command_hint import CommandHint
from ecsauth.errors import ExitCode, LocalError, UsageError
from ecsauth.host import files
from ecsauth.host.private_directory import write_private

if TYPE_CHECKING:
    import argparse

    from ecsauth.cli.options import Parser
    from ecsauth.cli.shells import Shell

# The placeholders for a path of this machine in the usage of the commands.
_PATHS = frozenset({"FILE", "PATH", "A", "B"})
# The last line of every script. A file without it was not written by ecsauth.
_OWN = "# Written by ecsauth"
_MODE = 0o644


def add_arguments(parser: Parser) -> None:
    """Add the command's own arguments."""
    parser.add_argument(
        "shell",
        metavar="SHELL",
        nargs="?",
        choices=tuple(shells.SHELLS),
        help="bash, zsh or fish (default with --install: the one of $SHELL)",
    )
    parser.add_argument("--install", action="store_true", help="write it to the file that the shell loads it from")
    parser.add_argument("--force", action="store_true", help="with --install: replace a file that is not ecsauth's")


def run(arguments: argparse.Namespace) -> int:
    """Print or install the script; raise an EcsauthError with nothing written."""
    if not arguments.install:
        if arguments.force:
            raise UsageError("--force is for --install: give both")
        if arguments.shell is None:
            raise UsageError(
                f"give a shell: {shells.NAMES}",
                CommandHint("or install the script for $SHELL", "ecsauth", "completion", "--install"),
            )
        sys.stdout.write(_script(arguments.shell))
        return ExitCode.OK
    shell = shells.SHELLS[arguments.shell or shells.of_user(os.environ)]
    place = shell.place(os.environ)
    if not arguments.force:
        _refuse_other(place, shell)
    _write(place, _script(shell.name))
    console.say(f"wrote {console.printable(place)}, {_MODE:04o}")
    for hint in shell.hints(place, _text_of(shell.start_file(os.environ))):
        console.say(f"hint: {hint}")
    return ExitCode.OK


def _script(shell: str) -> str:
    import shtab

    parser = make_parser()
    _prepare(parser, shtab.FILE)
    return f"{shtab.complete(parser, shell)}\n{_OWN}\n"


def _refuse_other(place: str, shell: Shell) -> None:
    """Raise LocalError if something at the place was not written by ecsauth."""
    if not os.path.exists(place):
        return
    if not os.path.isfile(place) or not _text_of(place).rstrip().endswith(_OWN):
        raise LocalError(
            f"{place} was not written by ecsauth",
            CommandHint("replace it", "ecsauth", "completion", "--install", "--force", shell.name),
        )


def _write(place: str, script: str) -> None:
    """Replace the file in one step. A link is followed, as of dotfiles that are kept elsewhere."""
    path = os.path.realpath(place)
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
    except OSError as fault:
        raise files.local("make", os.path.dirname(path), fault) from None
    write_private(path, script.encode(), _MODE)


def _text_of(path: str) -> str:
    """Return the text of a file, empty if it cannot be read."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


def _prepare(parser: Parser, files: Any) -> None:
    """Tell shtab which arguments, also those of subcommands, are files, codes of rules or commands."""
    for action in parser._actions:  # noqa: SLF001 - what shtab reads, too
        if action.metavar in _PATHS:
            action.complete = files  # type: ignore[attr-defined]  # shtab's own
        elif action.metavar == "CODE":
            action.choices = [rule.code for rule in rules.RULES]
        elif action.metavar == "TOPIC":
            action.choices = list(COMMANDS)
    for command, _ in parser.commands().values():
        _prepare(command, files)
