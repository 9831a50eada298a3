"""This instance: Python and SDK, metadata, role and region, env-file, agent, units and timer."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, NamedTuple, Optional

from ecsauth import timing
from ecsauth.boot import units
from ecsauth.boot.health import Health, by_its_answer
from ecsauth.boot.state import PRIVATE
from ecsauth.check import check
from ecsauth.command_hint import INSTANCE, S3URI, CommandHint
from ecsauth.finding import Severity
from ecsauth.status.judgement import CheckOutcome, failed, ok, skipped, warning
from ecsauth.status.observed import RunsAs

if TYPE_CHECKING:
    from ecsauth.boot.health import Registration
    from ecsauth.finding import Finding
    from ecsauth.status.judgement import Diagnosis
    from ecsauth.status.observed import Placed, Runs

GATE = f"/etc/systemd/system/{units.GATE}"
TIMER = units.TIMER
CLOUD_FINAL = "cloud-final.service"
_OLDEST_PYTHON = (3, 9)
_OLDEST_SDK = (1, 36)
_BOOT = CommandHint("boot", "ecsauth", "boot", S3URI)
_LOG = CommandHint("see", "docker", "logs", "ecs-agent")
_JOURNAL = CommandHint("see", "journalctl", "-u", "ecs")
_MOST_CODES = 5


class ServiceOrdering(NamedTuple):
    """ecs.service as systemd shows it: the units that it starts after, and its drop-ins.

    `is_marked` tells whether the mark of a validated env-file exists, None if unknown.
    """

    after: frozenset[str]
    drop_ins: frozenset[str]
    is_marked: Optional[bool]


class Timer(NamedTuple):
    """The timer as systemd shows it; `next_run` is systemd's own text, empty if there is none."""

    loaded: bool
    active: bool
    next_run: str = ""


def python(version: tuple[int, ...]) -> Diagnosis:
    """Judge the interpreter."""
    words = ".".join(map(str, version[:3]))
    if version[:2] < _OLDEST_PYTHON:
        return failed(words, f"use {'.'.join(map(str, _OLDEST_PYTHON))} or newer")
    return ok(words)


def file(
    path: str, placed: Optional[Placed], data: Optional[bytes], *, installed: bool, verified: Optional[bytes] = None
) -> Diagnosis:
    """Judge the env-file. `installed` tells whether ecsauth has installed one, `verified` is its verified copy."""
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
    """Return the number of findings and their codes. A message contains no value of the env-file."""
    if len(found) == 1:
        line = f" in line {found[0].line}" if found[0].line is not None else ""
        return f"1 {word}: {found[0].code}{line}, {found[0].message}"
    codes = sorted({finding.code for finding in found})
    more = f" and {len(codes) - _MOST_CODES} more" if len(codes) > _MOST_CODES else ""
    return f"{len(found)} {word}s: {', '.join(codes[:_MOST_CODES])}{more}"


def agent(runs: Runs, answer: Optional[Registration], cluster: Optional[str], *, installed: bool) -> Diagnosis:
    """Judge the agent by its container or service, and by its own answer."""
    if runs.way is None and answer is None:
        return (failed if installed else warning)("there is neither a container ecs-agent nor a service", _BOOT)
    if not runs.running and answer is None:
        what = "the service" if runs.way is RunsAs.SERVICE else "the container ecs-agent"
        fix = _JOURNAL if runs.way is RunsAs.SERVICE else _LOG
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


def ordering(order: ServiceOrdering) -> Diagnosis:
    """Judge whether the service can start before a validated env-file is installed."""
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


def timer(shown: Optional[Timer]) -> Diagnosis:
    """Judge the timer that renews the env-file."""
    if shown is None:
        return skipped("needs systemd")
    if not shown.loaded:
        persist = CommandHint("boot with the units that look for one", "ecsauth", "boot", S3URI, "--persist")
        return warning(f"there is no {TIMER}: a new password arrives with the next boot only", persist)
    if not shown.active:
        return failed(f"{TIMER} is not active", f"systemctl enable --now {TIMER}")
    return ok(f"{TIMER} is active" + (f", next run {shown.next_run}" if shown.next_run else ""))


# S3 accepts a request whose time is off by 15 minutes at most, but a smaller offset already makes certificates and
# logs misleading. In seconds.
_ODD, _TOO_FAR = 5, 300
_OK, _NOT_FOUND, _SERVER_ERROR = 200, 404, 500
# Instead of a status: no answer in time; the service is switched off by the environment.
SILENT, OFF = 0, -1
_GIVE_BOTH = "give --region and --bucket-owner"
_OPTIONS = ("aws", "ec2", "modify-instance-metadata-options", "--instance-id", INSTANCE)


