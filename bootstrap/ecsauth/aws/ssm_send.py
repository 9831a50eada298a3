"""SendCommand of Systems Manager: a command is sent once, also if the answer to it is lost."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any, Optional

from ecsauth.aws.attempt import Attempt, Operation
from ecsauth.aws.paced import UnansweredError
from ecsauth.aws.refusals import foreign, moment
from ecsauth.errors import DeniedError, UnreachableError
from ecsauth.fleet import policy_tag
from ecsauth.fleet.commands import GoneError
from ecsauth.timing import Deadline

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ecsauth.aws.paced import PacedCalls, Refusals
    from ecsauth.fleet.census import Tag
    from ecsauth.fleet.commands import CommandOrder
    from ecsauth.timing import Clock

# Seconds in which an instance has to take a command. One that is stopped meanwhile does not run it hours later.
_DELIVERY = 300
# Seconds for a command with all its tries.
_BOUND = 120.0
# Seconds before each look for a command whose answer was lost: a new one is not listed at once.
_LOOKS = (2.0, 3.0, 5.0, 5.0)
# The clock of this machine may be wrong by so many seconds, else Systems Manager refuses its signature.
_SKEW = 900
# The dates of answers are in whole seconds.
_ROUNDING = 2.0
_PAGE = 50
# Systems Manager API Reference, SendCommand.
_GONE = frozenset(("InvalidInstanceId", "InvalidResourceId"))
_DENIED = "AccessDeniedException"
# The resource in a denial of IAM.
_INSTANCE = re.compile(r":(?:managed-)?instance/(m?i-[0-9a-f]{8,17})\b")


class CommandSender:
    """Sends commands. `tag` is the one that the instances need for the policy `fleet-roll`."""

    def __init__(self, calls: PacedCalls, clock: Clock, tag: Optional[Tag]) -> None:
        self._calls = calls
        self._clock = clock
        self._tag = tag
        self._own: set[str] = set()

    def send(self, order: CommandOrder, known: Refusals) -> str:
        """Send a command and return its ID; raise GoneError, DeniedError, UnreachableError, or a `known` error."""
        since, deadline = self._clock.wall(), Deadline(self._clock, _BOUND)
        while True:
            try:
                command = self._send(order, known)
            except UnansweredError as fault:
                found = self._find(order, since)
                if found is not None:
                    command = found
                elif deadline.left():
                    continue
                else:
                    fault.add("no such command is listed")
                    raise
            self._own.add(command)
            return command

    def _send(self, order: CommandOrder, known: Refusals) -> str:
        document, what = order.document, Attempt(Operation.SEND_COMMAND, order.document.name)
        answer = self._calls.call_once(
            "send_command",
            what,
            {**known, **dict.fromkeys(_GONE, _gone), _DENIED: lambda said: self._denied(what, said)},
            DocumentName=document.name,
            DocumentVersion=document.version,
            DocumentHash=document.sha256,
            DocumentHashType="Sha256",
            Comment=order.comment,
            Parameters={name: [value] for name, value in order.parameters.items()},
            TimeoutSeconds=_DELIVERY,
            MaxConcurrency=str(order.concurrency),
            MaxErrors=str(order.max_errors),
            **_targets(order),
            **_alarm(order.alarm),
        )
        found = answer.get("Command", {}).get("CommandId")
        if not found:
            raise UnansweredError(foreign(what))
        return str(found)

    def _find(self, order: CommandOrder, since: int) -> Optional[str]:
        """Return the command that was sent without an answer since a time of this machine, None if there is none."""
        for wait in _LOOKS:
            self._clock.sleep(wait)
            try:
                found = next(self._unanswered(order, since), None)
            except UnreachableError as fault:
                fault.add("a command may have been sent: its answer was lost")
                raise
            if found is not None:
                return found
        return None

    def _unanswered(self, order: CommandOrder, since: int) -> Iterator[str]:
        after = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(since - _SKEW))
        pages = self._calls.pages(
            "list_commands",
            Attempt(Operation.LIST_COMMANDS, order.document.name),
            {},
            "NextToken",
            Filters=[{"key": "DocumentName", "value": order.document.name}, {"key": "InvokedAfter", "value": after}],
            MaxResults=_PAGE,
        )
        for page in pages:
            # The command has the time of the service: the same batch may have got one with this comment before.
            began = since + self._offset(page) - _ROUNDING
            for one in page.get("Commands", ()):
                is_same = one.get("Comment") == order.comment and _is_for(one, order)
                if is_same and one["RequestedDateTime"].timestamp() >= began and one["CommandId"] not in self._own:
                    yield str(one["CommandId"])

    def _offset(self, answer: Mapping[str, Any]) -> float:
        """Return the seconds by which this machine's clock is behind the one of the service; 0 if it is not known."""
        try:
            return moment(answer["ResponseMetadata"]["HTTPHeaders"]["date"]) - self._clock.wall()
        except (KeyError, ValueError):
            return 0.0

    def _denied(self, what: Attempt, said: str) -> DeniedError:
        named = _INSTANCE.search(said)
        hints: tuple[str, ...] = ("you need ssm:SendCommand",)
        if named is not None:
            why = "your policy may want a tag that the instance lacks; give it"
            hints = (*policy_tag.tagging(why, (named[1],), self._tag), "or you need ssm:SendCommand on this instance")
        return DeniedError(f"cannot {what}: Systems Manager denies access ({said})", *hints)


def _gone(said: str) -> GoneError:
    return GoneError(f"Systems Manager refuses the command: one of its instances is stopped or gone ({said})")


def _targets(order: CommandOrder) -> dict[str, Any]:
    if order.tag is not None:
        return {"Targets": [{"Key": f"tag:{order.tag.name}", "Values": [order.tag.value]}]}
    return {"InstanceIds": list(order.instances)}


def _is_for(listed: Mapping[str, Any], order: CommandOrder) -> bool:
    """Tell whether a listed command has the targets of an order."""
    if order.tag is not None:
        return bool(listed.get("Targets") == _targets(order)["Targets"])
    return set(listed.get("InstanceIds", ())) == set(order.instances)


def _alarm(name: Optional[str]) -> dict[str, Any]:
    if name is None:
        return {}
    return {"AlarmConfiguration": {"IgnorePollAlarmFailure": False, "Alarms": [{"Name": name}]}}
