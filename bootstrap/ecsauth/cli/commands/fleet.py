"""`ecsauth fleet`: which instance runs which version; a new version in waves, on AWS Systems Manager."""

from __future__ import annotations

from typing import TYPE_CHECKING, Callable, NamedTuple

from ecsauth import aws_names, timing
from ecsauth.cli import fleet_back, fleet_edges, fleet_roll, fleet_status, options, publish
from ecsauth.errors import UsageError
from ecsauth.fleet import census, commands, waves
from ecsauth.fleet.roll import CONCURRENCY, SOAK

if TYPE_CHECKING:
    import argparse

    from ecsauth.cli.options import Parser

_URI = "s3://bucket/prod/ecs.config"


class _Action(NamedTuple):
    """A subcommand: how it is described, its options, and what it does."""

    summary: str
    example: str
    fill: Callable[[Parser], None]
    run: Callable[[argparse.Namespace], int]


def add_arguments(parser: Parser) -> None:
    """Add the command's own arguments."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    for name, action in _ACTIONS.items():
        actions.add_parser(
            name,
            fill=action.fill,
            help=action.summary,
            description=f"{action.summary[0].upper()}{action.summary[1:]}.",
            epilog=f"example:\n  ecsauth fleet {name} {action.example}",
        )


def run(arguments: argparse.Namespace) -> int:
    """Run the subcommand; raise an EcsauthError."""
    return _ACTIONS[arguments.action].run(arguments)


def _fill_status(parser: Parser) -> None:
    options.add_uri(parser)
    _add_now(parser)
    parser.add_argument("--watch", action="store_true", help="look again until all instances are current")
    _add_fleet(parser)


def _fill_roll(parser: Parser) -> None:
    parser.add_argument("file", metavar="FILE", nargs="?", help="a path, or - for standard input")
    options.add_uri(parser)
    parser.add_argument(
        "--version",
        metavar="V",
        type=options.parsed(aws_names.version_id),
        help="instead of FILE: a version that was released before, as history shows it",
    )
    publish.add_arguments(parser, "the one of the released version")
    options.add_check_login(parser, "the candidate is put")
    parser.add_argument(
        "--skip-unmanaged", action="store_true", help="leave out instances that Systems Manager does not manage"
    )
    _add_waves(parser)
    _add_fleet(parser, with_owner=False)


def _fill_resume(parser: Parser) -> None:
    options.add_uri(parser)
    _add_waves(parser)
    parser.add_argument(
        "--no-alarm", action="store_true", help="continue without the alarm of the roll, which it keeps otherwise"
    )
    _add_fleet(parser)


def _fill_halt(parser: Parser) -> None:
    options.add_uri(parser)
    _add_fleet(parser)


def _fill_back(parser: Parser) -> None:
    options.add_uri(parser)
    publish.add_arguments(parser, "the one of the released version")
    _add_fleet(parser, with_owner=False)


def _fill_doctor(parser: Parser) -> None:
    parser.add_argument(
        "instance", metavar="INSTANCE", nargs="+", type=options.parsed(census.instance_id), help="an instance ID"
    )
    fleet_edges.add_documents(parser)
    options.add_aws(parser, "region of instances and documents")
    options.add_format(parser)


def _fill_holders(parser: Parser) -> None:
    options.add_uri(parser)
    parser.add_argument(
        "--version",
        metavar="V",
        required=True,
        type=options.parsed(aws_names.version_id),
        help="the version whose bytes must be gone, as history shows it",
    )
    _add_now(parser)
    _add_fleet(parser)


def _add_now(parser: Parser) -> None:
    parser.add_argument("--now", action="store_true", help="ask the instances, instead of reading their last reports")


def _add_fleet(parser: Parser, *, with_owner: bool = True) -> None:
    fleet_edges.add_scope(parser)
    fleet_edges.add_documents(parser)
    fleet_edges.add_aws(parser, with_owner=with_owner)


def _add_waves(parser: Parser) -> None:
    group = parser.add_argument_group("the waves")
    default = ",".join(map(str, waves.WAVES))
    group.add_argument(
        "--waves",
        metavar="LIST",
        type=options.parsed(waves.parse_waves),
        default=waves.WAVES,
        help=f"how many instances have the candidate after each wave (default: {default})".replace("%", "%%"),
    )
    group.add_argument(
        "--max-errors",
        metavar="N|P%",
        type=options.parsed(waves.parse_errors),
        default=waves.NO_ERRORS,
        help="errors of a wave that do not halt the roll: a number, or less than a percentage (default: 0)",
    )
    group.add_argument(
        "--soak",
        metavar="TIME",
        type=options.parsed(_soak),
        default=SOAK,
        help="how long a wave is watched before the next one, as 5m; 0 for not at all (default: 5m)",
    )
    group.add_argument(
        "--concurrency",
        metavar="N|P%",
        type=options.parsed(_concurrency),
        default=CONCURRENCY,
        help=f"how many instances of a wave boot at once, at least {commands.BATCH} (default: 10%%)",
    )
    group.add_argument(
        "--alarm",
        metavar="NAME",
        type=options.parsed(commands.alarm_name),
        help="a CloudWatch alarm that halts the roll",
    )
    group.add_argument(
        "--no-promote", action="store_true", help="end after the last wave; fleet resume by another role promotes"
    )


def _soak(text: str) -> float:
    return 0.0 if text == "0" else timing.parse(text)


def _concurrency(text: str) -> waves.Share:
    found = waves.parse_errors(text)
    if found.number == 0:
        raise UsageError("takes a number or a percentage, as 50 or 10%")
    return found


_ACTIONS = {
    "status": _Action("show which instance runs which version", _URI, _fill_status, fleet_status.status),
    "roll": _Action(
        "roll out an env-file in waves, and release it at the end",
        f"ecs.config {_URI} --waves 1,10%,100% --soak 5m",
        _fill_roll,
        fleet_roll.roll,
    ),
    "halt": _Action("halt a roll: nothing begins on another instance", _URI, _fill_halt, fleet_back.stop),
    "resume": _Action("continue a roll that was interrupted", _URI, _fill_resume, fleet_roll.resume),
    "back": _Action("return to the version before the roll", _URI, _fill_back, fleet_back.back),
    "doctor": _Action("run doctor on instances", "i-0123456789abcdef0", _fill_doctor, fleet_status.doctor),
    "holders": _Action(
        "show which instances still have the bytes of a version",
        f"{_URI} --version VERSION",
        _fill_holders,
        fleet_status.show_holders,
    ),
}
