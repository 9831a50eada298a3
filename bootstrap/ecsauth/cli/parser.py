"""The command line: one module per subcommand, imported only when that subcommand runs."""

from __future__ import annotations

import argparse
import importlib
import sys
from keyword import iskeyword
from typing import Any, Callable

from ecsauth import __version__, archive
from ecsauth.cli.options import Parser
from ecsauth.errors import ExitCode
from ecsauth.host import origin

_EPILOG = """\
exit status: 0 ok, 2 usage, 3 invalid env-file, 4 denied or not verified, 5 unreachable (try again),
6 local (disk, permission), 7 launch (the previous env-file is restored), 8 stale (last verified file), 9 conflict;
128 + n for signal n
"""
# The groups of the commands, in the order of the help.
WRITE, S3, INSTANCE, FLEET, PLATFORM, HELP = "write and check", "in S3", "on the instance", "fleet", "platform", "help"
GROUPS = (WRITE, S3, INSTANCE, FLEET, PLATFORM, HELP)
# The commands that a new user begins with: their examples stand before all groups.
_FIRST = ("check", "push")
_WIDTH = 80
# name: (summary, example, group). The module with that name has `add_arguments` and `run`.
COMMANDS = {
    "check": (
        "check an env-file and report all findings",
        "ecsauth check ecs.config",
        WRITE,
    ),
    "explain": (
        "explain a rule of check, or list all rules",
        "ecsauth explain A341",
        WRITE,
    ),
    "which": (
        "show which credential the agent sends for an image",
        "ecsauth which nginx registry.example.com/team/app:1 --file ecs.config",
        WRITE,
    ),
    "import": (
        "convert docker's logins to lines of an env-file",
        "ecsauth import --into ecs.config",
        WRITE,
    ),
    "verify": (
        "log in to each registry of an env-file",
        "ecsauth verify ecs.config --image registry.example.com/team/app:1",
        WRITE,
    ),
    "push": (
        "validate an env-file and push it to S3, encrypted",
        "ecsauth push ecs.config s3://bucket/prod/ecs.config",
        S3,
    ),
    "pull": (
        "show the env-file in S3, masked, or write it to a file",
        "ecsauth pull s3://bucket/prod/ecs.config -o ecs.config",
        S3,
    ),
    "edit": (
        "edit the env-file in S3, validate and push it",
        "ecsauth edit s3://bucket/prod/ecs.config",
        S3,
    ),
    "diff": (
        "compare two env-files without showing values",
        "ecsauth diff s3://bucket/prod/ecs.config ecs.config",
        S3,
    ),
    "history": (
        "list the versions of the env-file, with time and author",
        "ecsauth history s3://bucket/prod/ecs.config --diff",
        S3,
    ),
    "rollback": (
        "push the content of an older version as a new version",
        "ecsauth rollback s3://bucket/prod/ecs.config VERSION",
        S3,
    ),
    "env": (
        "list the environments of ecsauth.toml: names for S3 URIs",
        "ecsauth env",
        S3,
    ),
    "fleet": (
        "see which instance runs which version; roll out in waves",
        "ecsauth fleet status s3://bucket/prod/ecs.config",
        FLEET,
    ),
    "init": (
        "set up an AWS account, from the stack to a running instance",
        "ecsauth init ecs.config --administrator arn:aws:iam::111122223333:role/Admin --subnets default",
        PLATFORM,
    ),
    "export": (
        "store a registry credential in AWS Secrets Manager",
        "ecsauth export secretsmanager ecs.config --registry registry.example.com",
        PLATFORM,
    ),
    "iam": (
        "print the policies of an environment, or its stack",
        "ecsauth iam instance-role --stack ecsauth -o instance-role.json",
        PLATFORM,
    ),
    "archive": (
        "build the boot archive, or upload it to S3, encrypted",
        "ecsauth archive publish s3://bucket/prod/ecsauth",
        PLATFORM,
    ),
    "user-data": (
        "generate EC2 user data",
        "ecsauth user-data s3://bucket/prod/ecs.config --kms-key arn:aws:kms:eu-west-1:111122223333:key/ID",
        PLATFORM,
    ),
    "boot": (
        "fetch, verify and install the env-file; start the agent",
        "ecsauth boot s3://bucket/prod/ecs.config --kms-key arn:aws:kms:eu-west-1:111122223333:key/ID",
        INSTANCE,
    ),
    "status": (
        "compare the env-file, S3 and the running agent",
        "ecsauth status --remote",
        INSTANCE,
    ),
    "doctor": (
        "find out why an instance does not boot",
        "ecsauth doctor s3://bucket/prod/ecs.config",
        INSTANCE,
    ),
    "unpersist": (
        "remove the units of boot --persist, and the service gate",
        "ecsauth unpersist",
        INSTANCE,
    ),
    "help": (
        "show the options of a command, or explain a rule of check",
        "ecsauth help push",
        HELP,
    ),
    "completion": (
        "print or install the completion script of a shell",
        "ecsauth completion --install",
        HELP,
    ),
}


