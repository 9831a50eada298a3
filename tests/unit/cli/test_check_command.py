"""`ecsauth check` as its users run it: formats, dialects, and --fix."""

from __future__ import annotations

import json
import os
import stat
from typing import TYPE_CHECKING

import pytest
from ecsauth import envfile
from program import Ended, run, run_here

if TYPE_CHECKING:
    from pathlib import Path

ENVIRONMENT = {"PATH": os.environ["PATH"]}
SECRET = "hunter2hunter2"
CLEAN = (
    b"ECS_CLUSTER=prod\nECS_ENGINE_AUTH_TYPE=docker\n"
    b'ECS_ENGINE_AUTH_DATA={"r.example":{"username":"u","password":"hunter2hunter2"}}\n'
)
HUB = CLEAN.replace(b"r.example", b"docker.io")
BROKEN = CLEAN.replace(b'"}}', b'",}}')


def _check(data: bytes, *arguments: str) -> Ended:
    ended = run_here("check", "-", *arguments, env=ENVIRONMENT, stdin=data)
    assert SECRET not in ended.out + ended.err
    return ended


def as_written(file: Path) -> tuple[int, int, int, int]:
    """Return what changes when a file is written or replaced; not when it was read, which a check does."""
    found = file.stat()
    return found.st_ino, found.st_mtime_ns, found.st_size, found.st_mode


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the path of an env-file in the working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path / "ecs.config"


def test_a_clean_file_takes_one_line() -> None:
    """Nothing wrong is one line for people, and nothing on stdout."""
    assert _check(CLEAN) == (0, "", "ecsauth: <stdin>: no findings\n")


@pytest.mark.parametrize(
    ("data", "status", "summary"),
    [
        (HUB, 3, "1 error"),
        (CLEAN.replace(b"ECS_CLUSTER=prod\n", b""), 0, "1 warning"),
        (b"ECS_CLUSTER=prod\n", 0, "1 note"),
        (b"ECS_CLUSTER = prod\nECS_LOGLEVL=debug\n", 3, "1 error, 1 warning, 1 note"),
    ],
)
def test_summary_and_status(data: bytes, status: int, summary: str) -> None:
    """An error makes the status 3; the last lines count what was found and say where to read more."""
    ended = _check(data)
    assert (ended.status, ended.out) == (status, "")
    assert f"\n\necsauth: <stdin>: {summary}\necsauth: hint: see " in ended.err


def test_fixes_name_the_file(file: Path) -> None:
    """What is to be pasted has the file's name in it, in every format; that of standard input stays open."""
    file.write_bytes(HUB)
    for style in ("text", "json", "github", "sarif"):
        ended = run_here("check", file.name, "--format", style, env=ENVIRONMENT)
        assert "ecsauth check --fix ecs.config" in ended.out + ended.err
    assert "ecsauth check --fix FILE" in _check(HUB).err


def test_what_fix_would_mend_is_told(file: Path) -> None:
    """Where --fix helps, the last line says how much of it; where it does not, nothing is said."""
    file.write_bytes(b"export ECS_CLUSTER=prod\nECS_LOGLEVL=debug\n")
    assert run_here("check", file.name, env=ENVIRONMENT).err.endswith(
        "ecsauth: hint: fix 1 of 3 findings: ecsauth check --fix ecs.config\n"
    )
    file.write_bytes(BROKEN)
    assert "mends" not in run_here("check", file.name, env=ENVIRONMENT).err


def test_json_is_stable() -> None:
    """The document is that of the contract, schema 1, and the only thing that is written."""
    ended = _check(HUB, "--format", "json")
    assert ended.err == ""
    assert ended.document == {
        "schema": 1,
        "file": "-",
        "findings": [
            {
                "code": "A370",
                "severity": "error",
                "line": 3,
                "column": 23,
                "variable": "ECS_ENGINE_AUTH_DATA",
                "registry": "docker.io",
                "consumers": ["agent"],
                "message": "docker.io: the agent never looks up this name of Docker Hub",
                "consequence": "Docker Hub pulls will be anonymous: the agent looks up only https://index.docker.io/v1/",
                "fix": 'write the name as "https://index.docker.io/v1/":\necsauth check --fix FILE',
            }
        ],
        "summary": {"errors": 1, "warnings": 0, "notes": 0},
    }


