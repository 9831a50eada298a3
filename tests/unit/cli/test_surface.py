"""The command line's surface: help, version, usage faults, and nothing repeated that may be a secret."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from ecsauth import __version__
from ecsauth.cli.parser import COMMANDS, GROUPS, HELP, make_parser
from ecsauth.errors import ExitCode

if TYPE_CHECKING:
    from pathlib import Path

SECRET = "hunter2"
VERSION = rf"ecsauth {re.escape(__version__)} \(commit (?:[0-9a-f]{{40}}|unknown)\)\n"
KEY = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
BOOT = ("boot", "s3://bucket/key", "--kms-key", KEY)


def _exit(arguments: list[str]) -> int:
    """Parse, and return the status with which the parser ends the program."""
    with pytest.raises(SystemExit) as raised:
        make_parser().parse_args(arguments)
    assert isinstance(raised.value.code, int)
    return raised.value.code


def _run(*arguments: str, without_environments: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run the program; in an empty folder, with no ecsauth.toml of this machine's user, if the folder is given."""
    lacks = {} if without_environments is None else {"XDG_CONFIG_HOME": str(without_environments), "ECSAUTH_CONFIG": ""}
    return subprocess.run(
        [sys.executable, "-m", "ecsauth", *arguments],
        cwd=without_environments,
        env={**os.environ, **lacks},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_an_example(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The help of each command says what it does and ends with an example, on stdout, with status 0."""
    assert _exit([command, "--help"]) == 0
    shown = capsys.readouterr()
    summary, example, _ = COMMANDS[command]
    assert summary[1:] in " ".join(shown.out.split())
    assert shown.out.endswith(f"example:\n  {example}\n")
    assert shown.err == ""


def test_every_help_has_an_example() -> None:
    """So does that of a command within a command."""
    parsers = [parser for parser, _ in make_parser().commands().values()]
    assert len(parsers) == len(COMMANDS)
    while parsers:
        parser = parsers.pop()
        parsers += [within for within, _ in parser.commands().values()]
        assert f"\n\nexample:\n  {parser.prog}" in parser.format_help(), parser.prog


@pytest.mark.parametrize("command", COMMANDS)
def test_examples_are_taken(command: str) -> None:
    """What the help shows as an example is a command line that the parser takes."""
    program, *arguments = shlex.split(COMMANDS[command][1])
    assert program == "ecsauth"
    parsed = make_parser().parse_args(arguments)
    assert parsed.command == command
    assert callable(parsed.run)
    assert parsed.format == "text"


@pytest.mark.parametrize("command", COMMANDS)
def test_secrets_are_never_flags(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    """No option asks for a secret: `ps` and the shell's history would show it."""
    _exit([command, "--help"])
    options = {word.strip("[],") for word in capsys.readouterr().out.split() if word.strip("[").startswith("--")}
    assert options
    assert not [one for one in options if any(word in one for word in ("password", "token", "secret", "auth", "user="))]


def test_help_lists_commands_and_statuses(capsys: pytest.CaptureFixture[str]) -> None:
    """The first help names every command and every exit status."""
    assert _exit(["--help"]) == 0
    shown = capsys.readouterr().out
    assert all(f"\n  {command} " in shown for command in COMMANDS)
    for status in ("0 ok", "2 usage", "3 invalid", "4 denied", "5 unreachable", "6 local", "7 launch", "9 conflict"):
        assert status in " ".join(shown.split())


def test_help_is_short(capsys: pytest.CaptureFixture[str]) -> None:
    """Each command has one line, in its group, and no line is wider than a terminal."""
    assert _exit(["--help"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 80
    assert len(lines) <= len(COMMANDS) + len(GROUPS) + 15
    group = ""
    found: dict[str, list[str]] = {one: [] for one in GROUPS}
    for line in lines[lines.index(f"{GROUPS[0]}:") : lines.index("", lines.index(f"{GROUPS[-1]}:"))]:
        if line.endswith(":"):
            group = line[:-1]
        else:
            found[group].append(line.split()[0])
    assert found.pop(HELP)[-1] == "--version"
    assert found == {group: [name for name in COMMANDS if COMMANDS[name][2] == group] for group in found}


def test_no_command(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a command the same help is on stderr, because the command line is not valid."""
    assert _exit(["--help"]) == 0
    shown = capsys.readouterr().out
    assert _exit([]) == 2
    assert capsys.readouterr() == ("", shown)


@pytest.mark.parametrize(
    ("arguments", "same"),
    [
        ((), ("--help",)),
        (("push",), ("push", "--help")),
        (("archive", "publish"), ("archive", "publish", "--help")),
        (("iam", "instance-role"), ("iam", "--help")),
        (("a341",), ("explain", "A341")),
    ],
    ids=" ".join,
)
def test_help_command(arguments: tuple[str, ...], same: tuple[str, ...]) -> None:
    """`help` shows what --help or explain show, for commands, subcommands, choices and rules."""
    asked, expected = _run("help", *arguments), _run(*same)
    assert (asked.returncode, asked.stdout, asked.stderr) == (0, expected.stdout, "")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("psuh",), "unknown command psuh; did you mean push?"),
        (("archive", "biuld"), "unknown command biuld; did you mean build?"),
        (("archive", SECRET), "unknown command (choose from build, publish)"),
        (("push", "x"), "ecsauth push has no subcommands"),
        (("iam", "instance-role", SECRET), "ecsauth iam instance-role has no subcommands"),
        (("A999",), "no rule has this code"),
        ((SECRET,), "unknown command"),
    ],
    ids=" ".join,
)
def test_help_for_what_is_not_there(arguments: tuple[str, ...], said: str) -> None:
    """A topic that does not exist is a usage fault; it is quoted only if it is almost a command."""
    done = _run("help", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"ecsauth: error: {said}\necsauth: hint: ")
    assert SECRET not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "said", "see"),
    [
        (["psuh"], "unknown command psuh; did you mean push?", "ecsauth"),
        (["archive", "biuld", "x"], "unknown command biuld; did you mean build?", "ecsauth archive"),
        (["check", "x", "--format", "jsno"], "--format: invalid choice jsno; did you mean json?", "ecsauth check"),
        (["iam", "instance-rle"], "invalid choice instance-rle; did you mean instance-role?", "ecsauth iam"),
        (["check", "x", "--regoin=a"], "arguments: --regoin; did you mean --region?", "ecsauth check"),
        (["archive", "build", "--fromat", "json"], "--fromat; did you mean --format?", "ecsauth archive build"),
        (["--versoin"], "--versoin; did you mean --version?", "ecsauth"),
    ],
    ids=str,
)
def test_suggestions(arguments: list[str], said: str, see: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What is mistyped is quoted with what was meant, and the hint names the help of the command itself."""
    assert _exit(arguments) == 2
    first, hint = capsys.readouterr().err.splitlines()
    assert first.endswith(said)
    assert hint == f"ecsauth: hint: see {see} --help"


@pytest.mark.parametrize("word", ["push-Hunter2", "Push", "pushpushpushpushpushp", "pu5h", "push\nx", "\u0440ush"])
def test_only_what_looks_like_a_command_is_quoted(word: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A word with anything but a few lower-case letters may be a secret: it is not quoted, however near it is."""
    for arguments in ([word], ["archive", word], ["check", "x", "--format", word], ["check", "x", f"--{word}-x"]):
        _exit(arguments)
        shown = capsys.readouterr().err
        assert word not in shown
        assert "did you mean" not in shown


def test_suggestions_are_made_for_faults_only() -> None:
    """What finds the nearest word is not loaded by a command that is typed right."""
    code = "import sys\nfrom ecsauth.cli.main import main\nmain(['explain'])\nassert 'difflib' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], stdout=subprocess.DEVNULL, timeout=60, check=True)


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    """`--version` is one line on stdout: the version, and the commit if it is known."""
    assert _exit(["--version"]) == 0
    assert re.fullmatch(VERSION, capsys.readouterr().out)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        pytest.param(["check"], "FILE", id="no file"),
        pytest.param(["check", "x", "--region"], "expected one argument", id="option without its value"),
        pytest.param(["check", "x", "--form", "json"], "unrecognized arguments: --form", id="no abbreviations"),
        pytest.param(["--versio"], "unrecognized arguments: --versio", id="no abbreviations of the first options"),
        pytest.param(["check", "x", f"--password={SECRET}"], "unrecognized arguments: --password", id="unknown with ="),
        pytest.param(["check", "x", "--password", SECRET], "unrecognized arguments: --password", id="unknown option"),
        pytest.param(["check", "x", f"--password {SECRET}"], "unrecognized arguments: --password", id="in one word"),
        pytest.param(["explain", "A370", SECRET, f"{SECRET}={SECRET}"], "unrecognized arguments", id="too many"),
        pytest.param(["check", f"--password {SECRET}"], "unrecognized arguments: --password", id="one word as FILE"),
        pytest.param(["check", "x", f"-p{SECRET}"], "unrecognized arguments: -p\n", id="unknown short option"),
        pytest.param(["check", "x", f"--x=a -y{SECRET}"], "unrecognized arguments: --x -y\n", id="two in one word"),
        pytest.param([SECRET], "unknown command\n", id="unknown command"),
        pytest.param([f'it\'s "{SECRET}" (choose from x)'], "unknown command\n", id="with quotes in it"),
        pytest.param(["check", "x", "--format", SECRET], "--format: invalid choice (choose from ", id="no such choice"),
        pytest.param(["check", "x", f"--format={SECRET}"], "--format: invalid choice (choose from ", id="glued"),
        pytest.param([*BOOT, "--launch", f"a\n{SECRET}"], "--launch: invalid choice (choose from ", id="two lines"),
        pytest.param([*BOOT, f"--force={SECRET}"], "--force: ignored explicit argument\n", id="value of a switch"),
        pytest.param([*BOOT, "--wait", SECRET], "--wait: must be a number of seconds", id="no number"),
        pytest.param([*BOOT, "--deadline", "nan"], "--deadline: must be a number of seconds", id="not a number"),
        pytest.param([*BOOT, "--deadline", "0"], "--deadline: must be a number of seconds", id="no time at all"),
        pytest.param([*BOOT, "--kms-key", SECRET], "full ARN", id="no ARN"),
        pytest.param([*BOOT, "--kms-key", f"alias/{SECRET}"], "alias", id="key alias"),
        pytest.param(["boot", SECRET, "--kms-key", KEY], "not an S3 URI", id="no URI form"),
        pytest.param(["boot", f"s3://u:{SECRET}@b/key", "--kms-key", KEY], "bucket name", id="user information"),
        pytest.param(["boot", f"s3://bucket/key?versionId=%{SECRET}", "--kms-key", KEY], "version ID", id="version"),
        pytest.param(["push", "x", f"{SECRET}."], "not an S3 URI", id="push to what is no name either"),
        pytest.param(["pull", f"./{SECRET}"], "not an S3 URI", id="pull from a path"),
        pytest.param(["history", "s3://bucket/key", "--limit", SECRET], "must be a number from 1", id="limit"),
        pytest.param(["rollback", "s3://bucket/key", f"{SECRET}!"], "must be a version ID", id="no version"),
        pytest.param(["push", "x", "s3://bucket/key", "--bucket-owner", SECRET], "account ID", id="owner"),
    ],
)
def test_usage_faults(arguments: list[str], reason: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Status 2, the reason and where to find help on stderr, and no value that was not understood."""
    assert _exit(arguments) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.startswith("ecsauth: error: ")
    assert shown.err.splitlines()[1].startswith("ecsauth: hint: see ecsauth")
    assert reason in shown.err
    assert SECRET not in shown.err


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        pytest.param(
            [*BOOT, "--set", f"ECS_ENGINE_AUTH_DATA={SECRET}"], "must not have ECS_ENGINE_AUTH_DATA", id="auth"
        ),
        pytest.param([*BOOT, "--set", SECRET], "NAME=VALUE", id="no assignment"),
        pytest.param([*BOOT, "--set", f"A={SECRET}\n"], "--set A", id="more than a line"),
        pytest.param(["push", "-", f"s3://bucket/key?versionId={SECRET}"], "new version", id="push to a version"),
        pytest.param(["edit", f"s3://bucket/key?versionId={SECRET}"], "new version", id="edit of a version"),
        pytest.param(["history", f"s3://bucket/key?versionId={SECRET}"], "all versions", id="history of a version"),
        pytest.param(["pull", "s3://bucket/key", "--reveal", "-o", SECRET], "give one of them", id="pull twice"),
        pytest.param(["diff", "-", "-"], "only one of A and B", id="diff of standard input"),
        pytest.param(["boot", "s3://bucket/key"], "required: --kms-key", id="no key pin"),
        pytest.param(["boot", "--kms-key", KEY], "required: S3URI", id="no URI"),
        pytest.param([*BOOT[:1], "s3://b00/k?versionId=v", *BOOT[2:], "--withdraw"], "pinned", id="pinned"),
        pytest.param(["push", "x", SECRET], "not an S3 URI", id="push to no URI"),
        pytest.param(["pull", SECRET], "not an S3 URI", id="pull from no URI"),
    ],
)
def test_usage_faults_found_later(arguments: list[str], reason: str, tmp_path: Path) -> None:
    """What only the command can tell is a usage fault as well, and just as silent about values."""
    done = _run(*arguments, "--format", "json", without_environments=tmp_path)
    assert done.returncode == 2
    assert f"ecsauth: error: {reason}" in done.stderr or reason in done.stderr.splitlines()[0]
    assert SECRET not in done.stdout + done.stderr
    document = json.loads(done.stdout)
    assert document["schema"] == 1
    assert (document["outcome"], document["status"]) == ("failed", 2)


def test_runs_as_a_module() -> None:
    """`python -m ecsauth` is the same program, and leaves its status to the shell."""
    done = _run("--version")
    assert (done.returncode, done.stderr) == (0, "")
    assert re.fullmatch(VERSION, done.stdout)
    assert _run("check", "/nonexistent/file").returncode == 6


def test_messages_of_a_fault_keep_their_form() -> None:
    """One line each, `ecsauth: error: …` and hints, on stderr; nothing on stdout."""
    done = _run(*BOOT, "--set", "x")
    assert done.stdout == ""
    assert all(line.startswith(("ecsauth: error: ", "ecsauth: hint: ")) for line in done.stderr.splitlines())
    assert not any(line.endswith(".") for line in done.stderr.splitlines())


@pytest.mark.parametrize("closed", ["2>&-", ">&-", ">&- 2>&-"])
def test_closed_streams(closed: str) -> None:
    """With nobody to tell, the status alone tells."""
    command = f"{shlex.quote(sys.executable)} -m ecsauth check /nowhere {closed}"
    assert subprocess.run(command, shell=True, check=False, timeout=60).returncode == 6  # noqa: S602 - closes streams


IAM = ("iam", "operator", "--bucket=fleet", "--prefix=prod", "--account=111122223333", f"--kms-key={KEY}")


@pytest.mark.parametrize(
    "arguments",
    [
        ("--help",),
        ("--version",),
        ("boot", "--help"),
        ("explain",),
        ("explain", "V201"),
        ("completion", "bash"),
        IAM,
        ("check", "--format", "json", "-"),
        ("check", "--format", "json", "/nonexistent"),
        ("check", "--fix", "-o-", "-"),
    ],
    ids=" ".join,
)
def test_full_disk_behind_standard_output(arguments: tuple[str, ...]) -> None:
    """What cannot be written is a fault of this machine, said in one line by every command, help included."""
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "ecsauth", *arguments],
            input=b"ECS_CLUSTER=prod\r\n",
            stdout=full,
            stderr=subprocess.PIPE,
            timeout=60,
            check=False,
        )
    said = done.stderr.decode()
    assert done.returncode == ExitCode.LOCAL, said
    assert said.endswith("ecsauth: error: cannot write standard output: no space left on device\n")
    assert "bug" not in said
    assert "Exception" not in said


def test_reader_that_has_gone() -> None:
    """As of every program in a pipe, its end is that of SIGPIPE, and nothing is said; of help, too."""
    for arguments in (("--help",), ("explain",)):
        there, here = os.pipe()
        os.close(there)
        done = subprocess.run(
            [sys.executable, "-m", "ecsauth", *arguments],
            stdout=here,
            stderr=subprocess.PIPE,
            timeout=60,
            check=False,
        )
        os.close(here)
        assert (done.returncode, done.stderr) == (128 + signal.SIGPIPE, b"")


@pytest.mark.parametrize("end", ["full disk", "dead pipe"])
@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        pytest.param((), ExitCode.USAGE, id="no command"),
        pytest.param(("boot",), ExitCode.USAGE, id="usage"),
        pytest.param(("check", "-"), ExitCode.OK, id="findings"),
        pytest.param(("check", "--fix", "-o-", "-"), ExitCode.OK, id="notes beside data"),
        pytest.param(("check", "--format", "json", "/nonexistent"), ExitCode.LOCAL, id="fault"),
        pytest.param(("which", "alpine", "--file", "/nonexistent"), ExitCode.LOCAL, id="fault of another command"),
        pytest.param(("pull", "s3://b/k", "--endpoint-nobody-knows"), ExitCode.USAGE, id="unknown option"),
    ],
)
def test_standard_error_that_takes_nothing(arguments: tuple[str, ...], status: int, end: str) -> None:
    """What cannot be said is not said: the status, and data on standard output, are as if it had been."""
    there, here = os.pipe()
    os.close(there)
    with open("/dev/full", "wb") as full:
        command = [sys.executable, "-m", "ecsauth", *arguments]
        file, nowhere = b"ECS_CLUSTER=prod\r\n", full if end == "full disk" else here
        done = subprocess.run(command, input=file, stdout=subprocess.PIPE, stderr=nowhere, timeout=60, check=False)
        heard = subprocess.run(command, input=file, capture_output=True, timeout=60, check=False)
    os.close(here)
    assert (done.returncode, done.stdout) == (status, heard.stdout)
    assert heard.returncode == status


