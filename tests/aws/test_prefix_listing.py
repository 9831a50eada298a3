"""Who may list one prefix only is denied what is absent: S3 says 404 to those only who may list without a condition."""

from __future__ import annotations

from typing import TYPE_CHECKING

import s3_faults as faults

if TYPE_CHECKING:
    from pushing import Operator

# A denial of a HEAD has no body, and so no reason.
_DENIED = faults.Reply(403, "AccessDenied", "Access Denied")


def test_absent(operator: Operator) -> None:
    """Where the listing of the one key is empty there is nothing yet: the first push puts."""
    operator.proxy.inject(_DENIED, operation="HeadObject", times=1)
    done = operator.push()
    assert done.status == 0, done.err
    assert operator.proxy.operations[:2] == ["HeadObject", "ListObjectsV2"]
    assert operator.put.headers["if-none-match"] == "*"
    listing = operator.proxy.wait_for("ListObjectsV2", 0)
    assert (listing.query["prefix"], listing.query["max-keys"]) == ("ecs.config", "1")


def test_only_a_longer_key(operator: Operator) -> None:
    """A key that begins alike is another object."""
    operator.bucket.put(b"ECS_CLUSTER=other\n", key="ecs.config.old")
    operator.proxy.inject(_DENIED, operation="HeadObject", times=1)
    assert operator.push().status == 0


def test_there_but_denied(operator: Operator) -> None:
    """What the listing shows is there, and denied: nothing is put."""
    operator.bucket.put(b"ECS_CLUSTER=prod\n")
    operator.proxy.inject(_DENIED, operation="HeadObject")
    assert operator.push().status == 4
    assert "PutObject" not in operator.proxy.operations


def test_listing_denied(operator: Operator) -> None:
    """Without a listing nothing is known, and the denial stands."""
    operator.proxy.inject(_DENIED, operation="HeadObject")
    operator.proxy.inject(_DENIED, operation="ListObjectsV2")
    done = operator.push()
    assert done.status == 4
    assert "S3 denies access" in done.err
    assert "PutObject" not in operator.proxy.operations