class Metadata(NamedTuple):
    """The answers of the metadata service to the request for a token, and to one without a token (version 1).

    A status may be SILENT or OFF.
    """

    token: int
    version1: int = SILENT
    offset: Optional[float] = None


class Role(NamedTuple):
    """The role in the metadata service: its name, None if there is none, and the status of its credentials.

    `code` is Success, or the reason why there are no credentials. `expires` is in seconds since the epoch.
    """

    name: Optional[str]
    code: str = ""
    expires: Optional[int] = None


class Offset(NamedTuple):
    """The seconds by which this machine's clock is ahead of another clock, that of `of`."""

    seconds: float
    of: str


def metadata(answer: Metadata, *, instead: str = "") -> Diagnosis:
    """Judge the metadata service; `instead` names what is used if it does not answer."""
    verdict = _metadata(answer)
    if instead and verdict.outcome is CheckOutcome.FAILED:
        return warning(f"{verdict.said}; {instead}", verdict.fix)
    return verdict


def _metadata(answer: Metadata) -> Diagnosis:
    if answer.token == OFF:
        return failed("is switched off by AWS_EC2_METADATA_DISABLED", f"unset it, or {_GIVE_BOTH}")
    if answer.token == SILENT:
        return failed(
            "does not answer",
            CommandHint(
                f"elsewhere than on EC2 {_GIVE_BOTH}; in a container the hop limit has to be 2",
                *(*_OPTIONS, "--http-put-response-hop-limit", "2"),
            ),
        )
    if answer.token >= _SERVER_ERROR:
        return failed(f"failed with {answer.token}", "try again; if it lasts, stop and start the instance")
    if answer.token == _NOT_FOUND:
        return failed("knows no version 2", "does something else answer at its address, as a proxy of credentials?")
    if answer.token != _OK:
        return failed(
            f"refused a token with {answer.token}", CommandHint("enable it", *_OPTIONS, "--http-endpoint", "enabled")
        )
    if answer.version1 == _OK:
        return warning(
            "answers, version 1 too: whoever makes a program here send a request gets the role's credentials",
            CommandHint("switch that off", *_OPTIONS, "--http-tokens", "required"),
        )
    return ok("answers, version 2 only")


def role(found: Role, now: int) -> Diagnosis:
    """Judge the role and its credentials."""
    if found.name is None:
        return failed(
            "no role is attached to the instance",
            CommandHint(
                "attach one",
                *("aws", "ec2", "associate-iam-instance-profile", "--instance-id", INSTANCE),
                *("--iam-instance-profile", "Name=PROFILE"),
            ),
        )
    if found.code != "Success":
        return failed(
            f"{found.name} gives no credentials ({found.code or 'no reason given'})",
            "its trust policy has to let ec2.amazonaws.com assume it",
        )
    if found.expires is None:
        return ok(f"{found.name}")
    left = found.expires - now
    if left <= 0:
        return failed(
            f"the credentials of {found.name} have expired {timing.in_words(-left)} ago",
            "is the clock right? see time; else attach the role again",
        )
    return ok(f"{found.name}, credentials hold for {timing.in_words(left)}")


def region(name: Optional[str], owner: Optional[str]) -> Diagnosis:
    """Judge the region, and the account that must own the bucket."""
    if name is None:
        return failed("is not known", "give --region, the bucket's region")
    if owner is None:
        return failed(f"{name}, but the account that owns the bucket is not known", "give --bucket-owner")
    return ok(f"{name}, account {owner}")


def given(what: str) -> Diagnosis:
    """Report the credentials that are used instead of the role's."""
    return ok(f"{what} used, not the credentials of the role")


def time(offsets: tuple[Offset, ...]) -> Diagnosis:
    """Judge this machine's clock by its offsets to other clocks, the most reliable first."""
    if not offsets:
        return skipped("needs an answer of S3 or of the metadata service with a date")
    off = offsets[0]
    by = abs(off.seconds)
    said = f"{timing.in_words(by)} {'ahead of' if off.seconds > 0 else 'behind'} {off.of}"
    fix = "start chronyd, and see: chronyc tracking"
    if by > _TOO_FAR:
        return failed(said, fix)
    if by > _ODD:
        return warning(said, fix)
    return ok(f"agrees with {off.of}")


def caller(arn: Optional[str]) -> Diagnosis:
    """Report the owner of the credentials. STS provides it, but `boot` does not need STS."""
    return skipped("STS does not say whose the credentials are") if arn is None else ok(arn)
