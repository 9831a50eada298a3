"""The review of a push, which the operator confirms, and the report of the push."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, NamedTuple, Optional

from ecsauth.publish.diff import difference

if TYPE_CHECKING:
    from ecsauth.aws_names import S3URI
    from ecsauth.finding import Finding
    from ecsauth.publish.diff import Change
    from ecsauth.publish.put import Published
    from ecsauth.publish.versions import ObjectVersion
    from ecsauth.secret import SecretBytes


class NewContent(NamedTuple):
    """The bytes to put. `name` is their name in messages, `findings` are warnings and notes.

    `origin` is the version that the bytes are taken from, if the operator rolls back. `beside` is the version that is
    released while a candidate is put.
    """

    data: SecretBytes
    name: str
    findings: tuple[Finding, ...] = ()
    origin: Optional[str] = None
    content_type: str = "text/plain; charset=utf-8"
    beside: Optional[str] = None


class CurrentObject(NamedTuple):
    """The object before the put: no `version` if there is none, no `content` if it cannot be read."""

    version: Optional[ObjectVersion] = None
    content: Optional[SecretBytes] = None

    def is_same(self, data: bytes, kms_key: str) -> bool:
        """Tell whether content, KMS key and the presence of a checksum would stay the same: instances use only these.

        Returns False if KMS did not resolve an alias to its key.
        """
        if self.version is None or self.version.facts.checksum is None or self.content != data:
            return False
        return _is_key(kms_key, self.version)


class Review(NamedTuple):
    """What a put would change, for the operator's decision. `risks` are warnings about the object's surroundings."""

    uri: S3URI
    new: NewContent
    current: CurrentObject
    kms_key: str
    is_unchanged: bool
    risks: tuple[str, ...] = ()

    def changes(self) -> Optional[tuple[Change, ...]]:
        """Return the changes to the env-file, None if the current one cannot be read."""
        if self.current.version is not None and self.current.content is None:
            return None
        return difference(self.current.content or b"", self.new.data)

    def warnings(self) -> tuple[str, ...]:
        """Return warnings about the env-file that is replaced."""
        version, found = self.current.version, []
        if version is None:
            return ()
        if self.current.content is None:
            found.append(f"the current content of {self.uri} cannot be read: the changes are unknown")
        before = version.facts.kms_key
        if before and not _is_key(self.kms_key, version) and ":alias/" not in self.kms_key:
            found.append(f"the KMS key changes from {before}: instances that accept only that key will refuse the file")
        return tuple(found)


class PublishOutcome(Enum):
    """The outcome of a push that did not fail."""

    PUBLISHED = "published"
    UNCHANGED = "unchanged"
    DRY_RUN = "dry run"
    DECLINED = "declined"


class PublishReport(NamedTuple):
    """What the push did. `published` is None if nothing was put."""

    review: Review
    outcome: PublishOutcome
    published: Optional[Published] = None

    @property
    def version(self) -> Optional[ObjectVersion]:
        """The version that has the new content, None if no version has it."""
        if self.published is not None:
            return self.published.version
        return self.review.current.version if self.outcome is PublishOutcome.UNCHANGED else None

    def warnings(self) -> tuple[str, ...]:
        """Return warnings about the put."""
        uri, found = self.review.uri, []
        if self.published is not None and self.published.is_superseded:
            found.append(f"{uri} was changed again after this upload")
        if self.published is not None and not self.published.is_read_back:
            found.append(f"{uri} was uploaded, but its metadata could not be read afterwards: this is what S3 reported")
        return tuple(found)


def _is_key(kms_key: str, version: ObjectVersion) -> bool:
    """Tell whether a version is encrypted with a key, given by its ARN or ID."""
    arn = version.facts.kms_key or ""
    return kms_key in (arn, arn.partition(":key/")[2])
