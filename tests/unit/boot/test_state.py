"""What is remembered between runs comes back as it was, and whatever is no state is known for damaged."""

from __future__ import annotations

import contextlib
import copy
import json
from typing import TYPE_CHECKING, Any

import pytest
from ecsauth.boot import state as states
from ecsauth.boot.state import Ahead, Failure, Installed, Rejected, Source, State
from ecsauth.boot.trust import ObjectFacts
from ecsauth.errors import DamagedError, LocalError
from ecsauth.timing import Moment
from hypothesis import given, settings
from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Iterator

KEY = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
FACTS = ObjectFacts('"e1"', 1000, "v1", "aws:kms", KEY, "CRC32")
SOURCE = Source("s3://b/k", "111122223333", (KEY,), "/etc/ecs/ecs.config", ("ECS_CLUSTER=prod",), "1")
INSTALLED = Installed(FACTS, SOURCE, 2000, Moment("boot", 12.5))
REJECTED = Rejected(FACTS, "plan", "it exited with status 1", 3000, 2, 3600)
FULL = State(FACTS, INSTALLED, INSTALLED, FACTS, FACTS, REJECTED, 0o640, True, 2500, Failure(2600, 4, "denied"))
TOLD = FULL._replace(
    on_terms=SOURCE,
    leaves_agent=True,
    region="eu-west-1",
    had_file=True,
    agent_label="v0",
    pre_image_of="v0",
    rejected_candidate=REJECTED,
    change_label="v3",
)
AHEAD = Ahead(FACTS, 1000, 2000)
FINAL = State(installed=INSTALLED._replace(sha256="00"), rejected=REJECTED._replace(retry_after=None, final=True))

# All that a state may leave out.
OPTIONAL = {
    *("in_progress", "previous", "installed", "applied", "verified", "rejected", "failure", "on_terms", "region"),
    *(
        "agent_label",
        "ahead",
        "change_label",
        "had_file",
        "moment",
        "pre_image_of",
        "sha256",
        "rejected_candidate",
        "retry_after",
        "version_id",
        "encryption",
        "kms_key",
        "checksum",
    ),
}
OF_ALL = INSTALLED._replace(sha256="00", ahead=AHEAD)
WHOLE = TOLD._replace(installed=OF_ALL, previous=OF_ALL)

_texts = st.text(max_size=20)
_optional = st.one_of(st.none(), _texts)
_facts = st.builds(ObjectFacts, _texts, st.integers(), _optional, _optional, _optional, _optional)
_lists = st.lists(_texts, max_size=3).map(tuple)
_sources = st.builds(Source, _texts, _texts, _lists, _texts, _lists, _texts)
_moments = st.one_of(st.none(), st.builds(Moment, _texts, st.floats(allow_nan=False, allow_infinity=False)))
_ahead = st.one_of(st.none(), st.builds(Ahead, _facts, st.integers(), st.integers(), st.booleans()))
_installed = st.one_of(st.none(), st.builds(Installed, _facts, _sources, st.integers(), _moments, _optional, _ahead))
_when = st.one_of(st.none(), st.integers())
_rejected = st.one_of(
    st.none(), st.builds(Rejected, _facts, _texts, _texts, st.integers(), st.integers(), _when, st.booleans())
)
_failures = st.one_of(st.none(), st.builds(Failure, st.integers(), st.integers(), _texts))
_maybe = st.one_of(st.none(), _facts)
_states = st.builds(
    State,
    *(_maybe, _installed, _installed, _maybe, _maybe, _rejected, st.integers(), st.booleans(), st.integers()),
    *(_failures, st.one_of(st.none(), _sources), st.booleans(), _optional, st.one_of(st.none(), st.booleans())),
    *(_optional, _optional, _rejected, _optional),
)
_json = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), _texts),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(_texts, inner, max_size=3)),
    max_leaves=8,
)


@pytest.mark.parametrize("state", [State(), State(in_progress=FACTS), State(installed=INSTALLED), FULL, TOLD, FINAL])
def test_comes_back_as_it_was(state: State) -> None:
    """What is written is what is read."""
    assert states.from_json(states.to_json(state)) == state


def test_what_earlier_versions_did_not_record() -> None:
    """A record without digests, without finality, and without a word on the pre-image is read as before."""
    document = json.loads(states.to_json(FULL))
    for part, name in (("installed", "sha256"), ("previous", "sha256"), ("rejected", "final")):
        del document[part][name]
    del document["had_file"]
    assert states.from_json(json.dumps(document).encode()) == FULL
    assert INSTALLED.is_of(b"anything")
    assert not INSTALLED.is_of(None)


