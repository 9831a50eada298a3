"""What is mutated, and which tiers of the tests look for it: the two tables of scripts/mutate."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

AREAS = {
    "parse": (
        "core/auth/auth_document.py",
        "core/auth/auth_value.py",
        "core/auth/credential.py",
        "core/auth/document_shape.py",
        "core/auth/go_*.py",
        "core/auth/image_match.py",
        "core/auth/registry_*.py",
        "core/go_space.py",
        "core/readers/*.py",
    ),
    "check": ("core/auth/*_problem*.py", "core/check.py", "core/checks/*.py", "core/diagnostics.py", "core/rules/*.py"),
    "trust": (
        "core/acceptance.py",
        "core/approval.py",
        "core/endpoint.py",
        "core/object_history.py",
        "core/patience.py",
        "core/s3_uri.py",
        "core/trust.py",
    ),
    "state": ("core/installation.py", "core/last_good.py", "core/state.py", "edges/disk/*.py"),
    "launch": (
        "core/agent_container.py",
        "core/agent_health.py",
        "core/agent_service.py",
        "core/boot.py",
        "core/container_way.py",
        "core/host_rules.py",
        "core/launch.py",
        "core/plan.py",
        "core/service_way.py",
        "edges/docker.py",
        "edges/supervisor.py",
    ),
    "store": ("edges/store/*.py",),
    "cli": ("cli/*.py",),
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
