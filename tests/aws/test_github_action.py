"""The GitHub action: its step is run as it is written, with inputs as GitHub passes them, against a stand-in of S3."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import ci_steps
import pytest
from needs import lack_of, need
from pushing import CHANGED, FILE, URI

if TYPE_CHECKING:
    from pathlib import Path

    from program import Ended
    from pushing import Operator

pytestmark = pytest.mark.slow

BROKEN = b"ECS_CLUSTER=prod\nECS_ENGINE_AUTH_TYPE=docker\nECS_ENGINE_AUTH_DATA={canary\n"
# A stand-in of gh: notes each call, answers a list of comments with what jq makes of them, and knows who a token is of.
GH = """\
#!/bin/sh
if [ "$2" = user ]; then
    exec cat "$GH_CALLS.user"
fi
printf '%s\\n' "$*" >>"$GH_CALLS"
for each in "$@"; do
    case $each in body=@*) cp "${each#body=@}" "$GH_CALLS.body" ;; esac
    [ "$before" != --jq ] || exec jq -r "$each" "$GH_COMMENTS"
    before=$each
done
"""


class Runner:
    """A machine of GitHub with a checkout; `run` runs the action there."""

    def __init__(self, folder: Path, operator: Operator) -> None:
        self.operator = operator
        self.work = folder / "work"
        self.work.mkdir()
        self.path = ci_steps.write_program(folder / "bin")
        self.calls, self.comments = folder / "calls", folder / "comments"
        self.comments.write_text("[]")
        gh = folder / "bin" / "gh"
        gh.write_text(GH)
        gh.chmod(0o755)

    def write(self, name: str, content: bytes = FILE) -> None:
        """Write a file of the checkout."""
        (self.work / name).parent.mkdir(parents=True, exist_ok=True)
        (self.work / name).write_bytes(content)

    def run(self, pull_request: str = "", **inputs: str) -> Ended:
        """Run the action; underscores in the names of inputs stand for hyphens."""
        env = {
            **self.operator.env,
            "PATH": self.path,
            "GH_CALLS": str(self.calls),
            "GH_COMMENTS": str(self.comments),
        }
        named = {name.replace("_", "-"): value for name, value in inputs.items()}
        return ci_steps.run_action(named, cwd=self.work, env=env, pull_request=pull_request)

    def text(self, name: str) -> str:
        """Return what the action wrote for GitHub: `output` or `summary`."""
        return (self.work / ".runner" / name).read_text()


@pytest.fixture
def runner(tmp_path: Path, operator: Operator) -> Runner:
    """Give a machine of GitHub."""
    return Runner(tmp_path, operator)


def test_check(runner: Runner) -> None:
    """A finding is an annotation at its line, and the step fails with the status of ecsauth."""
    runner.write("ecs.config", BROKEN)
    done = runner.run()
    assert done.status == 3
    assert "::error file=ecs.config,line=3" in done.out
    assert "canary" not in done.out + done.err


def test_check_several_files(runner: Runner) -> None:
    """Lines of `files` are paths or patterns; spaces and hyphens in names are part of them."""
    for name in ("a b.config", "-x.config", "env/one.config"):
        runner.write(name)
    runner.write("env/two.config", BROKEN)
    done = runner.run(files="  a b.config\n-x.config\n\nenv/*.config\n")
    assert done.status == 3
    assert "::error file=env/two.config" in done.out
    assert "no such file" not in (done.out + done.err).lower()


@pytest.mark.parametrize(("content", "status"), [(FILE, 0), (BROKEN, 3)], ids=["good", "broken"])
def test_check_writes_sarif(runner: Runner, content: bytes, status: int) -> None:
    """`sarif-file` is complete with findings and without."""
    runner.write("ecs.config", content)
    done = runner.run(sarif_file="out.sarif")
    assert done.status == status
    document = json.loads((runner.work / "out.sarif").read_text())
    results = document["runs"][0]["results"]
    assert any(one["level"] == "error" for one in results) is (status == 3)


@pytest.mark.parametrize("text", ["$(touch pwned)", "`touch pwned`", "x; touch pwned", 'x" && touch pwned "'])
@pytest.mark.parametrize("name", ["files", "uri", "command", "sarif_file"])
def test_inputs_are_no_commands(runner: Runner, name: str, text: str) -> None:
    """No input is run by the shell."""
    runner.write("ecs.config")
    inputs = {"command": "diff", "uri": URI, name: text}
    if name == "sarif_file":
        inputs["command"] = "check"
    runner.run(**inputs)
    assert not (runner.work / "pwned").exists()


def test_push(runner: Runner) -> None:
    """The file is stored as it is, encrypted with the key, without a question."""
    runner.write("ecs.config")
    done = runner.run(command="push", uri=URI, kms_key=runner.operator.bucket.kms_key, bucket_owner="123456789012")
    assert done.status == 0, done.err
    assert runner.operator.bucket.get("ecs.config") == FILE
    assert runner.operator.put.headers["x-amz-expected-bucket-owner"] == "123456789012"


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        ({"command": "boot"}, "the input command has to be check, diff or push"),
        ({"command": "push", "uri": URI, "files": "a\nb"}, "push takes one file"),
        ({"command": "diff"}, "diff needs the input uri"),
        ({"files": "\n"}, "the input files names no file"),
    ],
)
def test_inputs_that_are_invalid(runner: Runner, inputs: dict[str, str], said: str) -> None:
    """An invalid input is an annotation, with status 2."""
    done = runner.run(**inputs)
    assert (done.status, done.out) == (2, f"::error title=ecsauth::{said}\n")
    assert not runner.operator.proxy.operations


def test_region(runner: Runner) -> None:
    """`aws-region` counts without a role to assume, too."""
    runner.write("ecs.config")
    runner.operator.env = {name: value for name, value in runner.operator.env.items() if "REGION" not in name}
    done = runner.run(command="push", uri=URI, kms_key=runner.operator.bucket.kms_key, aws_region="eu-west-3")
    assert done.status == 0, done.err
    assert runner.operator.put.region == "eu-west-3"


@pytest.mark.parametrize("module", ["venv", "pip"])
def test_install_runs_nothing_of_the_checkout(runner: Runner, module: str) -> None:
    """A file of the workspace with the name of a module of Python is not run."""
    runner.write(f"{module}.py", b"open('pwned', 'w')\n")
    empty, path = runner.work.parent / "empty", runner.work.parent / "path"
    empty.mkdir()
    env = {"RUNNER_TEMP": str(runner.work.parent), "GITHUB_ACTION_PATH": str(empty), "GITHUB_PATH": str(path)}
    script = ci_steps.ROOT / "scripts" / "github-action"
    done = ci_steps.shell(f"'{script}' install", cwd=runner.work, env={**env, "PATH": "/usr/local/bin:/usr/bin:/bin"})
    assert "ERROR: " in done.err, "pip has nothing to install"
    assert (runner.work.parent / "ecsauth" / "bin" / "python").exists()
    assert not (runner.work / "pwned").exists()


def test_diff(runner: Runner) -> None:
    """A difference is shown, without a value, in the log and in the summary; the step does not fail."""
    runner.operator.push()
    runner.write("ecs.config", CHANGED)
    done = runner.run(command="diff", uri=URI)
    assert done.status == 0, done.err
    assert "registry.example.com" in done.out
    assert "    " + done.out.splitlines()[0] in runner.text("summary").splitlines()
    assert runner.text("output") == "changed=true\n"
    assert "canary" not in done.out + done.err + runner.text("summary")
    assert not runner.calls.exists()


def test_diff_of_the_same(runner: Runner) -> None:
    """Without a difference the output says so, and so does the summary."""
    runner.operator.push()
    runner.write("ecs.config")
    assert runner.run(command="diff", uri=URI).status == 0
    assert runner.text("output") == "changed=false\n"
    assert "The file and the S3 object are the same." in runner.text("summary")


def test_diff_that_fails(runner: Runner) -> None:
    """An S3 object that cannot be read fails the step, and nothing is commented."""
    runner.write("ecs.config")
    done = runner.run(command="diff", uri=URI, comment="true", pull_request="7")
    assert done.status not in (0, 3)
    assert not runner.calls.exists()


def comment(runner: Runner, **inputs: str) -> list[str]:
    """Write a difference into the pull request, and return the calls of gh."""
    need(lack_of("jq", "--version"))
    runner.calls.unlink(missing_ok=True)
    done = runner.run(command="diff", uri=URI, comment="true", pull_request="7", **inputs)
    assert done.status == 0, done.err
    return [call for call in runner.calls.read_text().splitlines() if call != "api user --jq .login"]


def test_comment(runner: Runner) -> None:
    """The first difference makes a comment; the next one updates it, and no comment of anybody else."""
    runner.operator.push()
    runner.write("ecs.config", CHANGED)
    listed, made = comment(runner)
    assert "repos/owner/fleet/issues/7/comments" in listed
    assert "--method POST repos/owner/fleet/issues/7/comments" in made
    body = (runner.calls.parent / "calls.body").read_text()
    assert "canary" not in body
    people = {"id": 1, "user": {"type": "User"}, "body": body}
    other = {"id": 2, "user": {"type": "Bot"}, "body": "something else"}
    own = {"id": 3, "user": {"type": "Bot"}, "body": body}
    runner.comments.write_text(json.dumps([people, other, own]))
    assert "--method PATCH repos/owner/fleet/issues/comments/3 " in comment(runner)[1]


def test_comment_by_a_personal_token(runner: Runner) -> None:
    """A token of a person writes as that person: the comment is found again."""
    runner.operator.push()
    runner.write("ecs.config", CHANGED)
    comment(runner)
    body = (runner.calls.parent / "calls.body").read_text()
    (runner.calls.parent / "calls.user").write_text("me\n")
    people = [
        {"id": number, "user": {"type": "User", "login": name}, "body": body}
        for number, name in enumerate(("other", "me"))
    ]
    runner.comments.write_text(json.dumps(people))
    assert "--method PATCH repos/owner/fleet/issues/comments/1 " in comment(runner)[1]


def test_comment_is_code(runner: Runner) -> None:
    """Names are lines of code in the comment: none is Markdown, a mention or a link."""
    runner.operator.push()
    runner.write("```@everyone.config", CHANGED)
    comment(runner, files="```@everyone.config")
    body = (runner.calls.parent / "calls.body").read_text()
    assert "everyone" in body
    assert all(line.startswith("    ") for line in body.splitlines() if "everyone" in line)


def test_no_comment_without_a_pull_request(runner: Runner) -> None:
    """A push of a branch has no pull request to comment."""
    runner.operator.push()
    runner.write("ecs.config", CHANGED)
    assert runner.run(command="diff", uri=URI, comment="true").status == 0
    assert not os.path.exists(runner.calls)
