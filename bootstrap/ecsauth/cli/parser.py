"""The command line: one module per subcommand, imported only when that subcommand runs."""

from __future__ import annotations

import importlib
import sys
from keyword import iskeyword
from typing import TYPE_CHECKING, Callable

from ecsauth import __version__, archive
from ecsauth.cli.options import Parser
from ecsauth.errors import ExitCode

if TYPE_CHECKING:
    import argparse

_EPILOG = """\
exit status: 0 ok, 2 usage, 3 invalid env-file, 4 denied or not verified, 5 unreachable (try again),
6 local (disk, permission), 7 launch (the previous env-file is back), 8 on the last verified file, 9 conflict;
128 + n for signal n
"""
# name: (summary, example). The module with that name has `add_arguments` and `run`.
COMMANDS = {
    "check": (
        "check an env-file and report all findings",
        "ecsauth check ecs.config",
    ),
    "explain": (
        "explain a rule of check, or list all rules",
        "ecsauth explain A341",
    ),
    "which": (
        "show which credential the agent sends for an image",
        "ecsauth which nginx registry.example.com/team/app:1 --file ecs.config",
    ),
    "import": (
        "convert docker's logins to lines of an env-file",
        "ecsauth import --into ecs.config",
    ),
    "verify": (
        "log in to each registry of an env-file",
        "ecsauth verify ecs.config --image registry.example.com/team/app:1",
    ),
    "push": (
        "check an env-file and upload it to S3, encrypted",
        "ecsauth push ecs.config s3://bucket/prod/ecs.config",
    ),
    "pull": (
        "show the env-file in S3, masked, or write it to a file",
        "ecsauth pull s3://bucket/prod/ecs.config -o ecs.config",
    ),
    "edit": (
        "edit the env-file in S3, check it and upload it",
        "ecsauth edit s3://bucket/prod/ecs.config",
    ),
    "diff": (
        "compare two env-files without showing values",
        "ecsauth diff ecs.config s3://bucket/prod/ecs.config",
    ),
    "history": (
        "list the versions of the env-file, with time and author",
        "ecsauth history s3://bucket/prod/ecs.config --diff",
    ),
    "rollback": (
        "upload the content of an older version as a new version",
        "ecsauth rollback s3://bucket/prod/ecs.config VERSION",
    ),
    "export": (
        "store a registry credential in AWS Secrets Manager",
        "ecsauth export secretsmanager ecs.config --registry registry.example.com",
    ),
    "iam": (
        "print the policies of an environment, or its stack",
        "ecsauth iam instance-role --stack ecsauth -o instance-role.json",
    ),
    "archive": (
        "build the boot archive, or upload it to S3, encrypted",
        "ecsauth archive publish s3://bucket/prod/ecsauth",
    ),
    "user-data": (
        "generate EC2 user data",
        "ecsauth user-data s3://bucket/prod/ecs.config --kms-key arn:aws:kms:eu-west-1:111122223333:key/ID",
    ),
    "boot": (
        "fetch, verify and install the env-file; start the agent",
        "ecsauth boot s3://bucket/prod/ecs.config --kms-key arn:aws:kms:eu-west-1:111122223333:key/ID",
    ),
    "status": (
        "compare the env-file, S3 and the running agent",
        "ecsauth status --remote",
    ),
    "doctor": (
        "find out why an instance does not boot",
        "ecsauth doctor s3://bucket/prod/ecs.config",
    ),
    "unpersist": (
        "remove the units of boot --persist, and the service gate",
        "ecsauth unpersist",
    ),
    "completion": (
        "print the completion script of a shell",
        "ecsauth completion bash",
    ),
}


def make_parser() -> Parser:
    """Return the parser of the whole command line; `run` in its result is the command."""
    parser = Parser(
        prog="ecsauth",
        description="Registry credentials for Amazon ECS container instances, checked before the agent starts.",
        epilog=_EPILOG,
    )
    parser.add_argument("--version", action="version", version=_version())
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, (summary, example) in COMMANDS.items():
        commands.add_parser(
            name,
            fill=_filler(name),
            help=summary,
            description=f"{summary[0].upper()}{summary[1:]}.",
            epilog=f"example:\n  {example}",
        )
    return parser


def module_of(command: str) -> str:
    """Return the name of a command's module; a Python keyword gets an underscore at its end."""
    return f"ecsauth.cli.commands.{command.replace('-', '_')}{'_' * iskeyword(command)}"


def _version() -> str:
    """Return this program's version; in the boot archive also the Python that runs it."""
    if not archive.is_running():
        return f"ecsauth {__version__}"
    return f"ecsauth {__version__} (boot archive; Python {sys.version_info[0]}.{sys.version_info[1]})"


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
