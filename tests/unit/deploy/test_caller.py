"""The caller of `init`, compared with administrator and operator."""

from __future__ import annotations

from typing import Optional

import pytest
from ecsauth.deploy.caller import principal, refuse_stranger
from ecsauth.errors import DeniedError

ACCOUNT = "111122223333"
ADMIN = f"arn:aws:iam::{ACCOUNT}:role/Admin"
OPERATOR = f"arn:aws:iam::{ACCOUNT}:user/push/me"


@pytest.mark.parametrize(
    ("arn", "shown"),
    [
        (f"arn:aws:sts::{ACCOUNT}:assumed-role/Admin/me@example.com", ADMIN),
        (f"arn:aws-cn:sts::{ACCOUNT}:assumed-role/Admin/i-0123", f"arn:aws-cn:iam::{ACCOUNT}:role/Admin"),
        (OPERATOR, OPERATOR),
        (f"arn:aws:iam::{ACCOUNT}:root", f"arn:aws:iam::{ACCOUNT}:root"),
        (f"arn:aws:sts::{ACCOUNT}:federated-user/me", None),
        ("", None),
    ],
)
def test_principal(arn: str, shown: Optional[str]) -> None:
    """A session is shown as its role; a federated user is no principal of a policy here."""
    found = principal(arn)
    assert (found.arn if found else None) == shown


@pytest.mark.parametrize(
    ("caller", "arn", "is_same"),
    [
        (f"arn:aws:sts::{ACCOUNT}:assumed-role/Admin/me", ADMIN, True),
        (f"arn:aws:sts::{ACCOUNT}:assumed-role/Admin/me", f"arn:aws:iam::{ACCOUNT}:role/a/path/Admin", True),
        (f"arn:aws:sts::{ACCOUNT}:assumed-role/Admin/me", f"arn:aws:iam::{ACCOUNT}:user/Admin", False),
        (f"arn:aws:sts::{ACCOUNT}:assumed-role/Admin/me", "arn:aws:iam::999999999999:role/Admin", False),
        (f"arn:aws:sts::{ACCOUNT}:assumed-role/Admin/me", f"arn:aws:iam::{ACCOUNT}:role/Admin2", False),
    ],
)
def test_same(caller: str, arn: str, is_same: bool) -> None:
    """A role is the same by account and name: the ARN of a session has no path."""
    found = principal(caller)
    assert found is not None
    assert found.is_same(arn) is is_same


@pytest.mark.parametrize(
    ("caller", "creates", "refused"),
    [
        (ADMIN, True, None),
        (ADMIN, False, None),
        (OPERATOR, False, None),
        (OPERATOR, True, "KMS would refuse the key"),
        (f"arn:aws:iam::{ACCOUNT}:root", True, "KMS would refuse the key"),
        (f"arn:aws:iam::{ACCOUNT}:root", False, "denies your push"),
        (f"arn:aws:iam::{ACCOUNT}:role/Other", False, "denies your push"),
    ],
)
def test_strangers(caller: str, creates: bool, refused: Optional[str]) -> None:
    """Only the administrator creates, only administrator and operator push."""
    found = principal(caller)
    assert found is not None
    if refused is None:
        refuse_stranger(found, ADMIN, OPERATOR, creates=creates)
        return
    with pytest.raises(DeniedError, match=refused):
        refuse_stranger(found, ADMIN, OPERATOR, creates=creates)
