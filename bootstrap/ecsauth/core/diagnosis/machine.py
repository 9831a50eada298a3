"""This machine: Python and the SDK, the env-file and its place, the agent, what starts it and what renews it."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, NamedTuple, Optional

from ecsauth.core import units
from ecsauth.core.agent_health import Health, by_its_answer
from ecsauth.core.check import check
from ecsauth.core.command_hint import S3URI, CommandHint
from ecsauth.core.diagnosis import failed, ok, skipped, warning
from ecsauth.core.diagnostics import Severity
from ecsauth.core.observed import Way
from ecsauth.core.state import PRIVATE

if TYPE_CHECKING:
    from ecsauth.core.agent_health import Registration
    from ecsauth.core.diagnosis import Verdict
    from ecsauth.core.diagnostics import Finding
    from ecsauth.core.observed import Placed, Runs

GATE = f"/etc/systemd/system/{units.GATE}"
TIMER = units.TIMER
CLOUD_FINAL = "cloud-final.service"
_OLDEST_PYTHON = (3, 9)
_OLDEST_SDK = (1, 36)
_BOOT = CommandHint("boot", "ecsauth", "boot", S3URI)
_LOG = CommandHint("see", "docker", "logs", "ecs-agent")
_JOURNAL = CommandHint("see", "journalctl", "-u", "ecs")
_MOST_CODES = 5


class Order(NamedTuple):
    """What systemd shows of ecs.service: the units that it starts after, and its drop-ins.

    `is_marked` tells whether a checked file stands in the env-file's place, None where that cannot be seen.
    """

    after: frozenset[str]
    drop_ins: frozenset[str]
    is_marked: Optional[bool]


class Timer(NamedTuple):
    """What systemd shows of the timer; `next_run` is its own words, nothing where it has none."""

    loaded: bool
    active: bool
    next_run: str = ""


def python(version: tuple[int, ...]) -> Verdict:
    """Judge the interpreter."""
    words = ".".join(map(str, version[:3]))
    if version[:2] < _OLDEST_PYTHON:
        return failed(words, f"use {'.'.join(map(str, _OLDEST_PYTHON))} or newer")
    return ok(words)


def sdk(version: Optional[str]) -> Verdict:
    """Judge botocore; None: it cannot be imported."""
    if version is None:
        return failed("botocore cannot be imported", "install ecsauth with its dependencies: pip install .")
    numbers = tuple(int(part) for part in version.split(".")[:2] if part.isdigit())
    if numbers < _OLDEST_SDK:
        oldest = ".".join(map(str, _OLDEST_SDK))
        return failed(f"botocore {version} verifies no checksum by itself", f"install {oldest} or newer")
    return ok(f"botocore {version}")


def file(
    path: str, placed: Optional[Placed], data: Optional[bytes], *, installed: bool, verified: Optional[bytes] = None
) -> Verdict:
    """Judge what stands in the env-file's place; `installed`: ecsauth has put a file there, that of `verified`."""
    if placed is None or data is None:
        if installed:
            return failed(f"there is no {path}, where ecsauth had put one", _BOOT)
        return warning(f"there is no {path} yet", _BOOT)
    what = f"{path}, {placed.mode:04o}, {placed.owner_name}"
    if placed.mode != PRIVATE:
        return failed(f"{what}: others can read or change it", f"chmod 600 {shlex.quote(path)}")
    found = check(data)
    errors = tuple(finding for finding in found if finding.severity is Severity.ERROR)
    if errors:
        fix = CommandHint("push a mended file; see", "ecsauth", "check", path)
        return failed(f"{what}: {_counted(errors, 'error')}", fix)
    what = f"{what}, {_counted(found, 'finding')}" if found else what
    if verified is not None and data != verified:
        return warning(f"{what}: it was changed since ecsauth put it there", _BOOT)
    return ok(what)


def _counted(found: tuple[Finding, ...], word: str) -> str:
    """Return how many there are, and which: a message holds no value."""
    if len(found) == 1:
        line = f" in line {found[0].line}" if found[0].line is not None else ""
        return f"1 {word}: {found[0].code}{line}, {found[0].message}"
    codes = sorted({finding.code for finding in found})
    more = f" and {len(codes) - _MOST_CODES} more" if len(codes) > _MOST_CODES else ""
    return f"{len(found)} {word}s: {', '.join(codes[:_MOST_CODES])}{more}"


def agent(runs: Runs, answer: Optional[Registration], cluster: Optional[str], *, installed: bool) -> Verdict:
    """Judge the agent, by what runs it and by its own answer."""
    if runs.way is None and answer is None:
        return (failed if installed else warning)("there is neither a container ecs-agent nor a service", _BOOT)
    if not runs.running and answer is None:
        what = "the service" if runs.way is Way.SERVICE else "the container ecs-agent"
        fix = _JOURNAL if runs.way is Way.SERVICE else _LOG
        return (failed if installed else warning)(f"{what} does not run{runs.not_running}", fix)
    if answer is None:
        return failed("it does not answer on 127.0.0.1:51678", _LOG)
    verdict = by_its_answer(answer, cluster or answer.cluster)
    if verdict.health is Health.FAILED:
        if runs.kept is not None and runs.kept.lack:
            why = f"the agent keeps no state ({runs.kept.lack}), so it takes another cluster"
            return failed(verdict.reason, CommandHint(why, *_BOOT.words))
        return failed(verdict.reason, "replace the instance: with its saved state an agent told another cluster exits")
    if verdict.health is Health.PENDING:
        return warning(verdict.reason, CommandHint("can it reach ECS? see", "docker", "logs", "ecs-agent"))
    return ok(f"registered in {answer.cluster}, {answer.agent_version}")


def ordering(order: Order) -> Verdict:
    """Judge whether the service can start before the file has been checked."""
    if GATE not in order.drop_ins:
        return warning(
            f"ecs.service starts whether a checked file is there or not ({GATE} is not in effect)",
            CommandHint("boot, which puts the gate there", "ecsauth", "boot", S3URI, "--launch", "service"),
        )
    if order.is_marked is False:
        return warning("the gate holds ecs.service back: no checked file is there", _BOOT)
    if CLOUD_FINAL not in order.after:
        return ok("the gate is there; ecs.service does not wait for user data")
    return ok("the gate is there, and ecs.service starts after user data")


def timer(shown: Optional[Timer]) -> Verdict:
    """Judge what renews the file."""
    if shown is None:
        return skipped("needs systemd")
    if not shown.loaded:
        persist = CommandHint("boot with the units that look for one", "ecsauth", "boot", S3URI, "--persist")
        return warning(f"there is no {TIMER}: a new password arrives with the next boot only", persist)
    if not shown.active:
        return failed(f"{TIMER} is not active", f"systemctl enable --now {TIMER}")
    return ok(f"{TIMER} is active" + (f", next run {shown.next_run}" if shown.next_run else ""))
