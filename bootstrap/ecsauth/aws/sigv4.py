"""AWS Signature Version 4, for a request without a body.

User data contains the source of `sign`, which runs before ecsauth is on the instance. So it needs only the two modules
that this one imports, and runs with Python 3.6, too. Source: IAM User Guide, "Create a signed AWS API request", and
Amazon S3 API Reference, "Authenticating Requests (AWS Signature Version 4)".
"""

import hashlib
import hmac


def signed(asked: str, headers: "dict[str, str]", keys: "tuple[str, ...]", place: str, now: str) -> "dict[str, str]":
    """Return `headers` with the headers that sign the request.

    `asked` is the method, a space, and the path with its query, quoted as sent. The names in `headers` are in lower
    case and include `host`. `keys` are access key ID, secret access key, and session token or "". `place` is
    REGION/SERVICE. `now` is in UTC, as 20260131T235959Z.
    """
    key_id, secret, token = keys
    headers = dict(headers, **{"x-amz-content-sha256": hashlib.sha256(b"").hexdigest(), "x-amz-date": now})
    if token:
        headers["x-amz-security-token"] = token
    method, _, target = asked.partition(" ")
    path, _, query = target.partition("?")
    pairs = sorted(one.partition("=")[::2] for one in query.split("&") if one)
    head = "\n".join([method, path, "&".join(map("=".join, pairs))])
    trimmed = {name: " ".join(value.split()) for name, value in headers.items()}
    return dict(headers, authorization=sign(head, trimmed, key_id, secret, place))


def sign(head: str, headers: "dict[str, str]", key_id: str, secret: str, place: str) -> str:
    """Return the header that signs the request.

    `head` are method, path and query, on a line each, the query sorted. `headers` are all that are signed, with
    x-amz-date and x-amz-content-sha256, without superfluous spaces. `place` is REGION/SERVICE.
    """
    now, names = headers["x-amz-date"], ";".join(sorted(headers))
    request = "\n".join([head, *map(":".join, sorted(headers.items())), "", names, headers["x-amz-content-sha256"]])
    scope = f"{now[:8]}/{place}/aws4_request"
    request = f"AWS4-HMAC-SHA256\n{now}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
    key = ("AWS4" + secret).encode()
    for part in [*scope.split("/"), request]:
        key = hmac.new(key, part.encode(), "sha256").digest()
    return f"AWS4-HMAC-SHA256 Credential={key_id}/{scope}, SignedHeaders={names}, Signature={key.hex()}"
