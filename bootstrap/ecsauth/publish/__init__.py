"""The steps of a push: read the current object, find the KMS key, compare, warn, ask, put, read back, report.

This module does no I/O of its own: it uses S3 and KMS through protocols. `push`, `edit`, `roll_back` and
`push_archive` take their content from different places; all end in `publish`. If one of them raises an EcsauthError,
nothing was put, unless the message says that something was put.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Callable, NamedTuple, Optional, Protocol

from ecsauth import __version__
from ecsauth.boot.trust import KMS_ENCRYPTIONS
from ecsauth.check import approve
from ecsauth.command_hint import CommandHint
from ecsauth.envfile import LARGEST
from ecsauth.errors import DeniedError, EcsauthError, InvalidError, UsageError
from ecsauth.publish import boot_archive
from ecsauth.publish.bucket_risks import risks
from ecsauth.publish.put import NewVersion, put
from ecsauth.publish.review import CurrentObject, NewContent, PublishOutcome, PublishReport, Review
from ecsauth.publish.versions import UNVERSIONED, PushMetadata
from ecsauth.secret import SecretBytes

if TYPE_CHECKING:
    from ecsauth.aws_names import S3URI
    from ecsauth.publish.bucket_risks import Settings
    from ecsauth.publish.put import VersionStore
    from ecsauth.publish.versions import ObjectVersion


class Bucket(Protocol):
    """The settings of the bucket."""

    def default_kms_key(self) -> Optional[str]:
        """Return the KMS key that the bucket encrypts with by default; raise DeniedError and UnreachableError."""

    def look(self) -> Settings:
        """Return the settings that are risks when they are wrong; raise nothing."""


class Services(NamedTuple):
    """AWS as the operator uses it. `env_files` and `archives` use the same bucket, with different limits of size.

    `resolve_key` returns the ARN of a KMS key, or the given name if KMS cannot be asked; it raises DeniedError for a
    key that cannot be used. `caller` returns the operator's ARN, None if it is unknown. `sleep` takes seconds.
    """

    env_files: VersionStore
    archives: VersionStore
    bucket: Bucket
    resolve_key: Callable[[str], str]
    caller: Callable[[], Optional[str]]
    sleep: Callable[[float], None]


class PublishRequest(NamedTuple):
    """The operator's request. `kms_key` is an ARN, ID or alias, None for the default of the command.

    `show` always gets the review. `confirm` returns the operator's decision; it is called only before a put.
    """

    uri: S3URI
    kms_key: Optional[str]
    dry_run: bool
    show: Callable[[Review], None]
    confirm: Callable[[Review], bool]


def push(new: NewContent, request: PublishRequest, services: Services) -> PublishReport:
    """Put a checked env-file, encrypted with the key of the request or else the default key of the bucket."""
    kms_key = find_key(request, services)
    current = look(services.env_files, request.uri)
    _refuse_archive(request.uri, current, services.archives)
    is_unchanged = current.is_same(new.data, kms_key)
    concerns = () if is_unchanged else risks(services.bucket.look(), request.uri)
    return publish(Review(request.uri, new, current, kms_key, is_unchanged, concerns), request, services)


def edit(change: Callable[[SecretBytes], NewContent], request: PublishRequest, services: Services) -> PublishReport:
    """Put the result of `change` on the current env-file, encrypted with its key unless the request names another."""
    version, content = services.env_files.read(request.uri)
    kms_key = find_key(request, services, version)
    current, new = CurrentObject(version, content), change(content)
    return publish(Review(request.uri, new, current, kms_key, current.is_same(new.data, kms_key)), request, services)


def roll_back(version_id: str, request: PublishRequest, services: Services) -> PublishReport:
    """Check the content of an older version and put it, with the current key unless the request names another."""
    old = request.uri._replace(version_id=version_id)
    data = services.env_files.read(old).content
    new = NewContent(data, str(old), approve(data, str(old)), origin=version_id)
    current = look(services.env_files, request.uri)
    kms_key = find_key(request, services, current.version)
    return publish(Review(request.uri, new, current, kms_key, current.is_same(data, kms_key)), request, services)


def push_archive(data: bytes, name: str, request: PublishRequest, services: Services) -> PublishReport:
    """Put a checked boot archive, encrypted with the key of the request or else the default key of the bucket."""
    kms_key = find_key(request, services)
    current = look(services.archives, request.uri)
    _refuse_other_than_archive(request.uri, current)
    # User data cannot name a version that was put before the bucket was versioned, so the same archive is put again.
    is_unversioned = current.version is not None and current.version.facts.version_id == UNVERSIONED
    is_unchanged = current.is_same(data, kms_key) and not is_unversioned
    concerns = () if current.content == data else _archive_risks(request.uri, current.version)
    new = NewContent(SecretBytes(data), name, content_type="application/octet-stream")
    report = publish(Review(request.uri, new, current, kms_key, is_unchanged, concerns), request, services)
    _verify_archive(report, services.archives)
    return report


def publish(review: Review, request: PublishRequest, services: Services) -> PublishReport:
    """Show the review, ask, put unless another push was faster, and read back.

    Raises ConflictError if another push was faster, DeniedError if S3 did not encrypt the new version with a KMS key.
    """
    request.show(review)
    if review.is_unchanged:
        return PublishReport(review, PublishOutcome.UNCHANGED)
    if request.dry_run:
        return PublishReport(review, PublishOutcome.DRY_RUN)
    if not request.confirm(review):
        return PublishReport(review, PublishOutcome.DECLINED)
    published = put(services.env_files, review.uri, _new_version(review, services), services.sleep)
    if published.version.facts.encryption not in KMS_ENCRYPTIONS:
        raise DeniedError(
            f"{review.uri} was uploaded, but S3 reports no encryption with a KMS key: instances refuse it"
        )
    return PublishReport(review, PublishOutcome.PUBLISHED, published)


def look(store: VersionStore, uri: S3URI) -> CurrentObject:
    """Return the current object, without its content if it cannot be read: a put needs no right to read."""
    version = store.look(uri)
    if version is None:
        return CurrentObject()
    try:
        return CurrentObject(*store.read(uri, version))
    except (DeniedError, InvalidError):
        return CurrentObject(version)


def find_key(request: PublishRequest, services: Services, version: Optional[ObjectVersion] = None) -> str:
    """Return the ARN of the KMS key to encrypt with: that of the request, of `version`, or the bucket's default.

    Without permission to ask KMS, returns the key as it is named. Raises UsageError if there is no key.
    """
    key = request.kms_key or (version.facts.kms_key if version else None) or services.bucket.default_kms_key()
    if key is None:
        raise UsageError(
            f"bucket {request.uri.bucket} has no default KMS key",
            "give a customer managed key: --kms-key ARN; with the AWS managed key aws/s3, everyone who may read from "
            "S3 can read the file",
        )
    return services.resolve_key(key)


def _refuse_archive(uri: S3URI, current: CurrentObject, archives: VersionStore) -> None:
    """Raise UsageError if the current object is a boot archive, which is too large to be read as an env-file."""
    if current.version is None or current.content is not None or current.version.size <= LARGEST:
        return
    try:
        content = archives.read(uri, current.version).content
    except (DeniedError, InvalidError):
        return
    if boot_archive.is_like_one(content):
        raise UsageError(
            f"{uri} is a boot archive: nothing was uploaded",
            "check the S3 URI; if the archive replaced an env-file, its versions still exist",
            CommandHint("list its versions", "ecsauth", "history", uri.object_uri),
            CommandHint("roll back to one of them", "ecsauth", "rollback", uri.object_uri, "VERSION"),
        )


def _refuse_other_than_archive(uri: S3URI, current: CurrentObject) -> None:
    """Raise UsageError if the current object is not a boot archive; judge an unreadable object by its size."""
    if current.version is None:
        return
    if current.content is None and LARGEST < current.version.size <= boot_archive.LONGEST:
        return
    if current.content is None or not boot_archive.is_like_one(current.content):
        raise UsageError(
            f"{uri} is not a boot archive: nothing was uploaded",
            "give the boot archive its own key, such as s3://BUCKET/PREFIX/ecsauth",
        )


def _archive_risks(uri: S3URI, before: Optional[ObjectVersion]) -> tuple[str, ...]:
    """Return a warning about user data that names the previous archive."""
    if before is None:
        return ()
    version = None if before.facts.version_id == UNVERSIONED else before.facts.version_id
    keep = f", or use {uri}?versionId={version}" if version else ""
    return (f"user data with the SHA-256 of the previous archive rejects this one: generate it again{keep}",)


def _new_version(review: Review, services: Services) -> NewVersion:
    new, before = review.new, review.current.version
    # The nonce identifies this put if S3's answer is lost.
    metadata = PushMetadata(services.caller(), __version__, os.urandom(16).hex(), new.origin, new.beside)
    return NewVersion(new.data, review.kms_key, before.facts.etag if before else None, metadata, new.content_type)


def _verify_archive(report: PublishReport, archives: VersionStore) -> None:
    """Read the new version back and compare the bytes; raise an EcsauthError if they differ."""
    published = report.published
    if published is None or published.is_superseded:
        return
    uri = report.review.uri
    try:
        read = archives.read(uri._replace(version_id=published.version.facts.version_id), published.version)
    except EcsauthError as fault:
        fault.add("the archive was uploaded, but its content was not verified")
        raise
    if read.content != report.review.new.data:
        raise DeniedError(f"{uri} was uploaded, but S3 returned different bytes: instances will refuse it")
