"""The world of access.md and fleet-access.md: who the names stand for, with which policies; and what IAM answers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Optional

import policy_evaluator
from ecsauth.deploy.policies import POLICIES, Values, fill
from policy_evaluator import Asked, Policy, Value

if TYPE_CHECKING:
    from collections.abc import Mapping

    from access_table import Case

_FOLDER = Path(__file__).resolve().parents[2] / "iam"
ACCOUNT, FOREIGN_ACCOUNT = "123456789012", "999999999999"
EVERYTHING: Policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
# What the page says of policies, or of how a put is encrypted.
_NOT_OF_THE_REQUEST = (
    "bucket without policy",
    "default key policy",
    "dual layer",
    "let in",
    "naming the key",
    "no KMS",
    "no prefix",
    "with every right besides",
    "with no right of its own",
)
# The policies of each name of the pages.
_POLICIES_OF = {
    "instance": ("instance-role",),
    "operator": ("operator",),
    "auditor": ("auditor",),
    "roller": ("fleet-roll", "fleet-read"),
    "promoter": ("fleet-promote", "fleet-read"),
    "fleet auditor": ("auditor", "fleet-read"),
    "fleet instance": ("instance-role", "fleet-instance"),
}
_SSE = "s3:x-amz-server-side-encryption"
_SSE_KEY = f"{_SSE}-aws-kms-key-id"


class Partition(NamedTuple):
    """A partition, and a region in it; `services` is the end of the names that services have in `kms:ViaService`."""

    name: str
    suffix: str
    region: str
    services: str = "amazonaws.com"


PARTITIONS = (
    Partition("aws", "amazonaws.com", "eu-central-1"),
    Partition("aws-cn", "amazonaws.com.cn", "cn-north-1"),
    Partition("aws-cn", "amazonaws.com.cn", "cn-north-1", "amazonaws.com.cn"),
    Partition("aws-us-gov", "amazonaws.com", "us-gov-west-1"),
)


class Place(NamedTuple):
    """What the policies are about: a bucket, its key, and the ones who are named in them."""

    partition: Partition = PARTITIONS[0]
    bucket: str = "example-config"
    other_bucket: str = "example-other"
    key: str = ""
    other_key: str = ""
    account: str = ACCOUNT
    principal: str = "role/{}"
    prefix: str = "prod"

    def key_arn(self, *, other: bool = False) -> str:
        """Return the ARN of the environment's key, or of another."""
        given = self.other_key if other else self.key
        name = "99999999-8888-7777-6666-555555555555" if other else "11111111-2222-3333-4444-555555555555"
        return given or f"arn:{self.partition.name}:kms:{self.partition.region}:{self.account}:key/{name}"

    def arn_of(self, who: str) -> Optional[str]:
        """Return the ARN of a name of the page, None where nobody has signed."""
        if who == "anybody":
            return None
        if who in ("EC2", "Lambda"):
            return f"{who.lower()}.{self.partition.suffix}"
        of = FOREIGN_ACCOUNT if who == "foreign" else self.account
        name = "root" if who == "root user" else self.principal.format(who.replace(" ", "-"))
        return f"arn:{self.partition.name}:iam::{of}:{name}"

    def policies(self) -> dict[str, Policy]:
        """Return the policies by their names, filled in for this place."""
        values = Values(
            partition=self.partition.name,
            region=self.partition.region,
            account=self.account,
            bucket=self.bucket,
            prefix=self.prefix,
            keys=(self.key_arn(),),
            operators=tuple(str(self.arn_of(who)) for who in ("operator", "roller", "promoter")),
            administrator=self.arn_of("administrator"),
        )
        return {name: fill((_FOLDER / policy.file).read_text("utf-8"), values) for name, policy in POLICIES.items()}

    def bucket_of(self, case: Case) -> str:
        """Return the bucket that a case is about."""
        return self.other_bucket if case.to.startswith("another bucket") else self.bucket

    def resource(self, case: Case) -> str:
        """Return the ARN of what a case is about."""
        if case.action.startswith("kms:"):
            return self.key_arn(other=case.to == "another key")
        if case.action == "sts:AssumeRole":
            return str(self.arn_of("instance"))
        if not case.action.startswith("s3:"):
            return self.fleet_arn(case.to)
        return self.object_arn(self.bucket_of(case), case.key)

    def fleet_arn(self, to: str) -> str:
        """Return the ARN of what fleet-access.md names; "*" for actions that IAM grants for no single resource."""
        if to == "everything":
            return "*"
        kind, _, name = to.partition(" ")
        service, path = {
            "document": ("ssm", f"document/{name}"),
            "instance": ("ec2", "instance/i-0123456789abcdef0"),
            "host": ("ssm", "managed-instance/mi-0123456789abcdef0"),
            "association": ("ssm", "association/01234567-89ab-cdef-0123-456789abcdef"),
            "cluster": ("ecs", "cluster/demo"),
            "container-instance": ("ecs", "container-instance/demo/0123456789abcdef0123456789abcdef"),
            "parameter": ("ssm", f"parameter/{name}"),
            "role": ("iam", f"role/aws-service-role/{name}"),
        }[kind]
        region = "" if service == "iam" else self.partition.region
        return f"arn:{self.partition.name}:{service}:{region}:{self.account}:{path}"

    def object_arn(self, bucket: str, key: str = "") -> str:
        """Return the ARN of an object, or of a bucket."""
        return f"arn:{self.partition.name}:s3:::{bucket}" + (f"/{key}" if key else "")


