"""The story of a push, over a store in memory that behaves as S3 does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Optional

import pytest
from ecsauth.aws_names import S3URI
from ecsauth.envfile import LARGEST
from ecsauth.errors import ConflictError, DeniedError, InvalidError, UsageError
from ecsauth.publish import PublishRequest, Services, boot_archive, edit, push, push_archive, roll_back
from ecsauth.publish.bucket_risks import Settings
from ecsauth.publish.diff import Change
from ecsauth.publish.review import CurrentObject, NewContent, PublishOutcome, Review
from ecsauth.secret import SecretBytes
from memory_store import KEY, MemoryStore

if TYPE_CHECKING:
    from ecsauth.publish.review import PublishReport

URI = S3URI("fleet", "ecs.config")
OTHER_KEY = KEY[:-1] + "2"
OLD, NEW = b"ECS_CLUSTER=old\n", b"ECS_CLUSTER=new\n"
ARCHIVE = b"#!/bin/sh\nPK\x03\x04"
LARGE_ARCHIVE = ARCHIVE + b"#" * LARGEST
ME = "arn:aws:iam::111122223333:user/me"


class Unversioned:
    """A bucket with a default key or none, and without versioning, which is a risk; counts the looks at that."""

    def __init__(self, key: Optional[str] = KEY) -> None:
        self.key = key
        self.looks = 0

    def default_kms_key(self) -> Optional[str]:
        """Return the key."""
        return self.key

    def look(self) -> Settings:
        """Return settings of which only the versioning is wrong."""
        self.looks += 1
        block = dict.fromkeys(
            ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True
        )
        return Settings("Suspended", block, "", [])


class Operator:
    """Somebody who is shown reviews and says yes or no; what they ask for, of S3 with one object."""

    def __init__(self, store: MemoryStore, *, says: bool = True) -> None:
        self.store = store
        self.bucket = Unversioned()
        self.shown: list[Review] = []
        self.asked: list[Review] = []
        self._says = says

    def _confirm(self, review: Review) -> bool:
        self.asked.append(review)
        return self._says

    def request(self, kms_key: Optional[str] = None, *, dry_run: bool = False) -> PublishRequest:
        """Return what they ask for."""
        return PublishRequest(URI, kms_key, dry_run, self.shown.append, self._confirm)

    @property
    def services(self) -> Services:
        """S3 that encrypts with what is named, and an STS that knows them."""
        archives = self.store.for_objects_of(boot_archive.LONGEST)
        return Services(self.store, archives, self.bucket, lambda key: key, lambda: ME, lambda _: None)

    def push(self, data: bytes = NEW, kms_key: Optional[str] = None, *, dry_run: bool = False) -> PublishReport:
        """Push an env-file."""
        return push(NewContent(SecretBytes(data), "file"), self.request(kms_key, dry_run=dry_run), self.services)

    def push_archive(self, data: bytes = ARCHIVE) -> PublishReport:
        """Push a boot archive."""
        return push_archive(data, "file", self.request(), self.services)


@pytest.fixture
def store() -> MemoryStore:
    """Give a bucket with nothing in it."""
    return MemoryStore()


@pytest.fixture
def operator(store: MemoryStore) -> Operator:
    """Give somebody who says yes."""
    return Operator(store)


def test_nothing_there(operator: Operator, store: MemoryStore) -> None:
    """The first version is put, and what was read back of it is reported."""
    report = operator.push()
    assert (report.outcome, store.contents()) == (PublishOutcome.PUBLISHED, [NEW])
    assert report.version == store.look(URI)
    assert operator.asked[0].current == CurrentObject()


def test_a_version_says_who_put_it(operator: Operator) -> None:
    """Who put it is noted, under the bucket's key."""
    version = operator.push().version
    assert version is not None
    assert (version.metadata.by, version.metadata.rolled_back_from, version.facts.kms_key) == (ME, None, KEY)


def test_same_content(operator: Operator, store: MemoryStore) -> None:
    """What is there already is not put again, nobody is asked, and the current version is reported."""
    store.add(OLD)
    report = operator.push(OLD)
    assert (report.outcome, store.contents(), operator.asked) == (PublishOutcome.UNCHANGED, [OLD], [])
    assert report.version == store.versions[0].version
    assert [review.is_unchanged for review in operator.shown] == [True]


def test_same_content_in_a_dry_run(operator: Operator, store: MemoryStore) -> None:
    """That there is nothing to do is known without a put."""
    store.add(OLD)
    assert operator.push(OLD, dry_run=True).outcome is PublishOutcome.UNCHANGED


@pytest.mark.parametrize(("kms_key", "checksum"), [(OTHER_KEY, "CRC32"), (KEY, None)], ids=["key", "checksum"])
def test_same_content_otherwise_stored(
    operator: Operator, store: MemoryStore, kms_key: str, checksum: Optional[str]
) -> None:
    """The same content is put again under another key, or to have a checksum."""
    store.add(OLD, kms_key, checksum=checksum)
    assert operator.push(OLD).outcome is PublishOutcome.PUBLISHED
    assert store.contents() == [OLD, OLD]


