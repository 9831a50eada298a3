"""Which tests belong to which tier: `conftest` gives each test the marks of the tiers that hold it.

`quick` answers for a typical change: no server but those in this process, no Docker, no root. `portable` is what can
differ between Pythons, and so runs on the oldest and the newest one too. Every test belongs to `scripts/test`.
"""

from __future__ import annotations

from typing import NamedTuple


class Tier(NamedTuple):
    """A tier: tests whose ID begins with one of `places`, unless they bear one of the marks `without`."""

    name: str
    places: tuple[str, ...]
    without: frozenset[str]


QUICK = Tier(
    "quick",
    (
        "tests/unit/",
        # The store and what stands on it, from push to boot, against S3 in this process.
        "tests/aws/test_faults.py",
        "tests/aws/test_store",
        "tests/aws/test_push.py",
        "tests/aws/test_push_conflicts.py",
        "tests/aws/test_pull.py",
        "tests/aws/test_diff.py",
        "tests/aws/test_rollback.py",
        "tests/aws/test_boot_fetch.py",
        # Files, state and the fallback, in directories of the test's own.
        "tests/machine/test_disk.py",
        "tests/machine/test_fallback.py",
    ),
    frozenset({"docker", "instance", "once", "slow"}),
)
PORTABLE = Tier(
    "portable",
    (
        "tests/unit/",
        # The SDK that this Python gets, and what is made of its answers.
        "tests/aws/test_faults.py",
        "tests/aws/test_metadata.py",
        "tests/aws/test_instance_keys.py",
        "tests/aws/test_store",
        # Files and state: system calls, as this Python makes them.
        "tests/machine/test_disk",
        "tests/machine/test_fallback.py",
        "tests/machine/test_program.py",
        # One boot of each kind that this Python runs: a file without an agent, an agent in docker, one that fails. An
        # instance and an archive bring Pythons of their own.
        "tests/aws/test_boot_fetch.py",
        "tests/machine/test_boot_persist.py",
        "tests/machine/test_boot_docker.py::test_push_then_boot",
        "tests/machine/test_boot_failures.py::test_crash_at_first_boot",
    ),
    frozenset({"instance", "once", "slow"}),
)
TIERS = (QUICK, PORTABLE)


def of(test: str, marks: frozenset[str]) -> tuple[str, ...]:
    """Return the names of the tiers that hold a test, by its ID and its marks."""
    return tuple(tier.name for tier in TIERS if test.startswith(tier.places) and not marks & tier.without)
