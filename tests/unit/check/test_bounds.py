"""Whatever the bytes, up to the largest file: no crash, no hang, and no more than linear time.

Linear time is measured in steps, lines of Python run, at a size and at twice that size, for they are the same on every
machine; what happens inside one line, in a regular expression above all, shows in the largest files, which would take
minutes or hours if it were not linear.
"""

from __future__ import annotations

import signal
import sys
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Callable, Union

import pytest
from ecsauth import envfile
from ecsauth.agent import config
from ecsauth.check import check
from ecsauth.check.excerpt import Excerpts
from ecsauth.check.fix import canonical
from ecsauth.envfile import LARGEST
from ecsauth.errors import InvalidError
from ecsauth.finding import Severity
from ecsauth.publish.diff import difference
from ecsauth.registry import auth as registry_auth
from ecsauth.registry import match
from ecsauth.registry.problems import ProblemKind

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

    Work = Callable[[bytes], object]
    Shape = Callable[[int], bytes]

# CPU seconds: what is linear takes ten at most, on the largest file and a good machine.
_HANG = 120.0
# Times as many steps for twice the size: two where time is linear, four where it is quadratic. As steps of both kinds
# add up, what is left of the difference is little.
_LINEAR = 2.1
_SIZE = 2048

_CLUSTER = b"ECS_CLUSTER=prod\n"
_DOCKER = _CLUSTER + b"ECS_ENGINE_AUTH_TYPE=docker\nECS_ENGINE_AUTH_DATA="
_DOCKERCFG = _CLUSTER + b"ECS_ENGINE_AUTH_TYPE=dockercfg\nECS_ENGINE_AUTH_DATA="


@contextmanager
def _no_hang() -> Iterator[None]:
    """Fail what takes more CPU time than anything linear does."""

    def interrupt(_number: int, _frame: object) -> None:
        raise AssertionError(f"not done after {_HANG} s of CPU time")

    before = signal.signal(signal.SIGPROF, interrupt)
    signal.setitimer(signal.ITIMER_PROF, _HANG)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def _steps(work: Callable[[], object]) -> int:
    """Count the lines that the work runs, each time that it runs them, with calls and returns."""
    count = 0

    def trace(_frame: FrameType, _event: str, _argument: object) -> Callable[..., Any]:
        nonlocal count
        count += 1
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
    return count


def _canonical(data: bytes) -> Union[bytes, InvalidError]:
    try:
        return canonical(data)
    except InvalidError as error:
        return error


def _excerpts(data: bytes) -> list[object]:
    excerpts = Excerpts(data)
    return [excerpts.excerpt(finding.line, finding.column) for finding in check(data) if finding.line]


def _parsed(kind: str, data: bytes) -> registry_auth.RegistryAuth:
    return registry_auth.parse(kind, data.decode("utf-8", "surrogateescape"))


def _matched(data: bytes) -> match.Match:
    return match.match(_parsed("docker", _credentials(data)), "reg.example.com/team/app:1")


def _credentials(data: bytes) -> bytes:
    return data.partition(b"DATA=")[2].strip(b"'")


_PARTS: dict[str, Work] = {
    "docker": envfile.docker,
    "ecs-init": envfile.ecs_init,
    "systemd": envfile.systemd,
    "check": check,
    "canonical": _canonical,
    "excerpts": _excerpts,
    "difference": partial(difference, _CLUSTER),
    "parse docker": lambda data: _parsed("docker", _credentials(data)),
    "parse dockercfg": lambda data: _parsed("dockercfg", _credentials(data)),
    "match": _matched,
}


def _entries(entry: bytes, between: bytes = b",", head: bytes = _DOCKER + b"{", tail: bytes = b"}\n") -> Shape:
    """Return a file with so many bytes of entries, each with its number for `%d`."""

    def made(size: int) -> bytes:
        count = size // len(entry)
        return head + between.join(entry.replace(b"%d", b"%05d" % number) for number in range(count)) + tail

    return made


