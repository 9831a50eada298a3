"""The boot archive that `ecsauth archive build` makes: the same file every time, which needs nothing but Python."""

from __future__ import annotations

import hashlib
import json
import lzma
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import boot_archive
import pytest
from aws_environment import aws_environment
from ecsauth import __version__
from ecsauth.host import origin
from machine import FIRST, Machine
from needs import lack_of, need
from program import ROOT, SOURCES, run_here
from pseudo_terminal import PseudoTerminal
from s3_server import ACCESS_KEY, SECRET_KEY
from screen import screen

if TYPE_CHECKING:
    from collections.abc import Mapping

    from certificates import Certificates
    from metadata_service import MetadataService
    from s3_proxy import S3Proxy
from s3_server import S3Server

pytestmark = pytest.mark.once
USAGE, DENIED, LOCAL = 2, 4, 6
MOST_BYTES, MOST_BYTES_OF_SOURCES = 760_000, 250_000
OWN = "{}.{}".format(*sys.version_info)
# What must be imported neither from PYTHONPATH nor from the user's own folder.
POISONED = ("ecsauth", "botocore", "json", "lzma", "ssl", "_lzma", "_compression")
POISON = "import os\nos.write(2, b'poisoned: ' + __name__.encode() + b'\\n')\nraise SystemExit(99)\n"
# What the machine's Python imports when it starts, by a .pth file, and what would be of no use to the program.
AT_START = ("awscrt", "certifi", "urllib3")
NOTHING_WRONG = "no findings"


@pytest.fixture(scope="module")
def archive() -> Path:
    """Give the archive for all Pythons."""
    lacks = [version for version in boot_archive.PYTHONS if boot_archive.interpreter(version) is None]
    need(f"there is no Python {', '.join(lacks)}, on PATH or of pyenv" if lacks else None)
    return boot_archive.built()


class Interpreter(NamedTuple):
    """A Python that the archive is for."""

    version: str
    path: str


@pytest.fixture(params=boot_archive.PYTHONS)
def python(request: pytest.FixtureRequest, archive: Path) -> Interpreter:
    """Give each of them."""
    del archive
    found = boot_archive.interpreter(request.param)
    assert found is not None
    return Interpreter(request.param, found)