def test_changed(operator: Operator, store: MemoryStore) -> None:
    """What changes is shown before somebody is asked, then put; the version before stays."""
    store.add(OLD)
    assert operator.push().outcome is PublishOutcome.PUBLISHED
    assert store.contents() == [OLD, NEW]
    assert operator.shown == operator.asked
    assert operator.shown[0].changes() == (Change("ECS_CLUSTER", "changed"),)


def test_declined(store: MemoryStore) -> None:
    """After a no nothing is put."""
    store.add(OLD)
    report = Operator(store, says=False).push()
    assert (report.outcome, report.version, store.contents()) == (PublishOutcome.DECLINED, None, [OLD])


def test_dry_run(operator: Operator, store: MemoryStore) -> None:
    """A dry run shows what changes, asks nobody and puts nothing."""
    store.add(OLD)
    report = operator.push(dry_run=True)
    assert (report.outcome, report.version, store.contents()) == (PublishOutcome.DRY_RUN, None, [OLD])
    assert (len(operator.shown), operator.asked) == (1, [])


def test_lost_answer(operator: Operator, store: MemoryStore) -> None:
    """A put whose answer was lost is found by its nonce, and not tried again."""
    store.add(OLD)
    store.loses_answers = True
    report = operator.push()
    assert (report.outcome, store.contents()) == (PublishOutcome.PUBLISHED, [OLD, NEW])
    assert report.version == store.look(URI)


@pytest.mark.parametrize("before", [[OLD], []], ids=["changed", "appeared"])
def test_conflict(operator: Operator, store: MemoryStore, before: list[bytes]) -> None:
    """What somebody else put after the look stays the newest version."""
    for data in before:
        store.add(data)
    store.meanwhile = lambda: store.add(b"theirs")
    with pytest.raises(
        ConflictError, match=r"the object was changed in the meantime: version v\d, .* by another program"
    ):
        operator.push()
    assert store.contents() == [*before, b"theirs"]


def test_archive_in_its_place(operator: Operator, store: MemoryStore) -> None:
    """An env-file does not replace a boot archive; nobody is asked about that."""
    store.add(LARGE_ARCHIVE)
    with pytest.raises(UsageError, match="is a boot archive: nothing was uploaded"):
        operator.push()
    assert (store.contents(), operator.shown) == ([LARGE_ARCHIVE], [])


def test_something_large_in_its_place(operator: Operator, store: MemoryStore) -> None:
    """What is too large for an env-file and no archive can be replaced; what changes is unknown."""
    store.add(b"#" * (LARGEST + 1))
    report = operator.push()
    assert report.outcome is PublishOutcome.PUBLISHED
    assert report.review.changes() is None


def test_no_key(operator: Operator, store: MemoryStore) -> None:
    """Without a key there is no put."""
    operator.bucket.key = None
    with pytest.raises(UsageError, match="bucket fleet has no default KMS key"):
        operator.push()
    assert (store.contents(), operator.shown) == ([], [])


def test_named_key(operator: Operator, store: MemoryStore) -> None:
    """The key that is named counts more than the bucket's, and a change of keys is told."""
    store.add(OLD)
    report = operator.push(kms_key=OTHER_KEY)
    assert report.version is not None
    assert report.version.facts.kms_key == OTHER_KEY
    assert report.review.warnings() == (
        f"the KMS key changes from {KEY}: instances that accept only that key will refuse the file",
    )


def test_risks_of_the_bucket(operator: Operator, store: MemoryStore) -> None:
    """The bucket's settings are looked at where something would be put, and only there."""
    store.add(OLD)
    assert operator.push(OLD).review.risks == ()
    assert operator.bucket.looks == 0
    assert "is not versioned" in operator.push(dry_run=True).review.risks[0]


def test_unreadable(operator: Operator, store: MemoryStore) -> None:
    """Who may put and not read is told that what changes is unknown, and puts."""
    store.add(OLD)
    store.is_readable = False
    report = operator.push(OLD)
    assert (report.outcome, store.contents()) == (PublishOutcome.PUBLISHED, [OLD, OLD])
    assert report.review.changes() is None
    assert report.review.warnings() == (f"the current content of {URI} cannot be read: the changes are unknown",)


def test_not_encrypted_with_a_key(operator: Operator, store: MemoryStore) -> None:
    """Where S3 encrypts otherwise than it was told, that is a fault: instances refuse the version."""
    store.encryption = "AES256"
    with pytest.raises(DeniedError, match="was uploaded, but S3 reports no encryption with a KMS key"):
        operator.push()