def _run(piece: bytes, head: bytes = _CLUSTER, tail: bytes = b"") -> Shape:
    """Return a file with so many bytes of one piece."""
    return lambda size: head + piece * (size // len(piece)) + tail


_SHAPES: dict[str, Shape] = {
    "registries": _entries(b'"r%d.tld":{"username":"u","password":"p"}'),
    "paths of a host": _entries(b'"reg.example.com/%d":{"username":"u","password":"p%d"}'),
    "prefixes of an image": _entries(b'"reg.example.com/team":{"username":"u","password":"p%d"}'),
    "no hosts": _entries(b'"r%d":{"usernam":"u","password":"p"}'),
    "broken over lines": _entries(b'"r%d.tld":{"auth":"dTpw"}', b",\n", _DOCKERCFG + b"'{\n", b"}'\n"),
    "one key": _entries(b'"r.tld":{"username":"u","password":"p%d"}'),
    "one field": _entries(b'"password":"p%d"', b",", _DOCKER + b'{"r.tld":{', b"}}\n"),
    "unknown fields": _entries(b'"usr":"p%d"', b",", _DOCKER + b'{"r.tld":{', b"}}\n"),
    "auths": _entries(b'"r%d.tld":{"auth":"dTpw"}', b",", _DOCKERCFG + b'{"auths":{', b"}}\n"),
    "deep": _run(b"[", _DOCKER),
    "escapes": _run(b"\\u0041", _DOCKER + b'{"r.tld":{"password":"', b'"}}\n'),
    "unknown names": _entries(b"ECS_ENABLE_%d=1", b"\n", b"", b"\n"),
    "misspelt names": _entries(b"ECS_CLUSTR%d=1", b"\n", b"", b"\n"),
    "one name": _run(b"ECS_CLUSTER=prod\n"),
    "prose": _entries(b"some words %d", b"\n", _CLUSTER, b"\n"),
    "exports": _entries(b"export A_%d=1", b"\n", _CLUSTER, b"\n"),
    "comments": _run(b"# ecsauth: accept F133\n"),
    "commented-out": _run(b'#A={"auth":"dTpw"}\n'),
    "accepted codes": _run(b"F133 ", _CLUSTER + b"# ecsauth: accept "),
    "opened": _run(b"A={\n\n"),
    "opened again": _run(b"A=[\n[\n"),
    "continued": _run(b"a\\\n", _CLUSTER + b"ECS_LOGFILE=\\\n"),
    "bad bytes": _run(b"A=\xff\n"),
    "carriage returns": _run(b"A=1\r"),
    "blanks": _run(b" ", _CLUSTER + b"ECS_LOGFILE=a", b"b#\n"),
    "items": _run(b'"10.0.0.0/8",', _CLUSTER + b"ECS_AWSVPC_ADDITIONAL_LOCAL_ROUTES=[", b'"::/0"]\n'),
    "terms": _run(b"1h", _CLUSTER + b"ECS_IMAGE_CLEANUP_INTERVAL="),
}


# They check the file too; these are the shapes over which they do more than that.
_CHECKING = frozenset({"canonical", "excerpts"})
_REWRITTEN = frozenset(
    {
        "registries",
        "paths of a host",
        "broken over lines",
        "unknown fields",
        "auths",
        "one name",
        "comments",
        "continued",
    }
)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("part", "shape"),
    [(part, shape) for part in _PARTS for shape in _SHAPES if part not in _CHECKING or shape in _REWRITTEN],
)
def test_twice_the_size_takes_twice_the_steps(part: str, shape: str) -> None:
    """What a file or document repeats is looked at a bounded number of times."""
    work, made = _PARTS[part], _SHAPES[shape]
    once, twice = made(_SIZE), made(2 * _SIZE)
    work(twice)  # fills the caches
    assert _steps(partial(work, twice)) < _LINEAR * _steps(partial(work, once))


def test_steps_tell_what_is_quadratic() -> None:
    """The measure is good for something: a check that also compares each line with each other one is caught."""

    def compare(data: bytes) -> None:
        check(data)
        lines = data.split(b"\n")
        for line in lines:
            for other in lines:
                del other
            del line

    made = _SHAPES["unknown names"]
    assert _steps(partial(compare, made(2 * _SIZE))) > _LINEAR * _steps(partial(compare, made(_SIZE)))


_BYTES = (
    *(b" ", b"\t", b"\r", b"\n", b"\0", b"=", b"#", b";", b"'", b'"', b"\\", b"{", b"}", b"[", b"]", b",", b":", b"."),
    *(b"-", b"_", b"/", b"+", b"$", b"`", b"@", b"0", b"1", b"a", b"A", b"\x1c", b"\x7f", b"\xff", b"\xc3\xa9"),
    *(b"\xef\xbb\xbf", b"\xc2\xa0", b"\xef\xbf\xbe", b"\xf0\x9f\x90\xb3"),
)
_PLACES = (
    b"ECS_LOG_MAX_FILE_SIZE_MB=1",
    b"ECS_LOGFILE=x",
    b"ECS_INSTANCE_ATTRIBUTES=[",
    b"ECS_IMAGE_CLEANUP_INTERVAL=",
    b"ECS_ENGINE_AUTH_TYPE=docker\nECS_ENGINE_AUTH_DATA=",
    b'ECS_ENGINE_AUTH_DATA={"',
    b'ECS_ENGINE_AUTH_DATA={"r.tld":{"auth":"',
    b"#A=",
    b"# ecsauth: accept ",
    b"export ",
    b"",
)