def run(
    *command: object, env: Mapping[str, str] | None = None, home: Path, where: str | Path = "/"
) -> subprocess.CompletedProcess[str]:
    """Run a command with nothing in its environment but a home and what is given."""
    return subprocess.run(
        list(map(str, command)),
        env={"HOME": str(home), "PATH": os.defpath, **(env or {})},
        cwd=where,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def manifest_of(archive: Path) -> dict[str, Any]:
    """Return what the archive says of itself."""
    with zipfile.ZipFile(archive) as packed:
        manifest: dict[str, Any] = json.loads(packed.read("manifest.json"))
    return manifest


def paths_in(archive: Path) -> list[str]:
    """Return the paths of the modules and data that are in it."""
    with zipfile.ZipFile(archive) as packed:
        index = packed.read("sources").partition(b"\n\n")[0]
    return [line.rpartition(" ")[0] for line in index.decode().splitlines()]


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give an archive that was compiled for no Python."""
    path = tmp_path_factory.mktemp("sources") / "ecsauth"
    boot_archive.build(path, "--no-compile")
    return path


def copied(place: Path, archive: Path | None = None) -> Path:
    """Copy what an archive is made of, as a clone has it; other times, no compiled modules, that one's commit."""
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(SOURCES, place / "bootstrap", ignore=ignored, copy_function=shutil.copy)
    shutil.copy(ROOT / "LICENSE", place / "LICENSE")
    commit = commit_in(archive) if archive is not None else None
    if commit is not None:
        (place / "bootstrap" / "ecsauth" / "commit").write_text(f"{commit}\n")
    return place


def commit_in(archive: Path) -> str | None:
    """Return the commit that the archive says it was built from, None if it is unknown."""
    shown = run(sys.executable, "-IS", archive, "--version", home=archive.parent).stdout
    found = re.search(r"; commit ([0-9a-f]{40})\)", shown)
    return found[1] if found else None


def test_built_elsewhere_it_is_the_same(archive: Path, tmp_path: Path) -> None:
    """Another folder, umask, time zone, language and seed of hashes make no other file."""
    place = copied(tmp_path / "a folder of another length", archive)
    other = {
        "TZ": "Asia/Kathmandu",
        "LANG": "tr_TR.UTF-8",
        "LC_ALL": "C",
        "PYTHONHASHSEED": "42",
        "PYTHONOPTIMIZE": "1",
    }
    before = os.umask(0o077)
    try:
        boot_archive.build(tmp_path / "built", *boot_archive.compiled_for(*boot_archive.PYTHONS), root=place, **other)
    finally:
        os.umask(before)
    assert (tmp_path / "built").read_bytes() == archive.read_bytes()
    assert (tmp_path / "built").stat().st_mode & 0o777 == 0o755


def test_built_by_another_python_it_is_the_same(python: Interpreter, sources: Path, tmp_path: Path) -> None:
    """Which Python runs the build does not matter, nor does it need anything installed."""
    boot_archive.build(tmp_path / "built", "--no-compile", python=python.path)
    assert (tmp_path / "built").read_bytes() == sources.read_bytes()


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel of this source tree."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=60)
    (built,) = folder.glob("*.whl")
    commit = origin.commit()
    with zipfile.ZipFile(built, "a") as packed:
        # The build of a release writes it.
        if commit is not None and "ecsauth/commit" not in packed.namelist():
            packed.writestr("ecsauth/commit", f"{commit}\n")
    return built


def test_commit_goes_from_the_clone_into_the_archive(sources: Path) -> None:
    """The archive names the commit that is checked out where it is built; that is a file of a line in it."""
    assert commit_in(sources) == origin.commit()
    assert ("ecsauth/commit" in paths_in(sources)) == (origin.commit() is not None)


def test_built_where_the_wheel_is_installed(wheel: Path, sources: Path, tmp_path: Path) -> None:
    """In an environment with nothing but the wheel, and no clone, the same file is made."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "venv")], check=True, timeout=60)
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(tmp_path / "venv" / "lib" / f"python{OWN}" / "site-packages")
    program = (tmp_path / "venv" / "bin" / "python", "-I", "-m", "ecsauth")
    done = run(*program, "archive", "build", "--no-compile", "-o", tmp_path / "built", home=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "built").read_bytes() == sources.read_bytes()


def test_built_from_a_zip_file(wheel: Path, sources: Path, tmp_path: Path) -> None:
    """A package that is in a zip file builds the same, too."""
    command = (sys.executable, "-m", "ecsauth", "archive", "build", "--no-compile", "-o", tmp_path / "built")
    done = run(*command, env={"PYTHONPATH": str(wheel)}, home=tmp_path)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "built").read_bytes() == sources.read_bytes()


def test_program_without_its_licence(wheel: Path, tmp_path: Path) -> None:
    """A program that came without what an archive is made of says so."""
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(tmp_path, [name for name in packed.namelist() if name != "ecsauth/LICENSE"])
    command = (sys.executable, "-m", "ecsauth", "archive", "build", "--no-compile", "-o", tmp_path / "built")
    done = run(*command, env={"PYTHONPATH": str(tmp_path)}, home=tmp_path)
    assert done.returncode == LOCAL
    assert "LICENSE is missing: this installation of ecsauth cannot build a boot archive" in done.stderr
    assert not (tmp_path / "built").exists()


def test_no_path_of_the_build_is_in_it(archive: Path) -> None:
    """Neither this tree nor the interpreters that compiled it are named, nor a time but the oldest there is."""
    with zipfile.ZipFile(archive) as packed:
        contents = {name: packed.read(name) for name in packed.namelist()}
        times = {entry.date_time for entry in packed.infolist()}
    contents["compiled"] = lzma.decompress(contents.pop("compiled.xz"))
    for name, content in contents.items():
        for place in (str(ROOT), "/versions/", f"{tempfile.gettempdir()}/ecsauth"):
            assert place.encode() not in content, name
    assert times == {(1980, 1, 1, 0, 0, 0)}


def test_size(archive: Path, sources: Path) -> None:
    """Compiled for five Pythons it has 700 KB at most, compiled for none 250 KB."""
    assert archive.stat().st_size <= MOST_BYTES
    assert sources.stat().st_size <= MOST_BYTES_OF_SOURCES


def test_manifest(archive: Path, sources: Path) -> None:
    """It names the Pythons that it was compiled for, and which releases of them did that."""
    manifest = manifest_of(archive)
    assert (manifest["schema"], manifest["ecsauth"]) == (2, __version__)
    assert tuple(manifest["pythons"]) == boot_archive.PYTHONS
    assert all(part["compiled_by"].startswith(f"{version}.") for version, part in manifest["pythons"].items())
    assert manifest_of(sources)["pythons"] == {}


def test_licence(archive: Path) -> None:
    """The licence is in it."""
    with zipfile.ZipFile(archive) as packed:
        assert packed.read("LICENSE") == (ROOT / "LICENSE").read_bytes()


def test_runs_on_a_bare_python(python: Interpreter, archive: Path, tmp_path: Path) -> None:
    """With nothing installed and nothing in the environment it runs, and leaves nothing behind."""
    done = run(python.path, "-I", "-S", "-E", archive, "--version", home=tmp_path)
    first, second = done.stdout.splitlines()
    built = f"ecsauth {__version__} (boot archive; Python {python.version}; commit "
    assert re.fullmatch(rf"{re.escape(built)}(?:[0-9a-f]{{40}}|unknown)\)", first)
    assert second == f"archive sha256 {hashlib.sha256(archive.read_bytes()).hexdigest()}"
    assert done.stderr == ""
    assert not list(tmp_path.iterdir())


@pytest.fixture
def env_file(tmp_path: Path) -> Path:
    """Give an env-file with which nothing is wrong."""
    path = tmp_path / "ecs.config"
    path.write_bytes(FIRST)
    return path


def test_runs_from_sources(python: Interpreter, sources: Path, env_file: Path) -> None:
    """A Python that it was not compiled for takes the sources, and says nothing of it."""
    done = run(python.path, "-IS", sources, "check", env_file, home=env_file.parent)
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == f"ecsauth: {env_file}: {NOTHING_WRONG}\n"


def test_says_the_same_from_sources(archive: Path, sources: Path, tmp_path: Path) -> None:
    """The code and the sources do the same: a file with many faults has the same findings."""
    (tmp_path / "ecs.config").write_bytes(
        b"ECS_CLUSTR=x\nECS_ENGINE_AUTH_TYPE=dockercfg\nECS_ENGINE_AUTH_DATA={\nA B=1\n"
    )
    said = [
        run(sys.executable, "-IS", one, "check", "ecs.config", "--format=json", home=tmp_path, where=tmp_path)
        for one in (archive, sources)
    ]
    assert said[0].stdout == said[1].stdout
    assert len(json.loads(said[0].stdout)["findings"]) > 1


def test_code_of_another_python_is_not_taken(only: Path, python: Interpreter, env_file: Path) -> None:
    """Compiled for one Python, it runs on the others all the same."""
    done = run(python.path, "-IS", only, "check", env_file, home=env_file.parent)
    assert (done.returncode, NOTHING_WRONG in done.stderr) == (0, True), done.stderr


# Starts an archive as Python does, without one module of the standard library.
WITHOUT = """\
import runpy, sys
sys.modules[sys.argv[1]] = None
del sys.argv[:2]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def test_without_lzma_it_runs_from_sources(python: Interpreter, archive: Path, env_file: Path) -> None:
    """A Python that was built without lzma cannot decompress the code, and takes the sources."""
    done = run(python.path, "-IS", "-c", WITHOUT, "lzma", archive, "check", env_file, home=env_file.parent)
    assert (done.returncode, NOTHING_WRONG in done.stderr) == (0, True), done.stderr


# Imports modules from an archive.
IMPORT = """\
import runpy, sys
_, archive, *modules = sys.argv
sys.path.insert(0, archive)
part = runpy.run_path(archive, run_name="chooser")["part"]()
__import__("importer").enter(part)
for module in modules:
    __import__(module)
    assert sys.modules[module].__file__.startswith(archive), module
print(part is not None)
"""


@pytest.mark.parametrize("has_code", [True, False])
def test_every_module_can_be_imported(
    python: Interpreter, archive: Path, sources: Path, tmp_path: Path, *, has_code: bool
) -> None:
    """No module of the archive needs one that is not in it to be imported."""
    modules = [
        path[: -len(".py")].replace("/", ".").replace(".__init__", "")
        for path in paths_in(archive)
        if path.endswith(".py")
    ]
    assert len(modules) > 100
    done = run(python.path, "-IS", "-c", IMPORT, archive if has_code else sources, *modules, home=tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{has_code}\n", "")


def test_a_bug_is_told_with_the_line_of_its_function(tmp_path: Path) -> None:
    """The code has no table of lines; the sources tell the line itself."""
    place = copied(tmp_path / "tree")
    explain = place / "bootstrap/ecsauth/cli/commands/explain.py"
    text = explain.read_text().replace(
        "def run(", "def run(arguments: object) -> int:\n    1 + 1\n    {}['x']\n\n\ndef _run("
    )
    explain.write_text(text)
    start = text[: text.index("def run(")].count("\n") + 1
    lines = []
    for number, options in enumerate((boot_archive.compiled_for(OWN), ("--no-compile",))):
        boot_archive.build(tmp_path / str(number), *options, root=place)
        done = run(sys.executable, "-IS", tmp_path / str(number), "explain", "A341", home=tmp_path)
        assert done.returncode == 1
        lines.append(int(re.search(r"KeyError at explain.py:(\d+) < ", done.stderr)[1]))  # type: ignore[index]
    assert lines == [start, start + 2]


@pytest.mark.parametrize("module", ["sitecustomize", "usercustomize"])
def test_started_by_itself_nothing_else_is_run(archive: Path, tmp_path: Path, module: str) -> None:
    """Run as a program it is started isolated: not even what Python imports first comes from PYTHONPATH."""
    (tmp_path / f"{module}.py").write_text(POISON)
    done = run(archive, "--version", env={"PYTHONPATH": str(tmp_path)}, home=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"ecsauth {__version__} (boot archive; ")


@pytest.fixture
def poisoned(tmp_path: Path) -> dict[str, str]:
    """Give an environment that leads to modules of the same names as those that are packed or standard."""
    folder, user = tmp_path / "poison", tmp_path / "user"
    folder.mkdir()
    for name in POISONED:
        (folder / f"{name}.py").write_text(POISON)
    for version in boot_archive.PYTHONS:
        packages = user / "lib" / f"python{version}" / "site-packages"
        shutil.copytree(folder, packages)
        (packages / "start.pth").write_text(f"import {', '.join(AT_START)}\n")
        for name in AT_START:
            (packages / name).mkdir()
            (packages / name / "__init__.py").touch()
            (packages / name / "auth.py").touch()
    return {
        "PYTHONPATH": str(folder),
        "PYTHONUSERBASE": str(user),
        "PYTHONOPTIMIZE": "2",
        "PYTHONSTARTUP": str(folder / "json.py"),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONINSPECT": "1",
    }


@pytest.fixture
def bare_https_machine(
    tmp_path: Path, s3_server: S3Server, s3_proxy_https: S3Proxy, metadata: MetadataService
) -> Machine:
    """Give an instance that asks S3 over HTTPS."""
    machine = Machine(tmp_path, s3_server, s3_proxy_https, metadata)
    machine.put(FIRST)
    return machine


def boot(machine: Machine, python: str, archive: Path, *options: str, **more: str) -> subprocess.CompletedProcess[str]:
    """Boot without an agent, from the archive."""
    env = {name: value for name, value in machine.environment(**more).items() if name != "PYTHONPATH" or name in more}
    arguments = machine.boot_arguments("--launch=none", "--deadline=10", *options)
    return run(python, archive, *arguments, env=env, home=machine.folder / "home")


def test_boots_whatever_is_installed(
    bare_https_machine: Machine,
    poisoned: dict[str, str],
    certificates: Certificates,
    python: Interpreter,
    archive: Path,
) -> None:
    """It boots over HTTPS with its own packages, whatever the machine's Python has, and trusts AWS_CA_BUNDLE."""
    machine = bare_https_machine
    done = boot(machine, python.path, archive, AWS_CA_BUNDLE=str(certificates.ca_file), **poisoned)
    assert done.returncode == 0, done.stderr
    assert "poisoned" not in done.stderr
    assert machine.env_file.read_bytes() == FIRST
    assert machine.proxy.operations == ["GetObject"]


def test_authorities_are_the_systems(bare_https_machine: Machine, archive: Path) -> None:
    """Without AWS_CA_BUNDLE an authority counts that the system trusts, and no other."""
    done = boot(bare_https_machine, sys.executable, archive)
    assert done.returncode == DENIED, done.stderr
    assert "certificate" in done.stderr
    assert not bare_https_machine.env_file.exists()


SINGLE_SIGN_ON = """\
sso_start_url = https://example.com
sso_region = eu-central-1
sso_account_id = 123456789012
sso_role_name = fleet
"""


@pytest.mark.parametrize(
    ("profile", "said"),
    [
        ("role_arn = arn:aws:iam::123456789012:role/fleet\nsource_profile = keys", "role_arn in the profile fleet"),
        (SINGLE_SIGN_ON, "sso_start_url in the profile fleet"),
    ],
    ids=["role", "single sign-on"],
)
def test_profiles(bare_machine: Machine, archive: Path, profile: str, said: str) -> None:
    """A profile that names a role, or single sign-on, is refused with what it needs; no other keys are used."""
    folder = bare_machine.folder / "home" / ".aws"
    folder.mkdir()
    keys = f"aws_access_key_id = {ACCESS_KEY}\naws_secret_access_key = {SECRET_KEY}"
    (folder / "config").write_text(f"[profile keys]\n{keys}\n[profile fleet]\nregion = eu-central-1\n{profile}\n")
    done = boot(bare_machine, sys.executable, archive, "--profile=fleet", AWS_CONFIG_FILE=str(folder / "config"))
    assert done.returncode == DENIED, done.stderr
    assert f"{said} requires the AWS SDK, which is not installed" in done.stderr
    assert bare_machine.proxy.operations == []


def test_status_and_doctor(bare_machine: Machine, python: Interpreter, archive: Path) -> None:
    """What looks at an instance runs from the archive too."""
    assert boot(bare_machine, python.path, archive).returncode == 0
    places = (f"--file={bare_machine.env_file}", f"--state-dir={bare_machine.state_place}", "--format=json")
    env = {name: value for name, value in bare_machine.environment().items() if name != "PYTHONPATH"}
    for command in (("status", "--remote"), ("doctor", bare_machine.uri, "--launch=none")):
        done = run(python.path, archive, *command, *places, env=env, home=bare_machine.folder / "home")
        assert done.returncode in (0, 3), done.stderr
        assert json.loads(done.stdout)["schema"] == 1
    assert {"HeadBucket", "HeadObject"} <= set(bare_machine.proxy.operations)


@pytest.mark.parametrize("command", ["check", "which", "verify"])
def test_the_object_itself_can_be_looked_at(bare_machine: Machine, archive: Path, command: str) -> None:
    """The commands that read an env-file read it from S3 as well."""
    env = {**bare_machine.environment(AWS_REGION="eu-central-1"), "PYTHONPATH": "/nowhere"}
    arguments = {
        "check": ("check", bare_machine.uri),
        "which": ("which", "nginx", "--file", bare_machine.uri),
        "verify": ("verify", bare_machine.uri, "--timeout=1"),
    }[command]
    done = run(sys.executable, archive, *arguments, env=env, home=bare_machine.folder / "home")
    assert bare_machine.proxy.operations == ["GetObject"]
    assert done.returncode in ((5,) if command == "verify" else (0,)), done.stderr


@pytest.mark.parametrize(
    ("arguments", "missing"),
    [
        (("push", "ecs.config", "s3://bucket/key"), "push"),
        (("completion", "bash"), "completion"),
        (("check", "--dialect=dotenv", "FILE"), "dotenv"),
    ],
)
def test_what_is_not_in_it(archive: Path, tmp_path: Path, arguments: tuple[str, ...], missing: str) -> None:
    """What an instance has no need of is refused, and what to do is said."""
    file = tmp_path / "ecs.config"
    file.write_bytes(FIRST)
    done = run(sys.executable, archive, *(str(file) if one == "FILE" else one for one in arguments), home=tmp_path)
    assert done.returncode == USAGE
    assert f"{missing} is not in the boot archive, which contains only what an instance needs" in done.stderr
    assert "hint: install ecsauth with pip" in done.stderr


def test_a_reader_that_has_gone(archive: Path, tmp_path: Path) -> None:
    """Where nobody reads what is written, the status says so, 128 + 13, and nothing else does."""
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "wb") as pipe:
        done = subprocess.run(
            [sys.executable, str(archive), "explain", "A341"],
            env={"HOME": str(tmp_path)},
            stdout=pipe,
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
        )
    assert (done.returncode, done.stderr) == (141, "")


def test_help_of_all_commands_that_are_in_it(archive: Path, tmp_path: Path) -> None:
    """Every command of an instance is there with its options."""
    for command in boot_archive.COMMANDS:
        done = run(sys.executable, archive, command, "--help", home=tmp_path)
        assert (done.returncode, done.stderr) == (0, ""), command
    assert run(sys.executable, archive, "explain", "A341", home=tmp_path).returncode == 0


@pytest.fixture(scope="module")
def only(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give an archive for one Python, which is not the one of the tests; its name is the version."""
    version = "3.9" if sys.version_info[:2] != (3, 9) else "3.13"
    need(None if boot_archive.interpreter(version) else f"there is no Python {version}")
    path = tmp_path_factory.mktemp("only") / version
    boot_archive.build(path, *boot_archive.compiled_for(version))
    return path


def test_older_pythons_are_told(archive: Path, tmp_path: Path) -> None:
    """A Python that is too old is told so, and ends with a status of its own."""
    old = [found for found in map(boot_archive.interpreter, ("2.7", "3.6", "3.7", "3.8")) if found]
    for python in old:
        done = run(python, archive, "--version", home=tmp_path)
        assert (done.returncode, done.stdout) == (LOCAL, "")
        assert "ecsauth: error: this archive requires Python 3.9 or later, but this is Python " in done.stderr
        assert "ecsauth: hint: run it with a later Python: python3.11 -IS FILE\n" in done.stderr


@pytest.mark.parametrize(("mode", "status"), [(0o755, 0), (0o757, LOCAL)])
def test_units_can_run_it(bare_machine: Machine, archive: Path, mode: int, status: int) -> None:
    """The archive is a program that a unit may start, where it is a file of root's that nobody else can change."""
    need(lack_of("systemctl", "--version"))
    # Not below /tmp: no unit may run what everybody can replace.
    with tempfile.TemporaryDirectory(prefix="ecsauth-test-", dir=Path.home()) as folder:
        program = Path(folder) / "ecsauth"
        shutil.copy(archive, program)
        program.chmod(mode)
        done = boot(bare_machine, sys.executable, program, "--persist", "--dry-run", "--format=json")
    assert done.returncode == status, done.stderr
    assert bool(json.loads(done.stdout).get("units")) is (status == 0)


def built(tmp_path: Path, *options: str, env: Mapping[str, str]) -> Any:
    """Build in an environment, and return what was said as JSON, with the messages."""
    arguments = ("archive", "build", "-o", str(tmp_path / "built"), "--format=json", *options)
    return run_here(*arguments, env={**aws_environment(tmp_path, endpoint="http://127.0.0.1:1"), **env})


def fake(folder: Path, name: str, script: str) -> None:
    """Put a program on a PATH."""
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


SHIM = "echo 'pyenv: command not found' >&2; exit 127"
# Answers what is asked of it first, as a Python might that has lost its library; another answers so to all.
ANSWER = "printf '%s\\n3\\n14\\n' \"$0\""
BROKEN = f"case $1 in -I) {ANSWER} ;; *) exit 1 ;; esac"


def test_compiles_for_the_pythons_on_path(tmp_path: Path) -> None:
    """Without `--python` it is for each Python that is there, and the one that runs; a shim of none is no Python."""
    other = next(one for one in boot_archive.PYTHONS if one != OWN)
    path = boot_archive.interpreter(other)
    need(None if path else f"there is no Python {other}")
    fake(tmp_path / "bin", f"python{other}", f'exec {path} "$@"')
    fake(tmp_path / "bin", "python3.14", SHIM)
    done = built(tmp_path, env={"PATH": f"{tmp_path}/bin:/usr/bin:/bin"})
    assert (done.status, done.err) == (0, "")
    assert {OWN, other} <= set(done.document["pythons"])
    assert "3.14" not in done.document["pythons"]
    assert done.document["size"] == (tmp_path / "built").stat().st_size
    assert done.document["sha256"] == hashlib.sha256((tmp_path / "built").read_bytes()).hexdigest()


def test_a_python_by_its_relative_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Python is found from the working directory, as by a shell."""
    monkeypatch.chdir(tmp_path)
    fake(tmp_path / "bin", "python", f'exec {sys.executable} "$@"')
    done = built(tmp_path, "--python=bin/python", env={"PATH": "/usr/bin:/bin"})
    assert (done.status, done.document["pythons"]) == (0, [OWN])


def test_a_python_that_cannot_compile(tmp_path: Path) -> None:
    """No build fails for one that was not asked for."""
    fake(tmp_path / "bin", "python3.14", BROKEN)
    done = built(tmp_path, env={"PATH": f"{tmp_path}/bin:/usr/bin:/bin"})
    assert done.status == 0
    assert f"ecsauth: warning: {tmp_path}/bin/python3.14 cannot compile the modules\n" in done.err
    assert OWN in done.document["pythons"]


@pytest.mark.parametrize(
    ("name", "script", "said"),
    [
        ("python3.9", SHIM, "python3.9 is not Python 3.9 or newer"),
        ("python3.8", "printf '%s\\n3\\n8\\n' \"$0\"", "python3.8 is not Python 3.9 or newer"),
        ("ls", "/bin/ls /", "ls is not Python 3.9 or newer"),
        ("python3.14", BROKEN, "python3.14 cannot compile the modules"),
        ("python3.14", ANSWER, "python3.14 cannot compile the modules"),
        ("other", "", "python3.9 is not installed, or not on PATH"),
    ],
)
def test_a_python_that_was_asked_for(tmp_path: Path, name: str, script: str, said: str) -> None:
    """One that is named has to be there, and to be one: the build says which is not, and writes nothing."""
    fake(tmp_path / "bin", name, script)
    asked = name if script else "python3.9"
    done = built(tmp_path, f"--python={asked}", env={"PATH": str(tmp_path / "bin")})
    assert done.status == LOCAL
    assert said in done.err
    assert "ecsauth: hint: use Python 3.9 or newer, such as --python python3.9" in done.err
    assert not (tmp_path / "built").exists()


@pytest.mark.parametrize("mask", [0o077, 0o000])
def test_replaces_an_archive(tmp_path: Path, mask: int) -> None:
    """It is written in one step, through a link, executable for all whatever the umask; its folder is made."""
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "ecsauth").write_bytes(b"before")
    (tmp_path / "built").symlink_to("real/ecsauth")
    before = os.umask(mask)
    try:
        assert built(tmp_path, "--no-compile", env={}).status == 0
        boot_archive.build(tmp_path / "new" / "folder" / "ecsauth", "--no-compile")
    finally:
        os.umask(before)
    assert (tmp_path / "built").is_symlink()
    for path in (tmp_path / "real" / "ecsauth", tmp_path / "new" / "folder" / "ecsauth"):
        assert path.stat().st_mode & 0o777 == 0o755
        assert [one.name for one in path.parent.iterdir()] == ["ecsauth"]
    assert (tmp_path / "real" / "ecsauth").read_bytes() == (tmp_path / "new" / "folder" / "ecsauth").read_bytes()


@pytest.mark.parametrize(
    ("output", "said"),
    [
        ("built", "is a directory\necsauth: hint: give a file in it: -o "),
        ("file/ecsauth", "cannot make "),
        ("/dev/null", "/dev/null is not a plain file"),
    ],
)
def test_where_it_cannot_be_written(tmp_path: Path, output: str, said: str) -> None:
    """What no archive can take the place of is said, and nothing is left behind."""
    (tmp_path / "built").mkdir()
    (tmp_path / "file").touch()
    done = built(tmp_path, f"--output={tmp_path / output}", "--no-compile", env={})
    assert done.status == LOCAL
    assert said in done.err
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["built", "file"]


def test_progress_at_a_terminal(tmp_path: Path) -> None:
    """A terminal is shown how far it is, and nothing of that stays."""
    arguments = ("archive", "build", "-o", str(tmp_path / "built"), f"--python={sys.executable}")
    env = aws_environment(tmp_path, endpoint="http://127.0.0.1:1")
    with PseudoTerminal(*arguments, env=env, term="xterm") as terminal:
        done = terminal.end()
    assert done.status == 0
    assert "\r\x1b[Kecsauth: compressing the boot archive (" in done.seen
    first, second, last = screen(done.seen)
    assert first.startswith("ecsauth: wrote ")
    assert (len(second), last) == (64, "")