def test_github_and_sarif_go_to_stdout() -> None:
    """What services read stands alone on stdout."""
    github, sarif = _check(HUB, "--format", "github"), _check(HUB, "--format", "sarif")
    assert (github.err, sarif.err) == ("", "")
    assert github.out.startswith("::error title=ecsauth A370::docker.io: ")
    assert sarif.document["runs"][0]["results"][0]["ruleId"] == "A370"


def test_target() -> None:
    """Only what the program reads that counts is found."""
    data = b"\xef\xbb\xbf" + CLEAN
    assert _check(data, "--target", "ecs-init").status == 3
    assert _check(data, "--target", "docker").status == 0


@pytest.mark.parametrize("codes", [("V201", "A301"), ("v201,a301",)])
def test_ignore(codes: tuple[str, ...]) -> None:
    """Warnings and notes can be left out, by one option each or by one for all, in any case."""
    options = [word for code in codes for word in ("--ignore", code)]
    assert _check(b"ECS_LOGLEVEL=debug\n", *options).err == "ecsauth: <stdin>: no findings\n"


@pytest.mark.parametrize(
    ("code", "message"), [("A370", "A370 is an error"), (SECRET, "no rule has this code"), ("", "no rule")]
)
def test_what_cannot_be_ignored(code: str, message: str) -> None:
    """A code that no rule has, and an error, are usage faults."""
    ended = _check(HUB, "--ignore", code)
    assert ended.status == 2
    assert message in ended.err


DOTENV = b"""\
# production
export ECS_CLUSTER='prod'

ECS_LOGLEVL = "hunter2hunter2"  # more of it
ECS_ENGINE_AUTH_TYPE=docker
ECS_ENGINE_AUTH_DATA='{
  "docker.io": {"username": "u", "password": "hunter2hunter2"}
}'
ECS_DATADIR=/data
ECS_DATADIR="/data "
"""


def test_dotenv_findings_name_authored_lines() -> None:
    """A file in python-dotenv's dialect is checked for what it means; lines are those of the author."""
    ended = _check(DOTENV, "--dialect", "dotenv", "--format", "json")
    found = {one["code"]: (one["line"], one["column"]) for one in ended.document["findings"]}
    assert found == {"V212": (4, None), "A370": (6, None), "F132": (10, None)}


def test_dotenv_differences_are_told() -> None:
    """What docker would have read otherwise is said line by line, without values."""
    told = [
        "2: ECS_CLUSTER: written without export and quotes",
        "4: ECS_LOGLEVL: written without white space behind the name and quotes",
        "6: ECS_ENGINE_AUTH_DATA: written without line breaks and quotes",
        "10: ECS_DATADIR: written without quotes",
    ]
    lines = _check(DOTENV, "--dialect", "dotenv").err.splitlines()
    assert lines[:4] == [f"ecsauth: note: <stdin>:{line}, which docker would not remove" for line in told]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"A=1\nhunter2hunter2 x\n", "<stdin>: python-dotenv cannot read line 2\n"),
        (b"A='hunter2hunter2\n", "<stdin>: python-dotenv cannot read line 1\n"),
        (b"x y\n" * 9, "<stdin>: python-dotenv cannot read lines 1, 2, 3, 4, 5 and 4 more\n"),
        (b"A='hunter2hunter2\nx'\n", "<stdin>: line 1: a variable has a value over several lines"),
        (b"\n# \xff\n", "<stdin>: line 2: not UTF-8\n"),
        (b"A=hunter2hunter2" + b" " * 250_000 + b"x", "<stdin>: line 1: more than 1000 blanks in a row"),
    ],
)
def test_dotenv_refusals(data: bytes, message: str) -> None:
    """What python-dotenv skips, or takes hours for, is refused with its lines and never quoted."""
    ended = _check(data, "--dialect", "dotenv")
    assert ended.status == 3
    assert f"ecsauth: error: {message}" in ended.err


