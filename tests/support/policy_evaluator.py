"""What IAM makes of a request: the policies of who asks, the policy of what is asked for, and the context.

It knows the elements and operators that the policies of `iam/` use. Everything else, and a variable or a placeholder
that is left, is an error: what is not understood is never taken for an answer.

Sources: IAM User Guide, "Policy evaluation logic", "Condition operators", "Multivalued context keys", "AWS JSON policy
elements: Principal"; KMS Developer Guide, "Default key policy" (an Allow for the account's root is what lets IAM
policies count).
"""

from __future__ import annotations

import re
from enum import Enum
from functools import cache
from typing import TYPE_CHECKING, Any, Callable, NamedTuple, Optional, Union

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

Policy = dict[str, Any]
Statement = dict[str, Any]
Value = Union[str, tuple[str, ...]]

_ELEMENTS = frozenset({"Sid", "Effect", "Principal", "Action", "NotAction", "Resource", "NotResource", "Condition"})
_SETS = ("ForAnyValue:", "ForAllValues:")
_IF_EXISTS = "IfExists"
_ARN_PARTS = 6


class NotUnderstoodError(Exception):
    """A policy says something that this does not know."""


class Asked(NamedTuple):
    """A request. `principal` is the ARN of a role or user, None for nobody known; a tuple in `context` is a list."""

    principal: Optional[str]
    action: str
    resource: str
    context: Mapping[str, Value]


class Says(Enum):
    """What a policy says of a request; an allowance for a whole account only lets that account's policies allow it."""

    NOTHING = 0
    DELEGATES = 1
    ALLOWS = 2
    DENIES = 3


def allowed(asked: Asked, identity: Sequence[Policy], bucket: Optional[Policy], account: str) -> bool:
    """Tell whether S3 carries the request out, on a bucket of that account with that policy.

    Within the account either side may allow it; from another one both have to; and nobody may deny it.
    """
    mine, theirs = _both(asked, identity, bucket)
    if Says.DENIES in (mine, theirs):
        return False
    if asked.principal is not None and _account_of(asked.principal) != account:
        return mine is Says.ALLOWS and theirs in (Says.ALLOWS, Says.DELEGATES)
    return Says.ALLOWS in (mine, theirs)


def allowed_by_key(asked: Asked, identity: Sequence[Policy], key: Policy, account: str) -> bool:
    """Tell whether KMS carries the request out: the key's policy has to allow it, or to leave it to the account's."""
    mine, theirs = _both(asked, identity, key)
    if Says.DENIES in (mine, theirs):
        return False
    is_own = asked.principal is not None and _account_of(asked.principal) == account
    if theirs is Says.ALLOWS and is_own:
        return True
    return theirs in (Says.ALLOWS, Says.DELEGATES) and mine is Says.ALLOWS


def may_assume(principal: str, trust: Policy, context: Mapping[str, Value]) -> bool:
    """Tell whether the trust policy lets the service, or the ARN, assume the role."""
    says = []
    for statement in _statements(trust):
        if "Resource" in statement or "NotResource" in statement:
            raise NotUnderstoodError("a trust policy names no resource")
        asked = Asked(principal, "sts:AssumeRole", "", context)
        if _names(statement, "Action", asked.action, str.lower) and _conditions_hold(statement, context):
            says.append(_for_principal(statement, principal))
    return Says.DENIES not in says and Says.ALLOWS in says


def _both(asked: Asked, identity: Sequence[Policy], resource: Optional[Policy]) -> tuple[Says, Says]:
    """Return what the policies of the one who asks say, and what the one of what is asked for says."""
    mine = _strongest(_of_identity(policy, asked) for policy in identity)
    return mine, _of_resource(resource, asked) if resource is not None else Says.NOTHING


def _account_of(principal: str) -> str:
    return principal.split(":")[4]


def _of_identity(policy: Policy, asked: Asked) -> Says:
    """Return what a policy of the one who asks says."""
    if any("Principal" in statement for statement in _statements(policy)):
        raise NotUnderstoodError("a policy of an identity names no principal")
    return _strongest(
        Says.DENIES if statement["Effect"] == "Deny" else Says.ALLOWS
        for statement in _statements(policy)
        if _is_about(statement, asked)
    )


def _of_resource(policy: Policy, asked: Asked) -> Says:
    """Return what the policy of a bucket or a key says."""
    return _strongest(
        _for_principal(statement, asked.principal) for statement in _statements(policy) if _is_about(statement, asked)
    )


def _strongest(says: Iterable[Says]) -> Says:
    return max(says, key=lambda one: one.value, default=Says.NOTHING)


def _statements(policy: Policy) -> Iterator[Statement]:
    if policy.get("Version") != "2012-10-17" or not set(policy) <= {"Version", "Id", "Statement"}:
        raise NotUnderstoodError("not a policy of 2012-10-17")
    for statement in _listed(policy["Statement"]):
        unknown = set(statement) - _ELEMENTS
        if unknown or statement.get("Effect") not in ("Allow", "Deny"):
            raise NotUnderstoodError(f"{statement.get('Sid')}: {sorted(unknown) or 'Effect'}")
        yield statement


def _is_about(statement: Statement, asked: Asked) -> bool:
    """Tell whether action, resource and conditions fit; who asks is another question."""
    return (
        _names(statement, "Action", asked.action, str.lower)
        and _names(statement, "Resource", asked.resource, str)
        and _conditions_hold(statement, asked.context)
    )


