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
_LOG = CommandHint("read the log of the agent", "docker", "logs", "ecs-agent")
_JOURNAL = CommandHint("read the log of the service", "journalctl", "-u", "ecs")
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
            return failed(f"there is no {path}, although ecsauth installed it", _BOOT)
        return warning(f"there is no {path} yet", _BOOT)
    what = f"{path}, {placed.mode:04o}, {placed.owner_name}"
    if placed.mode != PRIVATE:
        return failed(
            f"{what}: its mode is not 0600, so other users may read or change it", f"chmod 600 {shlex.quote(path)}"
        )
    found = check(data)
    errors = tuple(finding for finding in found if finding.severity is Severity.ERROR)
    if errors:
        fix = CommandHint("push a fixed file; list the errors", "ecsauth", "check", path)
        return failed(f"{what}: {_counted(errors, 'error')}", fix)
    what = f"{what}, {_counted(found, 'finding')}" if found else what
    if verified is not None and data != verified:
        return warning(f"{what}: it was changed after ecsauth installed it", _BOOT)
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
            why = f"the agent saves no state ({runs.kept.lack}), so it can change its cluster"
            return failed(verdict.reason, CommandHint(why, *_BOOT.words))
        return failed(verdict.reason, "replace the instance: an agent with saved state exits if its cluster changes")
    if verdict.health is Health.PENDING:
        return warning(verdict.reason, CommandHint("check that the agent can reach ECS", "docker", "logs", "ecs-agent"))
    return ok(f"registered in {answer.cluster}, {answer.agent_version}")


def ordering(order: ServiceOrdering) -> Diagnosis:
    """Judge whether the service can start before a validated env-file is installed."""
    if GATE not in order.drop_ins:
        return warning(
            f"ecs.service starts even without a validated env-file ({GATE} is not in effect)",
            CommandHint("install the gate", "ecsauth", "boot", S3URI, "--launch", "service"),
        )
    if order.is_marked is False:
        return warning("the gate blocks ecs.service: no validated env-file is installed", _BOOT)
    if CLOUD_FINAL not in order.after:
        return ok("the gate is installed; ecs.service does not wait for user data")
    return ok("the gate is installed, and ecs.service starts after user data")


def timer(shown: Optional[Timer]) -> Diagnosis:
    """Judge the timer that renews the env-file."""
    if shown is None:
        return skipped("needs systemd")
    if not shown.loaded:
        persist = CommandHint("install the timer", "ecsauth", "boot", S3URI, "--persist")
        return warning(f"there is no {TIMER}: a new password is installed only by the next boot", persist)
    if not shown.active:
        return failed(f"{TIMER} is not active", CommandHint("start the timer", "systemctl", "enable", "--now", TIMER))
    return ok(f"{TIMER} is active" + (f", next run {shown.next_run}" if shown.next_run else ""))


# S3 accepts a request whose time is off by 15 minutes at most, but a smaller offset already makes certificates and
# logs misleading. In seconds.
_ODD, _TOO_FAR = 5, 300
_OK, _NOT_FOUND, _SERVER_ERROR = 200, 404, 500
# Instead of a status: no answer in time; the service is switched off by the environment.
SILENT, OFF = 0, -1
_WITH_REGION = ("ecsauth", "doctor", S3URI, "--region", "REGION")
_WITH_OWNER = ("ecsauth", "doctor", S3URI, "--bucket-owner", "ACCOUNT")
_GIVE_BOTH = (*_WITH_REGION, "--bucket-owner", "ACCOUNT")
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
        return failed(
            "is switched off by AWS_EC2_METADATA_DISABLED",
            CommandHint("unset it, or give the region and the account", *_GIVE_BOTH),
        )
    if answer.token == SILENT:
        return failed(
            "does not answer",
            CommandHint(
                "outside of EC2 give --region and --bucket-owner; in a container the hop limit must be 2",
                *(*_OPTIONS, "--http-put-response-hop-limit", "2"),
            ),
        )
    if answer.token >= _SERVER_ERROR:
        return failed(f"failed with {answer.token}", "try again; if the error remains, stop and start the instance")
    if answer.token == _NOT_FOUND:
        return failed(
            "does not support IMDSv2",
            "check whether another program answers at its address, such as a credential proxy",
        )
    if answer.token != _OK:
        return failed(
            f"refuses a token with {answer.token}", CommandHint("enable it", *_OPTIONS, "--http-endpoint", "enabled")
        )
    if answer.version1 == _OK:
        return warning(
            "answers, also with IMDSv1: a forged request of a program here can read the role's credentials",
            CommandHint("require IMDSv2", *_OPTIONS, "--http-tokens", "required"),
        )
    return ok("answers, only with IMDSv2")


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
            f"{found.name} has no credentials ({found.code or 'no reason given'})",
            "its trust policy must allow ec2.amazonaws.com to assume it",
        )
    if found.expires is None:
        return ok(f"{found.name}")
    left = found.expires - now
    if left <= 0:
        return failed(
            f"the credentials of {found.name} expired {timing.in_words(-left)} ago",
            "check the clock (line time); if it is right, attach the role again",
        )
    return ok(f"{found.name}, credentials valid for {timing.in_words(left)}")


def region(name: Optional[str], owner: Optional[str]) -> Diagnosis:
    """Judge the region, and the account that must own the bucket."""
    if name is None:
        return failed("unknown", CommandHint("give the region of the bucket", *_WITH_REGION))
    if owner is None:
        return failed(
            f"{name}, but the account that owns the bucket is unknown", CommandHint("give that account", *_WITH_OWNER)
        )
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
    fix = "start chronyd, then check the clock: chronyc tracking"
    if by > _TOO_FAR:
        return failed(said, fix)
    if by > _ODD:
        return warning(said, fix)
    return ok(f"agrees with {off.of}")


def caller(arn: Optional[str]) -> Diagnosis:
    """Report the owner of the credentials. STS provides it, but `boot` does not need STS."""
    return skipped("STS did not name the owner of the credentials") if arn is None else ok(arn)
