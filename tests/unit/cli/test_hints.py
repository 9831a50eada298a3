"""Hints that are commands: whole, with all that is known of what the command takes, and true to its options."""

from __future__ import annotations

import ast
import re
import shlex
from pathlib import Path

import ecsauth
import pytest
from ecsauth.boot.state import Installed, Source, State
from ecsauth.boot.trust import ObjectFacts
from ecsauth.cli import hints
from ecsauth.cli.parser import COMMANDS, make_parser
from ecsauth.command_hint import FILE, INSTANCE, KEY, S3URI, CommandHint

ARN = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
OTHER = ARN.replace("eu-west-1", "us-west-2")
URI = "s3://fleet/k"
KEYS = f"--kms-key {ARN} --kms-key {OTHER}"
VERSION = f"{URI}?versionId=v1"
BOOT = ("boot", URI, "--kms-key", ARN)
GIVEN = ("--bucket-owner", "111122223333", "--region", "eu-west-1")
STATE = State(
    installed=Installed(ObjectFacts("e", 1), Source(URI, "111122223333", (ARN,), "/etc/other", ("A=b c",), "1"), 1),
    leaves_agent=True,
    region="eu-west-1",
)
PACKAGE = Path(ecsauth.__file__).parent


def completed(hint: CommandHint, *argv: str, state: State | None = None) -> str:
    """Return the command of a hint in a run with these arguments."""
    arguments = make_parser().parse_args(argv)
    done = hints.completed(hint, hints.known(arguments, state))
    assert isinstance(done, CommandHint)
    return shlex.join(done.words)


@pytest.fixture(autouse=True)
def _without_region(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)


DOCTOR, HISTORY = CommandHint("find the cause", "ecsauth", "doctor", S3URI), ("ecsauth", "history", URI)


@pytest.mark.parametrize(
    ("hint", "argv", "command"),
    [
        (DOCTOR, BOOT, f"ecsauth doctor {URI} --kms-key {ARN}"),
        (
            DOCTOR,
            ("boot", VERSION, "--kms-key", ARN, "--kms-key", OTHER, *GIVEN, "--launch", "none", "--state-dir", "/s t"),
            f"ecsauth doctor '{VERSION}' {KEYS} {' '.join(GIVEN)} --launch none --state-dir '/s t'",
        ),
        (CommandHint("x", *HISTORY), ("boot", URI, "--kms-key", ARN, *GIVEN, "--profile", "p"), None),
        (
            CommandHint("x", *HISTORY),
            ("pull", URI, "--profile", "p", *GIVEN),
            f"ecsauth history {URI} --bucket-owner 111122223333 --region eu-west-1 --profile p",
        ),
        (CommandHint("x", "ecsauth", "push", FILE, URI), BOOT, f"ecsauth push FILE {URI} --kms-key {ARN}"),
        (
            CommandHint("x", "ecsauth", "push", FILE, URI),
            (*BOOT, "--kms-key", OTHER),
            f"ecsauth push FILE {URI}",
        ),
        (CommandHint("x", "ecsauth", "push", FILE, URI), ("push", "f", URI), f"ecsauth push f {URI}"),
        (
            CommandHint("x", "aws", "kms", "describe-key", "--key-id", KEY),
            ("boot", URI, "--kms-key", OTHER, *GIVEN),
            f"aws kms describe-key --key-id {OTHER} --region us-west-2",
        ),
        (
            CommandHint("x", "aws", "sts", "get-caller-identity"),
            ("pull", URI, "--profile", "p", *GIVEN),
            "aws sts get-caller-identity --profile p",
        ),
        (CommandHint("x", "docker", "logs", "ecs-agent"), BOOT, "docker logs ecs-agent"),
        (CommandHint("x", "ecsauth", "boot", S3URI), ("status",), "ecsauth boot S3URI --kms-key ARN"),
    ],
)
def test_what_was_given_is_passed_on(hint: CommandHint, argv: tuple[str, ...], command: str | None) -> None:
    """A command of a hint has the keys, the account, the region and the places of the run that it is a hint of."""
    # A profile of the instance is nobody's at a desk.
    command = command or f"ecsauth history {URI} --bucket-owner 111122223333 --region eu-west-1"
    assert completed(hint, *argv) == command