def _names(statement: Statement, element: str, value: str, form: Callable[[str], str]) -> bool:
    """Tell whether the element, or its opposite, takes the value in."""
    if (element in statement) == (f"Not{element}" in statement):
        raise NotUnderstoodError(f"{statement.get('Sid')}: one of {element} and Not{element}")
    is_opposite = element not in statement
    patterns = _listed(statement[f"Not{element}" if is_opposite else element])
    return any(_like(form(pattern), form(value)) for pattern in patterns) != is_opposite


def _for_principal(statement: Statement, principal: Optional[str]) -> Says:
    """Return what a statement that fits otherwise says to this principal."""
    named = statement.get("Principal")
    if named == "*":
        # The same, says IAM.
        named = {"AWS": "*"}
    if not isinstance(named, dict) or not set(named) <= {"AWS", "Service"}:
        raise NotUnderstoodError(f"{statement.get('Sid')}: Principal")
    says = _strongest(_named(name, principal) for names in named.values() for name in _listed(names))
    return Says.DENIES if says is not Says.NOTHING and statement["Effect"] == "Deny" else says


def _named(name: str, principal: Optional[str]) -> Says:
    """Return what an Allow for `name` says to the principal: wildcards stand alone only."""
    if "${" in name or ("*" in name and name != "*"):
        raise NotUnderstoodError(f"principal {name}")
    if name in ("*", principal):
        return Says.ALLOWS
    account = re.fullmatch(r"(?:arn:[\w-]+:iam::)?(\d{12})(?::root)?", name)
    of = principal.split(":") if principal else []
    if account and len(of) == _ARN_PARTS and of[4] == account[1]:
        return Says.DELEGATES
    return Says.NOTHING


def _conditions_hold(statement: Statement, context: Mapping[str, Value]) -> bool:
    return all(
        _holds(operator, _listed(expected), _found(context, key))
        for operator, block in statement.get("Condition", {}).items()
        for key, expected in block.items()
    )


def _found(context: Mapping[str, Value], key: str) -> Optional[Value]:
    return next((value for name, value in context.items() if name.lower() == key.lower()), None)


def _holds(operator: str, expected: list[str], found: Optional[Value]) -> bool:
    """Tell whether one line of a condition holds; `found` is None where the request has no such key."""
    if operator == "Null":
        return all((found is None) == (value.lower() == "true") for value in expected)
    kind = next((prefix for prefix in _SETS if operator.startswith(prefix)), "")
    name = operator[len(kind) :]
    is_optional = name.endswith(_IF_EXISTS)
    compare = _OPERATORS.get(name[: -len(_IF_EXISTS)] if is_optional else name)
    if compare is None:
        raise NotUnderstoodError(f"operator {operator}")
    if found is None:
        # Absent fits every negation; of no value, all are anything and none is.
        return is_optional or (kind == "ForAllValues:" if kind else compare.is_negated)
    if isinstance(found, str) == bool(kind):
        raise NotUnderstoodError(f"{operator}: one value or many?")
    values = [found] if isinstance(found, str) else list(found)
    fits = [any(compare.test(one, value) for one in expected) != compare.is_negated for value in values]
    return any(fits) if kind == "ForAnyValue:" else all(fits)


class _Operator(NamedTuple):
    test: Callable[[str, str], bool]
    is_negated: bool = False


@cache
def _pattern(pattern: str) -> re.Pattern[str]:
    if "${" in pattern:
        raise NotUnderstoodError(f"a variable or a placeholder is left: {pattern}")
    parts = {"*": ".*", "?": "."}
    return re.compile("".join(parts.get(one, re.escape(one)) for one in pattern), re.DOTALL)


def _like(pattern: str, value: str) -> bool:
    return _pattern(pattern).fullmatch(value) is not None


def _arn_like(pattern: str, value: str) -> bool:
    """Compare part by part: no wildcard reaches over a colon of the first five."""
    patterns, values = pattern.split(":", _ARN_PARTS - 1), value.split(":", _ARN_PARTS - 1)
    if len(patterns) < _ARN_PARTS or len(values) < _ARN_PARTS:
        return False
    return all(_like(one, other) for one, other in zip(patterns, values))


def _equal(expected: str, value: str) -> bool:
    if "${" in expected:
        raise NotUnderstoodError(f"a variable or a placeholder is left: {expected}")
    return expected == value


def _number(test: Callable[[float, float], bool]) -> _Operator:
    return _Operator(lambda expected, value: test(float(value), float(expected)))


def _negation(operator: _Operator) -> _Operator:
    return operator._replace(is_negated=True)


_EQUAL, _LIKE, _ARN = _Operator(_equal), _Operator(_like), _Operator(_arn_like)
_OPERATORS = {
    "StringEquals": _EQUAL,
    "StringNotEquals": _negation(_EQUAL),
    "StringLike": _LIKE,
    "StringNotLike": _negation(_LIKE),
    "ArnEquals": _ARN,
    "ArnNotEquals": _negation(_ARN),
    "ArnLike": _ARN,
    "ArnNotLike": _negation(_ARN),
    "Bool": _Operator(lambda expected, value: expected.lower() == value.lower()),
    "NumericLessThan": _number(lambda value, expected: value < expected),
    "NumericLessThanEquals": _number(lambda value, expected: value <= expected),
    "NumericGreaterThanEquals": _number(lambda value, expected: value >= expected),
}


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