def test_what_earlier_versions_do_not_read() -> None:
    """Those pass over the field, and find the rejection of the released version where it always was."""
    document = json.loads(states.to_json(FULL._replace(rejected=None, rejected_candidate=REJECTED)))
    assert document.pop("rejected_candidate")["facts"]["version_id"] == "v1"
    assert states.from_json(json.dumps(document).encode()) == FULL._replace(rejected=None)


def test_a_recorded_digest() -> None:
    """With a digest only the installed bytes are taken for them."""
    installed = INSTALLED._replace(sha256=states.digest(b"ECS_CLUSTER=demo\n"))
    assert installed.is_of(b"ECS_CLUSTER=demo\n")
    assert not installed.is_of(b"ECS_CLUSTER=demo")
    assert not installed.is_of(None)


@given(_states)
def test_every_state_comes_back(state: State) -> None:
    """Texts of any kind survive, a path that is not UTF-8 included."""
    assert states.from_json(states.to_json(state)) == state


def test_is_one_json_document_with_a_schema() -> None:
    """People and other programs can read it; it ends with a newline."""
    data = states.to_json(FULL)
    assert data.endswith(b"}\n")
    assert json.loads(data)["schema"] == 1
    assert json.loads(data)["installed"]["facts"]["version_id"] == "v1"


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"{", id="cut short"),
        pytest.param(b"\xff\xfe", id="no text"),
        pytest.param(b"\0" * 4096, id="zeros, as after a power loss"),
        pytest.param(b"null", id="null"),
        pytest.param(b"[]", id="a list"),
        pytest.param(b'"schema"', id="a text"),
        pytest.param(b"1", id="a number"),
        pytest.param(b"{}", id="no schema"),
        pytest.param(b'{"schema": 1}', id="nothing but the schema"),
        pytest.param(states.to_json(FULL)[:-40], id="without its end"),
        pytest.param(states.to_json(FULL).replace(b'"schema": 1', b'"schema": 0'), id="an earlier schema"),
        pytest.param(states.to_json(FULL).replace(b'"schema": 1', b'"schema": true'), id="a schema that is no number"),
        pytest.param(states.to_json(FULL).replace(b'"schema": 1', b'"schema": "2"'), id="a schema that is a text"),
        pytest.param(b"[" * 200_000, id="nested deep"),
        pytest.param(b'{"schema":' + b"[" * 200_000, id="nested deep in the schema"),
        pytest.param(b'{"schema":' + b"9" * 10_000 + b"}", id="a long number"),
    ],
)
def test_what_is_no_state_is_damaged(data: bytes) -> None:
    """A state that cannot be read is told from none, with the name of the file."""
    with pytest.raises(DamagedError, match=r"^/s/state\.json is damaged"):
        states.from_json(data, "/s/state.json")


def test_a_later_schema() -> None:
    """What a newer version has recorded is not known to this one, and is no damage: it is left alone."""
    data = states.to_json(FULL).replace(b'"schema": 1', b'"schema": 2')
    with pytest.raises(LocalError, match="written by a newer ecsauth") as raised:
        states.from_json(data)
    assert not isinstance(raised.value, DamagedError)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("in_progress",), "v1"),
        (("in_progress",), []),
        (("in_progress", "etag"), None),
        (("in_progress", "etag"), 1),
        (("in_progress", "version_id"), 1),
        (("in_progress", "kms_key"), ["k"]),
        (("applied", "last_modified"), "1000"),
        (("verified", "last_modified"), None),
        (("verified", "surplus"), "x"),
        (("installed",), True),
        (("installed", "facts"), None),
        (("installed", "facts", "last_modified"), 1.5),
        (("installed", "source"), None),
        (("installed", "source", "uri"), None),
        (("installed", "source", "kms_keys"), 1),
        (("installed", "source", "kms_keys"), [1]),
        (("installed", "source", "settings"), None),
        (("installed", "source", "settings"), [["A=1"]]),
        (("installed", "source", "surplus"), "x"),
        (("installed", "at"), "2000"),
        (("previous", "at"), None),
        (("rejected", "reason"), None),
        (("rejected", "at"), "3000"),
        (("rejected", "final"), 1),
        (("rejected", "tries"), True),
        (("installed", "at"), False),
        (("installed", "source", "kms_keys"), "key"),
        (("installed", "moment", "seconds"), 12),
        (("installed", "sha256"), 1),
        (("had_file",), "yes"),
        (("rejected", "facts", "etag"), {}),
    ],
)
def test_a_wrong_type_anywhere_is_damage(path: tuple[str, ...], value: Any) -> None:
    """A state is taken as a whole: nothing of a wrong type gets as far as the run."""
    document = json.loads(states.to_json(FULL))
    place = document
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    with pytest.raises(DamagedError):
        states.from_json(json.dumps(document).encode())


