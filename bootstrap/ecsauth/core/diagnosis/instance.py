"""Who the instance is, and how it is told: the metadata service, the role, the region, the time."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Optional

from ecsauth.core import spans
from ecsauth.core.command_hint import INSTANCE, CommandHint
from ecsauth.core.diagnosis import Outcome, failed, ok, skipped, warning

if TYPE_CHECKING:
    from ecsauth.core.acceptance import Identity
    from ecsauth.core.diagnosis import Verdict

# S3 takes a request whose time is off by 15 minutes at most; by then certificates and logs mislead long since.
_ODD, _TOO_FAR = 5, 300
_OK, _NOT_FOUND, _SERVER_ERROR = 200, 404, 500
# In place of a status: nothing was sent back in time; nobody is to be asked.
SILENT, OFF = 0, -1
_GIVE_BOTH = "give --region and --bucket-owner"
_OPTIONS = ("aws", "ec2", "modify-instance-metadata-options", "--instance-id", INSTANCE)


class Metadata(NamedTuple):
    """What the metadata service answered: to the request for a token, and to one without a token (version 1).

    A status may be SILENT or OFF.
    """

    token: int
    version1: int = SILENT
    offset: Optional[float] = None


class Role(NamedTuple):
    """What the metadata service says of the role: its name, None without one, and of its credentials no more than this.

    `code` is Success or why there are none; they hold until `expires`, in seconds since the epoch.
    """

    name: Optional[str]
    code: str = ""
    expires: Optional[int] = None


class Offset(NamedTuple):
    """By how many seconds this machine's clock is ahead of somebody else's."""

    seconds: float
    of: str


def metadata(answer: Metadata, *, instead: str = "") -> Verdict:
    """Judge the metadata service; `instead` says what is used where it does not answer."""
    verdict = _metadata(answer)
    if instead and verdict.outcome is Outcome.FAILED:
        return warning(f"{verdict.said}; {instead}", verdict.fix)
    return verdict


def _metadata(answer: Metadata) -> Verdict:
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


def role(found: Role, now: int) -> Verdict:
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
            f"the credentials of {found.name} have expired {spans.in_words(-left)} ago",
            "is the clock right? see time; else attach the role again",
        )
    return ok(f"{found.name}, credentials hold for {spans.in_words(left)}")


def region(given: Optional[str], identity: Optional[Identity], owner: Optional[str]) -> Verdict:
    """Judge region and the account that has to own the bucket."""
    name = given or (identity.region if identity is not None else None)
    if name is None:
        return failed("is not known", "give --region, the bucket's region")
    if owner is None:
        return failed(f"{name}, but the account that owns the bucket is not known", "give --bucket-owner")
    return ok(f"{name}, account {owner}")


def given(what: str) -> Verdict:
    """Say which credentials are used instead of the role's."""
    return ok(f"{what} used, not the credentials of the role")


def time(offsets: tuple[Offset, ...]) -> Verdict:
    """Judge this machine's clock by what others said, the best first."""
    if not offsets:
        return skipped("needs an answer of S3 or of the metadata service with a date")
    off = offsets[0]
    by = abs(off.seconds)
    said = f"{spans.in_words(by)} {'ahead of' if off.seconds > 0 else 'behind'} {off.of}"
    fix = "start chronyd, and see: chronyc tracking"
    if by > _TOO_FAR:
        return failed(said, fix)
    if by > _ODD:
        return warning(said, fix)
    return ok(f"agrees with {off.of}")


def caller(arn: Optional[str]) -> Verdict:
    """Say whose the credentials are; `boot` can do without STS, which knows it."""
    return skipped("STS does not say whose the credentials are") if arn is None else ok(arn)