def test_what_is_recorded_is_passed_on() -> None:
    """Where nothing was given the record says what a boot needs."""
    boot = CommandHint("boot again", "ecsauth", "boot", S3URI)
    told = completed(boot, "status", "--state-dir", "/s", state=STATE)
    assert told == (
        f"ecsauth boot {URI} --kms-key {ARN} --bucket-owner 111122223333 --region eu-west-1 --launch none "
        "--file /etc/other --state-dir /s --set 'A=b c'"
    )
    assert completed(boot, "doctor", "s3://other/k", state=STATE) == "ecsauth boot s3://other/k --kms-key ARN"


CANDIDATE = CommandHint("x", "ecsauth", "boot", S3URI, "--candidate", "v2", "--force")
PERSISTED = "ecsauth boot --as-persisted --candidate v2 --force"


def test_a_candidate_is_taken_as_persisted() -> None:
    """Where the units are persisted, a candidate runs on their terms; a command with a URI would need all options."""
    assert completed(CANDIDATE, "boot", "--as-persisted", "--candidate", "v2") == PERSISTED
    assert completed(CANDIDATE, *BOOT) == f"ecsauth boot {URI} --candidate v2 --force --kms-key {ARN}"
    for persisted, command in ((URI, f"{PERSISTED} --state-dir /s"), (None, None), ("s3://other/k", None)):
        arguments = make_parser().parse_args(["status", "--state-dir", "/s"])
        known = hints.known(arguments, STATE, persisted)
        # A hint is completed where it is made and where it is shown.
        done = hints.completed(hints.completed(CANDIDATE, known), known)
        assert isinstance(done, CommandHint)
        assert shlex.join(done.words).startswith(command or f"ecsauth boot {URI} --candidate v2 --force --kms-key")
        assert done.words.count("--state-dir") == 1
    assert completed(CommandHint("x", "ecsauth", "boot", S3URI, "--force"), "status", state=STATE).startswith(
        f"ecsauth boot {URI} --force --kms-key"
    )


@pytest.mark.parametrize("variable", ["AWS_REGION", "AWS_DEFAULT_REGION"])
def test_a_region_of_the_environment_is_passed_on(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    """A unit's environment is not that of the shell which a hint is pasted into."""
    monkeypatch.setenv(variable, "eu-west-1")
    assert completed(DOCTOR, *BOOT) == f"ecsauth doctor {URI} --kms-key {ARN} --region eu-west-1"


@pytest.mark.parametrize("command", hints.TAKES)
def test_options_are_those_of_the_command(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What is filled in the command takes."""
    parser, _ = make_parser().commands()[command]
    with pytest.raises(SystemExit):
        parser.parse_args(["--help"])
    shown = set(re.findall(r"--[a-z-]+", capsys.readouterr().out))
    assert {name for name, _ in hints.TAKES[command]} <= shown


def _texts(path: Path) -> list[str]:
    """Return the strings of a module that are no docstrings."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    docs = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef))
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    found = [node for node in ast.walk(tree) if isinstance(node, ast.Constant) and id(node) not in docs]
    return [node.value for node in found if isinstance(node.value, str)]


# Examples of the help; what rules advise, which is completed with the file's name; headings of what is written; what
# has no URI to be about; the commands that init prints, which are complete.
ELSEWHERE = (
    *("cli/parser.py", "cli/check_report.py", "cli/commands/check.py", "cli/commands/explain.py"),
    *("cli/commands/which.py", "cli/commands/iam.py", "cli/commands/user_data.py", "cli/commands/archive.py"),
    "cli/commands/fleet.py",
    *("deploy/user_data.py", "deploy/policies.py", "boot/units.py", "boot/state.py", "boot/trust.py"),
    *("check/", "aws/secrets_manager.py", "deploy/init_commands.py"),
)


def test_commands_in_hints_are_facts() -> None:
    """A hint that is a command is a CommandHint: in a text nobody could complete it."""
    names = "|".join(COMMANDS)
    command = re.compile(rf"\becsauth (?:{names})\b|\baws (?:kms|s3api|sts|ec2|cloudformation|secretsmanager) [a-z]")
    odd = {
        f"{path.relative_to(PACKAGE)}: {text}"
        for path in PACKAGE.rglob("*.py")
        if not str(path.relative_to(PACKAGE)).startswith(ELSEWHERE)
        for text in _texts(path)
        if command.search(text)
    }
    assert odd == set()


def test_the_instance_is_named() -> None:
    """Words that stand for what is not known are filled in where it is."""
    hint = CommandHint("enable it", "aws", "ec2", "x", "--instance-id", INSTANCE)
    assert hint.filled({INSTANCE: "i-1"}) == "enable it: aws ec2 x --instance-id i-1"
