"""One object in a bucket, kept in memory, which behaves to who puts as S3 does: versions, ETags, conditions."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Callable, Optional

from ecsauth.boot.trust import ObjectFacts
from ecsauth.envfile import LARGEST
from ecsauth.errors import DeniedError, InvalidError, UnreachableError
from ecsauth.publish.put import NewVersion, RefusedPutError
from ecsauth.publish.versions import ObjectVersion, PushMetadata, VersionContent
from ecsauth.secret import SecretBytes

if TYPE_CHECKING:
    from ecsauth.aws_names import S3URI

KEY = "arn:aws:kms:eu-west-1:111122223333:key/1"


def _nothing() -> None:
    pass


class MemoryStore:
    """The object as one client sees it.

    `meanwhile` is what somebody else does just before the next put; `loses_answers`: puts are carried out and not
    answered; `is_readable`: its content may be read; `is_damaged`: it is read with other bytes; `encryption` is what
    new versions get.
    """

    def __init__(self) -> None:
        self.versions: list[VersionContent] = []
        self.longest = LARGEST
        self.meanwhile: Callable[[], object] = _nothing
        self.loses_answers = False
        self.is_readable = True
        self.is_damaged = False
        self.encryption = "aws:kms"

    def for_objects_of(self, longest: int) -> MemoryStore:
        """Return the same object for a client that reads so many bytes."""
        other = copy.copy(self)
        other.longest = longest
        return other

    def add(self, data: bytes, kms_key: str = KEY, *, version_id: str = "", checksum: Optional[str] = "CRC32") -> None:
        """Let somebody put a version without ecsauth."""
        self._append(NewVersion(SecretBytes(data), kms_key, None, PushMetadata()), version_id, checksum)

    def contents(self) -> list[bytes]:
        """Return what the versions hold, oldest first."""
        return [one.content for one in self.versions]

    def look(self, uri: S3URI) -> Optional[ObjectVersion]:
        """Return a version as a HEAD describes it: without the checksum, which needs the content."""
        found = self._found(uri)
        return found.version._replace(facts=found.version.facts._replace(checksum=None)) if found else None

    def read(self, uri: S3URI, seen: Optional[ObjectVersion] = None) -> VersionContent:
        """Return a version with its content."""
        del seen
        found = self._found(uri)
        if found is None or not self.is_readable:
            raise DeniedError(f"cannot get {uri}")
        if found.version.size > self.longest:
            raise InvalidError(f"{uri} is larger than {self.longest} bytes")
        return found._replace(content=SecretBytes(found.content + b"#" * self.is_damaged))

    def put(self, uri: S3URI, new: NewVersion) -> ObjectVersion:
        """Put, if the current version is still the one to replace."""
        meanwhile, self.meanwhile = self.meanwhile, _nothing
        meanwhile()
        current = self.look(uri)
        if (current.facts.etag if current else None) != new.replaces:
            raise RefusedPutError(f"cannot upload to {uri}", is_busy=False, is_repeated=False)
        made = self._append(new, "", "CRC32")
        if self.loses_answers:
            raise UnreachableError(f"cannot upload to {uri}: no answer")
        return made

    def recent(self, uri: S3URI, count: int) -> list[str]:
        """Return the IDs of the newest versions."""
        del uri
        return [str(one.version.facts.version_id) for one in self.versions[: -count - 1 : -1]]

    def _found(self, uri: S3URI) -> Optional[VersionContent]:
        if uri.version_id is None:
            return self.versions[-1] if self.versions else None
        return next((one for one in self.versions if one.version.facts.version_id == uri.version_id), None)

    def _append(self, new: NewVersion, version_id: str, checksum: Optional[str]) -> ObjectVersion:
        number = len(self.versions) + 1
        facts = ObjectFacts(
            f'"etag-{number}"', number, version_id or f"v{number}", self.encryption, new.kms_key, checksum
        )
        version = ObjectVersion(facts, new.metadata, len(new.data))
        self.versions.append(VersionContent(version, new.data))
        return version
