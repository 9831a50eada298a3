"""What ecsauth remembers between runs: which object it accepted, installed, launched and saw verified.

Nothing in it is secret. A state that cannot be read counts as none: the next run fetches and checks everything.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple, Optional

from bootstrap.core.trust import ObjectFacts

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
    """An object that stands in the env-file's place. `at` is in seconds since the epoch."""

    facts: ObjectFacts
    source: Source
    at: int


class Rejected(NamedTuple):
    """A version that was launched and did not come up. `at` is in seconds since the epoch."""

    facts: ObjectFacts
    reason: str
    at: int


class State(NamedTuple):
    """Where the last run stopped.

    `in_progress` is set while a change is open: the pre-image is kept, the rest may or may not be done.
    `previous` is what the pre-image is, where ecsauth itself had installed it. `applied` was given to an agent,
    `verified` was given to an agent that then registered. `pre_image_mode` are the permission bits that the pre-image
    had in its place: a file that was there before ecsauth comes back as it was.
    """

    in_progress: Optional[ObjectFacts] = None
    previous: Optional[Installed] = None
    installed: Optional[Installed] = None
    applied: Optional[ObjectFacts] = None
    verified: Optional[ObjectFacts] = None
    rejected: Optional[Rejected] = None
    pre_image_mode: int = PRIVATE


def to_json(state: State) -> bytes:
    """Return the state as it is kept on disk."""
    return json.dumps({"schema": _SCHEMA, **_document(state)}, indent=1).encode() + b"\n"


def from_json(data: bytes) -> State:
    """Return the state that `data` holds, or an empty one if it holds none that this version understands."""
    try:
        document = json.loads(data)
        if document["schema"] != _SCHEMA:
            return State()
        _insist(int, document["pre_image_mode"])
        return State(
            in_progress=_facts(document["in_progress"]),
            previous=_installed(document["previous"]),
            installed=_installed(document["installed"]),
            applied=_facts(document["applied"]),
            verified=_facts(document["verified"]),
            rejected=_rejected(document["rejected"]),
            pre_image_mode=document["pre_image_mode"],
        )
    except (ValueError, TypeError, KeyError, RecursionError):
        return State()


def _document(record: Any) -> dict[str, Any]:
    return {name: _document(value) if hasattr(value, "_asdict") else value for name, value in record._asdict().items()}


def _facts(document: Optional[dict[str, Any]]) -> Optional[ObjectFacts]:
    return None if document is None else _object(document)


def _installed(document: Optional[dict[str, Any]]) -> Optional[Installed]:
    if document is None:
        return None
    terms = document["source"]
    source = Source(**{**terms, "kms_keys": tuple(terms["kms_keys"]), "settings": tuple(terms["settings"])})
    _insist(str, source.uri, source.bucket_owner, source.env_file, source.rules, *source.kms_keys, *source.settings)
    _insist(int, document["at"])
    return Installed(_object(document["facts"]), source, document["at"])


def _rejected(document: Optional[dict[str, Any]]) -> Optional[Rejected]:
    if document is None:
        return None
    _insist(str, document["reason"])
    _insist(int, document["at"])
    return Rejected(_object(document["facts"]), document["reason"], document["at"])


def _object(document: dict[str, Any]) -> ObjectFacts:
    facts = ObjectFacts(**document)
    optional = (facts.version_id, facts.encryption, facts.kms_key, facts.checksum)
    _insist(str, facts.etag, *(text for text in optional if text is not None))
    _insist(int, facts.last_modified)
    return facts


def _insist(kind: type, *values: object) -> None:
    if not all(isinstance(value, kind) for value in values):
        raise TypeError
