"""AWS services that speak JSON over HTTP, as the SDK calls them: one server for several, with faults and a log.

Every request is validated against the SDK's own model of the service, with the limits of the API reference that the
SDK itself does not check: the longest list and text, the largest page. Every answer is held against it too, so that a
stand-in cannot say what the service has no field for.
"""

from __future__ import annotations

import email.utils
import json
import re
import threading
import uuid
from functools import partial
from typing import TYPE_CHECKING, Any, Callable, NamedTuple, Optional, Protocol

from botocore.loaders import Loader
from botocore.model import ListShape, MapShape, ServiceModel, Shape, StructureShape
from loopback_server import Answer, Log, LoopbackServer, QuietHandler, answer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from botocore.model import OperationModel

_JSON = "application/x-amz-json-1.1"


class Call(NamedTuple):
    """One call of an operation, by the access key that signed it."""

    service: str
    operation: str
    parameters: dict[str, Any]
    access_key: str = ""


class RefusedError(Exception):
    """The service refuses a call, with an error code of its reference."""

    def __init__(self, code: str, message: str = "", status: int = 400) -> None:
        super().__init__(code)
        self.code, self.message, self.status = code, message, status


Fault = Callable[[Call], None]
"""Raises RefusedError for a call, or does nothing. It is asked before the call is carried out."""


class Backend(Protocol):
    """What is behind the protocol: one service."""

    def carry_out(self, operation: str, parameters: dict[str, Any]) -> dict[str, Any]:
        """Return the output of an operation; raise RefusedError."""


class _Injected:
    def __init__(self, fault: Fault, operation: Optional[str], times: Optional[int]) -> None:
        self.fault, self.operation, self.times = fault, operation, times


class JsonService(LoopbackServer):
    """The endpoint of the services; `calls` is the log. `backends` are by the SDK's names, as `ssm`."""

    def __init__(self, backends: Mapping[str, Backend]) -> None:
        super().__init__(partial(_Handler, self))
        loader = Loader()
        self._models = {name: ServiceModel(loader.load_service_model(name, "service-2"), name) for name in backends}
        self._names = {model.metadata["targetPrefix"]: name for name, model in self._models.items()}
        self._backends = backends
        self._operations: dict[tuple[str, str], OperationModel] = {}
        self._injected: list[_Injected] = []
        self._lock = threading.Lock()
        self.calls: Log[Call] = Log()

    @property
    def operations(self) -> list[str]:
        """The operations called so far, in order."""
        return [call.operation for call in self.calls]

    def inject(self, fault: Fault, *, operation: Optional[str] = None, times: Optional[int] = None) -> None:
        """Let the fault happen to the next `times` calls (None: all) of the operation (None: any)."""
        self._injected.append(_Injected(fault, operation, times))

    def heal(self) -> None:
        """Forget the faults."""
        self._injected.clear()

    def respond(self, target: str, access_key: str, body: bytes) -> Answer:
        """Return the answer to a request."""
        prefix, _, operation = target.partition(".")
        try:
            name = self._names[prefix]
            model = self._operation(name, operation)
        except KeyError:
            raise AssertionError(f"the stand-in plays no {target}") from None
        call = Call(name, operation, json.loads(body or b"{}"), access_key)
        self.calls.add(call)
        try:
            return _answer(200, self._carry_out(call, model))
        except RefusedError as refusal:
            return _answer(refusal.status, {"__type": refusal.code, "message": refusal.message})

    def _operation(self, service: str, name: str) -> OperationModel:
        """Return the model of an operation: made once, as it takes longer to make than to answer a call."""
        key = (service, name)
        if key not in self._operations:
            self._operations[key] = self._models[service].operation_model(name)
        return self._operations[key]

    def _carry_out(self, call: Call, model: OperationModel) -> dict[str, Any]:
        # One call at a time: what a stand-in does is then in some order, as in a database.
        with self._lock:
            for injected in list(self._injected):
                if injected.operation in (None, call.operation) and injected.times != 0:
                    if injected.times is not None:
                        injected.times -= 1
                    injected.fault(call)
            wrong = next(violations(model.input_shape, call.parameters), None)
            if wrong is not None:
                raise RefusedError("ValidationException", f"1 validation error detected: {wrong}")
            output = self._backends[call.service].carry_out(call.operation, call.parameters)
        unknown = next(unknown_members(model.output_shape, output), None)
        assert unknown is None, f"{call.operation} has no {unknown} in its answer"
        return output


class _Handler(QuietHandler):
    """Hands each request to the service."""

    def __init__(self, service: JsonService, *connection: Any) -> None:
        self._service = service
        super().__init__(*connection)

    def do_POST(self) -> None:  # noqa: N802 - the base class's name
        """Answer a call."""
        body = self.read_body()
        signature = self.headers.get("Authorization", "")
        access_key = signature.partition("Credential=")[2].partition("/")[0]
        self.send_answer(self._service.respond(self.headers.get("X-Amz-Target", ""), access_key, body))


