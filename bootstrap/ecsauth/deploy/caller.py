"""The caller of `init`, compared with the administrator and the operator of the stack."""

from __future__ import annotations

import re
from typing import NamedTuple, Optional

from ecsauth.errors import DeniedError, UsageError

_SESSION = re.compile(r"arn:([a-z-]+):sts::([0-9]{12}):assumed-role/([^/]+)/.+")
_PRINCIPAL = re.compile(r"arn:([a-z-]+):(?:iam|sts)::([0-9]{12}):(role|user)/(?:.+/)?([^/]+)")
_ROOT = re.compile(r"arn:([a-z-]+):iam::([0-9]{12}):root")


class Principal(NamedTuple):
    """A role, a user, or the root user of an account. `arn` is for messages and policies, without a session.

    `has_path`: the ARN is the whole one; that of a session leaves out the path of its role.
    """

    partition: str
    account: str
    kind: str
    name: str
    arn: str
    has_path: bool = True

    def is_same(self, arn: str) -> bool:
        """Tell whether an ARN names this role or user; the ARN of a session has no path, so paths do not count."""
        other = principal(arn)
        return other is not None and (other.account, other.kind, other.name) == (self.account, self.kind, self.name)


def principal(arn: str) -> Optional[Principal]:
    """Return the principal that an ARN of IAM or STS names, None if it is another kind of principal."""
    session = _SESSION.fullmatch(arn)
    if session:
        partition, account, name = session.groups()
        return Principal(partition, account, "role", name, f"arn:{partition}:iam::{account}:role/{name}", False)
    found = _PRINCIPAL.fullmatch(arn)
    if found:
        return Principal(found[1], found[2], found[3], found[4], arn)
    root = _ROOT.fullmatch(arn)
    return Principal(root[1], root[2], "root", "root", arn) if root else None


def refuse_stranger(caller: Principal, administrator: str, operator: str, *, creates: bool) -> None:
    """Raise DeniedError for a caller whom the key or the bucket would refuse, UsageError for an ARN without its path.

    A new key names its administrator, and KMS refuses a key policy that its creator could not change again.
    """
    if caller.is_same(administrator):
        if creates and caller.has_path and caller.arn != administrator:
            raise UsageError(
                f"KMS knows no {administrator}: the role has a path, and its ARN is {caller.arn}",
                f"give --administrator {caller.arn}",
            )
        return
    if creates:
        raise DeniedError(
            f"a new stack is deployed by its administrator, but you are {caller.arn}: KMS would refuse the key",
            f"use the credentials of {administrator}",
            *_or_yourself(caller),
        )
    if not (operator and caller.is_same(operator)):
        raise DeniedError(
            f"you are {caller.arn}, neither administrator nor operator of the stack: the policy of the bucket denies "
            "your push",
            f"use the credentials of {' or '.join(filter(None, (operator, administrator)))}",
        )


def _or_yourself(caller: Principal) -> tuple[str, ...]:
    if caller.kind == "root":
        return ()
    path = "" if caller.has_path else "; if the role has a path, its ARN needs that too"
    return (f"or name yourself: --administrator {caller.arn}{path}",)
