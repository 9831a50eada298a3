"""Judge the bucket, the object and its key from S3's answers to several probes.

S3 answers 403 in three cases: the object does not exist and the caller may not list the bucket; the bucket belongs to
another account than expected; access is denied. No probe uses the content of the object.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Optional

from ecsauth import timing
from ecsauth.boot import trust
from ecsauth.command_hint import FILE, KEY, CommandHint
from ecsauth.command_hint import S3URI as OBJECT
from ecsauth.status.judgement import failed, ok, warning

if TYPE_CHECKING:
    from ecsauth.aws_names import S3URI
    from ecsauth.boot.trust import ObjectFacts, Pins
    from ecsauth.status.judgement import Diagnosis

_FORBIDDEN, _NOT_FOUND, _GONE = 403, 404, 405
# S3's words for such a denial, in lower case (IAM User Guide, "Troubleshoot access denied error messages").
_OF_POLICY = ("explicit deny in a resource-based policy", "vpc endpoint policy")
_ANOTHER = CommandHint(
    "use another bucket, because the owner of this one controls the env-file; if that is intended, give the owner",
    *("ecsauth", "doctor", OBJECT, "--bucket-owner", "ACCOUNT"),
)


class ProbeAnswer(NamedTuple):
    """S3's answer to one probe: a success, or an error `status` with S3's reason, its meaning and its fix.

    `offset` is this machine's clock against the date of the answer, in seconds. `region` is the bucket's region.
    """

    status: int
    reason: str = ""
    meaning: str = ""
    fix: str = ""
    region: Optional[str] = None
    offset: Optional[float] = None
    facts: Optional[ObjectFacts] = None
    listed: bool = False

    @property
    def is_ok(self) -> bool:
        """Whether the request succeeded."""
        return self.status < 300  # noqa: PLR2004 - the successes of HTTP

    @property
    def is_denial(self) -> bool:
        """Whether S3 denies access without a known meaning."""
        return self.status == _FORBIDDEN and not self.meaning


class BucketAnswers(NamedTuple):
    """HeadBucket and ListObjectsV2 with the expected owner, HeadBucket without it; None: not requested."""

    owned: ProbeAnswer
    listing: Optional[ProbeAnswer] = None
    anyone: Optional[ProbeAnswer] = None


class ObjectAnswers(NamedTuple):
    """HeadObject with the expected owner; if it fails: HeadObject without it, the listing, GetObject for its reason."""

    owned: ProbeAnswer
    anyone: Optional[ProbeAnswer] = None
    listing: Optional[ProbeAnswer] = None
    got: Optional[ProbeAnswer] = None


def bucket(answers: BucketAnswers, uri: S3URI, owner: str, region: str) -> Diagnosis:
    """Judge the bucket: whether it exists, its region, its owner."""
    owned, listing, anyone = answers
    if owned.status == _NOT_FOUND or (listing is not None and listing.status == _NOT_FOUND):
        return failed(f"{uri.bucket} does not exist", "check the name of the bucket")
    if owned.is_ok or (listing is not None and listing.is_ok):
        return _in_region(uri, owner, owned.region, region)
    told = listing or owned
    if not told.is_denial:
        return failed(told.meaning or f"S3 answers {told.status}", told.fix)
    if anyone is not None and anyone.is_ok:
        return _foreign(uri, owner)
    verdict = _in_region(uri, owner, owned.region, region)
    return verdict._replace(said=f"{uri.bucket} exists; the role may not list it, and boot does not need that")


def key(answers: ObjectAnswers, uri: S3URI, owner: str, now: int) -> Diagnosis:
    """Judge whether the object exists, and whether the role may read its metadata."""
    owned = answers.owned
    if owned.is_ok and owned.facts is not None:
        age = timing.in_words(now - owned.facts.last_modified)
        return ok(f"version {owned.facts.identity}, uploaded {age} ago")
    if owned.status == _NOT_FOUND:
        return _absent(uri)
    if owned.status == _GONE:
        return failed(
            "this version is a delete marker: the object was deleted",
            CommandHint("push the file again", "ecsauth", "push", FILE, uri.object_uri),
        )
    told = answers.got or owned
    if "kms" in told.reason.lower() or told.is_ok:
        return ok("the object exists")
    if not told.is_denial:
        return failed(told.meaning or f"S3 answers {told.status}", told.fix)
    return _denied(answers, told.reason.lower(), uri, owner)


def kms(got: ProbeAnswer, facts: Optional[ObjectFacts], pins: Optional[Pins]) -> Diagnosis:
    """Judge whether the key can be used, and whether it is one of the keys that the instance accepts."""
    if not got.is_ok:
        name = facts.kms_key if facts is not None else None
        fix = got.fix
        if name and isinstance(fix, CommandHint):
            fix = fix.filled({KEY: name})
        elif name and fix:
            fix = f"{fix} ({name})"
        return failed(got.meaning or f"S3 answers {got.status}", fix)
    if facts is None:
        return ok("the object can be read")
    if pins is None:
        said = f"the object can be read; it is encrypted with {facts.kms_key or facts.encryption or 'nothing'}"
        return warning(
            said, CommandHint("compare it with the expected key", "ecsauth", "doctor", OBJECT, "--kms-key", KEY)
        )
    doubts = trust.distrust(facts, pins, None)
    if doubts:
        return failed("; ".join(doubt.reason for doubt in doubts), doubts[0].hint)
    return ok(f"the object can be read; it is encrypted with {facts.kms_key}")


def _in_region(uri: S3URI, owner: str, there: Optional[str], region: str) -> Diagnosis:
    if there is not None and there != region:
        return warning(
            f"{uri.bucket} is in {there}, not in {region}",
            CommandHint("use the region of the bucket", "ecsauth", "doctor", OBJECT, "--region", there),
        )
    return ok(f"{uri.bucket} belongs to account {owner}")


def _foreign(uri: S3URI, owner: str) -> Diagnosis:
    return failed(f"{uri.bucket} belongs to another account than {owner}", _ANOTHER)


def _absent(uri: S3URI) -> Diagnosis:
    what = f"version {uri.version_id} of {uri.object_uri}" if uri.version_id else str(uri)
    push = CommandHint("check the URI, or push the file", "ecsauth", "push", FILE, uri.object_uri)
    return failed(f"there is no {what}", push)


def _denied(answers: ObjectAnswers, reason: str, uri: S3URI, owner: str) -> Diagnosis:
    """Distinguish the causes of a 403.

    Within one account S3 names the missing permission: s3:ListBucket for an object that does not exist (S3 User Guide,
    "Troubleshoot access denied errors").
    """
    listing, anyone = answers.listing, answers.anyone
    if anyone is not None and anyone.is_ok:
        return _foreign(uri, owner)
    if any(text in reason for text in _OF_POLICY):
        return failed(
            "the policy of the bucket or of a VPC endpoint denies it",
            CommandHint(
                "check whether the policy of the bucket or of an endpoint requires TLS, an address or an endpoint",
                *("aws", "s3api", "get-bucket-policy", "--bucket", uri.bucket),
            ),
        )
    if (listing is not None and listing.is_ok and not listing.listed) or "s3:listbucket" in reason:
        return _absent(uri)
    action = "s3:GetObjectVersion" if uri.version_id else "s3:GetObject"
    grant = f"allow {action} on arn:aws:s3:::{uri.bucket}/{uri.key} in the role's policy"
    if (listing is not None and listing.is_ok) or "s3:getobject" in reason:
        return failed(
            "the object exists, but the role may not read it", f"{grant}; check that the bucket policy does not deny it"
        )
    return failed(
        "S3 denies access without a reason: the object does not exist, or the role may not read it",
        CommandHint(
            f"if it exists, {grant}; check that no policy of the bucket or of a VPC endpoint denies it, for "
            "example without TLS; try from another machine",
            *("aws", "s3api", "head-object", "--bucket", uri.bucket, "--key", uri.key),
        ),
    )
