"""AWS Signature Version 4, for a request without a body.

User data carry the source of `signed` as it stands here, before anything of ecsauth is on the instance: it imports
nothing of this package, and runs with Python 3.6 too. Source: IAM User Guide, "Create a signed AWS API request", and
Amazon S3 API Reference, "Authenticating Requests (AWS Signature Version 4)".
"""

import hashlib
import hmac


def signed(
    asked: str, headers: "dict[str, str]", keys: "tuple[str, str, str]", place: str, now: str
) -> "dict[str, str]":
    """Return `headers` and those that sign the request.

    `asked` is the method, and after a space the path with its query, quoted as it is sent. The names in `headers` are
    in lower case, `host` among them. `keys` are access key ID, secret access key, and session token or "". `place` is
    REGION/SERVICE. `now` is in UTC, as 20260131T235959Z.
    """
    access_key, secret_key, token = keys
    digest = hashlib.sha256(b"").hexdigest()
    headers = dict(headers, **{"x-amz-content-sha256": digest, "x-amz-date": now})
    if token:
        headers["x-amz-security-token"] = token
    method, _, target = asked.partition(" ")
    path, _, query = target.partition("?")
    names = ";".join(sorted(headers))
    lines = [name + ":" + " ".join(headers[name].split()) for name in sorted(headers)]
    pairs = sorted(one.partition("=")[::2] for one in query.split("&") if one)
    request = "\n".join([method, path, "&".join(map("=".join, pairs)), *lines, "", names, digest])
    scope = f"{now[:8]}/{place}/aws4_request"
    digest = hashlib.sha256(request.encode()).hexdigest()
    key = ("AWS4" + secret_key).encode()
    for part in [*scope.split("/"), f"AWS4-HMAC-SHA256\n{now}\n{scope}\n{digest}"]:
        key = hmac.new(key, part.encode(), "sha256").digest()
    credential = f"Credential={access_key}/{scope}, SignedHeaders={names}, Signature={key.hex()}"
    return dict(headers, authorization="AWS4-HMAC-SHA256 " + credential)
