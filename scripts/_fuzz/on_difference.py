"""difference: what changed between two files, without a value. An input is both, with a line of dashes between."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ecsauth import envfile
from ecsauth.publish.diff import difference

from _fuzz.secrecy import assert_hidden, secrets
from _fuzz.seeds import env_files
from _fuzz.target import holds

if TYPE_CHECKING:
    from collections.abc import Iterator

_BETWEEN = b"\n---\n"


def seeds() -> Iterator[bytes]:
    """Yield each env-file with the one before it."""
    earlier = b""
    for data in env_files():
        yield earlier + _BETWEEN + data
        earlier = data


def run(data: bytes) -> None:
    """Compare both ways."""
    old, _, new = data.partition(_BETWEEN)
    secret = secrets(old, new)
    for one, other in ((old, new), (new, old)):
        changes = difference(one, other)
        assert_hidden(secret, changes)
        same = envfile.docker(one).environment() == envfile.docker(other).environment()
        holds(same == (not changes), "a change that is none, or none where there is one")
        holds(not difference(one, one), "a file differs from itself")