def test_edit(operator: Operator, store: MemoryStore) -> None:
    """What the editor makes of the current content replaces it, under its key and not the bucket's."""
    store.add(OLD, OTHER_KEY)
    report = edit(lambda data: NewContent(SecretBytes(data + NEW), "file"), operator.request(), operator.services)
    assert store.contents() == [OLD, OLD + NEW]
    assert report.review.kms_key == OTHER_KEY


def test_edit_of_nothing(operator: Operator) -> None:
    """Where nothing is, nothing is edited."""
    with pytest.raises(DeniedError, match="cannot get"):
        edit(lambda data: NewContent(data, "file"), operator.request(), operator.services)


def test_edit_conflict(operator: Operator, store: MemoryStore) -> None:
    """What somebody else put while the editor was open is not lost."""
    store.add(OLD)

    def change(data: bytes) -> NewContent:
        store.add(b"theirs")
        return NewContent(SecretBytes(data + NEW), "file")

    with pytest.raises(ConflictError, match="the object was changed in the meantime"):
        edit(change, operator.request(), operator.services)
    assert store.contents() == [OLD, b"theirs"]


def test_roll_back(operator: Operator, store: MemoryStore) -> None:
    """The older content becomes the newest version, which says where it comes from, under the current key."""
    store.add(OLD)
    store.add(NEW, OTHER_KEY)
    version = roll_back("v1", operator.request(), operator.services).version
    assert version is not None
    assert (version.metadata.rolled_back_from, version.facts.kms_key) == ("v1", OTHER_KEY)
    assert store.contents() == [OLD, NEW, OLD]


def test_roll_back_to_an_error(operator: Operator, store: MemoryStore) -> None:
    """An older version that the rules refuse today is not put."""
    store.add(b"\xff\xfe")
    store.add(NEW)
    with pytest.raises(InvalidError, match="is invalid"):
        roll_back("v1", operator.request(), operator.services)
    assert len(store.versions) == 2


def test_archive(operator: Operator, store: MemoryStore) -> None:
    """A boot archive replaces one, and user data that names the one before is told of."""
    store.add(ARCHIVE)
    report = operator.push_archive(LARGE_ARCHIVE)
    assert (report.outcome, store.contents()) == (PublishOutcome.PUBLISHED, [ARCHIVE, LARGE_ARCHIVE])
    (risk,) = report.review.risks
    assert risk.startswith("user data with the SHA-256 of the previous archive rejects this one")
    assert risk.endswith(f"or use {URI}?versionId=v1")


@pytest.mark.parametrize(
    ("version_id", "outcome"), [("v1", PublishOutcome.UNCHANGED), ("null", PublishOutcome.PUBLISHED)]
)
def test_same_archive(operator: Operator, store: MemoryStore, version_id: str, outcome: PublishOutcome) -> None:
    """The same archive is put again only if it has no version that could be named; its SHA-256 stays in any case."""
    store.add(ARCHIVE, version_id=version_id)
    report = operator.push_archive()
    assert (report.outcome, report.review.risks) == (outcome, ())


def test_env_file_in_the_place_of_an_archive(operator: Operator, store: MemoryStore) -> None:
    """A boot archive does not replace an env-file."""
    store.add(OLD)
    with pytest.raises(UsageError, match="is not a boot archive: nothing was uploaded"):
        operator.push_archive()
    assert (store.contents(), operator.shown) == ([OLD], [])


def test_archive_that_cannot_be_read_back(operator: Operator, store: MemoryStore) -> None:
    """An archive that S3 does not give back is not reported as put."""
    store.is_readable = False
    with pytest.raises(DeniedError, match="the archive was uploaded, but its content was not verified"):
        operator.push_archive()


def test_archive_that_comes_back_changed(operator: Operator, store: MemoryStore) -> None:
    """An archive of which S3 gives other bytes back is not reported as put."""
    store.is_damaged = True
    with pytest.raises(DeniedError, match="was uploaded, but S3 returned different bytes"):
        operator.push_archive()


@pytest.mark.parametrize(
    ("is_read_back", "is_superseded", "said"),
    [
        (True, False, []),
        (True, True, ["s3://fleet/ecs.config was changed again after this upload"]),
        (False, False, ["s3://fleet/ecs.config was uploaded, but its metadata could not be read afterwards"]),
    ],
)
def test_warnings_afterwards(operator: Operator, is_read_back: bool, is_superseded: bool, said: list[str]) -> None:
    """A report tells what became of the new version, as far as that is known."""
    report = operator.push()
    assert report.published is not None
    published = report.published._replace(is_read_back=is_read_back, is_superseded=is_superseded)
    found = report._replace(published=published).warnings()
    assert [one.partition(": this is what S3")[0] for one in found] == said


def test_no_content_in_texts(operator: Operator) -> None:
    """Neither a report nor what is in it shows the content."""
    report = operator.push(b"ECS_CLUSTER=canary\n")
    again = operator.push(b"ECS_CLUSTER=canary\n")
    assert "canary" not in repr((report, again, operator.request(), operator.store.versions))