def identity_of(case: Case, policies: Mapping[str, Policy]) -> list[Policy]:
    """Return the policies that the one who asks has."""
    if case.who == "anybody" or "with no right of its own" in case.how:
        return []
    if case.who not in _POLICIES_OF:
        return [EVERYTHING]
    own = [policies[name] for name in _POLICIES_OF[case.who]]
    return [*own, *([EVERYTHING] if "with every right besides" in case.how else [])]


def is_allowed(case: Case, place: Place, policies: Mapping[str, Policy]) -> bool:
    """Evaluate a case."""
    return evaluated(question(case, place, policies))


def question(case: Case, place: Place, policies: Mapping[str, Policy]) -> dict[str, Any]:
    """Return a case as a document that says all of it: the request, and every policy that has a say."""
    return {
        "principal": place.arn_of(case.who),
        "action": case.action,
        "resource": place.resource(case),
        "account": place.account,
        "context": _context(case, place),
        "identity": identity_of(case, policies),
        "policy": _policy_of_resource(case, place, policies),
    }


def evaluated(asked: Mapping[str, Any]) -> bool:
    """Answer a question of this kind."""
    request = Asked(asked["principal"], asked["action"], asked["resource"], asked["context"])
    if request.action == "sts:AssumeRole":
        return policy_evaluator.may_assume(str(request.principal), asked["policy"], request.context)
    if request.action.startswith("kms:"):
        return policy_evaluator.allowed_by_key(request, asked["identity"], asked["policy"], asked["account"])
    return policy_evaluator.allowed(request, asked["identity"], asked["policy"], asked["account"])


def _policy_of_resource(case: Case, place: Place, policies: Mapping[str, Policy]) -> Optional[Policy]:
    if case.action == "sts:AssumeRole":
        return policies["instance-role-trust"]
    if case.action.startswith("kms:"):
        is_default = case.to == "another key" or "default key policy" in case.how
        return default_key_policy(place) if is_default else policies["key"]
    if not case.action.startswith("s3:"):
        return None
    return bucket_policy(case, place, policies)


def default_key_policy(place: Place) -> Policy:
    """Return the policy that KMS gives to a key for which none is given."""
    root = {"AWS": place.arn_of("root user")}
    statement = {"Effect": "Allow", "Principal": root, "Action": "kms:*", "Resource": "*"}
    return {"Version": "2012-10-17", "Statement": [statement]}


