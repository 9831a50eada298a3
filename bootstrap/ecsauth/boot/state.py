"""What ecsauth remembers between runs: which object it accepted, installed, launched and saw verified.

No value of the env-file is in it; the digests of files are for root alone. A state that cannot be read is damaged,
which is something else than none: what it protects from, an older object above all, is not known then.
"""

from __future__ import annotations

import functools
import hashlib
import json
from typing import Any, NamedTuple, Optional, get_args, get_origin, get_type_hints

from ecsauth.boot.trust import ObjectFacts
from ecsauth.errors import DamagedError, LocalError
from ecsauth.timing import Moment  # noqa: TC001 - the annotations are read

_SCHEMA = 1
PRIVATE = 0o600


class Source(NamedTuple):
    """The terms on which an object was accepted; a change of any of them calls for a full fetch.

    `settings` are the `--set` assignments, which stand in user data; `rules` is the rule catalogue's edition.
    """

    uri: str
    bucket_owner: str
    kms_keys: tuple[str, ...]
    env_file: str
    settings: tuple[str, ...]
    rules: str


class Installed(NamedTuple):
    """An object that stands in the env-file's place, since `at` (seconds since the epoch) and `moment`.

    `sha256` is the digest of the installed bytes; None in a record of a version of ecsauth that kept none. It helps
    whoever guesses a weak password: it is never shown.
    """

    facts: ObjectFacts
    source: Source
    at: int
    moment: Optional[Moment] = None
    sha256: Optional[str] = None

    def is_of(self, data: Optional[bytes]) -> bool:
        """Tell whether these are the installed bytes; without a recorded digest any bytes are taken for them."""
        return data is not None and self.sha256 in (None, digest(data))


class Rejected(NamedTuple):
    """A version that was launched and did not come up, after so many `tries`, with the agent made as `plan` says.

    `at` and `retry_after` are in seconds since the epoch. One that is `final` is not tried again by itself.
    """

    facts: ObjectFacts
    plan: str
    reason: str
    at: int
    tries: int = 1
    retry_after: Optional[int] = None
    final: bool = False


class Failure(NamedTuple):
    """How the last run ended, if it failed: `at` in seconds since the epoch, its exit status, and why."""

    at: int
    status: int
    message: str


class State(NamedTuple):
    """Where the last run stopped.

    `in_progress` is set while a change is open: the pre-image is kept, the rest may or may not be done.
    `previous` is what the pre-image is, where ecsauth itself had installed it; `had_file` tells whether there is a
    pre-image, None in a record of a version of ecsauth that did not say so. `applied` was given to an agent,
    `verified` was given to an agent that then registered. `pre_image_mode` are the permission bits that the pre-image
    had in its place: a file that was there before ecsauth comes back as it was. `agent_before` tells whether an agent
    ran when the change was opened. `confirmed_at` is when S3 last said that what is installed is current, give or
    take some minutes, in seconds since the epoch, 0 never. `failure` is set where the last run failed.
    `leaves_agent` is set where no run so far was told to start an agent; `region` is the one that the last was given.
    `on_terms` are those on which the object in progress was accepted: with other settings it makes another file.
    """

    in_progress: Optional[ObjectFacts] = None
    previous: Optional[Installed] = None
    installed: Optional[Installed] = None
    applied: Optional[ObjectFacts] = None
    verified: Optional[ObjectFacts] = None
    rejected: Optional[Rejected] = None
    pre_image_mode: int = PRIVATE
    agent_before: bool = False
    confirmed_at: int = 0
    failure: Optional[Failure] = None
    on_terms: Optional[Source] = None
    leaves_agent: bool = False
    region: Optional[str] = None
    had_file: Optional[bool] = None


# Version 0.1 recorded these; a record without one of them is damaged, though an empty state has defaults.
_ALWAYS_RECORDED = frozenset(State._fields[:7])
# On terms, and for an object, that this version does not know, nothing is taken for accepted.
_CLOSED = (ObjectFacts, Source)

# An object's facts stand up to six times in a record.
_hints = functools.lru_cache(maxsize=None)(get_type_hints)


def digest(data: bytes) -> str:
    """Return the SHA-256 of an env-file, by which a damaged copy is told from a whole one."""
    return hashlib.sha256(data).hexdigest()


def to_json(state: State) -> bytes:
    """Return the state as it is kept on disk."""
    return json.dumps({"schema": _SCHEMA, **_document(state)}, indent=1).encode() + b"\n"


def from_json(data: bytes, path: str = "the record") -> State:
    """Return the state that `data` holds, which was read from `path`.

    Raises DamagedError if it holds none, LocalError if a newer version of ecsauth has written it.
    """
    try:
        document = json.loads(data)
        schema = document["schema"]
        if type(schema) is not int or schema < _SCHEMA:
            raise ValueError
        if schema > _SCHEMA:
            raise LocalError(
                f"{path} was written by a newer ecsauth (schema {schema})",
                "install that version again: this one does not know what its record protects from",
            )
        if not document.keys() >= _ALWAYS_RECORDED:
            raise ValueError
        if document["rejected"]:
            # What ecsauth rejected before it had modes of starting an agent.
            document["rejected"].setdefault("plan", "")
        state: State = _record(State, document)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise DamagedError(
            f"{path} is damaged: it holds no record of ecsauth",
            "run ecsauth boot: it keeps the file aside, and goes on with the second copy or with a new record",
        ) from None
    return state


def _document(record: Any) -> dict[str, Any]:
    return {name: _document(value) if hasattr(value, "_asdict") else value for name, value in record._asdict().items()}


def _record(kind: Any, document: Any) -> Any:
    """Return the named tuple that a JSON object holds; raise ValueError or TypeError if it holds none.

    What an earlier version did not record has the field's default; without one the constructor raises TypeError.
    """
    if type(document) is not dict:
        raise TypeError
    hints = _hints(kind)
    if kind in _CLOSED and not document.keys() <= hints.keys():
        raise ValueError
    return kind(**{name: _value(hint, document[name]) for name, hint in hints.items() if name in document})


def _value(hint: Any, value: Any) -> Any:
    """Return what JSON has for a field with this annotation; raise ValueError or TypeError for any other type."""
    choices = get_args(hint)
    if type(None) in choices:
        return None if value is None else _value(choices[0], value)
    if get_origin(hint) is tuple and type(value) is list:
        return tuple(_value(choices[0], one) for one in value)
    if hasattr(hint, "_fields"):
        return _record(hint, value)
    # Not isinstance: to Python a bool is an int.
    if type(value) is not hint:
        raise TypeError
    return value
