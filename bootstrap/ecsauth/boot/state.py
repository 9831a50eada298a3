"""What ecsauth remembers between runs: which object it accepted, installed, launched and saw verified.

No value of the env-file is in it; the digests of files are for root alone. A state that cannot be read is damaged,
which is something else than none: what it protects from, an older object above all, is not known then.
"""

from __future__ import annotations

import hashlib
import json
from typing import Any, NamedTuple, Optional, TypeVar

from ecsauth.boot.trust import ObjectFacts
from ecsauth.errors import DamagedError, LocalError
from ecsauth.timing import Moment

_SCHEMA = 1
PRIVATE = 0o600

Value = TypeVar("Value")


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
        _insist(int, document["pre_image_mode"])
        return State(
            in_progress=_facts(document["in_progress"]),
            previous=_installed(document["previous"]),
            installed=_installed(document["installed"]),
            applied=_facts(document["applied"]),
            verified=_facts(document["verified"]),
            rejected=_rejected(document["rejected"]),
            pre_image_mode=document["pre_image_mode"],
            # What version 0.1 did not record.
            agent_before=_be(bool, document.get("agent_before", False)),
            confirmed_at=_be(int, document.get("confirmed_at", 0)),
            failure=_failure(document.get("failure")),
            on_terms=_source(document.get("on_terms")),
            leaves_agent=_be(bool, document.get("leaves_agent", False)),
            region=_named(document.get("region")),
            had_file=_flag(document.get("had_file")),
        )
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise DamagedError(
            f"{path} is damaged: it holds no record of ecsauth",
            "run ecsauth boot: it keeps the file aside, and goes on with the second copy or with a new record",
        ) from None


def _document(record: Any) -> dict[str, Any]:
    return {name: _document(value) if hasattr(value, "_asdict") else value for name, value in record._asdict().items()}


def _facts(document: Optional[dict[str, Any]]) -> Optional[ObjectFacts]:
    return None if document is None else _object(document)


def _installed(document: Optional[dict[str, Any]]) -> Optional[Installed]:
    if document is None:
        return None
    source, moment = _terms(document["source"]), _moment(document.get("moment"))
    return Installed(
        _object(document["facts"]), source, _be(int, document["at"]), moment, _named(document.get("sha256"))
    )


def _source(document: Optional[dict[str, Any]]) -> Optional[Source]:
    return None if document is None else _terms(document)


def _terms(terms: dict[str, Any]) -> Source:
    source = Source(**{**terms, "kms_keys": tuple(terms["kms_keys"]), "settings": tuple(terms["settings"])})
    _insist(str, source.uri, source.bucket_owner, source.env_file, source.rules, *source.kms_keys, *source.settings)
    return source


def _moment(document: Optional[dict[str, Any]]) -> Optional[Moment]:
    return None if document is None else Moment(_be(str, document["boot"]), _be(float, document["seconds"]))


def _rejected(document: Optional[dict[str, Any]]) -> Optional[Rejected]:
    if document is None:
        return None
    retry_after = document.get("retry_after")
    return Rejected(
        facts=_object(document["facts"]),
        plan=_be(str, document.get("plan", "")),
        reason=_be(str, document["reason"]),
        at=_be(int, document["at"]),
        tries=_be(int, document.get("tries", 1)),
        retry_after=None if retry_after is None else _be(int, retry_after),
        final=_be(bool, document.get("final", False)),
    )


def _failure(document: Optional[dict[str, Any]]) -> Optional[Failure]:
    if document is None:
        return None
    return Failure(_be(int, document["at"]), _be(int, document["status"]), _be(str, document["message"]))


def _object(document: dict[str, Any]) -> ObjectFacts:
    facts = ObjectFacts(**document)
    optional = (facts.version_id, facts.encryption, facts.kms_key, facts.checksum)
    _insist(str, facts.etag, *(text for text in optional if text is not None))
    _insist(int, facts.last_modified)
    return facts


def _named(value: object) -> Optional[str]:
    return None if value is None else _be(str, value)


def _flag(value: object) -> Optional[bool]:
    return None if value is None else _be(bool, value)


def _insist(kind: type, *values: object) -> None:
    if not all(isinstance(value, kind) for value in values):
        raise TypeError


def _be(kind: type[Value], value: object) -> Value:
    if not isinstance(value, kind):
        raise TypeError
    return value
