"""The workflows and the action: what they may do is as little as possible, and what they run is pinned."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
PINNED = re.compile(r"uses: [\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+\n")


def jobs(path: Path) -> dict[str, Any]:
    """Return the jobs of a workflow by name."""
    found: dict[str, Any] = yaml.safe_load(path.read_text())["jobs"]
    return found


def steps() -> list[dict[str, Any]]:
    """Return all steps of all workflows and of the action."""
    of_action = yaml.safe_load((ROOT / "action.yml").read_text())["runs"]["steps"]
    return [*of_action, *(step for path in WORKFLOWS for job in jobs(path).values() for step in job["steps"])]


@pytest.mark.parametrize("path", [*WORKFLOWS, ROOT / "action.yml"], ids=lambda path: path.name)
def test_actions_are_pinned(path: Path) -> None:
    """Every action is named by a commit, with its version as a comment."""
    lines = [line for line in path.read_text().splitlines(keepends=True) if re.match(r" *(- )?uses:", line)]
    assert lines
    assert all(PINNED.search(line) for line in lines)


def test_one_action_has_one_commit() -> None:
    """All files, the documentation as well, name the same commit of an action."""
    text = "".join(path.read_text() for path in (*WORKFLOWS, ROOT / "action.yml", ROOT / "docs" / "ci.md"))
    found: dict[str, set[str]] = {}
    for name, commit in re.findall(r"uses: ([\w./-]+)@([0-9a-f]{40} # v\S+)", text):
        found.setdefault(name, set()).add(commit)
    assert all(len(commits) == 1 for commits in found.values()), found


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_permissions(path: Path) -> None:
    """A workflow has no permission; each job names those that it needs, and has a time limit."""
    assert yaml.safe_load(path.read_text())["permissions"] == {}
    for job in jobs(path).values():
        assert job["permissions"]
        assert job["timeout-minutes"] <= 90


def test_who_may_write() -> None:
    """Only three jobs of a release may write, and those run nothing of the repository: they have no checkout."""
    writers = {
        name: sorted(what for what, access in job["permissions"].items() if access == "write")
        for path in WORKFLOWS
        for name, job in jobs(path).items()
        if "write" in job["permissions"].values()
    }
    assert writers == {"attest": ["attestations", "id-token"], "publish": ["id-token"], "github": ["contents"]}
    for name in writers:
        job = jobs(ROOT / ".github" / "workflows" / "release.yml")[name]
        assert job["environment"] == "release"
        assert not [step for step in job["steps"] if step.get("uses", "").startswith("actions/checkout@")]


def test_checkouts_keep_no_credential() -> None:
    """No checkout leaves a token in the clone."""
    checkouts = [step for step in steps() if step.get("uses", "").startswith("actions/checkout@")]
    assert checkouts
    assert all(step["with"]["persist-credentials"] is False for step in checkouts)


def test_no_expression_in_a_script() -> None:
    """Text from elsewhere reaches a script as a variable only."""
    assert not [step["run"] for step in steps() if "${{" in step.get("run", "")]


def test_scripts_exist() -> None:
    """Every script that a step runs is a file of the repository that may be run."""
    runs = "\n".join(step.get("run", "") for step in steps())
    names = set(re.findall(r"\b(scripts/[\w-]+)", runs))
    assert names >= {"scripts/build-release", "scripts/github-action", "scripts/lint-workflows", "scripts/test"}
    assert all((ROOT / name).stat().st_mode & 0o111 for name in names)
