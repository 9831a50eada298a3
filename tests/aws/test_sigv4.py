"""Signatures are those of botocore, request by request, and those of the examples that Amazon has published.

How many requests are tried is 100, or what the variable ECSAUTH_TESTS_EXAMPLES says.
"""

from __future__ import annotations

import os
import string
from functools import lru_cache
from typing import Any, NoReturn

import boto3
import pytest
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from ecsauth.aws import endpoint
from ecsauth.aws.s3_request import target
from ecsauth.aws.sigv4 import signed
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

EXAMPLES = int(os.environ.get("ECSAUTH_TESTS_EXAMPLES", "100"))
tried = settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))

# Of a header: what http.client sends, white space within it too.
VALUES = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=30) | st.sampled_from(["a  b", " \t a "])
# In lower case, as requests of S3 have them.
NAMES = st.text(string.ascii_lowercase + string.digits + "-", min_size=1, max_size=20).map(lambda text: f"x-{text}")
# Of Unicode all but halves of a character, which no key can have.
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
PIECES = st.sampled_from(
    ["/", "//", "..", ".", "~", "%", "%2F", "+", " ", "?", "#", "&", "=", "\0", "\n", "é", "\U0001f680"]
)
KEYS = st.one_of(TEXTS, st.lists(PIECES | TEXTS, max_size=8).map("".join)).filter(bool)
# Quoted, as it is sent: a parameter may come again, and without a value.
WORDS = st.text(string.ascii_letters + string.digits + "-._~", max_size=8) | st.sampled_from(["%20", "%2F", "a%3Db"])
QUERIES = st.lists(st.tuples(WORDS.filter(bool), st.just("") | WORDS.map("={}".format)).map("".join), max_size=5)
PRINTABLE = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=60)
REGIONS = st.sampled_from(["us-east-1", "eu-central-1", "us-gov-west-1", "cn-north-1", "eu-isoe-west-1", "aws-global"])
ODD_REGIONS = st.text(string.ascii_letters + string.digits + "-", min_size=1, max_size=20)
TIMES = st.datetimes().map(lambda moment: f"{moment:%Y%m%dT%H%M%SZ}".rjust(16, "0"))


Keys = tuple[str, str, str]


def by_botocore(auth: type[SigV4Auth], asked: str, headers: dict[str, str], keys: Keys, at: tuple[str, str]) -> str:
    """Return the header that botocore signs with, for a request of that place and time."""
    place, now = at
    method, _, rest = asked.partition(" ")
    request = AWSRequest(method, f"https://{headers['host']}{rest}", headers=headers)
    request.context["timestamp"] = now
    region, _, service = place.partition("/")
    signer: Any = auth(Credentials(keys[0], keys[1], keys[2] or None), service, region)
    # As its add_auth, which takes the time from the clock.
    signer._modify_request_before_signing(request)  # noqa: SLF001 - as above
    signature = signer.signature(signer.string_to_sign(request, signer.canonical_request(request)), request)
    signer._inject_signature_to_request(request, signature)  # noqa: SLF001 - as above
    return str(request.headers["Authorization"])


@tried
@given(
    asked=st.tuples(st.sampled_from(["GET", "HEAD"]), KEYS, QUERIES),
    headers=st.dictionaries(NAMES, VALUES, max_size=6),
    keys=st.tuples(PRINTABLE, PRINTABLE, st.just("") | PRINTABLE),
    region=REGIONS | ODD_REGIONS,
    now=TIMES,
)
def test_requests_of_s3(
    asked: tuple[str, str, list[str]], headers: dict[str, str], keys: Keys, region: str, now: str
) -> None:
    """Whatever stands in path, query, headers and keys, S3 gets the signature of the SDK."""
    method, key, query = asked
    line = f"{method} /fleet{target(key)}" + ("?" + "&".join(query) if query else "")
    headers = {"host": "s3.example.com", **headers}
    mine = signed(line, headers, keys, f"{region}/s3", now)
    assert mine["authorization"] == by_botocore(S3SigV4Auth, line, headers, keys, (f"{region}/s3", now))


