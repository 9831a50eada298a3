"""Words that the readers know, for the fuzzer to put together: it finds single bytes by itself, but no words."""

from __future__ import annotations

from functools import lru_cache

from ecsauth.agent import variables
from ecsauth.registry.document import FIELDS

_WORDS = (
    *("docker", "dockercfg", "true", "false", "null", "auths", "credsStore", "credHelpers", "localhost", "docker.io"),
    *("https://", "http://", "https://index.docker.io/v1/", "index.docker.io/v1/", "/v1/", "/v2/", ":443", "host.tld"),
    *('":{"', '":"', '"}}', '"},"', '{"auths":', "ZXhhbXBsZTpub3QtYS1zZWNyZXQ=", "user:password", "\\u0000", "\\ud83d"),
    *("export ", "set ", "# ecsauth: accept ", "F133 ", "#cloud-config\n", "#!/bin/sh\n", "EOF", "$(", "${", "<<"),
    *("\ufeff", "\u00a0", "\u0085", "\u2028", "\u017f", "\u212a", "\ufffe", "\r\n", " #", " = ", ": ", "\\\n", "10m"),
    *("HTTP/1.1 ", "200 OK", "301", "400", "403", "503", "Content-Length: ", "Transfer-Encoding: chunked", "Date: "),
    *("ETag: ", "Last-Modified: ", "x-amz-bucket-region: ", "x-amz-version-id: ", "x-amz-checksum-crc32: ", "<Error>"),
    *("<Code>", "</Code>", "<Region>", "RequestTimeTooSkewed", "PermanentRedirect", "<!DOCTYPE ", "\n=====\n", "-1"),
    *("\t", "[8000]", "-1", "1h30m", "0x1p-2", "1_000", "10.0.0.0/8", "awslogs", "49153-65535", "9223372036854775808"),
)


@lru_cache(maxsize=1)
def words() -> tuple[bytes, ...]:
    """Return the words, names of variables and fields among them."""
    fields = (f'"{field}":' for fields in FIELDS.values() for field in fields)
    return tuple(word.encode() for word in sorted({*_WORDS, *variables.names(), *fields}))


def lines() -> str:
    """Return the dictionary in libFuzzer's format."""
    return "".join('"' + "".join(f"\\x{byte:02x}" for byte in word) + '"\n' for word in words())
