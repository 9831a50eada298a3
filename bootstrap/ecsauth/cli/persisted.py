"""The arguments of `boot --persist`, kept on disk for the units and for `boot --as-persisted`.

A remote caller of `boot --as-persisted` chooses a version and nothing else: object, keys and owner are those that root
has kept here.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
from typing import TYPE_CHECKING, Any, NamedTuple, Optional

from ecsauth.agent.names import holds_secret, names_user
from ecsauth.cli import options
from ecsauth.command_hint import S3URI, CommandHint
from ecsauth.errors import LocalError, UsageError
from ecsauth.host.private_directory import PrivateDirectory

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

_NAME = "persisted.json"
_SCHEMA = 1
_PRIVATE, _OTHERS = 0o600, 0o077
_AGAIN = ("ecsauth", "boot", S3URI, "--persist")
# The options that may stand beside --as-persisted: those of a single run, and where the arguments are kept.
_BESIDE = frozenset(
    {
        "as_persisted",
        "candidate",
        "candidate_for",
        "command",
        "dry_run",
        "force",
        "forget_previous",
        "format",
        "launch",
        "log_format",
        "run",
        "state_dir",
        "withdraw",
    }
)
# Those of them that are kept as well, unless this run has its own, with their defaults.
_KEPT_TOO = {"launch": "auto", "log_format": "text"}


class Persisted(NamedTuple):
    """The arguments of `boot`, and the variables of its environment that it needs."""

    arguments: tuple[str, ...]
    environment: tuple[tuple[str, str], ...]


def path(state_directory: str) -> str:
    """Return the path of the file."""
    return os.path.join(os.path.abspath(state_directory), _NAME)


def refuse_secrets(environment: tuple[tuple[str, str], ...]) -> None:
    """Raise UsageError for a variable that has a secret in it, as a proxy's password."""
    for name, value in environment:
        if holds_secret(name, value) or names_user(value):
            raise UsageError(
                f"{name} has a password in it, which boot --persist must not keep on disk",
                f"write {name} to a file with mode 0600, and add that file as EnvironmentFile= with systemctl edit",
            )


def is_kept(state_directory: str, wanted: Persisted) -> bool:
    """Tell whether exactly this is kept, readable by root alone; raise LocalError if the file cannot be read."""
    place = PrivateDirectory(state_directory, mode=0o700)
    return place.read(_NAME) == _to_json(wanted) and place.mode(_NAME) == _PRIVATE


def write(state_directory: str, wanted: Persisted) -> None:
    """Keep this; raise LocalError."""
    place = PrivateDirectory(state_directory, mode=0o700)
    place.sweep(_NAME)
    place.write(_NAME, _to_json(wanted))


def remove(state_directory: str) -> bool:
    """Remove the file, and tell whether there was one; raise LocalError."""
    place = PrivateDirectory(state_directory, mode=0o700)
    if not place.has(_NAME):
        return False
    place.write(_NAME, None)
    return True


def read(state_directory: str) -> Persisted:
    """Return what is kept; raise LocalError if it is missing, damaged, or readable by other users."""
    place, where = PrivateDirectory(state_directory, mode=0o700), path(state_directory)
    data = place.read(_NAME)
    if data is None:
        raise LocalError(f"there is no {where}: boot --persist has not run here", CommandHint("keep them", *_AGAIN))
    if place.mode(_NAME) & _OTHERS:
        raise LocalError(f"other users can read {where}", f"chmod 600 {where}")
    try:
        document = json.loads(data)
        if document["schema"] != _SCHEMA:
            raise ValueError
        words = tuple(_text(word) for word in document["arguments"])
        environment = tuple((_text(name), _text(value)) for name, value in document["environment"].items())
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise LocalError(
            f"{where} is damaged: the arguments of boot cannot be read from it", CommandHint("keep them again", *_AGAIN)
        ) from None
    return Persisted(words, environment)


def uri(state_directory: str) -> Optional[str]:
    """Return the S3 URI that is kept, None if none can be read."""
    try:
        return next(iter(read(state_directory).arguments), None)
    except LocalError:
        return None


def resolved(arguments: argparse.Namespace, add_arguments: Callable[[options.Parser], None]) -> argparse.Namespace:
    """Return the kept arguments, with the options of this run; raise UsageError or LocalError.

    The kept variables are set in the environment, unless this run has its own.
    """
    parser = options.Parser(prog=f"ecsauth {arguments.command}")
    add_arguments(parser)
    parser.set_defaults(command=arguments.command, run=arguments.run)
    _refuse_others(arguments, parser.parse_args(["--as-persisted"]))
    kept = read(arguments.state_dir)
    found = _parsed(parser, kept, path(arguments.state_dir))
    for name, value in kept.environment:
        os.environ.setdefault(name, value)
    for name in _BESIDE - {"state_dir", *_KEPT_TOO}:
        setattr(found, name, getattr(arguments, name))
    for name, default in _KEPT_TOO.items():
        if getattr(arguments, name) != default:
            setattr(found, name, getattr(arguments, name))
    return found


def _parsed(parser: options.Parser, kept: Persisted, where: str) -> argparse.Namespace:
    """Return the kept arguments, parsed; raise LocalError if an ecsauth with other options has kept them."""
    try:
        # The message of the parser would speak of the command line, which is not at fault.
        with contextlib.redirect_stderr(io.StringIO()):
            return parser.parse_args(kept.arguments)
    except SystemExit:
        raise LocalError(
            f"this ecsauth does not take the arguments in {where}: another version has kept them",
            CommandHint("keep them again", *_AGAIN),
        ) from None


def _refuse_others(arguments: argparse.Namespace, defaults: argparse.Namespace) -> None:
    for name, value in vars(arguments).items():
        if name not in _BESIDE and value != getattr(defaults, name):
            option = "S3URI" if name == "uri" else f"--{name.replace('_', '-')}"
            raise UsageError(
                f"--as-persisted takes no {option}: the kept arguments count",
                CommandHint("to change them run", *_AGAIN),
            )


def _text(value: Any) -> str:
    if type(value) is not str or "\0" in value:
        raise ValueError
    return value


def _to_json(kept: Persisted) -> bytes:
    document = {"schema": _SCHEMA, "arguments": list(kept.arguments), "environment": dict(kept.environment)}
    return json.dumps(document, indent=1).encode() + b"\n"
