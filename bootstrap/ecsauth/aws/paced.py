"""Calls of ECS and Systems Manager, which are bounded, and tried again if the service throttles.

The pages of thousands of instances need more patience than the SDK has.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Callable, NamedTuple, Union

from botocore.exceptions import ClientError

from ecsauth.aws.calls import THROTTLING, code_of, message_of, told
from ecsauth.aws.refusals import expired
from ecsauth.errors import NotYetError, UnreachableError
from ecsauth.timing import Clock, Deadline, persist

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ecsauth.aws.attempt import Attempt
    from ecsauth.errors import EcsauthError

    Refusals = Mapping[str, Callable[[str], EcsauthError]]
    """The error for each code of the service, from the service's message."""

# Seconds for one call with all its tries.
_BOUND = 120.0
_MOST_PAGES = 10_000
_EXPIRED = frozenset(("ExpiredToken", "ExpiredTokenException"))


class _Ended(NamedTuple):
    """A fault that another try does not pass."""

    fault: EcsauthError


class UnansweredError(UnreachableError):
    """No answer to a call: the service may have carried it out."""

    def __init__(self, fault: EcsauthError) -> None:
        super().__init__(fault.message, *fault.hints)
        self.reason = fault.reason


class PacedCalls:
    """Calls the operations of one client."""

    def __init__(self, client: Any, clock: Clock) -> None:
        self._client = client
        self._clock = clock

    def call(self, operation: str, what: Attempt, known: Refusals, **parameters: Any) -> Any:
        """Return the answer; raise DeniedError, UnreachableError, or the `known` error for a code of the service."""
        return self._call(operation, what, known, parameters, is_repeatable=True)

    def call_once(self, operation: str, what: Attempt, known: Refusals, **parameters: Any) -> Any:
        """Return the answer of an operation that must not be carried out twice; raise as `call`.

        Only a call that was throttled is tried again. Raises UnansweredError if the call may have been carried out.
        The client must not try again by itself.
        """
        return self._call(operation, what, known, parameters, is_repeatable=False)

    def _call(
        self, operation: str, what: Attempt, known: Refusals, parameters: Mapping[str, Any], *, is_repeatable: bool
    ) -> Any:
        action: Callable[..., Any] = getattr(self._client, operation)

        def attempt(_left: float) -> Union[_Ended, Mapping[str, Any]]:
            code = ""
            try:
                with told(what):
                    try:
                        answer: Mapping[str, Any] = action(**parameters)
                    except ClientError as fault:
                        code = code_of(fault)
                        if code in _EXPIRED:
                            return _Ended(expired(what))
                        if code in known:
                            return _Ended(known[code](message_of(fault)))
                        raise
            except NotYetError as fault:
                # No credentials: an operator has to set them, and does not wait for them as an instance does.
                return _Ended(fault)
            except UnreachableError as fault:
                if is_repeatable or code in THROTTLING:
                    raise
                return _Ended(UnansweredError(fault))
            return answer

        answer = persist(attempt, self._clock, Deadline(self._clock, _BOUND))
        if isinstance(answer, _Ended):
            raise answer.fault
        return answer

    def pages(self, operation: str, what: Attempt, known: Refusals, field: str, **parameters: Any) -> Iterator[Any]:
        """Yield each page of the answer; `field` has the mark of the next page. Raise as `call`."""
        for _ in range(_MOST_PAGES):
            page = self.call(operation, what, known, **parameters)
            yield page
            after = page.get(field)
            if not after:
                return
            parameters = {**parameters, field: after}
