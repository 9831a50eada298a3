"""Options that several commands share."""

from __future__ import annotations

import argparse
import os
import re
from typing import TYPE_CHECKING, Any, Callable, NamedTuple, NoReturn, Optional, TypeVar, Union

from ecsauth import aws_names
from ecsauth.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ecsauth.aws_names import S3URI

Value = TypeVar("Value")

ENV_FILE = "/etc/ecs/ecs.config"
STATE_DIRECTORY = "/var/lib/ecsauth"
LAUNCH_MODES = ("service", "docker", "none")
_DAY = 24 * 3600
# The name of an environment in ecsauth.toml: no word with a slash, a point or a colon, as paths and URIs have them.
ENVIRONMENT_NAME = r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}"
# The boot archive of an environment is beside its env-file.
ARCHIVE = "ecsauth"
A_FILE = "a path, an S3URI, an environment, or - for standard input"
# How argparse begins its message about them.
_UNKNOWN = "unrecognized arguments:"
# What looks like a command, and what looks like an option. Any other word may be a secret in a wrong place. A short
# option is quoted without the value that is in one word with it.
_COMMAND = re.compile(r"[a-z-]{1,20}")
_OPTIONS = re.compile(r"(?<!\S)(?:--[a-z][a-z-]{0,21}(?![^\s=])|-[A-Za-z])")
_MOST_LISTED = 12


class _HelpFormatter(argparse.RawDescriptionHelpFormatter):
    """Help as wide as the terminal; argparse would load compression libraries to find that out."""

    def __init__(self, prog: str) -> None:
        try:
            columns = int(os.environ.get("COLUMNS", "")) or os.get_terminal_size().columns
        except (ValueError, OSError):
            columns = 80
        super().__init__(prog, width=min(columns, 100) - 2)
        # argparse ignores that commands are indented more than options: the longest would be on a separate line.
        self._action_max_length = 14


