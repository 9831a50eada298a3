"""What is mutated, and which tiers of the tests look for it: the two tables of scripts/mutate."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

AREAS = {
    "parse": (
        "go/*.py",
        "registry/auth.py",
        "registry/credential.py",
        "registry/document.py",
        "registry/keys.py",
        "registry/match.py",
        "envfile/*.py",
    ),
    "check": ("registry/*_problems.py", "registry/problems.py", "check/*.py", "check/rules/*.py", "finding.py"),
    "trust": (
        "boot/fetch.py",
        "boot/trust.py",
        "publish/__init__.py",
        "publish/put.py",
        "publish/review.py",
        "aws_names.py",
        "timing.py",
    ),
    "state": (
        "boot/install.py",
        "boot/fallback.py",
        "boot/rejection.py",
        "boot/state.py",
        "host/disk.py",
        "host/private_directory.py",
        "host/files.py",
        "host/places.py",
        "host/units.py",
    ),
    "launch": (
        "boot/run.py",
        "boot/agent_state.py",
        "boot/docker*.py",
        "boot/health.py",
        "boot/host_rules.py",
        "boot/launch.py",
        "boot/plan.py",
        "boot/restart.py",
        "boot/service.py",
        "host/docker.py",
        "host/supervisor.py",
    ),
    "store": ("aws/*.py",),
    "cli": ("cli/*.py", "cli/commands/*.py"),
}
"""Patterns below `bootstrap/ecsauth`, by area."""

STAGES = {
    "quick": ("-m", "quick"),
    "ci": ("-m", "not quick and not docker"),
    "ci-docker": ("-m", "docker"),
}
"""Arguments of pytest, by tier, in the order in which they run: of each, what it adds to those before it.

`quick` is what `scripts/test --quick` runs; all together are what CI runs with its main interpreter.
"""


def files(root: Path) -> dict[str, tuple[str, ...]]:
    """Return the files of each area, as paths below the root of the tree; ValueError where a pattern finds none."""
    found: dict[str, tuple[str, ...]] = {}
    for area, patterns in AREAS.items():
        names: list[str] = []
        for pattern in patterns:
            paths = sorted((root / "bootstrap" / "ecsauth").glob(pattern))
            if not paths:
                raise ValueError(f"no file of bootstrap/ecsauth is {pattern}")
            names += (path.relative_to(root).as_posix() for path in paths)
        found[area] = tuple(dict.fromkeys(names))
    return found
