"""docs/ci.md: its YAML is what pre-commit, GitHub and GitLab read, and its lines of shell are run where they can be."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ci_steps
import pytest
import yaml
from aws_environment import OPERATOR, aws_environment
from bucket import Bucket
from pushing import CHANGED, FILE

if TYPE_CHECKING:
    from s3_server import S3Server

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "ci.md").read_text()
URI = "s3://example-config/prod/ecs.config"
BROKEN = b"ECS_CLUSTER=prod\nECS_ENGINE_AUTH_TYPE=docker\nECS_ENGINE_AUTH_DATA={canary\n"


def block(heading: str) -> Any:
    """Return the YAML of a section."""
    section = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return yaml.safe_load(section.split("```yaml\n")[1].split("```")[0])


def hook() -> Any:
    """Return the hook that this repository offers to pre-commit."""
    (found,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    return found


def test_the_hook_is_the_one_of_the_page() -> None:
    """The page names the hook by its ID."""
    (repository,) = block("pre-commit")["repos"]
    assert [one["id"] for one in repository["hooks"]] == [hook()["id"]]


@pytest.mark.parametrize(
    ("name", "is_checked"),
    [
        ("ecs.config", True),
        ("prod/ecs.config", True),
        ("ecs.prod.config", True),
        ("prod-ecs.config", True),
        ("ecs.config.example", True),
        ("web.config", False),
        ("specs.config", False),
        ("ecs.config.d/readme", False),
    ],
)
def test_files_of_the_hook(name: str, *, is_checked: bool) -> None:
    """The hook takes env-files by their usual names, and no other program's configuration."""
    assert bool(re.search(hook()["files"], name)) is is_checked


@pytest.mark.parametrize("second", [FILE, BROKEN], ids=["good", "broken"])
def test_the_hook_takes_several_files(tmp_path: Path, second: bytes) -> None:
    """The entry checks all files that pre-commit adds to it, and fails for one with an error."""
    (tmp_path / "ecs.config").write_bytes(FILE)
    (tmp_path / "two").mkdir()
    (tmp_path / "two" / "ecs.config").write_bytes(second)
    env = {**aws_environment(tmp_path, endpoint="http://127.0.0.1:1"), "PATH": ci_steps.write_program(tmp_path / "bin")}
    done = ci_steps.shell(f"{hook()['entry']} ecs.config two/ecs.config", cwd=tmp_path, env=env)
    assert done.status == (0 if second == FILE else 3)
    assert "canary" not in done.out + done.err


def test_inputs_of_the_action_exist() -> None:
    """The page gives the action inputs that it has, and commands that it knows."""
    inputs = ci_steps.action()["inputs"]
    used = [
        step["with"]
        for job in block("GitHub")["jobs"].values()
        for step in job["steps"]
        if step["uses"].startswith("owner/ecsauth@")
    ]
    assert {one.get("command", "check") for one in used} == {"check", "diff", "push"}
    assert {name for one in used for name in one} <= set(inputs)


def test_addresses_are_those_of_the_metadata() -> None:
    """The page has the address that pyproject.toml has, the one place to fill in."""
    address = re.search(r'^Repository = "(.*)"$', (ROOT / "pyproject.toml").read_text(), flags=re.MULTILINE)
    assert address
    (repository,) = block("pre-commit")["repos"]
    assert repository["repo"] == address[1]
    name = "/".join(address[1].split("/")[-2:])
    assert f"uses: {name}@" in PAGE


@pytest.fixture
def gitlab(tmp_path: Path, s3_server: S3Server) -> dict[str, str]:
    """Give the environment of a job of GitLab, with a checkout in `work` and the file in S3."""
    Bucket(s3_server, s3_server.make_bucket("example-config")).put(FILE, "prod/ecs.config")
    (tmp_path / "work").mkdir()
    variables = {name: str(value) for name, value in block("GitLab")["variables"].items()}
    env = aws_environment(tmp_path, endpoint=s3_server.url)
    return {**env, **OPERATOR, **variables, "PATH": ci_steps.write_program(tmp_path / "bin")}


@pytest.mark.parametrize(("content", "status"), [(FILE, 0), (BROKEN, 3)], ids=["good", "broken"])
def test_gitlab_check(gitlab: dict[str, str], tmp_path: Path, content: bytes, status: int) -> None:
    """The job `check` fails for a file with an error."""
    (tmp_path / "work" / "ecs.config").write_bytes(content)
    script = "\n".join(block("GitLab")["env-file:check"]["script"])
    assert ci_steps.shell(script, cwd=tmp_path / "work", env=gitlab).status == status


@pytest.mark.parametrize(
    ("content", "uri", "status"),
    [(FILE, URI, 0), (CHANGED, URI, 0), (FILE, "s3://example-config/absent", 1)],
    ids=["same", "changed", "absent"],
)
def test_gitlab_diff(gitlab: dict[str, str], tmp_path: Path, content: bytes, uri: str, status: int) -> None:
    """The job `diff` writes its artifact without a value, and fails only if there is nothing to compare."""
    (tmp_path / "work" / "ecs.config").write_bytes(content)
    job = block("GitLab")["env-file:diff"]
    done = ci_steps.shell("\n".join(job["script"]), cwd=tmp_path / "work", env={**gitlab, "ENV_FILE_URI": uri})
    (artifact,) = job["artifacts"]["paths"]
    text = (tmp_path / "work" / artifact).read_text()
    assert done.status == status, done.err
    assert bool(text) is (content == CHANGED)
    assert "canary" not in text + done.out + done.err


def test_gitlab_token(tmp_path: Path) -> None:
    """The token of a job lies in a file that only its user reads."""
    script = "\n".join((*block("GitLab")[".aws"]["before_script"], 'printf "%s" "$AWS_WEB_IDENTITY_TOKEN_FILE"'))
    env = {"AWS_ID_TOKEN": "token", "PATH": os.defpath, "TMPDIR": str(tmp_path)}
    path = Path(ci_steps.shell(script, cwd=tmp_path, env=env).out)
    assert (path.read_text(), path.stat().st_mode & 0o777) == ("token", 0o600)


def test_shell_of_the_page() -> None:
    """Every line of shell is one that bash can read."""
    for text in re.findall(r"```sh\n(.*?)```", PAGE, flags=re.DOTALL):
        assert subprocess.run(["bash", "-n", "-c", text], check=False, timeout=60).returncode == 0
