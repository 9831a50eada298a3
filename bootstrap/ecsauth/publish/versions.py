"""The versions of an S3 object: the listing, the metadata of one version, and its author."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, NamedTuple, Optional

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ecsauth.boot.trust import ObjectFacts
    from ecsauth.secret import SecretBytes

# The version ID of an object that was put before the bucket was versioned: Amazon S3 User Guide, "Versioning".
UNVERSIONED = "null"


class ListedVersion(NamedTuple):
    """One line of the listing: a version or a delete marker. `last_modified` is in seconds since the epoch."""

    version_id: str
    last_modified: int
    is_current: bool
    is_deletion: bool = False
    size: int = 0


def merged(versions: Sequence[ListedVersion], deletions: Sequence[ListedVersion]) -> tuple[ListedVersion, ...]:
    """Merge two lists that are sorted newest first into one.

    S3 lists versions and delete markers separately, with times in whole seconds. In the same second, the version was
    probably made before the delete marker, unless it is the current one.
    """
    left, others, found = list(versions), list(deletions), []
    while left and others:
        one, other = left[0], others[0]
        is_first = (one.is_current, one.last_modified) > (other.is_current, other.last_modified)
        found.append(left.pop(0) if is_first else others.pop(0))
    return (*found, *left, *others)


def is_unversioned(versions: Sequence[ListedVersion]) -> bool:
    """Tell whether the bucket has never kept versions of the object."""
    return all(one.version_id == UNVERSIONED for one in versions)


# Names of user-defined metadata; S3 sends them as x-amz-meta-….
_NAMES = (
    "ecsauth-pushed-by",
    "ecsauth-version",
    "ecsauth-nonce",
    "ecsauth-rolled-back-from",
    "ecsauth-beside",
    "ecsauth-promoted-from",
)
# An ARN of IAM or STS, or a version. Every principal that may put objects can write any other text there.
_PLAIN = r"[\x21-\x7e]{1,1024}"


class PushMetadata(NamedTuple):
    """The metadata that ecsauth adds to an object: the author, the version of ecsauth. Nothing of the content.

    `beside` is what was released when a candidate was put; `promoted_from` is the candidate that was copied.
    """

    by: Optional[str] = None
    program: Optional[str] = None
    nonce: Optional[str] = None
    rolled_back_from: Optional[str] = None
    beside: Optional[str] = None
    promoted_from: Optional[str] = None

    def as_s3(self) -> dict[str, str]:
        """Return the metadata as names and values for S3."""
        return {name: text for name, text in zip(_NAMES, self) if text}


def parse_metadata(metadata: dict[str, str]) -> PushMetadata:
    """Return ecsauth's part of an object's metadata, without values that ecsauth never writes."""
    texts = (metadata.get(name, "") for name in _NAMES)
    return PushMetadata(*(text if re.fullmatch(_PLAIN, text) else None for text in texts))


class ObjectVersion(NamedTuple):
    """One version of an object as S3 describes it, without its content."""

    facts: ObjectFacts
    metadata: PushMetadata
    size: int = 0


class VersionContent(NamedTuple):
    """A version and its content."""

    version: ObjectVersion
    content: SecretBytes


def described(version: ObjectVersion) -> str:
    """Return version, time and author, as `version V, 2026-11-26T15:00:00Z, by ARN`."""
    facts = version.facts
    parts = [f"version {facts.version_id}"] if facts.version_id else []
    return ", ".join((*parts, moment(facts.last_modified), author(version.metadata)))


def author(metadata: PushMetadata) -> str:
    """Return the author that the object's metadata names; it is not verified."""
    if metadata.by:
        return f"by {metadata.by}"
    return "by ecsauth, author unknown" if metadata.nonce else "by another program"


def moment(seconds: int) -> str:
    """Return seconds since the epoch as RFC 3339, in UTC."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
