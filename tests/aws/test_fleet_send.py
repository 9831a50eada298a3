"""A command whose answer is lost: it is found in the history, and not sent a second time."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Callable

import boto3
import json_service
import pytest
from botocore.config import Config
from ecsauth.aws.ssm import SsmCommands
from ecsauth.errors import DeniedError, UnreachableError
from ecsauth.fleet.census import Tag
from ecsauth.fleet.commands import CommandOrder, DocumentPin, GoneError
from ecsauth.timing import Moment
from fleet_world import CANDIDATE
from json_service import RefusedError

if TYPE_CHECKING:
    from fleet_world import FleetWorld
    from json_service import Call

COMMENT = "ecsauth roll 0123456789ab look 1/3"


class _Clock:
    """A clock that is wrong by some seconds, and whose waits take no time."""

    def __init__(self, wrong: int = 0) -> None:
        self._wrong = wrong
        self._waited = 0.0

    def now(self) -> float:
        return time.monotonic() + self._waited

    def wall(self) -> int:
        return int(time.time()) + self._wrong

    def sleep(self, seconds: float) -> None:
        self._waited += seconds

    def moment(self) -> Moment:
        return Moment("boot", self.now())


def _commands(world: FleetWorld, wrong: int = 0) -> SsmCommands:
    client: Any = boto3.Session().client(
        "ssm",
        region_name="eu-central-1",
        endpoint_url=world.service.url,
        aws_access_key_id="AKIATEST",
        aws_secret_access_key="test",
        config=Config(retries={"total_max_attempts": 1}, proxies={}),
    )
    return SsmCommands(client, _Clock(wrong), Tag("ecsauth", "prod"))


def _order(world: FleetWorld, *numbers: int, comment: str = COMMENT) -> CommandOrder:
    document = world.engine.documents.find("ecsauth-status")
    instances = tuple(world.models[number].id for number in numbers)
    return CommandOrder(DocumentPin("ecsauth-status", "1", document.sha256), comment, {}, instances)


def _lost(world: FleetWorld, times: int | None = 1, *, carries_out: bool = True) -> None:
    """Let the next commands be carried out, or not, and answered with an error of the server."""

    def lose(call: Call) -> None:
        if carries_out:
            world.engine.carry_out("SendCommand", call.parameters)
        raise RefusedError("InternalServerError", "An internal error occurred.", 500)

    world.service.inject(lose, operation="SendCommand", times=times)


def _made(world: FleetWorld) -> list[str]:
    return [command.order.id for command in world.engine.commands]


@pytest.mark.parametrize("wrong", [0, -280, 280])
@pytest.mark.parametrize("lag", [0, 3])
def test_a_lost_answer(models: FleetWorld, wrong: int, lag: int) -> None:
    """The command that was carried out is found, also if it is listed late, or if a clock is wrong."""
    models.engine.lag = lag
    _lost(models)
    assert [_commands(models, wrong).send(_order(models, 1, 2))] == _made(models)


def test_a_command_that_was_not_carried_out(models: FleetWorld) -> None:
    """If none is listed, it is sent again."""
    _lost(models, carries_out=False)
    assert [_commands(models).send(_order(models, 1, 2))] == _made(models)
    assert models.service.operations.count("SendCommand") == 2


def _before(world: FleetWorld, run: SsmCommands) -> None:
    """Another client has sent the same a minute before."""
    run.send(_order(world, 1, 2))
    command = world.engine.commands[0]
    command.order = command.order._replace(at=time.time() - 60)


def _own(world: FleetWorld, run: SsmCommands) -> None:
    """The same client has sent the same in this second."""
    run.send(_order(world, 1, 2))


@pytest.mark.parametrize(
    "other",
    [
        lambda world, _: _before(world, _commands(world)),
        _own,
        lambda world, run: run.send(_order(world, 1, 3)),
        lambda world, run: run.send(_order(world, 1, 2, comment="by hand")),
    ],
)
@pytest.mark.parametrize("carries_out", [True, False])
def test_another_command_is_not_taken_for_it(
    models: FleetWorld, other: Callable[[FleetWorld, SsmCommands], object], carries_out: bool
) -> None:
    """An earlier command, or one with other instances or another comment, is not the one that got no answer."""
    run = _commands(models)
    other(models, run)
    _lost(models, carries_out=carries_out)
    assert [run.send(_order(models, 1, 2))] == _made(models)[1:]


def test_throttling_is_no_lost_answer(models: FleetWorld) -> None:
    """A command that was throttled was not carried out: it is sent again without a look at the history."""
    models.service.inject(json_service.throttle, operation="SendCommand", times=3)
    assert [_commands(models).send(_order(models, 1))] == _made(models)
    assert "ListCommands" not in models.service.operations


def test_no_answer_without_end(models: FleetWorld) -> None:
    """It gives up after two minutes."""
    _lost(models, None, carries_out=False)
    with pytest.raises(UnreachableError, match="no such command is listed"):
        _commands(models).send(_order(models, 1))


def test_a_roll_with_lost_answers(models: FleetWorld) -> None:
    """Each wave has one command, though each second answer is lost: errors are counted, and a halt reaches it."""
    sent: list[str] = []

    def lose(call: Call) -> None:
        sent.append(call.parameters["Comment"])
        if len(sent) % 2:
            models.engine.carry_out("SendCommand", call.parameters)
            raise RefusedError("InternalServerError", "An internal error occurred.", 500)

    models.service.inject(lose, operation="SendCommand")
    done = models.roll(CANDIDATE)
    assert done.status == 0, done.err
    comments = [command.order.comment for command in models.engine.commands]
    assert (len(comments), len(set(comments))) == (6, 6)


def test_instances_that_are_refused_are_named(models: FleetWorld) -> None:
    """The message has what Systems Manager says of them, without control characters."""
    order = _order(models, 1)

    def refuse(_: Call) -> None:
        raise RefusedError("InvalidInstanceId", "Instances [[i-0abc]] not in a valid state for account\x1b[2J 1")

    models.service.inject(refuse, operation="SendCommand")
    with pytest.raises(GoneError) as caught:
        _commands(models).send(order)
    assert caught.value.message.endswith("(Instances [[i-0abc]] not in a valid state for account[2J 1)")


@pytest.mark.parametrize(
    ("resource", "hint"),
    [
        (
            "arn:aws:ec2:eu-central-1:123456789012:instance/i-0123456789abcdef0",
            "aws ec2 create-tags --resources i-0123456789abcdef0 --tags Key=ecsauth,Value=prod",
        ),
        (
            "arn:aws:ssm:eu-central-1:123456789012:managed-instance/mi-0123456789abcdef0",
            "--resource-id mi-0123456789abcdef0 --tags Key=ecsauth,Value=prod",
        ),
        ("arn:aws:ssm:eu-central-1:123456789012:document/ecsauth-boot", "you need ssm:SendCommand"),
    ],
)
def test_a_denial_names_what_is_missing(models: FleetWorld, resource: str, hint: str) -> None:
    """For an instance that is the tag, for a document the action."""

    def deny(_: Call) -> None:
        said = f"User: arn:aws:iam::1:user/me is not authorized to perform: ssm:SendCommand on resource: {resource}"
        raise RefusedError("AccessDeniedException", f"{said} because no identity-based policy allows it")

    models.service.inject(deny, operation="SendCommand")
    with pytest.raises(DeniedError) as caught:
        _commands(models).send(_order(models, 1))
    assert caught.value.hints[0].endswith(hint)