@given(st.binary(max_size=200))
def test_any_bytes_are_read(data: bytes) -> None:
    """No file of any content is more than damaged."""
    with contextlib.suppress(DamagedError):
        assert isinstance(states.from_json(data), State)


@given(st.sampled_from(["in_progress", "previous", "installed", "applied", "verified", "rejected"]), _json)
def test_any_document_is_read(field: str, value: object) -> None:
    """No JSON in any field is more than damage, and what comes back can be written again."""
    document = {**json.loads(states.to_json(FULL)), field: value}
    with contextlib.suppress(DamagedError):
        read = states.from_json(json.dumps(document).encode())
        assert states.from_json(states.to_json(read)) == read


def _places(document: Any, *above: Any) -> Iterator[tuple[Any, ...]]:
    """Yield the path to everything in a document, the document itself left out."""
    steps = document if isinstance(document, dict) else range(len(document)) if isinstance(document, list) else ()
    for step in steps:
        yield (*above, step)
        yield from _places(document[step], *above, step)


def _is_like(read: Any, whole: Any) -> bool:
    """Tell whether each field has the type that it has in a state with every field, or is one that may be left out."""
    if type(read) is not type(whole):
        return False
    if not hasattr(whole, "_fields"):
        return not isinstance(whole, tuple) or all(isinstance(one, str) for one in read)
    pairs = zip(whole._fields, read, whole)
    return all((one is None and name in OPTIONAL) or _is_like(one, other) for name, one, other in pairs)


DOCUMENT = json.loads(states.to_json(WHOLE))


def test_the_state_of_these_tests_has_everything() -> None:
    """It has a value for each field of each record, so that a change of any of them can be told."""
    assert _is_like(WHOLE, WHOLE)
    assert "null" not in json.dumps(DOCUMENT)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from([*_places(DOCUMENT)]), st.one_of(_json, st.floats(), st.just(...)))
def test_a_change_in_one_place_is_damage_or_of_the_same_types(place: tuple[Any, ...], value: Any) -> None:
    """Another value anywhere, or one that is gone: what is read has the types that the run expects."""
    document = copy.deepcopy(DOCUMENT)
    inner = document
    for step in place[:-1]:
        inner = inner[step]
    if value is ...:
        del inner[place[-1]]
    else:
        inner[place[-1]] = value
    with contextlib.suppress(DamagedError, LocalError):
        assert _is_like(states.from_json(json.dumps(document).encode()), WHOLE)


@pytest.mark.parametrize("path", [path for path in _places(DOCUMENT) if isinstance(path[-1], str)], ids=".".join)
def test_what_is_left_out(path: tuple[str, ...]) -> None:
    """Only what some earlier version did not record, or S3 did not say, may be missing."""
    later = {"agent_before", "confirmed_at", "failure", "on_terms", "leaves_agent", "region", "had_file"}
    later |= {"agent_label", "ahead", "change_label", "pre_image_of", "rejected_candidate", "withdrawn"}
    later |= {"moment", "sha256", "plan", "tries", "retry_after", "final"}
    later |= {"version_id", "encryption", "kms_key", "checksum"}
    document = copy.deepcopy(DOCUMENT)
    place = document
    for step in path[:-1]:
        place = place[step]
    del place[path[-1]]
    data = json.dumps(document).encode()
    # An ecsauth that recorded no plan had no candidates.
    if path[-1] in later and path != ("rejected_candidate", "plan"):
        assert _is_like(states.from_json(data), WHOLE)
    else:
        with pytest.raises(DamagedError):
            states.from_json(data)


@pytest.mark.parametrize(
    "path",
    [
        (),
        ("installed",),
        ("previous",),
        ("rejected",),
        ("rejected_candidate",),
        ("failure",),
        ("installed", "moment"),
        ("installed", "ahead"),
    ],
    ids=".".join,
)
def test_what_a_later_version_may_record(path: tuple[str, ...]) -> None:
    """What this version does not know is passed over, but for the terms and the facts of an object."""
    document = copy.deepcopy(DOCUMENT)
    place = document
    for step in path:
        place = place[step]
    place["surplus"] = "x"
    assert states.from_json(json.dumps(document).encode()) == WHOLE