@tried
@given(query=QUERIES, keys=st.tuples(PRINTABLE, PRINTABLE, st.just("") | PRINTABLE), region=REGIONS, now=TIMES)
def test_requests_of_sts(query: list[str], keys: Keys, region: str, now: str) -> None:
    """STS gets the signature of the SDK for the same headers."""
    asked = "GET /?" + "&".join(query)
    mine = signed(asked, {"host": f"sts.{region}.amazonaws.com"}, keys, f"{region}/sts", now)
    headers = {name: mine[name] for name in ("host", "x-amz-content-sha256")}
    assert mine["authorization"] == by_botocore(SigV4Auth, asked, headers, keys, (f"{region}/sts", now))


class SentError(Exception):
    """Holds the request that would be sent now."""

    def __init__(self, request: Any) -> None:
        super().__init__()
        self.request = request


@lru_cache
def _client(region: str) -> Any:
    """Return a client that sends nothing: it raises SentError."""
    client: Any = boto3.client("s3", region, aws_access_key_id="AKIAEXAMPLE", aws_secret_access_key="of-a/secret+key")

    def keep(request: Any, **_: Any) -> NoReturn:
        raise SentError(request)

    client.meta.events.register("before-send.s3.GetObject", keep)
    return client


@tried
@given(
    bucket=st.sampled_from(["fleet", "fleet.example.com", "a-b-1"]),
    key=KEYS,
    version=st.none() | st.text("ABCabc019._~+/=-", min_size=1, max_size=12),
    region=st.sampled_from(["us-east-1", "eu-central-1", "cn-north-1"]),
)
def test_get_object(bucket: str, key: str, version: str | None, region: str) -> None:
    """The SDK sends its GetObject to the same place, for the same path and query, with the same signature."""
    more = {"VersionId": version} if version else {}
    with pytest.raises(SentError) as caught:
        _client(region).get_object(
            Bucket=bucket, Key=key, ExpectedBucketOwner="123456789012", ChecksumMode="ENABLED", **more
        )
    request = caught.value.request
    theirs = {name.lower(): _text(value) for name, value in request.headers.items()}
    where = endpoint.s3(region, bucket, {})
    asked = where.path + target(key, versionId=version)
    assert request.url == f"https://{where.authority}{asked}"
    names = theirs["authorization"].partition("SignedHeaders=")[2].partition(",")[0].split(";")
    own = {"x-amz-date", "x-amz-content-sha256"}
    headers = {"host": where.authority, **{name: theirs[name] for name in names if name not in {"host", *own}}}
    keys = ("AKIAEXAMPLE", "of-a/secret+key", "")
    assert (
        signed(f"GET {asked}", headers, keys, f"{region}/s3", theirs["x-amz-date"])["authorization"]
        == (theirs["authorization"])
    )


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value


@pytest.mark.parametrize(
    ("asked", "headers", "signature"),
    [
        (
            "GET /test.txt",
            {"range": "bytes=0-9"},
            "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
        ),
        ("GET /?lifecycle", {}, "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"),
        ("GET /?max-keys=2&prefix=J", {}, "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"),
    ],
    ids=["object", "lifecycle", "listing"],
)
def test_published_examples(asked: str, headers: dict[str, str], signature: str) -> None:
    """Amazon S3 API Reference, "Authenticating Requests: Using the Authorization Header", those without a body."""
    keys = ("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", "")
    headers = {"host": "examplebucket.s3.amazonaws.com", **headers}
    found = signed(asked, headers, keys, "us-east-1/s3", "20130524T000000Z")["authorization"]
    scope = "AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request"
    names = ";".join(sorted((*headers, "x-amz-content-sha256", "x-amz-date")))
    assert found == f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders={names}, Signature={signature}"
