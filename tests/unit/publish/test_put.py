"""The reasoning about a conditional put, without S3: every answer, and what is there afterwards."""

from __future__ import annotations

from typing import TYPE_CHECKING, Optional

import pytest
from ecsauth.aws_names import S3URI
from ecsauth.boot.trust import ObjectFacts
from ecsauth.errors import ConflictError, DeniedError, EcsauthError, UnreachableError
from ecsauth.publish.put import NewVersion, Published, RefusedPutError, put
from ecsauth.publish.versions import ObjectVersion, PushMetadata, VersionContent, author, parse_metadata
from ecsauth.secret import SecretBytes

if TYPE_CHECKING:
    from collections.abc import Sequence

URI = S3URI("fleet", "ecs.config")
NONCE = "0123456789abcdef"
OURS, THEIRS = PushMetadata("arn:me", "1", NONCE), PushMetadata("arn:you", "1", "fedcba")


def version(etag: str, metadata: PushMetadata = THEIRS) -> ObjectVersion:
    """Return a version whose ID is its ETag's name."""
    return ObjectVersion(ObjectFacts(etag, 0, f"version-{etag}"), metadata)


def refusal(*, busy: bool = False, repeated: bool = False) -> RefusedPutError:
    """Return what S3 says to a put that comes too late."""
    return RefusedPutError("cannot upload: too late", is_busy=busy, is_repeated=repeated)


class Scripted:
    """A store on which each put, and each look at the current object, has the next of the given outcomes."""

    def __init__(
        self,
        puts: Sequence[EcsauthError | ObjectVersion],
        looks: Sequence[EcsauthError | ObjectVersion | None],
        older: Sequence[ObjectVersion] = (),
    ) -> None:
        self.puts, self.looks, self.older = list(puts), list(looks), older

    def put(self, uri: S3URI, new: NewVersion) -> ObjectVersion:
        """Return or raise what comes next."""
        assert (uri, new.metadata) == (URI, OURS)
        outcome = self.puts.pop(0)
        if isinstance(outcome, EcsauthError):
            raise outcome
        return outcome

    def look(self, uri: S3URI) -> Optional[ObjectVersion]:
        """Return one of the older versions, or what comes next."""
        for one in self.older:
            if uri.version_id == one.facts.version_id:
                return one
        outcome = self.looks.pop(0)
        if isinstance(outcome, EcsauthError):
            raise outcome
        return outcome

    def read(self, uri: S3URI, seen: Optional[ObjectVersion] = None) -> VersionContent:
        """Fail: who puts reads no content."""
        raise AssertionError((uri, seen))

    def recent(self, uri: S3URI, count: int) -> list[str]:
        """Return the IDs of the older versions."""
        del uri
        return [str(one.facts.version_id) for one in self.older[:count]]


def published(store: Scripted, replaces: str | None = "old") -> Published:
    """Put, and assert that the script has been used up."""
    waits: list[float] = []
    try:
        return put(store, URI, NewVersion(SecretBytes(b"secret"), "key", replaces, OURS), waits.append)
    finally:
        assert (store.puts, store.looks) == ([], [])
        assert waits == sorted(waits)


OLD, NEW, OTHER = version("old"), version("new", OURS), version("other")
SILENCE, DENIAL = UnreachableError("silent"), DeniedError("denied")


@pytest.mark.parametrize(
    ("store", "result"),
    [
        pytest.param(Scripted([NEW], [NEW]), Published(NEW), id="at once"),
        pytest.param(Scripted([NEW], [SILENCE]), Published(NEW, is_read_back=False), id="silence afterwards"),
        pytest.param(Scripted([NEW], [DENIAL]), Published(NEW, is_read_back=False), id="denial afterwards"),
        pytest.param(Scripted([NEW], [OTHER]), Published(NEW, is_superseded=True), id="replaced, without versions"),
        pytest.param(Scripted([refusal(busy=True), NEW], [OLD, NEW]), Published(NEW), id="busy, then free"),
        pytest.param(Scripted([refusal(busy=True)], [NEW]), Published(NEW), id="busy with our own try"),
        pytest.param(Scripted([refusal()], [NEW]), Published(NEW), id="a proxy on the way has tried again"),
        pytest.param(Scripted([refusal(repeated=True)], [NEW]), Published(NEW), id="our own answer was lost"),
        pytest.param(Scripted([SILENCE], [NEW]), Published(NEW), id="no answer, and done"),
        pytest.param(
            Scripted([refusal(repeated=True)], [OTHER], [NEW]),
            Published(NEW, is_superseded=True),
            id="lost answer, then replaced",
        ),
        pytest.param(
            Scripted([refusal(repeated=True)], [None], [OTHER, NEW]),
            Published(NEW, is_superseded=True),
            id="lost answer, then deleted",
        ),
    ],
)
def test_done(store: Scripted, result: Published) -> None:
    """What S3 has carried out is known for done, whatever it answered."""
    assert published(store) == result


