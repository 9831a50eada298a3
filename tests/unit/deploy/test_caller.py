"""The caller of `init`, compared with administrator and operator."""

from __future__ import annotations

from typing import Optional

import pytest
from ecsauth.deploy.caller import principal, refuse_stranger
from ecsauth.errors import DeniedError, UsageError

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


@pytest.mark.parametrize(
    ("administrator", "refused"), [(ADMIN, True), (f"arn:aws:iam::{ACCOUNT}:role/sso/Admin", False)]
)
def test_administrator_without_the_path(administrator: str, refused: bool) -> None:
    """A role with a path is named by its whole ARN: KMS refuses a principal that does not exist."""
    found = principal(f"arn:aws:iam::{ACCOUNT}:role/sso/Admin")
    assert found is not None
    if not refused:
        refuse_stranger(found, administrator, "", creates=True)
        return
    with pytest.raises(UsageError, match="its ARN is arn:aws:iam::111122223333:role/sso/Admin"):
        refuse_stranger(found, administrator, "", creates=True)


def test_a_path_that_is_not_known() -> None:
    """The ARN of a session has no path, so none is asked for, and the hint says that it may need one."""
    found = principal(f"arn:aws:sts::{ACCOUNT}:assumed-role/Admin/me")
    assert found is not None
    refuse_stranger(found, f"arn:aws:iam::{ACCOUNT}:role/sso/Admin", "", creates=True)
    with pytest.raises(DeniedError) as caught:
        refuse_stranger(found, OPERATOR, "", creates=True)
    assert "if the role has a path, its ARN needs that too" in caught.value.hints[-1]
