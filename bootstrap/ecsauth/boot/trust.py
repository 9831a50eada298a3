"""Verify a fetched S3 object by its metadata: KMS key, version and age.

The two other conditions were checked before: S3 checks the bucket's owner (`ExpectedBucketOwner`), and the code that
fetches checks the checksum.
"""

from __future__ import annotations

import re
from typing import NamedTuple, Optional

from ecsauth.command_hint import FILE, KEY, S3URI, CommandHint
from ecsauth.errors import UsageError

# aws:kms:dsse is dual-layer encryption under the same kind of key (S3 User Guide, "SSE-KMS" and "DSSE-KMS").
KMS_ENCRYPTIONS = ("aws:kms", "aws:kms:dsse")
_KEY_ARN = r"arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/(?:mrk-)?[0-9a-zA-Z-]+"


class ObjectFacts(NamedTuple):
    """The metadata of one version of an S3 object. It contains no secret.

    `last_modified` is in seconds since the epoch. `checksum` names the algorithm that was verified, if any.
    `version_id` is None in a bucket that was never versioned, and "null" for an object that was put before versioning
    or while it was suspended.
    """

    etag: str
    last_modified: int
    version_id: Optional[str] = None
    encryption: Optional[str] = None
    kms_key: Optional[str] = None
    checksum: Optional[str] = None

    @property
    def identity(self) -> str:
        """Return the version ID, or else the ETag. Under SSE-KMS the ETag is not a digest of the content."""
        return self.version_id or f"etag:{self.etag}"

    def is_same_object(self, other: Optional[ObjectFacts]) -> bool:
        """Tell whether both describe the same upload."""
        return other is not None and (self.etag, self.version_id) == (other.etag, other.version_id)


class Pins(NamedTuple):
    """The conditions on the object that the options set. `kms_keys` are full key ARNs, at least one."""

    kms_keys: tuple[str, ...]
    version_id: Optional[str] = None
    allow_older: bool = False


def account(text: str) -> str:
    """Return `text` if it is an AWS account ID; raise UsageError."""
    if re.fullmatch(r"[0-9]{12}", text):
        return text
    raise UsageError("must be an AWS account ID, twelve digits")


def key_arn(text: str) -> str:
    """Return `text` if it is a full KMS key ARN; raise UsageError for anything else, an alias above all."""
    if re.fullmatch(_KEY_ARN, text):
        return text
    if "alias/" in text:
        raise UsageError(
            "--kms-key must be the full ARN of the key: an alias can change to another key, and an instance cannot "
            "resolve it without another permission",
            CommandHint(
                "find the ARN", "aws", "kms", "describe-key", "--key-id", "ALIAS", "--query", "KeyMetadata.Arn"
            ),
        )
    raise UsageError("--kms-key must be the full ARN of the key, arn:aws:kms:REGION:ACCOUNT:key/ID")


class Distrust(NamedTuple):
    """One reason why an object is not accepted, and what to do about it."""

    reason: str
    hint: str


def distrust(facts: ObjectFacts, pins: Pins, installed: Optional[ObjectFacts]) -> tuple[Distrust, ...]:
    """Return every reason not to accept the object; an empty tuple if it is verified.

    `installed` is the version that ecsauth has installed on this machine, if any.
    """
    found = (_wrong_encryption(facts, pins.kms_keys), _wrong_version(facts, pins), _too_old(facts, pins, installed))
    return tuple(reason for reason in found if reason is not None)


def _wrong_encryption(facts: ObjectFacts, kms_keys: tuple[str, ...]) -> Optional[Distrust]:
    push = CommandHint(
        "deny every other encryption in the bucket policy, and push the file again",
        *("ecsauth", "push", FILE, S3URI, "--kms-key", KEY),
    )
    if facts.encryption is None:
        return Distrust(
            "it is not encrypted, so every principal that can write to the bucket could have written it", push
        )
    if facts.encryption not in KMS_ENCRYPTIONS:
        return Distrust(
            f"it is encrypted by S3 itself ({facts.encryption}), not with a KMS key, so every principal that can "
            "write to the bucket could have written it",
            push,
        )
    if facts.kms_key not in kms_keys:
        return Distrust(
            f"it is encrypted with {facts.kms_key or 'a key that S3 does not name'}, but "
            f"--kms-key allows only {', '.join(kms_keys)}",
            "after a change of keys, push the file again, or give both keys: --kms-key OLD --kms-key NEW",
        )
    return None


def _wrong_version(facts: ObjectFacts, pins: Pins) -> Optional[Distrust]:
    # S3 User Guide, "Versioning": an object that was put without versioning has the version ID "null".
    version = facts.version_id or "null"
    if pins.version_id in (None, version):
        return None
    return Distrust(
        f"S3 returned version {version}, not the requested version {pins.version_id}",
        CommandHint("list the versions", "ecsauth", "history", S3URI),
    )


def _too_old(facts: ObjectFacts, pins: Pins, installed: Optional[ObjectFacts]) -> Optional[Distrust]:
    """Refuse a version older than the installed one, unless it was requested by its ID or with --allow-older."""
    if installed is None or facts.last_modified >= installed.last_modified:
        return None
    if pins.version_id is not None or pins.allow_older:
        return None
    return Distrust(
        "it is older than the installed version, so the newer version was deleted",
        CommandHint(
            "to roll back, push the old file again, which makes it the newest version, or accept this older object",
            *("ecsauth", "boot", S3URI, "--allow-older"),
        ),
    )