@pytest.mark.slow
@pytest.mark.parametrize("byte", _BYTES, ids=repr)
@pytest.mark.parametrize("part", ["canonical", "excerpts", "difference", "systemd"])  # canonical checks twice
def test_the_largest_file_of_one_byte(part: str, byte: bytes) -> None:
    """256 KiB of each byte that means something: alone, and where values, comments and credentials stand."""
    everywhere = b"".join(place + byte * (LARGEST // 16 // len(byte)) + b"b#\n" for place in _PLACES)
    with _no_hang():
        _PARTS[part](byte * (LARGEST // len(byte)))
        _PARTS[part](_CLUSTER + everywhere)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["docker", "dockercfg"])
@pytest.mark.parametrize("byte", _BYTES, ids=repr)
def test_the_largest_credentials_of_one_byte(byte: bytes, kind: str) -> None:
    """The same for the value of ECS_ENGINE_AUTH_DATA: as the document, in a key and in a value."""
    many = byte * (LARGEST // 4 // len(byte))
    with _no_hang():
        for document in (many, b'{"' + many + b'":{"auth":"dTpw"}}', b'{"r.tld":{"auth":"' + many + b'"}}'):
            auth = _parsed(kind, document)
            match.match(auth, many.decode("utf-8", "surrogateescape"))


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(_CLUSTER + b"#A=" + b"aB3" * 80_000 + b"\n", id="letters in a comment"),
        pytest.param(_CLUSTER + b"# " + b"aB3" * 80_000 + b" =\n", id="letters before the = of a comment"),
        pytest.param(_CLUSTER + b"ECS_LOGLEVEL=a" + b" " * 240_000 + b"b#\n", id="white space before no comment"),
        pytest.param(_CLUSTER + b"ECS_LOG_MAX_FILE_SIZE_MB=" + b"1" * 240_000 + b"x\n", id="digits of no number"),
        pytest.param(_CLUSTER + b"ECS_LOG_MAX_FILE_SIZE_MB=0x" + b"1" * 240_000 + b"\n", id="digits without exponent"),
    ],
)
def test_what_was_slow_once(data: bytes) -> None:
    """Lines over which a pattern once took time as the square of their length, or worse: minutes for one of them."""
    with _no_hang():
        check(data)
        _canonical(data)


def test_megabytes_are_refused_early() -> None:
    """A file above the limit is one finding, whatever is in it, and nobody looks at what that is."""
    data = _CLUSTER + b"A B\n" * 1_000_000
    assert [finding.code for finding in check(data)] == ["F101"]
    assert isinstance(_canonical(data), InvalidError)
    assert _steps(partial(check, data)) < _SIZE


@pytest.mark.parametrize(("length", "is_too_long"), [(65_535, False), (65_536, True)])
def test_longest_line(length: int, *, is_too_long: bool) -> None:
    """A line of 65,535 bytes is the longest that docker takes."""
    line = b"ECS_INSTANCE_ATTRIBUTES=" + b'{"a":"b"}'.ljust(length - len(b"ECS_INSTANCE_ATTRIBUTES="))
    assert ("F108" in {finding.code for finding in check(_CLUSTER + line + b"\n")}) == is_too_long
    assert (envfile.docker(_CLUSTER + line + b"\n").refusal is not None) == is_too_long


def test_a_thousand_registries() -> None:
    """They are all read and found again, in a line that docker takes, and the canonical form has them all."""
    entries = ",".join(f'"r{number:03}.tld":{{"username":"u","password":"p{number:03}"}}' for number in range(1000))
    data = _DOCKER + b"{" + entries.encode() + b"}\n"
    assert len(data) < 65_536
    with _no_hang():
        assert not [finding for finding in check(data) if finding.severity is not Severity.NOTE]
        assert canonical(data) == data
        auth = registry_auth.parse("docker", data.decode().partition("DATA=")[2].strip())
        found = [match.match(auth, f"{entry.registry}/app").candidates for entry in auth.entries]
    assert [candidate[0][1].password.reveal() for candidate in found] == [f"p{number:03}" for number in range(1000)]


@pytest.mark.slow
@pytest.mark.parametrize(("depth", "lost"), [(9_998, False), (9_999, True), (100_000, True)])
@pytest.mark.parametrize("bracket", [("[", "]"), ('{"a":', "}")], ids=["lists", "objects"])
def test_deep_credentials(bracket: tuple[str, str], depth: int, *, lost: bool) -> None:
    """With the two levels around it, a field that nobody reads may be nested 10,000 deep and no deeper."""
    opening, closing = bracket
    text = '{"r.tld":{"username":"u","password":"p","x":' + opening * depth + "1" + closing * depth + "}}"
    with _no_hang():
        auth = registry_auth.parse("docker", text)
        _PARTS["excerpts"](_DOCKER + text.encode() + b"\n")
        _canonical(_DOCKER + text.encode() + b"\n")
    assert bool(auth.entries) != lost
    assert (ProblemKind.JSON_DEPTH in {problem.kind for problem in auth.problems}) == lost


@pytest.mark.parametrize(("depth", "lost"), [(10_000, False), (10_001, True)])
def test_deep_value(depth: int, *, lost: bool) -> None:
    """A variable with JSON has the same limit."""
    effect = config.effect("ECS_RESERVED_PORTS", "[" * depth + "]" * depth, {})
    assert ("nested too deeply" in effect.reason) == lost
