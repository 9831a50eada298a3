"""Replace the names of environments in the arguments of a command, and fill in the options that go with them.

A word that can be a name means an environment; where a path is possible, only if there is no file with that name. If
there are both, the command is refused: it must not check, push or compare something else than the user means.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Union

from ecsauth import aws_names
from ecsauth.cli import environment_search, options
from ecsauth.cli.options import EnvironmentName, EnvironmentURI
from ecsauth.command_hint import CommandHint
from ecsauth.errors import UsageError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from ecsauth.cli.environment_file import EnvironmentFile
    from ecsauth.cli.environments import Environment
    from ecsauth.cli.options import NameUse

_LIST = CommandHint("see where it is searched for, with an example", "ecsauth", "env")


def resolve(arguments: argparse.Namespace) -> None:
    """Replace the names of environments; raise UsageError or LocalError, with the arguments as they are.

    Messages and commands to paste show the S3 URI and the options, never the name: so they mean the same elsewhere.
    """
    uses: Mapping[str, NameUse] = arguments.takes_names
    found = {name: _resolved(getattr(arguments, name), use.beside) for name, use in uses.items()}
    for name, value in found.items():
        if isinstance(value, EnvironmentURI):
            _fill(arguments, uses[name].fill, value.options)
            # An argument that takes no path was parsed before, as the URIs that are given.
            is_parsed = isinstance(getattr(arguments, name), EnvironmentName)
            setattr(arguments, name, aws_names.parse(value) if is_parsed else value)
        elif isinstance(value, list):
            setattr(arguments, name, value)


def _resolved(value: Any, beside: str) -> Any:
    if isinstance(value, EnvironmentName):
        return _uri(value, _found(value, _load()), beside)
    if isinstance(value, list):
        return [_path_or_uri(each) for each in value]
    return _path_or_uri(value) if isinstance(value, str) else value


def _load() -> EnvironmentFile | None:
    if environment_search.find() is None:
        return None
    from ecsauth.cli import environment_file  # brings the parser, which a path needs only beside an ecsauth.toml

    return environment_file.load()


def _fill(arguments: argparse.Namespace, names: tuple[str, ...], values: Mapping[str, str]) -> None:
    """Set those of the options that the command has and that were not given."""
    given = vars(arguments)
    for name in names:
        if name in values and name in given and given[name] is None:
            setattr(arguments, name, values[name])


def _path_or_uri(text: str) -> Union[str, EnvironmentURI]:
    """Return a FILE as it is, or the URI of the environment; raise UsageError if it could be both."""
    word = options.environment_name(text)
    if word is None:
        return text
    file = _load()
    # No command takes a folder as FILE, so a folder with this name is never the argument.
    is_file = os.path.lexists(text) and not os.path.isdir(text)
    if file is None or (is_file and word.name not in file.environments):
        return text
    if is_file:
        uri = str(file.environments[word.name].uri) + word.version
        raise UsageError(
            f"{text} is a file here and an environment in {file.path}",
            f"for the file write ./{text}",
            f"for the environment write {uri}",
        )
    return _uri(word, _found(word, file, "is neither a file here nor an environment"), "")


def _uri(word: EnvironmentName, environment: Environment, beside: str) -> EnvironmentURI:
    values = environment.values()
    uri = environment.uri
    if beside:
        folder, slash, _ = uri.key.rpartition("/")
        uri = uri._replace(key=f"{folder}{slash}{beside}")
        if uri == environment.uri:
            raise UsageError(f"{uri} is the env-file of environment {word.name}", "give the S3 URI of another object")
    # The user has typed the version, so it is validated here.
    text = str(aws_names.parse(f"{uri}{word.version}"))
    return EnvironmentURI(text, {key: value for key, value in values.items() if key != "uri"})


def _found(word: EnvironmentName, file: EnvironmentFile | None, absent: str = "") -> Environment:
    """Return the environment; raise UsageError if there is none with this name."""
    if file is None:
        # The word is not shown: it may be anything.
        raise UsageError(
            f"this is not an S3 URI, and there is no {environment_search.NAME} that names environments", _LIST
        )
    if word.name in file.environments:
        return file.environments[word.name]
    raise unknown(word.name, file, absent)


def unknown(name: str, file: EnvironmentFile, absent: str = "") -> UsageError:
    """Return the error for a name that the file does not have."""
    from difflib import get_close_matches  # for a fault only

    names = list(file.environments)
    close = get_close_matches(name, names, 1)
    there = f"there are: {', '.join(names)}" if names else "it has none"
    what = f"{name} {absent} in" if absent else f"no environment {name} in"
    return UsageError(f"{what} {file.path}; {there}", *([f"did you mean {close[0]}?"] if close else []))
