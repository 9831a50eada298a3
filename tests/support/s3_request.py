"""One request to S3 or another AWS service, as the proxy sees it: which operation, on what, signed by whom."""

from __future__ import annotations

import re
from typing import NamedTuple, Optional
from urllib.parse import parse_qs, unquote, urlsplit

# Of a bucket or an object, by the part of the query that names a subresource; "" is the plain request.
_BUCKET_OPERATIONS = {
    ("GET", ""): "ListObjects",
    ("GET", "list-type"): "ListObjectsV2",
    ("GET", "encryption"): "GetBucketEncryption",
    ("GET", "location"): "GetBucketLocation",
    ("GET", "versioning"): "GetBucketVersioning",
    ("GET", "versions"): "ListObjectVersions",
    ("GET", "publicAccessBlock"): "GetPublicAccessBlock",
    ("GET", "policy"): "GetBucketPolicy",
    ("GET", "lifecycle"): "GetBucketLifecycleConfiguration",
    ("HEAD", ""): "HeadBucket",
    ("PUT", ""): "CreateBucket",
    ("PUT", "encryption"): "PutBucketEncryption",
    ("PUT", "versioning"): "PutBucketVersioning",
    ("DELETE", ""): "DeleteBucket",
    ("POST", "delete"): "DeleteObjects",
}
_OBJECT_OPERATIONS = {
    ("GET", ""): "GetObject",
    ("GET", "attributes"): "GetObjectAttributes",
    ("GET", "tagging"): "GetObjectTagging",
    ("HEAD", ""): "HeadObject",
    ("PUT", ""): "PutObject",
    ("PUT", "tagging"): "PutObjectTagging",
    ("DELETE", ""): "DeleteObject",
}
_SUBRESOURCES = {name for _, name in (*_BUCKET_OPERATIONS, *_OBJECT_OPERATIONS)}

# Credential=KEY/DATE/REGION/SERVICE/aws4_request. Source: AWS Signature Version 4.
_CREDENTIAL = re.compile(r"Credential=([^/,\s]+)/[0-9]+/([^/,\s]*)/([^/,\s]*)/aws4_request")

# What would let a reader of the log sign requests, or holds a secret itself.
_LEFT_OUT = frozenset({"authorization", "x-amz-security-token"})


class Request(NamedTuple):
    """One request: `headers` in lower case and without credentials, `query` without repetitions.

    `operation` is the API's name (`GetObject`, `AssumeRole`), or method and path where it is not known.
    `bucket` and `key` are "" where there is none; `access_key` and `region` are those of the signature.
    """

    operation: str
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    bucket: str
    key: str
    access_key: Optional[str]
    region: Optional[str]


def parse(method: str, target: str, headers: dict[str, str], body: bytes) -> Request:
    """Return the request of a request line, its headers (names in lower case) and its body; path style only."""
    parts = urlsplit(target)
    query = {name: values[-1] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
    credential = _CREDENTIAL.search(headers.get("authorization", ""))
    service = credential[3] if credential else "s3"
    bucket, _, key = unquote(parts.path).lstrip("/").partition("/") if service == "s3" else ("", "", "")
    return Request(
        operation=_named(headers, body, query) or _of_s3(method, query, bucket, key) or f"{method} {parts.path}",
        method=method,
        path=unquote(parts.path),
        query=query,
        headers={name: value for name, value in headers.items() if name not in _LEFT_OUT},
        bucket=bucket,
        key=key,
        access_key=credential[1] if credential else None,
        region=credential[2] if credential else None,
    )


def _named(headers: dict[str, str], body: bytes, query: dict[str, str]) -> Optional[str]:
    """Return the operation that a request names itself: in a header (KMS), in its form or in its query (STS, IAM)."""
    target = headers.get("x-amz-target")
    if target:
        return target.rpartition(".")[2]
    if headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        return parse_qs(body.decode("latin-1")).get("Action", [None])[0]
    return query.get("Action")


def _of_s3(method: str, query: dict[str, str], bucket: str, key: str) -> Optional[str]:
    if not bucket:
        return "ListBuckets" if method == "GET" else None
    table = _OBJECT_OPERATIONS if key else _BUCKET_OPERATIONS
    return table.get((method, next((name for name in query if name in _SUBRESOURCES), "")))