def _answer(status: int, document: dict[str, Any]) -> Answer:
    date = email.utils.formatdate(usegmt=True)
    return answer(status, json.dumps(document).encode(), _JSON, x_amzn_RequestId=str(uuid.uuid4()), Date=date)


def violations(shape: Optional[Shape], value: Any, at: str = "input") -> Iterator[str]:
    """Yield what in a request is beyond the limits of the reference."""
    if isinstance(shape, StructureShape):
        yield from _violations_of(shape, value)
    elif shape is not None:
        yield from _limits(shape, value, at)
    if isinstance(shape, ListShape):
        for one in value:
            yield from violations(shape.member, one, at)
    if isinstance(shape, MapShape):
        for one in value.values():
            yield from violations(shape.value, one, at)


def _violations_of(shape: StructureShape, value: Any) -> Iterator[str]:
    for name in shape.required_members:
        if name not in value:
            yield f"Value null at '{name}' failed to satisfy constraint: Member must not be null"
    for name, member in shape.members.items():
        if name in value:
            yield from violations(member, value[name], name)


def _limits(shape: Shape, value: Any, at: str) -> Iterator[str]:
    size = value if shape.type_name in ("integer", "long") else len(value) if hasattr(value, "__len__") else 0
    largest, smallest = shape.metadata.get("max"), shape.metadata.get("min")
    if largest is not None and size > largest:
        yield f"Value at '{at}' failed to satisfy constraint: Member must have a size less than or equal to {largest}"
    if smallest is not None and size < smallest:
        yield f"Value at '{at}' failed to satisfy constraint: Member must have a size of at least {smallest}"
    pattern = shape.metadata.get("pattern")
    # Java's classes of characters, which Python does not have, are of names only.
    if pattern is not None and "\\p{" not in pattern and re.search(pattern, value) is None:
        yield f"Value at '{at}' failed to satisfy constraint: Member must satisfy regular expression pattern: {pattern}"
    if shape.metadata.get("enum") and value not in shape.metadata["enum"]:
        yield f"Value at '{at}' failed to satisfy constraint: Member must satisfy enum value set"


def unknown_members(shape: Optional[Shape], value: Any) -> Iterator[str]:
    """Yield the names in an answer that the service's model does not have."""
    if isinstance(shape, StructureShape):
        for name, one in value.items():
            if name not in shape.members:
                yield name
            else:
                yield from unknown_members(shape.members[name], one)
    elif isinstance(shape, ListShape):
        for one in value:
            yield from unknown_members(shape.member, one)


class Pages:
    """Cuts lists into pages. A token is of one list; `empty_first` begins each list with an empty page, as AWS may."""

    def __init__(self) -> None:
        self.empty_first = False
        self._tokens: dict[str, tuple[str, int]] = {}

    def cut(self, items: list[Any], size: int, token: Optional[str], query: str) -> tuple[list[Any], Optional[str]]:
        """Return one page and the token of the next, None after the last one; raise RefusedError."""
        begin = 0
        if token is not None:
            of, begin = self._tokens.get(token, ("", 0))
            if of != query:
                raise RefusedError("InvalidNextToken", "The specified token isn't valid.")
        elif self.empty_first and items:
            return [], self._token(query, 0)
        end = begin + size
        return items[begin:end], self._token(query, end) if end < len(items) else None

    def of(self, items: list[Any], parameters: dict[str, Any], size: int) -> tuple[list[Any], Optional[str]]:
        """Return one page of a list that was asked for with these parameters, in the manner of Systems Manager."""
        query = json.dumps({**parameters, "NextToken": None}, sort_keys=True)
        return self.cut(items, size, parameters.get("NextToken"), query)

    def _token(self, query: str, begin: int) -> str:
        token = str(uuid.uuid4())
        self._tokens[token] = (query, begin)
        return token


def with_token(answer: dict[str, Any], token: Optional[str]) -> dict[str, Any]:
    """Return an answer with the token of the next page, if there is one."""
    return answer if token is None else {**answer, "NextToken": token}


def throttle(_call: Call) -> None:
    """Refuse a call because there were too many."""
    raise RefusedError("ThrottlingException", "Rate exceeded")


def expired(_call: Call) -> None:
    """Refuse a call because the session of the caller is over."""
    raise RefusedError("ExpiredTokenException", "The security token included in the request is expired")


def denied(call: Call) -> None:
    """Refuse a call because a permission is missing."""
    raise RefusedError("AccessDeniedException", f"User is not authorized to perform: {call.service}:{call.operation}")