def test_fix_in_place(file: Path) -> None:
    """The file is replaced by its canonical form, 0600; what was mended is told, and check is clean."""
    file.write_bytes(b"\xef\xbb\xbf" + HUB)
    file.chmod(0o644)
    ended = run_here("check", "--fix", file.name, env=ENVIRONMENT)
    assert (ended.status, ended.out) == (0, "")
    assert ended.err == (
        "ecsauth: fixed line 1: ECS_CLUSTER: a byte order mark precedes the first variable [F110]\n"
        "ecsauth: fixed line 3: docker.io: the agent never looks up this name of Docker Hub [A370]\n"
        "ecsauth: wrote ecs.config, 0600\n"
        "ecsauth: ecs.config: no findings\n"
    )
    assert file.read_bytes() == HUB.replace(b"docker.io", b"https://index.docker.io/v1/")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [each.name for each in file.parent.iterdir()] == [file.name]
    assert run_here("check", file.name, env=ENVIRONMENT) == (0, "", "ecsauth: ecs.config: no findings\n")


def test_fix_of_the_form_alone(file: Path) -> None:
    """Where nothing was wrong but the form is another, that is said."""
    file.write_bytes(CLEAN.replace(b'":{"', b'": { "'))
    assert (
        "fixed the form; docker reads the same variables\n"
        in run_here("check", "--fix", file.name, env=ENVIRONMENT).err
    )
    assert file.read_bytes() == CLEAN


def test_fix_leaves_a_canonical_file_alone(file: Path) -> None:
    """A file that has its canonical form is not written again."""
    file.write_bytes(CLEAN)
    before = as_written(file)
    ended = run_here("check", "--fix", file.name, env=ENVIRONMENT)
    assert ended.err == "ecsauth: ecs.config: nothing to fix\necsauth: ecs.config: no findings\n"
    assert as_written(file) == before


def test_fix_follows_a_link(file: Path) -> None:
    """A link stays, and what it points to is mended."""
    real = file.with_name("real.config")
    real.write_bytes(HUB)
    file.symlink_to(real.name)
    assert run_here("check", "--fix", file.name, env=ENVIRONMENT).status == 0
    assert file.is_symlink()
    assert b"index.docker.io" in real.read_bytes()


def test_fix_into_another_file(file: Path) -> None:
    """With -o the file stays as it is."""
    file.write_bytes(HUB)
    other = file.with_name("other.config")
    ended = run_here("check", "--fix", file.name, "-o", other.name, env=ENVIRONMENT)
    assert ended.err.endswith("ecsauth: wrote other.config, 0600\necsauth: other.config: no findings\n")
    assert file.read_bytes() == HUB
    assert stat.S_IMODE(other.stat().st_mode) == 0o600
    assert run_here("check", other.name, env=ENVIRONMENT).status == 0


@pytest.mark.parametrize("arguments", [("-",), ("-", "-o", "-"), ("ecs.config", "-o", "-")])
def test_fix_to_stdout(arguments: tuple[str, ...], file: Path) -> None:
    """Standard input is mended to standard output, so is a file with `-o -`; all that is said goes to stderr."""
    file.write_bytes(HUB)
    ended = run("check", "--fix", *arguments, env=ENVIRONMENT, stdin=HUB)
    assert ended.status == 0
    assert ended.out.encode() == HUB.replace(b"docker.io", b"https://index.docker.io/v1/")
    assert SECRET not in ended.err
    assert "ecsauth: fixed line 3: docker.io: " in ended.err
    assert file.read_bytes() == HUB


@pytest.mark.parametrize("style", ["text", "github", "sarif"])
def test_fix_that_would_have_to_guess(style: str, file: Path) -> None:
    """Then nothing is written, and all that is wrong is told."""
    file.write_bytes(BROKEN)
    before = as_written(file)
    ended = run_here("check", "--fix", file.name, "--format", style, env=ENVIRONMENT)
    assert ended.status == 3
    assert "A324" in ended.out + ended.err
    assert "ecsauth: error: nothing was written: cannot be fixed automatically: line 3: " in ended.err
    assert as_written(file) == before
    assert SECRET not in ended.out + ended.err


def test_fix_that_would_have_to_guess_is_one_document(file: Path) -> None:
    """Programs get one document: that of the failure."""
    file.write_bytes(BROKEN)
    document = run_here("check", "--fix", file.name, "--format", "json", env=ENVIRONMENT).document
    assert (document["schema"], document["outcome"], document["status"]) == (1, "failed", 3)


