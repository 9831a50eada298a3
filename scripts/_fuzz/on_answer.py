"""answer: what S3, or whatever is in its place, sends for an object: the object, or a fault that is told.

An input is what each connection of a run brings, with a mark between them; the last one comes again and again.
"""

from __future__ import annotations

import base64
import contextlib
import email.utils
import io
import itertools
import time
import zlib
from functools import partial
from typing import TYPE_CHECKING, Any
from unittest import mock

from ecsauth.aws.credentials import Signer
from ecsauth.aws.probes import Probes
from ecsauth.aws.s3_get import got, looked
from ecsauth.aws.s3_request import SignedS3
from ecsauth.aws.signing_keys import SigningKeys
from ecsauth.aws_names import S3URI
from ecsauth.boot.fetch import Fetched
from ecsauth.envfile import LARGEST
from ecsauth.errors import EcsauthError

from _fuzz.secrecy import assert_hidden
from _fuzz.target import holds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_MARK = b"\n=====\n"
_ACCOUNT, _REGION = "123456789012", "eu-central-1"
_URI = S3URI("fleet", "prod/ecs.config")
_SECRETS = ("of-the-secret-key", "of-the-session-token")
_SIGNER = Signer(SigningKeys.of("AKIAFUZZ000000000001", *_SECRETS), {"AWS_ENDPOINT_URL": "http://127.0.0.1:9"})
# For one question: region and clock once each, and all that a second time. A probe asks four.
_MOST_REQUESTS, _MOST_QUESTIONS = 6, 4
_PROBES = (Probes.bucket, Probes.key)
_ETAG = '"0123456789abcdef0123456789abcdef"'


def seeds() -> Iterator[bytes]:
    """Yield good answers in several forms, refusals, and what is sent elsewhere or at another time first."""
    body = b"ECS_CLUSTER=prod\n"
    checksum = base64.b64encode(zlib.crc32(body).to_bytes(4, "big")).decode()
    facts = ("Last-Modified: Mon, 01 Jan 2024 00:00:00 GMT", f"ETag: {_ETAG}", f"x-amz-checksum-crc32: {checksum}")
    good = _answer("200 OK", body, *facts, "x-amz-version-id: v1", "x-amz-server-side-encryption: aws:kms")
    chunked = b"5;a=b\r\nECS_C\r\nc\r\nLUSTER=prod\n\r\n0\r\nX-Trailer: 1\r\n\r\n"
    moved = "x-amz-bucket-region: us-west-2"
    now = f"Date: {email.utils.formatdate(time.time() + 3600, usegmt=True)}"
    skewed = _answer("403 Forbidden", _document("RequestTimeTooSkewed"), now)
    yield good
    yield _head("200 OK", *facts, "Transfer-Encoding: chunked") + chunked
    yield _head("200 OK", *facts) + body
    yield b"HTTP/1.0 200\n" + good.partition(b"\r\n")[2]
    yield b"HTTP/1.1 100 Continue\r\n\r\n" + good
    yield _head("304 Not Modified", f"ETag: {_ETAG}")
    yield _answer("200 OK", b"<html>sign in</html>", "Content-Type: text/html")
    yield _answer("200 OK", _listing(), *facts)
    yield _answer("301 Moved Permanently", _document("PermanentRedirect"), moved) + _MARK + skewed + _MARK + good
    yield _answer("400 Bad Request", _document("AuthorizationHeaderMalformed", "<Region>us-west-2</Region>"))
    yield _answer("503 Slow Down", _document("SlowDown")) + _MARK + good
    yield _answer("404 Not Found", _document("NoSuchKey"), "x-amz-delete-marker: true")
    yield _answer("403 Forbidden", _document("AccessDenied", "<Message>perform: kms:Decrypt</Message>"))
    yield _answer("403 Forbidden", b"<!DOCTYPE a [<!ENTITY b 'c'>]>" + _document("&b;"))


def run(data: bytes) -> None:
    """Ask for the object in each way, with the answers of the input."""
    answers = data.split(_MARK)
    with _served(answers) as s3:
        for unless in (None, _ETAG):
            _check_object(s3, unless)
        _told(lambda: looked(s3(), _URI, _ACCOUNT))
        probed = [_told(partial(_probed, s3, ask)) for ask in _PROBES]
    for probe in itertools.chain.from_iterable(one or () for one in probed):
        told = (probe.meaning, probe.fix, probe.region) if probe is not None else ()
        holds(all(text.isprintable() for text in map(str, told)), "a probe that cannot be shown")


def _probed(s3: Callable[..., SignedS3], ask: Callable[[Probes], Any]) -> Any:
    return ask(Probes(s3(_MOST_QUESTIONS), _URI, _ACCOUNT))


def _check_object(s3: Callable[..., SignedS3], unless: str | None) -> None:
    found = _told(lambda: got(s3(), _URI, _ACCOUNT, unless) or "unchanged")
    holds(found != "unchanged" or unless, "nothing, though there was no condition")
    if isinstance(found, Fetched):
        holds(len(found.body) <= LARGEST, "longer than any env-file")
        holds(all(text.isprintable() for text in map(str, found.facts)), "facts that cannot be shown")


def _told(ask: Callable[[], Any]) -> Any:
    """Return what is found, None for a fault, all of which can be shown."""
    try:
        return ask()
    except EcsauthError as fault:
        told = (fault.message, *map(str, fault.hints))
        holds(all(text.isprintable() for text in told), "a fault that cannot be shown")
        assert_hidden(_SECRETS, told)
        return None


@contextlib.contextmanager
def _served(answers: list[bytes]) -> Iterator[Callable[..., SignedS3]]:
    """Give S3 that answers so, each time from the start; no time passes, and no socket is opened."""
    connections: Iterator[bytes] = iter(())

    def start(questions: int = 1) -> SignedS3:
        nonlocal connections
        connections = itertools.chain(answers, itertools.repeat(answers[-1]))
        connections = itertools.islice(connections, questions * _MOST_REQUESTS)
        return SignedS3(_SIGNER, _REGION)

    def connect(*_: object, **__: object) -> Any:
        data = next(connections, None)
        if data is None:
            raise AssertionError("more requests than there is reason for")
        return _Socket(data)

    with mock.patch("socket.create_connection", connect), mock.patch("time.sleep"):
        yield start


class _Socket:
    """A socket that has an answer, and takes everything."""

    def __init__(self, answer: bytes) -> None:
        self._answer = answer

    def makefile(self, _mode: str) -> io.BufferedReader:
        """Return what is to be read."""
        return io.BufferedReader(_Raw(self._answer))

    def sendall(self, data: bytes) -> None:
        """Take the request."""

    settimeout = setsockopt = close = lambda *_: None


class _Raw(io.RawIOBase):
    """The bytes of an answer, as a socket gives them."""

    def __init__(self, answer: bytes) -> None:
        self._answer = io.BytesIO(answer)

    def readable(self) -> bool:
        """Say that this is for reading."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read."""
        return self._answer.readinto(buffer)


def _head(status: str, *headers: str) -> bytes:
    return "\r\n".join((f"HTTP/1.1 {status}", *headers, "", "")).encode()


def _answer(status: str, body: bytes, *headers: str) -> bytes:
    return _head(status, *headers, f"Content-Length: {len(body)}") + body


def _document(code: str, more: str = "") -> bytes:
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code>{more}</Error>'.encode()


def _listing() -> bytes:
    space = "http://s3.amazonaws.com/doc/2006-03-01/"
    return f'<ListBucketResult xmlns="{space}"><Contents><Key>{_URI.key}</Key></Contents></ListBucketResult>'.encode()
