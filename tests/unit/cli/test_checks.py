"""The table of `doctor`: what is asked first."""

from __future__ import annotations

from ecsauth.cli.checks import TABLE
from ecsauth.doctor import ordered


def test_order_of_the_probes() -> None:
    """Each check comes after those that it needs; the clock after the answers that it is measured against; STS last."""
    assert [check.name for check in ordered(TABLE)] == [
        *("last-run", "python", "metadata", "role", "region", "bucket", "time", "object", "kms-key"),
        *("directory", "file", "docker", "engine", "agent", "ordering", "timer", "caller"),
    ]