def test_fix_of_an_authored_file(file: Path) -> None:
    """A file in python-dotenv's dialect is written in docker's, elsewhere."""
    data = DOTENV.replace(b"docker.io", b"r.example").replace(b"/data ", b"/d")
    file.write_bytes(data.replace(b"LOGLEVL", b"LOGFILE"))
    ended = run_here("check", "--fix", "--dialect", "dotenv", file.name, "-o", "out", env=ENVIRONMENT)
    assert ended.status == 0
    environment = envfile.docker((file.parent / "out").read_bytes()).environment()
    assert {name: value.reveal() for name, value in environment.items()} == {
        "ECS_CLUSTER": "prod",
        "ECS_LOGFILE": SECRET,
        "ECS_ENGINE_AUTH_TYPE": "docker",
        "ECS_ENGINE_AUTH_DATA": '{"r.example":{"username":"u","password":"hunter2hunter2"}}',
        "ECS_DATADIR": "/d",
    }
    assert SECRET not in ended.out + ended.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--fix", "s3://bucket/key"), "--fix does not write to S3"),
        (("--fix", "ecs.config", "-o", "s3://bucket/key"), "--fix does not write to S3"),
        (("ecs.config", "-o", "x"), "-o is the output of --fix"),
        (("--fix", "--dialect", "dotenv", "ecs.config"), "--fix writes docker's dialect: give -o FILE"),
        (("--fix", "--dialect", "dotenv", "ecs.config", "-o", "./ecs.config"), "--fix writes docker's dialect"),
        (("--fix", "--dialect", "dotenv", "-"), "--fix writes docker's dialect: give -o FILE"),
        (("--fix", "--format", "sarif", "-"), "--format sarif and the fixed file both go to stdout"),
        (("--fix", "--format", "github", "ecs.config", "-o", "-"), "--format github and the fixed file both go"),
    ],
)
def test_contradictions(arguments: tuple[str, ...], message: str, file: Path) -> None:
    """What cannot be meant is a usage fault, before anything is read or written."""
    file.write_bytes(HUB)
    ended = run_here("check", *arguments, env=ENVIRONMENT)
    assert (ended.status, ended.out) == (2, "")
    assert message in ended.err
    assert file.read_bytes() == HUB


@pytest.mark.parametrize("output", ["nowhere/x", ".", "fifo"])
def test_places_that_cannot_be_written(output: str, file: Path) -> None:
    """Where no file can be written, that is this machine's fault, and nothing else changes."""
    file.write_bytes(HUB)
    os.mkfifo(file.parent / "fifo")
    before = sorted(file.parent.iterdir())
    assert run_here("check", "--fix", file.name, "-o", output, env=ENVIRONMENT).status == 6
    assert sorted(file.parent.iterdir()) == before


def test_many_findings_are_fast() -> None:
    """500 registries with a finding each, in one line, are shown in less than a second."""
    registries = {f"R{number}.example.com": {"username": "u", "password": "p"} for number in range(500)}
    data = CLEAN.split(b"ECS_ENGINE_AUTH_DATA=")[0] + f"ECS_ENGINE_AUTH_DATA={json.dumps(registries)}\n".encode()
    ended = run("check", "-", env=ENVIRONMENT, stdin=data, timeout_s=10)
    assert ended.err.count("warning[A382]") == 500
    assert "<stdin>: 500 warnings" in ended.err


WARNED = CLEAN.replace(b"ECS_CLUSTER=prod\n", b"")


@pytest.fixture
def services(file: Path) -> tuple[str, ...]:
    """Return the names of files: a clean one, one with a warning, one with an error."""
    for name, data in (("clean", CLEAN), ("warned", WARNED), ("hub", HUB)):
        (file.parent / name).write_bytes(data)
    return ("clean", "warned", "hub")


def test_several_files_are_one_report(services: tuple[str, ...]) -> None:
    """People read what is wrong file by file, then the counts of all; a clean file takes no line."""
    ended = run_here("check", *services, env=ENVIRONMENT)
    assert (ended.status, ended.out) == (3, "")
    assert "clean" not in ended.err
    assert "ecsauth: warned: 1 warning\n" in ended.err
    assert ended.err.endswith("ecsauth: 3 files: 1 error, 1 warning\necsauth: hint: see a rule: ecsauth explain CODE\n")


