"""User data: what each form says, that nothing breaks out of it, and what the shell and Python say of the script."""

from __future__ import annotations

import ast
import email
import hashlib
import inspect
import os
import shlex
import subprocess
import sys
from typing import TYPE_CHECKING, Any, Optional

import pytest
import yaml
from ecsauth import aws_names
from ecsauth.aws import sigv4
from ecsauth.boot import units
from ecsauth.cli.main import main
from ecsauth.cli.parser import make_parser
from ecsauth.deploy import user_data
from ecsauth.deploy.user_data import ArchiveSource, UserDataSpec
from ecsauth.errors import ExitCode, UsageError
from hypothesis import given
from hypothesis import strategies as st
from needs import lack_of, need

if TYPE_CHECKING:
    from pathlib import Path

KEY = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
SIGNER = inspect.getsource(sigv4.sign)
GATE = units.gate("/var/lib/ecsauth/checked", "/etc/ecs/ecs.config")
SHA256 = "0123456789abcdef" * 4
ARCHIVE = ArchiveSource(aws_names.parse("s3://fleet/prod/ecsauth"), SHA256)
BAKED = UserDataSpec(("s3://fleet/prod/ecs.config", "--kms-key", KEY), "auto", (KEY,))
FETCHED = BAKED._replace(archive=ARCHIVE)

# The longest names that S3 and KMS give, in the region with the longest names, while keys change.
VERSION = "3sL4kqtJlcpXroDTDmJ+rmSpXd3dIbrHY"
FLEET = f"s3://{'b' * 63}/production/frontend"
LONG_KEYS = tuple(f"arn:aws-us-gov:kms:us-gov-west-1:111122223333:key/mrk-{digit * 32}" for digit in "12")
LONGEST = UserDataSpec(
    arguments=(
        *(f"{FLEET}/ecs.config", "--kms-key", LONG_KEYS[0], "--kms-key", LONG_KEYS[1]),
        *("--set", "ECS_CLUSTER=production-frontend", "--bucket-owner", "111122223333"),
    ),
    launch="auto",
    kms_keys=LONG_KEYS,
    archive=ArchiveSource(aws_names.parse(f"{FLEET}/ecsauth?versionId={VERSION}"), SHA256),
    bucket_owner="111122223333",
)

ALL = ["--set", 'ECS_INSTANCE_ATTRIBUTES={"stack": "blue"}', "--set", "ECS_CLUSTER=web", "--bucket-owner=111122223333"]
ALL += ["--region=eu-west-1", "--image=registry.example.com/agent@sha256:ab", "--check-login=fail", "--max-stale=7d"]
ALL += ["--deadline=90.5", "--wait=30", "--awsvpc", "--no-host-rules", "--rollback-on-timeout", "--launch=docker"]


def _sh(order: UserDataSpec) -> str:
    return user_data.render(order, "sh", GATE, SIGNER)


def _boot_words(script: str) -> list[str]:
    """Return the words of the last command."""
    return shlex.split(script.splitlines()[-1].partition(" || ")[0])


def _fetch_words(script: str) -> list[str]:
    """Return what the program that fetches is given: host, path, region, owner, SHA-256, program."""
    line = next(line for line in script.splitlines() if line.startswith("python3 "))
    words = shlex.split(line)
    assert (words[:3], words[-1]) == (["python3", "-IS", "-"], "<<END")
    return words[3:-1]


