"""Environments: what `ecsauth.toml` says of them. Its tables `[env.NAME]` give an S3 URI, and its options, a name."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn, Optional

from ecsauth import aws_names
from ecsauth.boot import trust
from ecsauth.cli.options import ENVIRONMENT_NAME
from ecsauth.cli.toml_places import line_of
from ecsauth.deploy import user_data
from ecsauth.errors import UsageError

if TYPE_CHECKING:
    from ecsauth.aws_names import S3URI

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

EXAMPLE = """\
[env.prod]
uri = "s3://bucket/prod/ecs.config"
kms_key = "arn:aws:kms:eu-west-1:111122223333:key/ID"
bucket_owner = "111122223333"
region = "eu-west-1"
profile = "prod"
"""

_TABLE = "env"
_SHAPE = "write a table [env.NAME] for each environment, with the keys uri, kms_key, bucket_owner, region and profile"
# A name that a message may show. Any other key may be a pasted secret.
_SHOWN = r"[a-z][a-z_-]{0,31}"
# The end of the parser's message.
_PLACE = r"\(at line ([0-9]+), column [0-9]+\)$"
# The beginning of the parser's message for a key or table that stands twice.
_TWICE = "Cannot "


class Environment(NamedTuple):
    """An entry `[env.NAME]` of `ecsauth.toml`. `source` is the path of the file; None is a key that is not there."""

    name: str
    uri: S3URI
    kms_key: Optional[str] = None
    bucket_owner: Optional[str] = None
    region: Optional[str] = None
    profile: Optional[str] = None
    source: str = ""

    def values(self) -> dict[str, str]:
        """Return the keys of the entry that are there, with their values."""
        found = ((key, getattr(self, key)) for key in KEYS)
        return {key: str(value) for key, value in found if value is not None}

    def entry(self) -> str:
        """Return the entry as TOML."""
        return "".join(
            [f"[{_TABLE}.{self.name}]\n", *(f"{key} = {quoted(text)}\n" for key, text in self.values().items())]
        )


def quoted(text: str) -> str:
    """Return a printable text as a basic string of TOML, in which only these two characters need an escape."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _uri(text: str) -> S3URI:
    uri = aws_names.parse(text)
    if "?" in uri.key or uri.version_id is not None:
        raise UsageError("an environment is an S3 object, not one of its versions", "write s3://bucket/key, without ?")
    return uri


def _profile(text: str) -> str:
    if text and text.isprintable() and not text.startswith("-") and text == text.strip():
        return text
    raise UsageError("takes the name of a profile of ~/.aws")


# The validators of the options with these names.
KEYS = {
    "uri": _uri,
    "kms_key": trust.key_arn,
    "bucket_owner": trust.account,
    "region": user_data.region,
    "profile": _profile,
}


def parse(data: bytes, file: str) -> dict[str, Environment]:
    """Return the environments by name; raise UsageError, with the line, for a file that has anything else in it.

    A message never quotes a line or a value, because a user may have pasted a secret.
    """
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as fault:
        line = data.count(b"\n", 0, fault.start) + 1
        raise UsageError(f"{file}:{line}: this is not UTF-8", "save the file as UTF-8") from None
    document = _document(text, file)
    reader = _Reader(text, file)
    for key in document:
        if key != _TABLE:
            reader.refuse((key,), f"unknown table or key{_shown(key)}, so it would have no effect", _SHAPE)
    tables = document.get(_TABLE, {})
    if not isinstance(tables, dict):
        reader.refuse((_TABLE,), "env is not a table, so there are no environments", _SHAPE)
    return {name: reader.environment(name, table) for name, table in tables.items()}


def _document(text: str, file: str) -> dict[str, Any]:
    """Return the document; raise UsageError with the parser's line, but without its text, which may quote the file."""
    try:
        return tomllib.loads(text)
    except ValueError as fault:
        place = re.search(_PLACE, str(fault))
        line = place[1] if place else str(text.rstrip("\n").count("\n") + 1)
        is_twice = str(fault).startswith(_TWICE)
        reason = "a key or a table is here for the second time" if is_twice else "this is not TOML"
        fix = (
            "keep one of the two"
            if is_twice
            else 'write KEY = "VALUE", below a table [env.NAME]; end each text with its quote'
        )
        raise UsageError(f"{file}:{line}: {reason}, so ecsauth reads no environment", fix) from None
    except RecursionError:
        raise UsageError(f"{file}: this is nested too deeply, so ecsauth reads no environment", _SHAPE) from None


def _shown(name: str) -> str:
    return f" {name}" if re.fullmatch(_SHOWN, name) else ""


class _Reader:
    """Reads the tables of one file, and names its lines."""

    def __init__(self, text: str, file: str) -> None:
        self._text, self._file = text, file

    def environment(self, name: str, table: Any) -> Environment:
        """Return an environment; raise UsageError for an invalid name, key or value."""
        path = (_TABLE, name)
        if not isinstance(table, dict):
            self.refuse(path, f"the key{_shown(name)} is directly below [env], so it is of no environment", _SHAPE)
        if not re.fullmatch(ENVIRONMENT_NAME, name):
            rule = "use letters, digits, - and _, with a letter or digit first, at most 64"
            self.refuse(path, "this is not a valid name of an environment, so no command can use it", rule)
        for key in table:
            if key not in KEYS:
                self._refuse_key(path, key)
        if "uri" not in table:
            example = 'add uri = "s3://bucket/key"'
            self.refuse(path, f"[env.{name}] has no uri, so no command could use it", example)
        return Environment(name, **{key: self._value((*path, key), table[key]) for key in table}, source=self._file)

    def _refuse_key(self, path: tuple[str, ...], key: str) -> NoReturn:
        from difflib import get_close_matches  # for a fault only

        close = get_close_matches(key, KEYS, 1)
        hints = [f"did you mean {close[0]}?"] if close else []
        known = f"the keys are {', '.join(KEYS)}"
        what = f"unknown key{_shown(key)} in [env.{path[-1]}], so it would have no effect"
        self.refuse((*path, key), what, *hints, known)

    def _value(self, path: tuple[str, ...], value: Any) -> Any:
        *_, name, key = path
        if not isinstance(value, str):
            self.refuse(path, f"{key} of [env.{name}] is not a text in quotes", f'write {key} = "VALUE"')
        try:
            return KEYS[key](value)
        except UsageError as fault:
            self.refuse(path, f"{key} of [env.{name}] is not valid: {fault.message}", *fault.hints)

    def refuse(self, path: tuple[str, ...], reason: str, *hints: str) -> NoReturn:
        """Raise UsageError about a key or a table."""
        line = line_of(self._text, path)
        raise UsageError(f"{self._file}{f':{line}' if line else ''}: {reason}", *hints)