@pytest.mark.parametrize("end", ["full disk", "dead pipe"])
def test_failed_command_whose_data_cannot_be_written(end: str) -> None:
    """The status of a command that has failed is that of its own fault, not of the disk behind standard output."""
    there, here = os.pipe()
    os.close(there)
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "ecsauth", "pull", "s3://bucket/key", "--format=json"],
            env={**os.environ, "AWS_ACCESS_KEY_ID": "half of the credentials", "AWS_CONFIG_FILE": os.devnull},
            stdout=full if end == "full disk" else here,
            stderr=subprocess.PIPE,
            timeout=60,
            check=False,
        )
    os.close(here)
    said = done.stderr.decode()
    assert done.returncode == ExitCode.DENIED, said
    assert "ecsauth: error: cannot reach s3://bucket/key: the credentials are incomplete\n" in said
    assert ("cannot write standard output" in said) is (end == "full disk")


@pytest.mark.parametrize("encoding", ["ascii", "utf-8"])
@pytest.mark.parametrize("style", ["text", "json", "github", "sarif"])
@pytest.mark.parametrize("name", ["\u03b1.config", "\udcff.config"], ids=["letters", "bytes"])
def test_file_that_the_encoding_cannot_show(tmp_path: Path, name: str, style: str, encoding: str) -> None:
    """A name without letters in the terminal's encoding is shown by its escapes, on both streams, in every format."""
    file = tmp_path / name
    file.write_bytes(b"ecs_cluster=prod\n")
    done = subprocess.run(
        [sys.executable, "-m", "ecsauth", "check", "--format", style, file],
        env={**os.environ, "PYTHONIOENCODING": f"{encoding}:strict"},
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == ExitCode.INVALID, done.stderr
    assert b".config" in done.stdout + done.stderr
    assert b"bug" not in done.stderr