class Parser(argparse.ArgumentParser):
    """An argument parser that does not quote an argument that it cannot parse, because that may be a secret.

    `fill` adds its arguments. It is called when the parser is used, so that a command builds only its own options.
    """

    def __init__(self, fill: Optional[Callable[[Parser], None]] = None, **kwargs: Any) -> None:
        self._fill = fill
        self._settings = kwargs
        if fill is None:
            self._make()

    def _make(self) -> None:
        super().__init__(formatter_class=_HelpFormatter, allow_abbrev=False, **self._settings)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Add the arguments, then parse; exit with 2 if an argument is left over.

        argparse would let the parser of the whole program refuse it, which does not know the options of the command.
        """
        self._add_own()
        parsed, rest = super().parse_known_args(args, namespace)
        if rest:
            self.error(f"{_UNKNOWN} {' '.join(rest)}")
        return parsed, rest

    def commands(self) -> dict[str, tuple[Parser, str]]:
        """Return its subcommands by name, each with its parser and its summary."""
        self._add_own()
        found: dict[str, tuple[Parser, str]] = {}
        for action in self._actions:
            if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001 - argparse has no other way to ask
                helps = {one.dest: one.help or "" for one in action._get_subactions()}  # noqa: SLF001 - nor for this
                found.update({name: (parser, helps.get(name, "")) for name, parser in action.choices.items()})
        for parser, _ in found.values():
            parser.commands()
        return found

    def find(self, words: Sequence[str]) -> Parser:
        """Return the parser that describes a command, given by its words, as `iam instance-role`; raise UsageError."""
        self._add_own()
        if not words:
            return self
        action = next((one for one in self._actions if one.choices is not None and not one.option_strings), None)
        if action is None:
            raise UsageError(f"{self.prog} has no subcommands", f"see {self.prog} --help")
        try:
            self._check_value(action, words[0])
        except argparse.ArgumentError as fault:
            raise UsageError(str(fault), f"see {self.prog} --help") from None
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001 - as in `commands`
            within: Parser = action.choices[words[0]]
            return within.find(words[1:])
        if len(words) > 1:
            raise UsageError(f"{self.prog} {words[0]} has no subcommands", f"see {self.prog} --help")
        # A word that only chooses, as a policy of `iam`, is described by the parser that it is an argument of.
        return self

    def _add_own(self) -> None:
        if self._fill is not None:
            self._make()
            self._fill(self)
            self._fill = None

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        """Refuse a value that is none of the choices. It is quoted only if it is almost one of them."""
        if action.choices is None or value in action.choices:
            return
        choices = [str(one) for one in action.choices]
        is_command = isinstance(action, argparse._SubParsersAction)  # noqa: SLF001 - as in `commands`
        what, named = ("unknown command", None) if is_command else ("invalid choice", action)
        nearest = _nearest(value, choices) if _COMMAND.fullmatch(str(value)) else None
        if nearest is not None:
            raise argparse.ArgumentError(named, f"{what} {value}; did you mean {nearest}?")
        # The help has too many commands for one line.
        listed = f" (choose from {', '.join(choices)})" if len(choices) <= _MOST_LISTED else ""
        raise argparse.ArgumentError(named, f"{what}{listed}")

    def error(self, message: str) -> NoReturn:
        """Exit with 2, without the usage, which would hide the reason."""
        if message.startswith(_UNKNOWN):
            message = self._unknown(message[len(_UNKNOWN) :])
        # argparse quotes the argument, before a list of choices or at the end.
        message = re.sub(r""":? (['"]).*\1(?= \(choose from |$)""", "", message, flags=re.DOTALL)
        self.exit(ExitCode.USAGE, f"ecsauth: error: {message}\necsauth: hint: see {self.prog} --help\n")

    def _unknown(self, words: str) -> str:
        """Return the message about arguments that are not known. Only what looks like an option is quoted."""
        names = _OPTIONS.findall(words)
        own = [option[2:] for option in self._option_string_actions if option.startswith("--")]
        nearest = dict.fromkeys(_nearest(name[2:], own) for name in names)
        advice = " ".join(f"--{option}" for option in nearest if option is not None)
        return " ".join([_UNKNOWN, *names]) + (f"; did you mean {advice}?" if advice else "")


def _nearest(word: str, known: Sequence[str]) -> Optional[str]:
    """Return the known word that is most like a mistyped one, None if there is none."""
    from difflib import get_close_matches  # for a fault only

    return next(iter(get_close_matches(word, known, n=1)), None)


def file_name(text: str) -> str:
    """Return one of several FILEs; refuse an option with its value in one word, which argparse takes for a file."""
    if text.startswith("-") and len(text.split()) > 1:
        raise argparse.ArgumentError(None, f"unrecognized arguments: {text}")
    return text


def add_format(parser: Parser, choices: Sequence[str] = ("text", "json")) -> None:
    """Add `--format`."""
    parser.add_argument(
        "--format", choices=choices, default="text", help="text for people (default), json for programs"
    )


def add_places(parser: Parser) -> None:
    """Add the paths of the env-file and of ecsauth's own files, for a command that only reads."""
    parser.add_argument("--file", metavar="PATH", help=f"the env-file (default: the installed one, else {ENV_FILE})")
    add_state_directory(parser)


def add_state_directory(parser: argparse._ActionsContainer) -> None:
    """Add the path of ecsauth's own files."""
    parser.add_argument("--state-dir", metavar="PATH", default=STATE_DIRECTORY, help=f"default: {STATE_DIRECTORY}")


def add_launch(parser: argparse._ActionsContainer, help_text: str) -> None:
    """Add `--launch`: how the agent is started."""
    parser.add_argument("--launch", choices=(*LAUNCH_MODES, "auto"), default="auto", help=help_text)


class EnvironmentName(NamedTuple):
    """The name of an environment in place of an S3 URI; `version` is empty, or `?versionId=V` as in the URI."""

    name: str
    version: str = ""


def environment_name(text: str) -> Optional[EnvironmentName]:
    """Return the text as the name of an environment, None if it cannot be one."""
    name, mark, version = text.partition("?versionId=")
    return EnvironmentName(name, mark + version) if re.fullmatch(ENVIRONMENT_NAME, name) else None


def uri_or_name(text: str) -> Union[S3URI, EnvironmentName]:
    """Return the S3 URI or the environment that an argument names; raise UsageError."""
    return environment_name(text) or aws_names.parse(text)


def add_uri(parser: Parser, form: str = "s3://bucket/key", *, beside: str = "") -> None:
    """Add the S3URI that an operator's command works on. `beside`: see `take_names`."""
    parser.add_argument("uri", metavar="S3URI", type=parsed(uri_or_name), help=f"{form}, or an environment")
    take_name(parser, "uri", NameUse(beside, ("kms_key", "bucket_owner", "region", "profile")))


class NameUse(NamedTuple):
    """What an argument makes of the name of an environment.

    `beside`: the object with this name, beside the env-file, is meant instead of the env-file.
    `fill`: the options of the command that get the values of the environment, unless they are given.
    """

    beside: str = ""
    fill: tuple[str, ...] = ()


def take_name(parser: Parser, argument: str, use: Optional[NameUse] = None) -> None:
    """Let an argument take the name of an environment instead of an S3 URI."""
    parser.set_defaults(takes_names={**(parser.get_default("takes_names") or {}), argument: use or NameUse()})


def may_name_environment(arguments: argparse.Namespace) -> bool:
    """Tell whether an argument can be the name of an environment, so that ecsauth.toml has to be read."""
    values = [getattr(arguments, name) for name in getattr(arguments, "takes_names", ())]
    words = [word for value in values for word in (value if isinstance(value, list) else [value])]
    return any(isinstance(one, EnvironmentName) or (isinstance(one, str) and environment_name(one)) for one in words)


class EnvironmentURI(str):
    """The S3 URI of an environment, in place of a FILE; `options` are its other values, for this FILE alone."""

    __slots__ = ("options",)
    options: Mapping[str, str]

    def __new__(cls, uri: str, options: Mapping[str, str]) -> EnvironmentURI:  # noqa: PYI034 - a subclass is not meant
        """Make the URI."""
        made = super().__new__(cls, uri)
        made.options = options
        return made


def with_defaults(arguments: argparse.Namespace, values: Mapping[str, str]) -> argparse.Namespace:
    """Return the arguments with these values for the options that were not given."""
    given = {name: value for name, value in vars(arguments).items() if value is not None}
    return argparse.Namespace(**{**vars(arguments), **values, **given})


def add_dialect(parser: Parser) -> None:
    """Add `--dialect`."""
    parser.add_argument(
        "--dialect",
        choices=("docker", "dotenv"),
        default="docker",
        help="syntax of FILE: that of docker (default), or that of python-dotenv, with quotes and comments",
    )


def add_check_login(parser: argparse._ActionsContainer, before: str) -> None:
    """Add `--check-login`; `before` names the act before which the logins are tested."""
    parser.add_argument(
        "--check-login",
        choices=("warn", "fail"),
        help=f"log in to each registry before {before}; a failed login is a warning, or ends the command",
    )


def add_aws(parser: Parser, region: str = "the region of the bucket") -> None:
    """Add the common options of AWS tools; `region` describes the region in the help."""
    parser.add_argument("--profile", metavar="NAME", help="profile in ~/.aws")
    parser.add_argument("--region", metavar="REGION", help=region)


def region(arguments: argparse.Namespace) -> Optional[str]:
    """Return the region of the option or of the environment; of the SDKs only Python's does not read AWS_REGION."""
    return arguments.region or os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")


def seconds(text: str) -> float:
    """Return a number of seconds; raise UsageError."""
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number <= _DAY:
        raise UsageError("must be a number of seconds, at most 86400")
    return number


def parsed(parse: Callable[[str], Value]) -> Callable[[str], Value]:
    """Wrap a parse function so that argparse can use it as an argument's `type`."""

    def convert(text: str) -> Value:
        try:
            return parse(text)
        except UsageError as fault:
            raise argparse.ArgumentTypeError("; ".join((fault.message, *fault.hints)).replace("%", "%%")) from None

    return convert