def test_several_clean_files_take_one_line(services: tuple[str, ...]) -> None:
    """Nothing wrong in any is said once."""
    ended = run_here("check", services[0], services[0], env=ENVIRONMENT)
    assert ended == (0, "", "ecsauth: 2 files: no findings\n")


@pytest.mark.parametrize(
    ("files", "status"),
    [
        (("clean", "warned"), 0),
        (("warned", "hub"), 3),
        (("hub", "warned"), 3),
        (("absent", "hub"), 6),
        (("hub", "absent", "clean"), 6),
        (("s3://not a bucket/k", "clean"), 2),
        (("clean", "-"), 3),
    ],
)
@pytest.mark.parametrize("style", ["text", "json", "github", "sarif"])
def test_the_status_is_the_highest(files: tuple[str, ...], status: int, style: str, services: tuple[str, ...]) -> None:
    """Each file is checked, whatever becomes of the others, in every format."""
    assert services
    ended = run_here("check", *files, "--format", style, env=ENVIRONMENT, stdin=HUB)
    assert ended.status == status
    assert ("A370" in ended.out + ended.err) is ("hub" in files or "-" in files)
    assert ("ecsauth: error: " in ended.err) is (status in (2, 6))
    assert "absent" not in files or "cannot read absent: no such file" in ended.err
    assert SECRET not in ended.out + ended.err


def test_several_files_as_json(services: tuple[str, ...]) -> None:
    """Each of `files` is the document of that file alone; one that failed says why."""
    document = run_here("check", *services, "absent", "--format", "json", env=ENVIRONMENT).document
    alone = [run_here("check", name, "--format", "json", env=ENVIRONMENT).document for name in services]
    assert document == {
        "schema": 1,
        "status": 6,
        "files": [
            *({name: value for name, value in one.items() if name != "schema"} for one in alone),
            {
                "file": "absent",
                "findings": [],
                "summary": {"errors": 0, "warnings": 0, "notes": 0},
                "outcome": "failed",
                "status": 6,
                "error": "cannot read absent: no such file or directory",
                "hints": [],
            },
        ],
        "summary": {"errors": 1, "warnings": 1, "notes": 0},
    }


def test_several_files_for_services(services: tuple[str, ...]) -> None:
    """GitHub gets an annotation a finding, SARIF one run; each names its file, and the rule that it is about."""
    github, sarif = (run_here("check", *services, "--format", style, env=ENVIRONMENT) for style in ("github", "sarif"))
    assert [line.partition(",")[0] for line in github.out.splitlines()] == ["::warning file=warned", "::error file=hub"]
    (log,) = sarif.document["runs"]
    places = [one["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for one in log["results"]]
    assert places == ["warned", "hub"]
    rules = [one["id"] for one in log["tool"]["driver"]["rules"]]
    assert [rules[one["ruleIndex"]] for one in log["results"]] == [one["ruleId"] for one in log["results"]]


def test_fix_of_several_files(services: tuple[str, ...], file: Path) -> None:
    """Each is mended in its place; one that takes a guess is named and stays, the others are mended all the same."""
    file.write_bytes(BROKEN)
    ended = run_here("check", "--fix", file.name, *services, env=ENVIRONMENT)
    assert ended.status == 3
    assert "ecsauth: error: ecs.config: nothing was written: cannot be fixed automatically" in ended.err
    assert "ecsauth: wrote hub, 0600\n" in ended.err
    assert b"index.docker.io" in (file.parent / "hub").read_bytes()
    assert file.read_bytes() == BROKEN


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("-", "hub", "-"), "standard input can be read only once"),
        (("--fix", "hub", "clean", "-o", "x"), "replaces each of several files"),
        (("--fix", "hub", "-"), "replaces each of several files"),
        (("--fix", "hub", "s3://bucket/key"), "--fix does not write to S3"),
        (("--fix", "--dialect", "dotenv", "hub", "clean"), "--fix writes docker's dialect"),
    ],
)
def test_contradictions_of_several(arguments: tuple[str, ...], message: str, services: tuple[str, ...]) -> None:
    """What cannot be meant is a usage fault before any of the files is written."""
    assert services
    ended = run_here("check", *arguments, env=ENVIRONMENT, stdin=CLEAN)
    assert (ended.status, ended.out) == (2, "")
    assert message in ended.err
    assert "wrote" not in ended.err