def _write(*options: str, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    """Run the command; return status, user data and messages."""
    status: Any = 0
    try:
        status = main(["user-data", "s3://fleet/prod/ecs.config", "--kms-key", KEY, *options])
    except SystemExit as end:
        status = end.code
    shown = capsys.readouterr()
    return status, shown.out, shown.err


def test_baked_into_the_image() -> None:
    """Where the AMI has ecsauth, two lines: what it is, and the boot."""
    shebang, comment, line = _sh(BAKED).splitlines()
    assert (shebang, comment[:2]) == ("#!/bin/sh", "# ")
    assert line.startswith(f"ecsauth boot s3://fleet/prod/ecs.config --kms-key {KEY} --persist || {{ ")


OFF, MASKED = "disable --now ecs.service", "mask --runtime --now ecs.service"


@pytest.mark.parametrize(
    ("status", "gate", "failing", "asked"),
    [
        (0, False, "", []),
        (4, True, "", ["daemon-reload"]),
        (143, True, "", ["daemon-reload"]),
        (7, True, "daemon-reload", ["daemon-reload", OFF]),
        (2, False, "", [OFF]),
        (6, False, "", [OFF]),
        (137, False, "", [OFF]),
        (6, False, "disable", [OFF, MASKED]),
        (None, False, "", [OFF]),
    ],
)
def test_agent_is_off_where_boot_has_not_held_it_back(
    status: Optional[int], gate: bool, failing: str, asked: list[str], tmp_path: Path
) -> None:
    """A boot that fails and leaves no gate that systemd knows of leaves no agent; its status is kept."""
    programs = {"systemctl": f'echo "$@" >>{tmp_path}/asked\n[ "$1" != "{failing}" ]'}
    if status is not None:
        programs["ecsauth"] = f"exit {status}"
    for name, text in programs.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{text}\n")
        (tmp_path / name).chmod(0o755)
    if gate:
        (tmp_path / units.GATE).parent.mkdir()
        (tmp_path / units.GATE).touch()
    script = _sh(BAKED).replace("/etc/systemd/system", str(tmp_path))
    done = subprocess.run(["/bin/sh", "-c", script], env={"PATH": str(tmp_path)}, capture_output=True, check=False)
    assert done.returncode == (127 if status is None else status)
    said = tmp_path / "asked"
    assert (said.read_text().splitlines() if said.exists() else []) == asked


def test_agent_is_off_where_nobody_hears_why(tmp_path: Path) -> None:
    """With the log on a full disk the agent that cannot be held back is switched off all the same."""
    (tmp_path / "systemctl").write_text(f'#!/bin/sh\necho "$@" >>{tmp_path}/asked\n[ "$1" != daemon-reload ]\n')
    (tmp_path / "systemctl").chmod(0o755)
    script = _sh(FETCHED).replace("/etc/systemd/system", str(tmp_path))
    with open("/dev/full", "wb") as full:
        env = {"PATH": f"{tmp_path}:{os.defpath}"}
        done = subprocess.run(["/bin/sh", "-c", script], env=env, stdout=full, stderr=full, timeout=60, check=False)
    assert done.returncode == ExitCode.LAUNCH
    assert (tmp_path / "asked").read_text().splitlines() == ["daemon-reload", OFF]


def test_status_of_the_fetch_where_nobody_hears_why() -> None:
    """With the log on a full disk its status is still the one of its fault."""
    program = _sh(FETCHED).split("<<'END'\n")[2].partition("END\n")[0]
    head, body = program.split("body, why = ")[0], "fail(5, 'no answer')\n"
    words = ["host", "/path", "eu-west-1", "", "0", "/nowhere"]
    with open("/dev/full", "wb") as full:
        command = [sys.executable, "-IS", "-c", head + body, *words]
        done = subprocess.run(command, stderr=full, timeout=60, check=False)
    assert done.returncode == ExitCode.UNREACHABLE


def test_gate_is_the_first_thing_done() -> None:
    """The first command lays the very bytes that boot lays, where boot lays them; with docker or none there is none."""
    script = _sh(FETCHED)
    first = next(line for line in script.splitlines() if line and not line.startswith(("#", "set ")))
    assert first.startswith("if ! { cd /etc/systemd/system && mkdir -p ecs.service.d && ")
    assert f"cat >{units.GATE} && systemctl daemon-reload" in first
    assert script.partition("<<'END'\n")[2].partition("END\n")[0] == GATE.text
    assert units.GATE in _sh(FETCHED._replace(launch="service"))
    for launch in ("docker", "none"):
        assert "systemctl" not in _sh(FETCHED._replace(launch=launch)) + _sh(BAKED._replace(launch=launch))


@pytest.mark.parametrize(
    ("archive", "more", "host", "path"),
    [
        ("s3://fleet/prod/ecsauth", {}, "fleet.s3.eu-west-1.amazonaws.com", "/prod/ecsauth"),
        (
            "s3://fleet/ecsauth?versionId=a+b/c~d=",
            {},
            "fleet.s3.eu-west-1.amazonaws.com",
            "/ecsauth?versionId=a%2Bb%2Fc~d%3D",
        ),
        ("s3://fl.eet/env=prod/a b$x'ü", {}, "s3.eu-west-1.amazonaws.com", "/fl.eet/env%3Dprod/a%20b%24x%27%C3%BC"),
        (
            "s3://fleet/x",
            {"region": "eu-central-1", "kms_keys": (KEY, KEY.replace("eu-west-1", "eu-central-1"))},
            "fleet.s3.eu-central-1.amazonaws.com",
            "/x",
        ),
        (
            "s3://fleet/x",
            {"endpoint": "https://bucket.vpce-1a-2b.s3.eu-west-1.vpce.amazonaws.com"},
            "bucket.vpce-1a-2b.s3.eu-west-1.vpce.amazonaws.com",
            "/fleet/x",
        ),
        (
            "s3://fleet/x",
            {"kms_keys": ("arn:aws-cn:kms:cn-north-1:111122223333:key/k",)},
            "fleet.s3.cn-north-1.amazonaws.com.cn",
            "/x",
        ),
        (
            "s3://fleet/x",
            {"kms_keys": ("arn:aws-us-gov:kms:us-gov-west-1:111122223333:key/k",)},
            "fleet.s3.us-gov-west-1.amazonaws.com",
            "/x",
        ),
    ],
)
def test_place_of_the_archive(archive: str, more: dict[str, Any], host: str, path: str) -> None:
    """The archive is asked for at the bucket's own host, in the key's region and partition, percent-encoded once."""
    order = FETCHED._replace(archive=ArchiveSource(aws_names.parse(archive), SHA256), **more)
    words = _fetch_words(_sh(order))
    assert words[:2] == [host, path]
    assert words[3:] == ["", SHA256, user_data.PROGRAM]


def test_another_python_fetches_and_boots() -> None:
    """Where the system's Python is too old, the one that is named runs what fetches, and the archive."""
    script = _sh(FETCHED._replace(python="python3.11"))
    assert "\npython3.11 -IS - " in script
    assert _boot_words(script)[:4] == ["python3.11", "-IS", "/usr/local/bin/ecsauth", "boot"]
    assert "python3 " not in script


def test_endpoint_is_boots_too() -> None:
    """Boot asks the same endpoint, which its units keep."""
    lines = _sh(BAKED._replace(endpoint="https://s3.example.com")).splitlines()
    assert lines[-2] == "export AWS_ENDPOINT_URL_S3=https://s3.example.com"


@pytest.mark.parametrize("form", user_data.FORMS)
def test_size(form: str) -> None:
    """The longest that is sane stays below 4 KB, a quarter of what EC2 takes; one rendered twice is the same."""
    made = user_data.render(LONGEST, form, GATE, SIGNER)
    assert len(made.encode()) < 4096
    assert made == user_data.render(LONGEST, form, GATE, SIGNER)


@pytest.mark.parametrize("order", [BAKED, FETCHED, LONGEST, FETCHED._replace(launch="docker")])
def test_forms_hold_the_script(order: UserDataSpec) -> None:
    """cloud-config, read as YAML, and MIME, read as mail, give the script back."""
    script = _sh(order)
    config = user_data.render(order, "cloud-config", GATE, SIGNER)
    assert config.startswith("#cloud-config\n")
    shebang, _, body = script.partition("\n")
    assert yaml.safe_load(config) == {"runcmd": [f"(\n{body})\n"]}
    _, part = email.message_from_string(user_data.render(order, "mime", GATE, SIGNER)).walk()
    assert (part.get_content_type(), part.get_payload()) == ("text/x-shellscript", script)
    assert shebang == "#!/bin/sh"


@pytest.mark.parametrize("order", [BAKED, FETCHED, LONGEST, FETCHED._replace(launch="docker")])
def test_shellcheck(order: UserDataSpec, tmp_path: Path) -> None:
    """ShellCheck finds nothing; dash can read it; Fn::Sub of CloudFormation finds nothing to substitute."""
    need(lack_of("shellcheck", "--version"))
    for form in ("sh", "cloud-config"):
        made = user_data.render(order, form, GATE, SIGNER)
        assert "${" not in made
        assert made.isascii()
        text = made if form == "sh" else yaml.safe_load(made)["runcmd"][0]
        file = tmp_path / form
        file.write_text(text)
        done = subprocess.run(["shellcheck", "--shell=sh", str(file)], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stdout) == (0, "")
        assert subprocess.run(["sh", "-n", str(file)], check=False).returncode == 0


def test_program_that_fetches() -> None:
    """Python 3.6 can read it, so that an archive that needs a newer one can say so."""
    program = _sh(FETCHED).split("<<'END'\n")[2].partition("END\n")[0]
    ast.parse(program, feature_version=(3, 6))


@pytest.mark.parametrize(
    "order",
    [
        BAKED._replace(arguments=("s3://fleet/a'b", "--kms-key", KEY)),
        BAKED._replace(arguments=("s3://fleet/${AWS::Region}", "--kms-key", KEY)),
        BAKED._replace(arguments=("s3://fleet/a`b", "--kms-key", KEY)),
        BAKED._replace(arguments=("s3://fleet/ü", "--kms-key", KEY)),
        BAKED._replace(arguments=("s3://fleet/a\nb", "--kms-key", KEY)),
        BAKED._replace(program="/opt/$(id)/ecsauth"),
        BAKED._replace(program="/opt/../ecsauth"),
        BAKED._replace(program="/tmp/ecsauth"),  # noqa: S108 - to be refused
        FETCHED._replace(program="ecsauth"),
        BAKED._replace(region="eu-west-2"),
        BAKED._replace(region="eu-west-1", kms_keys=(KEY, KEY.replace("arn:aws:", "arn:aws-cn:"))),
        BAKED._replace(endpoint="https://s3.example.com/';id"),
        BAKED._replace(endpoint="http://s3.example.com"),
        BAKED._replace(arguments=(*BAKED.arguments, "--set", f"ECS_CLUSTER={'x' * 16_384}")),
        FETCHED._replace(archive=ARCHIVE._replace(sha256=f"{SHA256}\n")),
        FETCHED._replace(archive=ARCHIVE._replace(sha256="$(id)")),
        FETCHED._replace(region="eu-west-1;id"),
        FETCHED._replace(bucket_owner="${AWS::AccountId}"),
        FETCHED._replace(kms_keys=(KEY, KEY.replace("eu-west-1", "eu-west-2"))),
        FETCHED._replace(kms_keys=("arn:aws-new:kms:xx-west-1:111122223333:key/k",)),
    ],
)
@pytest.mark.parametrize("form", user_data.FORMS)
def test_what_breaks_out_is_refused(order: UserDataSpec, form: str) -> None:
    """Nothing is rendered that a shell, YAML or Fn::Sub could take for something else, or that EC2 does not take."""
    with pytest.raises(UsageError):
        user_data.render(order, form, GATE, SIGNER)


@given(st.text(st.characters(max_codepoint=0x7F), min_size=1, max_size=20) | st.text(min_size=1, max_size=20))
def test_any_word_is_itself_or_refused(word: str) -> None:
    """Whatever is passed on, a shell reads it as it was given, in one line, and Fn::Sub finds nothing in it."""
    try:
        script = _sh(BAKED._replace(arguments=(*BAKED.arguments, "--set", word), launch="docker"))
    except UsageError:
        assert not word.isascii() or not word.isprintable() or set("'\\`$") & set(word)
        return
    assert "${" not in script
    assert _boot_words(script)[-4:] == [word, "--launch", "docker", "--persist"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--set", "ECS_ENGINE_AUTH_DATA=hunter2"], "--set must not have ECS_ENGINE_AUTH_DATA"),
        (["--set", "MY_TOKEN=hunter2"], "--set must not have MY_TOKEN"),
        (["--set", "ECS_CLUSTER=hunter2'x"], "--set has a character that is not safe"),
        (["--set", "ECS_CLUSTER=hunter2${x}"], "--set has a character that is not safe"),
        (["--image", "hunter2`id`"], "--image has a character that is not safe"),
        (["--archive", "s3://fleet/x"], "--archive and --sha256 must be given together"),
        (["--sha256", SHA256], "--archive and --sha256 must be given together"),
        (["--archive", "s3://fleet/x", "--sha256", hashlib.sha256().hexdigest()], "of an empty file"),
        (["--archive", "s3://fleet/prod/ecs.config?versionId=1", "--sha256", SHA256], "is the S3 URI of the env-file"),
        (["--archive", "s3://fleet/x", "--sha256", "hunter2"], "64 hexadecimal digits"),
        (["--region", "hunter2"], "the name of a region"),
        (["--program", "hunter2"], "an absolute path"),
        (["--python", "hunter2"], "the name of a Python"),
        (["--python", "python3.11"], "--python requires --archive"),
        (["--endpoint-url", "http://hunter2"], "must be https://HOST"),
        (["--bucket-owner", "hunter2"], "twelve digits"),
        (["--max-stale", "hunter2"], "must be a duration"),
    ],
)
def test_refused_on_the_command_line(options: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    """What boot would refuse, or a shell would read, is refused here, where somebody looks; no value is repeated."""
    status, out, err = _write(*options, capsys=capsys)
    assert (status, out) == (2, "")
    assert said in err
    assert "hunter2" not in err


def test_boot_takes_what_is_written(capsys: pytest.CaptureFixture[str]) -> None:
    """The parser of boot takes all that can be passed on, so that nothing is refused before its gate is laid."""
    status, out, err = _write(*ALL, capsys=capsys)
    assert status == 0
    assert f"{len(out):,} bytes of user data; the limit of EC2 is 16,384 before base64" in err
    assert _boot_words(out)[:1] == ["ecsauth"]
    taken = make_parser().parse_args(_boot_words(out)[1:])
    asked = make_parser().parse_args(["boot", "s3://fleet/prod/ecs.config", "--kms-key", KEY, *ALL, "--persist"])
    assert taken == asked


def test_written_to_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`-o` writes the same bytes as stdout shows."""
    file = tmp_path / "user-data"
    archive = ("--archive", "s3://fleet/prod/ecsauth", "--sha256", SHA256.upper(), "--bucket-owner=111122223333")
    shown = _write(*archive, "--format=mime", capsys=capsys)[1]
    assert _write(*archive, "--format=mime", "-o", str(file), capsys=capsys)[:2] == (0, "")
    assert file.read_text() == shown
    assert _fetch_words(shown)[3:] == ["111122223333", SHA256, user_data.PROGRAM]
