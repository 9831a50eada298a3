"""The promotion of a candidate, and what is released, over objects in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, Optional

import pytest
from ecsauth.aws_names import S3URI
from ecsauth.errors import ConflictError, DeniedError
from ecsauth.fleet.history import Candidate
from ecsauth.fleet.objects import ObjectServices, RollObjects
from ecsauth.publish.put import NewVersion
from ecsauth.publish.versions import ListedVersion, PushMetadata
from ecsauth.secret import SecretBytes
from memory_store import KEY, MemoryStore

if TYPE_CHECKING:
    from ecsauth.publish.versions import ObjectVersion, VersionContent

URI = S3URI("fleet", "prod/ecs.config")
OTHER_KEY = KEY[:-1] + "2"
OLD, NEW, THEIRS = b"ECS_CLUSTER=old\n", b"ECS_CLUSTER=new\n", b"ECS_CLUSTER=theirs\n"
ME = "arn:aws:iam::111122223333:user/me"


class TwoObjects:
    """S3 with the released object and its candidate; a put from `source` copies it. `may_look` is a right."""

    def __init__(self) -> None:
        self.released, self.candidate = MemoryStore(), MemoryStore()
        self.may_look = True
        self.source: Optional[S3URI] = None
        self.ignores_conditions = False

    def _at(self, uri: S3URI) -> MemoryStore:
        return self.released if uri.key == URI.key else self.candidate

    def look(self, uri: S3URI) -> Optional[ObjectVersion]:
        """Return the metadata."""
        if not self.may_look:
            raise DeniedError(f"cannot look at {uri}")
        return self._at(uri).look(uri)

    def read(self, uri: S3URI, seen: Optional[ObjectVersion] = None) -> VersionContent:
        """Return the content."""
        return self._at(uri).read(uri, seen)

    def put(self, uri: S3URI, new: NewVersion) -> ObjectVersion:
        """Copy the source; a store that ignores conditions overwrites whatever is there."""
        assert self.source is not None
        content = SecretBytes(self.read(self.source).content)
        if self.ignores_conditions:
            self.released.meanwhile()
            self.released.meanwhile = lambda: None
            seen = self.released.look(uri)
            new = new._replace(replaces=seen.facts.etag if seen else None)
        return self.released.put(uri, new._replace(data=content))

    def recent(self, uri: S3URI, count: int) -> list[str]:
        """Return the newest IDs."""
        return self._at(uri).recent(uri, count)

    def versions(self, uri: S3URI, count: int) -> tuple[ListedVersion, ...]:
        """Return the newest versions."""
        ids = self.recent(uri, count)
        return tuple(ListedVersion(each, 1, is_current=each == ids[0]) for each in ids)


def _copier(store: TwoObjects) -> Callable[[S3URI], Any]:
    def copier(source: S3URI) -> TwoObjects:
        store.source = source
        return store

    return copier


def _objects(store: TwoObjects) -> RollObjects:
    return RollObjects(URI, ObjectServices(store, _copier(store), lambda: ME, lambda _: None))


@pytest.fixture
def store() -> TwoObjects:
    """Give a released version and a candidate beside it, under another key."""
    made = TwoObjects()
    made.released.add(OLD, version_id="r1")
    made.candidate.put(URI, NewVersion(SecretBytes(NEW), OTHER_KEY, None, PushMetadata(beside="r1")))
    return made


def _candidate(store: TwoObjects) -> Candidate:
    found = _objects(store).candidate()
    assert found is not None
    return found


def test_a_candidate_is_promoted(store: TwoObjects) -> None:
    """The released object has the bytes and the key of the candidate, and says what it was copied from, and by whom."""
    done = _objects(store).promote(_candidate(store))
    newest = store.released.versions[-1]
    assert (newest.content, newest.version.facts.kms_key) == (NEW, OTHER_KEY)
    assert (newest.version.metadata.promoted_from, newest.version.metadata.by) == ("v1", ME)
    assert (done.version, done.promoted_from) == ("v2", "v1")


def test_a_promoted_rollback_names_the_version_with_its_bytes(store: TwoObjects) -> None:
    """That does not depend on the candidate, which is deleted at some time."""
    metadata = PushMetadata(rolled_back_from="r0", beside="r1")
    store.candidate.put(URI, NewVersion(SecretBytes(NEW), OTHER_KEY, '"etag-1"', metadata))
    _objects(store).promote(_candidate(store))
    assert store.released.versions[-1].version.metadata.rolled_back_from == "r0"


def test_a_candidate_is_promoted_once(store: TwoObjects) -> None:
    """A promotion whose client has died is found, and nothing is put again."""
    candidate = _candidate(store)
    first = _objects(store).promote(candidate)
    assert _objects(store).promote(candidate) == first
    assert len(store.released.versions) == 2


def test_a_version_that_was_released_since_stays(store: TwoObjects) -> None:
    """The candidate was put beside another version: it is not promoted."""
    candidate = _candidate(store)
    store.released.add(THEIRS)
    with pytest.raises(ConflictError, match="released after it"):
        _objects(store).promote(candidate)
    assert store.released.contents() == [OLD, THEIRS]


def test_a_version_that_is_released_just_before_the_copy_stays(store: TwoObjects) -> None:
    """S3 decides by the condition of the copy."""
    store.released.meanwhile = lambda: store.released.add(THEIRS)
    with pytest.raises(ConflictError):
        _objects(store).promote(_candidate(store))
    assert store.released.contents() == [OLD, THEIRS]


def test_a_store_that_ignores_the_condition_is_found_out(store: TwoObjects) -> None:
    """What was overwritten is named: it is still in the history."""
    store.ignores_conditions = True
    store.released.meanwhile = lambda: store.released.add(THEIRS, version_id="theirs")
    with pytest.raises(ConflictError, match="version theirs"):
        _objects(store).promote(_candidate(store))


def test_a_lost_answer_is_found(store: TwoObjects) -> None:
    """A copy that was carried out but not answered is recognized as our own."""
    store.released.loses_answers = True
    assert _objects(store).promote(_candidate(store)).promoted_from == "v1"


def test_other_bytes_are_no_success(store: TwoObjects) -> None:
    """The released object is read back."""
    candidate = _candidate(store)
    store.released.is_damaged = True
    with pytest.raises(DeniedError, match="other bytes"):
        _objects(store).promote(candidate)


def test_a_candidate_without_a_kms_key_is_not_promoted(store: TwoObjects) -> None:
    """Somebody has put it another way: instances refuse it, so nobody promotes it."""
    store.candidate.encryption = "AES256"
    store.candidate.add(NEW, version_id="c2")
    with pytest.raises(DeniedError, match="KMS"):
        _objects(store).promote(Candidate("c2", 1, "r1"))


def test_nothing_is_released() -> None:
    """The first version is pushed: there is nothing to compare a candidate with."""
    with pytest.raises(DeniedError, match="no released version"):
        _objects(TwoObjects()).released()


def test_a_bucket_without_versions() -> None:
    """A roll needs versions: they are what instances are told, and what is returned to."""
    store = TwoObjects()
    store.released.add(OLD, version_id="null")
    with pytest.raises(DeniedError, match="keeps no versions"):
        _objects(store).released()


def test_who_may_only_list_sees_the_versions(store: TwoObjects) -> None:
    """An auditor, who may not use the key, sees which versions there are."""
    store.may_look = False
    assert (_objects(store).released().version, _candidate(store).version) == ("r1", "v1")


def test_there_is_no_candidate() -> None:
    """Nothing was ever rolled."""
    store = TwoObjects()
    store.released.add(OLD)
    assert _objects(store).candidate() is None
