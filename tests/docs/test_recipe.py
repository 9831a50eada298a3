"""The recipe for Auto Scaling groups, as it stands in operations.md; an instance runs it in tests/real_s3."""

from __future__ import annotations

import ast
import json
import subprocess
from typing import TYPE_CHECKING

import recipe
from needs import lack_of, need

if TYPE_CHECKING:
    from pathlib import Path


def test_script_is_sound(tmp_path: Path) -> None:
    """ShellCheck finds nothing in the script, and Python can read what it writes."""
    need(lack_of("shellcheck", "--version"))
    file = tmp_path / "continue.sh"
    file.write_text(recipe.script())
    done = subprocess.run(["shellcheck", str(file)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")
    program = recipe.script().split("<<'END'\n")[2].partition("\nEND\n")[0]
    assert program.startswith("#!/usr/bin/python3 -IS\n")
    ast.parse(program, feature_version=(3, 9))


def test_names_are_the_same() -> None:
    """Hook, script and permission are about one group and one hook."""
    hook = recipe.block("sh", "aws autoscaling put-lifecycle-hook ")
    assert "--auto-scaling-group-name web --lifecycle-hook-name ecsauth " in hook
    assert "--default-result ABANDON" in hook
    assert "ExecStartPost=/usr/local/bin/ecsauth-continue web ecsauth\n" in recipe.script()
    permission = json.loads(recipe.block("json", "{"))
    assert (permission["Effect"], permission["Action"]) == ("Allow", "autoscaling:CompleteLifecycleAction")
    assert permission["Resource"].endswith(":autoScalingGroup:*:autoScalingGroupName/web")
