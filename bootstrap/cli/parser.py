"""The command line: one subcommand a module, imported here, heavy imports inside their `run`."""

from __future__ import annotations

import argparse
from typing import NoReturn

from bootstrap import __version__
from bootstrap.cli import boot, check, push

_EPILOG = """\
exit status: 0 ok, 2 usage, 3 invalid env-file, 4 denied or not to be trusted, 5 unreachable (try again),
6 local (disk, permission), 7 launch (the previous configuration is back), 9 conflict; 128 + n for signal n
"""


class Parser(argparse.ArgumentParser):
    """An argument parser that repeats nothing it did not understand: that may be a secret."""

    def error(self, message: str) -> NoReturn:
        """Exit with 2."""
        unknown = "unrecognized arguments:"
        if message.startswith(unknown):
            words = message[len(unknown) :].split()
            message = " ".join([unknown, *(word.partition("=")[0] for word in words if word.startswith("-"))])
        super().error(message)


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line; `run` in its result is the command."""
    parser = Parser(
        prog="ecsauth",
        description="Registry credentials for Amazon ECS container instances, checked before the agent starts.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"ecsauth {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for module in (check, push, boot):
        module.add_to(commands)
    return parser