def make_parser() -> Parser:
    """Return the parser of the whole command line; `run` in its result is the command."""
    parser = _Program(
        prog="ecsauth",
        description="Deliver private-registry credentials to Amazon ECS container instances.",
        epilog=_EPILOG,
    )
    parser.add_argument(
        "--version",
        action=_Version,
        nargs=0,
        default=argparse.SUPPRESS,
        help="show version and commit; of the boot archive also its SHA-256",
    )
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=Parser)
    for name, (summary, example, _) in COMMANDS.items():
        commands.add_parser(
            name,
            fill=_filler(name),
            help=summary,
            description=f"{summary[0].upper()}{summary[1:]}.",
            epilog=f"example:\n  {example}",
        )
    return parser


class _Program(Parser):
    """The parser of the whole command line. Its help has the commands in groups, a line each."""

    def format_help(self) -> str:
        """Return the help, in lines that fit a terminal of 80 columns."""
        from textwrap import wrap  # as argparse, for help only

        first = [COMMANDS[name][1] for name in _FIRST]
        lines = [f"usage: {self.prog} COMMAND [OPTION ...]", "", self.description or "", ""]
        lines += [f"begin with:  {first[0]}", *(f"{'':13}{example}" for example in first[1:])]
        lines.append("")
        for group in GROUPS:
            lines.append(f"{group}:")
            lines += [_row(name, summary) for name, (summary, _, its) in COMMANDS.items() if its == group]
        version = next(action for action in self._actions if isinstance(action, _Version))
        lines += [_row("--version", version.help or ""), "", *wrap(self.epilog or "", _WIDTH, break_on_hyphens=False)]
        return "\n".join(lines) + "\n"

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse; without a command write the help, and exit with 2."""
        parsed, rest = super().parse_known_args(args, namespace)
        if parsed.command is None:
            self.exit(ExitCode.USAGE, self.format_help())
        return parsed, rest


def _row(name: str, summary: str) -> str:
    return f"  {name:10}  {summary}"


class _Version(argparse.Action):
    """Writes the version. It is found out only when it is asked for, because that may read files or ask git."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object, **__: object) -> None:
        sys.stdout.write(_version())
        parser.exit()


def module_of(command: str) -> str:
    """Return the name of a command's module; a Python keyword gets an underscore at its end."""
    return f"ecsauth.cli.commands.{command.replace('-', '_')}{'_' * iskeyword(command)}"


def _version() -> str:
    """Return the version and the commit; in the boot archive also its Python and, on a second line, its SHA-256."""
    built = f"commit {origin.commit() or 'unknown'}"
    if not archive.is_running():
        return f"ecsauth {__version__} ({built})\n"
    python = f"Python {sys.version_info[0]}.{sys.version_info[1]}"
    digest = f"archive sha256 {origin.sha256() or 'unknown'}"
    return f"ecsauth {__version__} (boot archive; {python}; {built})\n{digest}\n"


def _filler(name: str) -> Callable[[Parser], None]:
    def fill(parser: Parser) -> None:
        try:
            module = importlib.import_module(module_of(name))
        except ModuleNotFoundError:
            if not archive.is_running():
                raise
            parser.exit(ExitCode.USAGE, f"ecsauth: error: {archive.lack(name)}\necsauth: hint: {archive.HINT}\n")
        module.add_arguments(parser)
        run: Callable[[argparse.Namespace], int] = module.run
        parser.set_defaults(run=run, format="text")

    return fill
