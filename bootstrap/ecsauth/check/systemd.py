"""Findings about the variables that ecs-init reads through systemd's EnvironmentFile=.

systemd removes quotes and backslashes and joins lines; docker and ecs-init's own reader do not. This matters only for
the variables that ecs-init takes from its environment, and if systemd refuses the whole file. The variables that
ecs-init takes from the text of the file (ecs-init/docker/docker.go, getEnvVars) do not pass through systemd.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ecsauth import envfile
from ecsauth.agent import variables
from ecsauth.check.found import found
from ecsauth.check.lines import BYTE_ORDER_MARK, LineKind
from ecsauth.check.values import quoted
from ecsauth.envfile import RefusalReason, SkipReason

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ecsauth.check.lines import Line
    from ecsauth.envfile import Reading
    from ecsauth.finding import Finding

_CONSUMERS = ("systemd", "ecs-init")
# Without any of these, systemd reads every NAME=VALUE unchanged: no quote opens, nothing is escaped or joined.
_MARKS = (b"\\", b"\r", b"'", b'="', b"= ", b"=\t")
_ABOVE = {
    SkipReason.SWALLOWED: "remove the backslash at the end of the comment above: systemd reads this line as part of it",
    SkipReason.JOINED: "in the lines above, close the quote or remove the backslash at the end: systemd reads this line"
    " as part of that value",
}


def findings(data: bytes, lines: tuple[Line, ...]) -> Iterator[Finding]:
    """Yield a finding for each variable that ecs-init does not get, or gets with another value."""
    last = {line.name: line for line in lines if line.assigns}
    own = [line for line in last.values() if _is_read_through_systemd(line) and _is_plain(line)]
    is_plain = data.isascii() and not (own and any(mark in data for mark in _MARKS))
    if is_plain or b"\0" in data or not _is_utf_8(data):
        return
    reading = envfile.systemd(data)
    if reading.refusal is not None:
        if reading.refusal.reason is RefusalReason.INVALID_UTF8:
            yield found("F140", _CONSUMERS, (reading.refusal.line, None))
        return
    for line in own:
        yield from _difference(line, reading)


def _difference(line: Line, reading: Reading) -> Iterator[Finding]:
    """Yield a finding if systemd has no value for the line, or not the intended one."""
    got = reading.environment().get(line.name)
    if got is None or (got != line.value and not quoted(line.value.reveal())):
        reason = next((skipped.reason for skipped in reading.skipped if skipped.line == line.number), None)
        fix = _ABOVE.get(reason) if reason else None
        yield found("F141", _CONSUMERS, (line.number, line.column), variable=line.name, fix=fix)


def _is_read_through_systemd(line: Line) -> bool:
    variable = variables.find(line.name)
    return variable is not None and variable.is_read_through_systemd and variable.ignored is None


def _is_plain(line: Line) -> bool:
    """Tell whether a line has no other fault that would change its value for systemd."""
    text = line.text.reveal()
    return (
        line.kind is LineKind.ASSIGNMENT
        and line.joint is None
        and line.written.reveal().strip("\t ") == line.value.reveal()
        and not text.startswith(BYTE_ORDER_MARK)
        and "\r" not in text.removesuffix("\r")
    )


def _is_utf_8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
