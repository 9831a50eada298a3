"""The state that ecsauth keeps between runs: the versions that it accepted, installed, started and saw registered.

The state contains no value of the env-file. Only root may read it, because it contains digests of files. A damaged
state is not the same as no state: without it ecsauth cannot know, above all, whether an object is too old.
"""

from __future__ import annotations

import functools
import hashlib
import json
from typing import Any, NamedTuple, Optional, get_args, get_origin, get_type_hints

from ecsauth.boot.trust import ObjectFacts
from ecsauth.command_hint import S3URI, CommandHint
from ecsauth.errors import DamagedError, LocalError
from ecsauth.timing import Moment  # noqa: TC001 - the annotations are read

_SCHEMA = 1
PRIVATE = 0o600


class Source(NamedTuple):
    """The terms on which an object was accepted. If one of them changes, the object is fetched again.

    `settings` are the `--set` assignments, which user data contains; `rules` is the edition of the rule catalogue.
    """

    uri: str
    bucket_owner: str
    kms_keys: tuple[str, ...]
    env_file: str
    settings: tuple[str, ...]
    rules: str


class Ahead(NamedTuple):
    """A candidate runs ahead of the released version.

    `released` is the released version that was seen when the candidate was taken, at `since`. Another released version
    ends the candidate; at `until` it ends by itself. Both times are in seconds since the epoch. `withdrawn` is set if
    it was withdrawn, at `until`: the instance has it until the released version runs.
    """

    released: ObjectFacts
    since: int
    until: int
    withdrawn: bool = False


class Installed(NamedTuple):
    """The version that was installed as the env-file, at `at` (seconds since the epoch) and `moment`.

    `sha256` is the digest of the installed bytes; None in a record of an older ecsauth. It is never shown, because it
    helps an attacker to guess a weak password. `ahead` is set if the version is a candidate; `source` names the
    released object also then.
    """

    facts: ObjectFacts
    source: Source
    at: int
    moment: Optional[Moment] = None
    sha256: Optional[str] = None
    ahead: Optional[Ahead] = None

    def is_of(self, data: Optional[bytes]) -> bool:
        """Tell whether `data` are the installed bytes. Without a recorded digest any bytes are accepted."""
        return data is not None and self.sha256 in (None, digest(data))


class Rejected(NamedTuple):
    """A version whose agent did not come up after `tries` tries. `plan` is the fingerprint of that agent.

    `at` and `retry_after` are in seconds since the epoch. A `final` rejection is not tried again without --force.
    """

    facts: ObjectFacts
    plan: str
    reason: str
    at: int
    tries: int = 1
    retry_after: Optional[int] = None
    final: bool = False


class Failure(NamedTuple):
    """The failure of the last run: the time `at` in seconds since the epoch, the exit status, and the reason."""

    at: int
    status: int
    message: str


class State(NamedTuple):
    """The state at the end of the last run.

    `in_progress` is set while a change is open: the pre-image is kept, and the other steps may or may not be done.
    `on_terms` are the terms on which that version was accepted: other settings make another file of it.
    `previous` describes the pre-image, if ecsauth had installed it. `had_file` tells whether there is a pre-image; it
    is None in a record of an older ecsauth. `pre_image_mode` are the permission bits of the pre-image, so that a
    rollback restores a file of the AMI unchanged. `agent_before` tells whether there was an agent before the change.
    `applied` is the version that an agent was started with, `verified` the last version whose agent registered.
    `confirmed_at` is when S3 last confirmed the installed version, in seconds since the epoch, accurate to some
    minutes; 0 means never. `failure` is set if the last run failed. `leaves_agent` is set if no run so far was to start
    an agent. `region` is the --region of the last run. `agent_label` is the version ID with which the agent of
    `verified` was started, if it has the same bytes under another version ID. `pre_image_of` is the version ID of the
    pre-image, which stays on disk after the change; None if it is unknown or if there is no pre-image.
    `rejected` is the rejection of a released version (of any version in a record of an older ecsauth),
    `rejected_candidate` that of a candidate: trying one must not erase that of the other. `change_label` is for the
    agent of the open change what `agent_label` is for that of `verified`.
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
    agent_label: Optional[str] = None
    pre_image_of: Optional[str] = None
    rejected_candidate: Optional[Rejected] = None
    change_label: Optional[str] = None

    @property
    def agent_labels(self) -> frozenset[str]:
        """The version IDs with which an agent that has registered may have been started; empty if none has."""
        if self.verified is None:
            return frozenset()
        return frozenset({self.verified.identity, self.agent_label or self.verified.identity})

    def other_label(self, facts: ObjectFacts) -> Optional[str]:
        """Return another version ID with which the agent of this version may have been started, None if there is none.

        It is that of a candidate which became this version.
        """
        if facts.is_same_object(self.verified):
            return self.agent_label
        return self.change_label if facts.is_same_object(self.in_progress) else None


# Version 0.1 recorded these. A record without one of them is damaged, although an empty state has defaults.
_ALWAYS_RECORDED = frozenset(State._fields[:7])
# A record of these with an unknown field is refused: it may hold a condition that this version does not check.
_CLOSED = (ObjectFacts, Source)

# Cached, because one record contains up to six ObjectFacts.
_hints = functools.lru_cache(maxsize=None)(get_type_hints)


def digest(data: bytes) -> str:
    """Return the SHA-256 of an env-file, which shows whether a copy is damaged."""
    return hashlib.sha256(data).hexdigest()


def to_json(state: State) -> bytes:
    """Return the state as written on disk."""
    return json.dumps({"schema": _SCHEMA, **_document(state)}, indent=1).encode() + b"\n"


def from_json(data: bytes, path: str = "the record") -> State:
    """Parse the state in `data`, which was read from `path`.

    Raises DamagedError if it is not a state, LocalError if a newer version of ecsauth has written it.
    """
    try:
        document = json.loads(data)
        schema = document["schema"]
        if type(schema) is not int or schema < _SCHEMA:
            raise ValueError
        if schema > _SCHEMA:
            raise LocalError(
                f"{path} was written by a newer ecsauth (schema {schema})",
                "install that version again: this version cannot check all conditions in the record",
            )
        if not document.keys() >= _ALWAYS_RECORDED:
            raise ValueError
        if document["rejected"]:
            # A rejection of an older ecsauth, which had no launch modes, has no plan.
            document["rejected"].setdefault("plan", "")
        state: State = _record(State, document)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise DamagedError(
            f"{path} is damaged: it is not a record of ecsauth",
            CommandHint("keep the damaged file, and use its second copy or a new record", "ecsauth", "boot", S3URI),
        ) from None
    return state


def _document(record: Any) -> dict[str, Any]:
    return {name: _document(value) if hasattr(value, "_asdict") else value for name, value in record._asdict().items()}


def _record(kind: Any, document: Any) -> Any:
    """Parse a JSON object as a named tuple; raise ValueError or TypeError if it is not one.

    A field that an earlier version did not record gets its default; without a default the constructor raises TypeError.
    """
    if type(document) is not dict:
        raise TypeError
    hints = _hints(kind)
    if kind in _CLOSED and not document.keys() <= hints.keys():
        raise ValueError
    return kind(**{name: _value(hint, document[name]) for name, hint in hints.items() if name in document})


def _value(hint: Any, value: Any) -> Any:
    """Convert a JSON value to the type of the annotation; raise ValueError or TypeError for any other type."""
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
