"""What the four env-file kinds share: the input of a case, and comparing environments."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any, Optional

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ecsauth.envfile import Reading
    from ecsauth.secret import Secret

# What the started process has from elsewhere is left out of the recorded `process_env`.
_FROM_ELSEWHERE = ("HOSTNAME", "PATH", "HOME")


def file_of(case: Mapping[str, Any]) -> bytes:
    """Return the bytes that the real program was given."""
    return base64.b64decode(case["file_b64"])


def strings(pairs: Iterable[tuple[str, Secret]]) -> list[str]:
    """Return NAME=VALUE strings, in the order given."""
    return [f"{name}={value.reveal()}" for name, value in pairs]


def difference(what: str, ours: object, theirs: object) -> Optional[str]:
    """Return None for equal values, else which they are; never the values, which can be long."""
    return None if ours == theirs else f"{what} differs"


def process_difference(reading: Reading, theirs: Optional[list[str]]) -> Optional[str]:
    """Compare what the started process has; `theirs` is None where it could not be started."""
    if theirs is None:
        return None if reading.refusal or reading.start_failure else "we expect a start, it failed"
    if reading.start_failure:
        return f"we expect a failing start ({reading.start_failure.reason.value}), it started"
    ours = strings(item for item in reading.process_environment().items() if item[0] not in _FROM_ELSEWHERE)
    return difference("process_env", sorted(ours), sorted(theirs))