def bucket_policy(case: Case, place: Place, policies: Mapping[str, Policy]) -> Optional[Policy]:
    """Return the policy of the bucket that a case is about, None where it has none."""
    if case.to.startswith("another bucket") or "bucket without policy" in case.how:
        return None
    policy = policies["bucket"]
    if "let in" not in case.how:
        return policy
    arn = place.object_arn(place.bucket)
    statement = {"Effect": "Allow", "Principal": "*", "Action": "s3:*", "Resource": [arn, f"{arn}/*"]}
    return {**policy, "Statement": [*policy["Statement"], statement]}


def _context(case: Case, place: Place) -> dict[str, Value]:
    context: dict[str, Value] = {"aws:SecureTransport": "true", "aws:RequestedRegion": place.partition.region}
    principal = place.arn_of(case.who)
    if principal and case.who not in ("EC2", "Lambda"):
        context["aws:PrincipalArn"] = principal
        context["aws:PrincipalAccount"] = principal.split(":")[4]
        context["aws:PrincipalType"] = "Account" if case.who == "root user" else "AssumedRole"
    if case.action.startswith("s3:"):
        context.update({"s3:TlsVersion": "1.3", "s3:ResourceAccount": place.account})
    if case.action == "s3:PutObject":
        context.update(_encryption(case, place))
    for how in case.how:
        _add(how, context, place)
    return context


def encryption_headers(case: Case, place: Place) -> dict[str, str]:
    """Return what a put says of its encryption, as the SDK's parameters."""
    given = _encryption(case, place)
    names = {_SSE: "ServerSideEncryption", _SSE_KEY: "SSEKMSKeyId"}
    return {names[name]: value for name, value in given.items()}


def _encryption(case: Case, place: Place) -> dict[str, str]:
    hows = {
        "under the key": {_SSE: "aws:kms", _SSE_KEY: place.key_arn()},
        "under another key": {_SSE: "aws:kms", _SSE_KEY: place.key_arn(other=True)},
        "under a key that is not named": {_SSE: "aws:kms"},
        "naming the key": {_SSE_KEY: place.key_arn()},
        "under S3's own key": {_SSE: "AES256"},
        "dual layer": {_SSE: "aws:kms:dsse"},
    }
    found: dict[str, str] = {}
    for how in case.how:
        found.update(hows.get(how, {}))
    return found


def _add(how: str, context: dict[str, Value], place: Place) -> None:
    """Add what one part of the page's `How` says."""
    if how.startswith("TLS "):
        context["s3:TlsVersion"] = how[4:]
    elif how == "over HTTP":
        context["aws:SecureTransport"] = "false"
        del context["s3:TlsVersion"]
    elif how.startswith("prefix "):
        context["s3:prefix"] = how[7:]
    elif how.startswith("tag "):
        context["ssm:resourceTag/ecsauth"] = how[4:]
    elif how.startswith("for "):
        context["iam:AWSServiceName"] = how[4:]
    elif how.startswith(("S3 ", "itself for ")):
        _add_kms(how, context, place)
    else:
        assert how in _NOT_OF_THE_REQUEST or how.startswith("under "), how


def _add_kms(how: str, context: dict[str, Value], place: Place) -> None:
    by, _, what = how.partition(" for ")
    region = "eu-west-3" if "another region" in by else place.partition.region
    if by.startswith("S3"):
        context["kms:ViaService"] = f"s3.{region}.{place.partition.services}"
    if what == "the bucket":
        context["kms:EncryptionContext:aws:s3:arn"] = place.object_arn(place.bucket)
    elif what:
        bucket = place.other_bucket if what.startswith("another bucket ") else place.bucket
        context["kms:EncryptionContext:aws:s3:arn"] = place.object_arn(bucket, what.rpartition(" ")[2])
