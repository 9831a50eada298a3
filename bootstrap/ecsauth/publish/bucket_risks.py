"""Bucket settings that put the env-file at risk, as far as the operator may read them."""

from __future__ import annotations

import json
from enum import Enum
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, NamedTuple, Union

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ecsauth.aws_names import S3URI


class Unseen(Enum):
    """A setting that could not be read; the value is the reason."""

    DENIED = "no permission"
    UNREACHABLE = "no answer"


class Settings(NamedTuple):
    """The settings of a bucket, as S3's API returns them. `versioning` is S3's status, empty if there is none.

    `public_access_block` has S3's four switches, `policy` is the text of the document, `lifecycle` the rules.
    """

    versioning: Union[str, Unseen]
    public_access_block: Union[dict[str, bool], Unseen]
    policy: Union[str, Unseen]
    lifecycle: Union[list[dict[str, Any]], Unseen]


def risks(settings: Settings, uri: S3URI) -> tuple[str, ...]:
    """Return one sentence for each risk, and one for each reason why settings could not be read."""
    return (*_seen(settings, uri), *_unseen(settings, uri.bucket))


def _seen(settings: Settings, uri: S3URI) -> Iterator[str]:
    bucket = f"bucket {uri.bucket}"
    if not isinstance(settings.versioning, Unseen) and settings.versioning != "Enabled":
        yield f"{bucket} is not versioned: a push overwrites the previous content, and rollback is impossible"
    block = settings.public_access_block
    if not isinstance(block, Unseen) and not (len(block) == len(_SWITCHES) and all(block.values())):
        yield f"{bucket} does not block all public access; the account may block it"
    if isinstance(settings.policy, str) and not _denies_plain_http(settings.policy, uri):
        yield f"the policy of {bucket} does not deny requests without TLS (aws:SecureTransport)"
    if not isinstance(settings.lifecycle, Unseen):
        for rule in settings.lifecycle:
            if rule.get("Status") == "Enabled" and _concerns(rule, uri.key):
                yield from _expiry(rule, bucket)


# S3 API Reference, PublicAccessBlockConfiguration.
_SWITCHES = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")


def _unseen(settings: Settings, bucket: str) -> Iterator[str]:
    names = ("versioning", "public access block", "policy", "lifecycle")
    for reason in Unseen:
        topics = [name for name, setting in zip(names, settings) if setting is reason]
        if topics:
            yield f"bucket {bucket} was not checked ({reason.value}): {', '.join(topics)}"


def _denies_plain_http(text: str, uri: S3URI) -> bool:
    """Tell whether one statement denies every principal to get and put the object without TLS."""
    try:
        statements = _many(json.loads(text or "{}").get("Statement", []))
        return any(_is_tls_only(statement, uri) for statement in statements)
    except (ValueError, AttributeError, TypeError):
        return False


def _is_tls_only(statement: dict[str, Any], uri: S3URI) -> bool:
    switch = {name.lower(): value for name, value in statement.get("Condition", {}).get("Bool", {}).items()}
    everybody = statement.get("Principal") in ("*", {"AWS": "*"}, {"AWS": ["*"]})
    insecure = [str(value).lower() for value in _many(switch.get("aws:securetransport", []))] == ["false"]
    # A second condition would narrow the statement: it would no longer deny every request without TLS.
    alone = len(switch) == 1 and len(statement["Condition"]) == 1 if insecure else False
    actions = [str(action).lower() for action in _many(statement.get("Action", []))]
    covers = all(any(fnmatchcase(name, action) for action in actions) for name in ("s3:getobject", "s3:putobject"))
    resources = [str(resource).partition(":::")[2] or str(resource) for resource in _many(statement.get("Resource"))]
    place = any(fnmatchcase(f"{uri.bucket}/{uri.key}", resource) for resource in resources)
    return statement.get("Effect") == "Deny" and everybody and alone and covers and place


def _many(value: Any) -> list[Any]:
    """Return the value as a list: a policy may have a single value in place of a list."""
    return value if isinstance(value, list) else [value]


def _concerns(rule: dict[str, Any], key: str) -> bool:
    """Tell whether a lifecycle rule applies to the object, which has no tags and is small."""
    given = rule.get("Filter") or {"Prefix": rule.get("Prefix", "")}
    every = given.get("And", given)
    if every.get("Tag") or every.get("Tags") or every.get("ObjectSizeGreaterThan", 0) > _LARGE:
        return False
    return key.startswith(every.get("Prefix") or "")


# In bytes: every env-file is smaller.
_LARGE = 256 * 1024


def _expiry(rule: dict[str, Any], bucket: str) -> Iterator[str]:
    expiration, old = rule.get("Expiration") or {}, rule.get("NoncurrentVersionExpiration") or {}
    if expiration.get("Days") or expiration.get("Date"):
        yield f"a lifecycle rule of {bucket} deletes the current env-file after some time"
    if old:
        yield (
            f"a lifecycle rule of {bucket} deletes old versions {old.get('NoncurrentDays', 0)} days after they are "
            "replaced: after that, rollback to them is impossible"
        )