@pytest.mark.parametrize(
    ("store", "said"),
    [
        pytest.param(
            Scripted([refusal()], [OTHER]),
            "meantime: version version-other, 1970-01-01T00:00:00Z, by arn:you",
            id="412",
        ),
        pytest.param(Scripted([refusal()], [None]), "it was deleted in the meantime", id="deleted"),
        pytest.param(
            Scripted([refusal()], [OLD]),
            "rejected the condition If-Match, although the object is unchanged",
            id="unchanged",
        ),
        pytest.param(Scripted([refusal()], [DENIAL]), "too late", id="may not be looked at"),
        pytest.param(
            Scripted([refusal(busy=True)], [OTHER]), "the object was changed in the meantime", id="busy, then changed"
        ),
        pytest.param(Scripted([refusal(busy=True)], [None]), "it was deleted", id="busy, then deleted"),
        pytest.param(Scripted([refusal(busy=True)] * 5, [OLD] * 5), "too late", id="busy for ever"),
        pytest.param(
            Scripted([refusal(repeated=True)], [OTHER], [OLD]), "was changed in the meantime", id="repeated, not ours"
        ),
        pytest.param(Scripted([NEW], [None]), "was uploaded, but was deleted in the meantime", id="deleted at once"),
    ],
)
def test_conflicts(store: Scripted, said: str) -> None:
    """Who was slower is told so, by whom, and has changed nothing."""
    with pytest.raises(ConflictError, match=said):
        published(store)


@pytest.mark.parametrize("seen", [OLD, OTHER, None, SILENCE, DENIAL])
def test_silence(seen: EcsauthError | ObjectVersion | None) -> None:
    """Where nothing shows that it was carried out, S3 is out of reach."""
    with pytest.raises(UnreachableError, match="silent"):
        published(Scripted([SILENCE], [seen]))


def test_other_faults_are_passed_on() -> None:
    """A denial is no conflict."""
    with pytest.raises(DeniedError, match="denied"):
        published(Scripted([DENIAL], []))


def test_over_nothing() -> None:
    """Where nothing was to be replaced, nothing is what may be there when it is tried again."""
    assert published(Scripted([refusal(busy=True), NEW], [None, NEW]), None) == Published(NEW)
    with pytest.raises(ConflictError, match="the object was changed in the meantime"):
        published(Scripted([refusal()], [OTHER]), None)


def test_a_new_version_shows_no_content() -> None:
    """The content is not in the text of a new version."""
    assert "secret" not in repr(NewVersion(SecretBytes(b"secret"), "key", None, OURS))


@pytest.mark.parametrize("metadata", [OURS, PushMetadata(), PushMetadata("arn:me", "1", NONCE, "V1")])
def test_metadata_come_back(metadata: PushMetadata) -> None:
    """What is noted is what is read."""
    assert parse_metadata(metadata.as_s3()) == metadata


@pytest.mark.parametrize("text", ["", "a b", "x\ny", "\u202e", "x" * 1025])
def test_strange_metadata(text: str) -> None:
    """What somebody else has written there and cannot be metadata of ours is none."""
    assert parse_metadata({"ecsauth-pushed-by": text, "other": "x"}) == PushMetadata()


@pytest.mark.parametrize(
    ("metadata", "said"),
    [
        (OURS, "by arn:me"),
        (PushMetadata(nonce=NONCE), "by ecsauth, author unknown"),
        (PushMetadata(), "by another program"),
    ],
)
def test_authors(metadata: PushMetadata, said: str) -> None:
    """An object says who has put it, or at least with what."""
    assert author(metadata) == said
