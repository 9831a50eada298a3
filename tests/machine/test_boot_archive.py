"""The boot archive that `scripts/build-archive` makes: the same file every time, which needs nothing but Python."""

from __future__ import annotations

import io
import json
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
from ecsauth import __version__
from ecsauth.aws.probes import OPERATIONS
from machine import FIRST, Machine
from needs import lack_of, need
from program import ROOT
from s3_server import ACCESS_KEY, SECRET_KEY

if TYPE_CHECKING:
    from collections.abc import Mapping

    from certificates import Certificates
    from metadata_service import MetadataService
    from s3_proxy import S3Proxy
    from s3_server import S3Server

pytestmark = pytest.mark.once
USAGE, DENIED, LOCAL = 2, 4, 6
MOST_BYTES_A_PYTHON = 1_300_000
# What the archive is made of, beside the wheels.
SOURCES = ("LICENSE", "bootstrap", "scripts/_archive", "scripts/_venv", "scripts/build-archive")
PINS = sorted(path.name for path in (ROOT / "scripts").glob("archive-pins-*.txt"))
# What must be imported neither from PYTHONPATH nor from the user's own folder.
POISONED = ("ecsauth", "botocore", "dateutil", "jmespath", "json", "six", "ssl")
POISON = "import os\nos.write(2, b'poisoned: ' + __name__.encode() + b'\\n')\nraise SystemExit(99)\n"
# What the machine's Python imports when it starts, by a .pth file, and what would be of no use to the program.
AT_START = ("awscrt", "certifi", "urllib3")


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


def run(*command: object, env: Mapping[str, str] | None = None, home: Path) -> subprocess.CompletedProcess[str]:
    """Run a command with nothing in its environment but a home and what is given."""
    return subprocess.run(
        list(map(str, command)),
        env={"HOME": str(home), "PATH": os.defpath, **(env or {})},
        cwd="/",
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


def copied(place: Path) -> Path:
    """Copy the sources of the archive, as a clone of the repository has them; other times, no compiled modules."""
    for name in (*SOURCES, *(f"scripts/{pins}" for pins in PINS)):
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_dir():
            shutil.copytree(
                ROOT / name, place / name, ignore=shutil.ignore_patterns("__pycache__"), copy_function=shutil.copy
            )
        else:
            shutil.copy(ROOT / name, place / name)
    return place


def test_built_elsewhere_it_is_the_same(archive: Path, tmp_path: Path) -> None:
    """Another folder, umask, time zone, language and seed of hashes make no other file."""
    place = copied(tmp_path / "a folder of another length")
    other = {
        "TZ": "Asia/Kathmandu",
        "LANG": "tr_TR.UTF-8",
        "LC_ALL": "C",
        "PYTHONHASHSEED": "42",
        "PYTHONOPTIMIZE": "1",
    }
    before = os.umask(0o077)
    try:
        boot_archive.build(tmp_path / "built", root=place, **other)
    finally:
        os.umask(before)
    assert (tmp_path / "built").read_bytes() == archive.read_bytes()
    assert (tmp_path / "built").stat().st_mode & 0o777 == 0o755


def test_no_path_of_the_build_is_in_it(archive: Path) -> None:
    """Neither this tree nor the interpreters that compiled it are named, nor a time but the oldest there is."""
    with zipfile.ZipFile(archive) as packed:
        parts = [packed.read(name) for name in packed.namelist() if name.endswith(".zip")]
        times = {entry.date_time for entry in packed.infolist()}
    for part in parts:
        with zipfile.ZipFile(io.BytesIO(part)) as inner:
            times |= {entry.date_time for entry in inner.infolist()}
            for name in inner.namelist():
                content = inner.read(name)
                assert str(ROOT).encode() not in content, name
                assert b"/versions/" not in content, name
                assert tempfile.gettempdir().encode() + b"/ecsauth-archive-" not in content, name
    assert times == {(1980, 1, 1, 0, 0, 0)}


def test_size(archive: Path) -> None:
    """Each Python costs 1.3 MB at most, all that is common to them included."""
    assert archive.stat().st_size <= MOST_BYTES_A_PYTHON * len(boot_archive.PYTHONS)


def test_manifest(archive: Path) -> None:
    """It names the packages of each Python, as they are pinned, by version and hash."""
    manifest = manifest_of(archive)
    assert manifest["ecsauth"] == __version__
    assert tuple(manifest["pythons"]) == boot_archive.PYTHONS
    for version, part in manifest["pythons"].items():
        pins = "archive-pins-3.9.txt" if version == "3.9" else "archive-pins-3.10.txt"
        lines = [f"{name}=={one['version']} --hash=sha256:{one['sha256']}" for name, one in part["packages"].items()]
        assert lines == [line for line in (ROOT / "scripts" / pins).read_text().splitlines() if line[:1] != "#"]


def test_documents_name_the_pins() -> None:
    """docs/operations.md has the versions that each group of Pythons gets."""
    text = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    head, _, *rows = text.split("\n### What each Python gets\n\n")[1].split("\n\n")[0].splitlines()
    names = [cell.strip() for cell in head.strip("|").split("|")][1:]
    listed = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]
    assert [pythons for pythons, *_ in listed] == ["3.9", "3.10 to 3.13"]
    for (_, *versions), group in zip(listed, ("3.9", "3.10")):
        lines = (ROOT / "scripts" / f"archive-pins-{group}.txt").read_text().splitlines()
        pins = dict(line.split(" ")[0].split("==") for line in lines if line[:1] != "#")
        assert dict(zip(names, versions)) == pins


def test_licences(archive: Path) -> None:
    """The licence of each package of each Python is in it, and this program's."""
    wanted = {
        f"{name}-{one['version']}"
        for part in manifest_of(archive)["pythons"].values()
        for name, one in part["packages"].items()
    }
    with zipfile.ZipFile(archive) as packed:
        texts = {name: packed.read(name) for name in packed.namelist() if name.startswith("licenses/")}
    assert texts.pop("licenses/ecsauth") == (ROOT / "LICENSE").read_bytes()
    assert {name.split("/")[1] for name in texts} == wanted
    assert all(len(text) > 500 for text in texts.values())


def test_operations(archive: Path) -> None:
    """The model of S3 has what the program asks of S3 on an instance, and no more."""
    with zipfile.ZipFile(archive) as packed, zipfile.ZipFile(io.BytesIO(packed.read("python3.9.zip"))) as part:
        (model,) = (name for name in part.namelist() if name.startswith("botocore/data/s3/") and "service-2" in name)
        assert set(json.loads(part.read(model))["operations"]) == OPERATIONS | {"GetObject"}
        assert not [name for name in part.namelist() if name.endswith(".pem")]


def test_runs_on_a_bare_python(python: Interpreter, archive: Path, tmp_path: Path) -> None:
    """With nothing installed and nothing in the environment it runs, names its pins, and leaves nothing behind."""
    done = run(python.path, "-I", "-S", "-E", archive, "--version", home=tmp_path)
    packages = manifest_of(archive)["pythons"][python.version]["packages"]
    named = ", ".join(f"{name} {one['version']}" for name, one in packages.items())
    assert done.stdout == f"ecsauth {__version__} (boot archive; Python {python.version}: {named})\n"
    assert done.stderr == ""
    assert not list(tmp_path.iterdir())


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
        "PYTHONSTARTUP": str(folder / "botocore.py"),
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
    packages = manifest_of(archive)["pythons"][python.version]["packages"]
    (request,) = machine.proxy.requests
    assert f"Botocore/{packages['botocore']['version']} " in request.headers["user-agent"]


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
    ("profile", "status", "operations"),
    [
        ("role_arn = arn:aws:iam::123456789012:role/fleet\nsource_profile = keys", 0, ["AssumeRole", "GetObject"]),
        (SINGLE_SIGN_ON, DENIED, []),
    ],
    ids=["role", "single sign-on"],
)
def test_profiles(bare_machine: Machine, archive: Path, profile: str, status: int, operations: list[str]) -> None:
    """A profile may name a role; single sign-on, which is for people, ends with a fault of its own."""
    folder = bare_machine.folder / "home" / ".aws"
    folder.mkdir()
    keys = f"aws_access_key_id = {ACCESS_KEY}\naws_secret_access_key = {SECRET_KEY}"
    (folder / "config").write_text(f"[profile keys]\n{keys}\n[profile fleet]\nregion = eu-central-1\n{profile}\n")
    done = boot(bare_machine, sys.executable, archive, "--profile=fleet", AWS_CONFIG_FILE=str(folder / "config"))
    assert done.returncode == status, done.stderr
    assert "bug" not in done.stderr
    assert bare_machine.proxy.operations == operations


# Prints where the client would send a request, or what it says instead, in each region and with each setting of two
# switches.
ENDPOINTS = """\
import itertools, os, sys
from ecsauth.aws.session import InstanceClients
switches = ("AWS_USE_FIPS_ENDPOINT", "AWS_USE_DUALSTACK_ENDPOINT")
for values in itertools.product(("false", "true"), repeat=2):
    os.environ.update(zip(switches, values))
    for region in sys.argv[2:]:
        places = [{"Bucket": bucket, "Key": "prod/ecs.config"} for bucket in ("fleet", "with.dots")]
        try:
            client = InstanceClients(None, "127.0.0.1").s3(region)
            said = [client.generate_presigned_url("get_object", Params=place).partition("?")[0] for place in places]
        except Exception as fault:
            said = [f"{type(fault).__module__}.{type(fault).__name__}: {fault}"]
        print(*values, region, *said)
"""
ENTER = """\
import sys
sys.path.insert(0, sys.argv[1])
__import__("part%d_%d" % sys.version_info[:2]).enter()
"""
REGIONS = ("eu-central-1", "us-east-1", "cn-north-1", "us-gov-west-1", "us-iso-east-1", "xx-new-1")


@pytest.fixture(scope="module")
def endpoints(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """Give what the whole SDK and the archive say of all regions; each has loaded its data once for it."""
    home = tmp_path_factory.mktemp("home")
    env = {"AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET_KEY}
    whole = run(
        sys.executable,
        "-c",
        ENDPOINTS,
        archive,
        *REGIONS,
        env={**env, "PYTHONPATH": str(ROOT / "bootstrap")},
        home=home,
    )
    packed = run(sys.executable, "-c", ENTER + ENDPOINTS, archive, *REGIONS, env=env, home=home)
    assert (whole.returncode, packed.returncode) == (0, 0), whole.stderr + packed.stderr
    return {"whole": whole.stdout.splitlines(), "packed": packed.stdout.splitlines()}


@pytest.mark.parametrize("fips", ["false", "true"])
@pytest.mark.parametrize("dual_stack", ["false", "true"])
def test_endpoints(endpoints: dict[str, list[str]], fips: str, dual_stack: str) -> None:
    """In every partition, with FIPS and dual-stack endpoints or without, S3 is where the whole SDK finds it."""
    whole, packed = (
        [line for line in endpoints[which] if line.startswith(f"{fips} {dual_stack} ")] for which in ("whole", "packed")
    )
    assert len(whole) == len(REGIONS)
    # What a partition does not have is refused, by both in the same words.
    assert packed == whole
    assert sum(line.count(" https://") == 2 for line in whole) >= 2, whole


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
    assert f"this is the boot archive, which has what an instance needs: {missing} is not in it" in done.stderr
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
    path = tmp_path_factory.mktemp("only") / version
    boot_archive.build(path, "--python", version)
    return path


def test_other_pythons_are_told(archive: Path, only: Path, tmp_path: Path) -> None:
    """A Python that has no part in the archive says which have, and ends with a status of its own."""
    done = run(sys.executable, only, "--version", home=tmp_path)
    assert (done.returncode, done.stdout) == (LOCAL, "")
    assert re.search(
        r"^ecsauth: error: this archive runs on Python 3\.\d+, and this is Python 3\.\d+$", done.stderr, re.MULTILINE
    )
    old = [found for found in map(boot_archive.interpreter, ("2.7", "3.6", "3.7", "3.8")) if found]
    for python in old:
        done = run(python, archive, "--version", home=tmp_path)
        assert (done.returncode, done.stdout) == (LOCAL, "")
        assert "ecsauth: error: this archive runs on Python 3.9, 3.10, 3.11, 3.12, 3.13, and this is" in done.stderr


def test_one_python_alone_is_a_part_of_all(archive: Path, only: Path) -> None:
    """What one Python runs does not hang on which others are in the same file."""
    part = f"python{only.name}.zip"
    with zipfile.ZipFile(only) as alone, zipfile.ZipFile(archive) as whole:
        assert alone.read(part) == whole.read(part)
    assert only.stat().st_size <= MOST_BYTES_A_PYTHON


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


@pytest.mark.parametrize(
    ("version", "status", "said"),
    [
        ("3.9", 1, "no python3.9 found, on PATH or of pyenv"),
        ("3.9", 1, "has Python 3.9: scripts/build-archive --python 3.9\n"),
        ("3.8", USAGE, "no archive is made for Python 3.8"),
    ],
)
def test_a_python_that_cannot_be_had(tmp_path: Path, version: str, status: int, said: str) -> None:
    """The build says which interpreter is missing, and how to do without it."""
    bare = {"PATH": "/usr/bin:/bin", "PYENV_ROOT": str(tmp_path)}
    need("the system has a Python 3.9 of its own" if shutil.which("python3.9", path=bare["PATH"]) else None)
    script = ROOT / "scripts" / "build-archive"
    done = run("bash", script, "-o", tmp_path / "built", "--python", version, env=bare, home=tmp_path)
    assert done.returncode == status
    assert said in done.stderr
    assert not (tmp_path / "built").exists()


def test_help_of_the_build(tmp_path: Path) -> None:
    """The build says how it is used, all of it."""
    done = run(ROOT / "scripts" / "build-archive", "--help", home=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "Usage: scripts/build-archive [-o FILE]" in done.stdout
    assert done.stdout.endswith("are kept in ~/.cache/ecsauth-archive.\n")


def build_refused(*options: object, **more: str) -> str:
    """Build for the Python of the tests in vain, and return what is said."""
    script, version = ROOT / "scripts" / "build-archive", "{}.{}".format(*sys.version_info)
    done = subprocess.run(
        [str(script), *map(str, options), "--python", version],
        env={**os.environ, **more},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    return done.stderr


def test_where_a_build_cannot_write(tmp_path: Path) -> None:
    """A directory in place of the file, or of the cache a file, is said, and nothing is left behind."""
    (tmp_path / "out").mkdir()
    (tmp_path / "file").touch()
    assert f"{tmp_path}/out is a directory: -o takes the file to write" in build_refused("-o", tmp_path / "out")
    said = build_refused("-o", tmp_path / "out" / "built", XDG_CACHE_HOME=str(tmp_path / "file"))
    assert f"build-archive: {tmp_path}/file/ecsauth-archive: Not a directory" in said
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["file", "out"]


def test_a_cache_of_somebody_else(tmp_path: Path) -> None:
    """Wheels are taken from a directory of one's own only."""
    need("needs root" if os.geteuid() else None)
    (tmp_path / "ecsauth-archive").mkdir()
    os.chown(tmp_path / "ecsauth-archive", 65534, 65534)
    said = build_refused("-o", tmp_path / "built", XDG_CACHE_HOME=str(tmp_path))
    assert "ecsauth-archive belongs to another user" in said


# Says which wheels there are, by the hashes of what would be packed, after the files have been exchanged.
EXCHANGED = """\
import hashlib, pathlib, sys
import pins
wheels = pins.wheels("3.10", sys.executable)
for path in pathlib.Path(sys.argv[1]).glob("*.whl"):
    path.write_bytes(b"exchanged")
for pin, wheel in wheels.items():
    content = wheel if isinstance(wheel, bytes) else wheel.read_bytes()
    print(pin.sha256 == hashlib.sha256(content).hexdigest())
"""


def test_a_wheel_is_packed_as_it_was_hashed(archive: Path, tmp_path: Path) -> None:
    """What becomes of the file in the cache after its hash was taken does not matter."""
    assert archive.exists()
    cache = tmp_path / "ecsauth-archive"
    shutil.copytree(Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ecsauth-archive", cache)
    cache.chmod(0o755)
    env = {"XDG_CACHE_HOME": str(tmp_path), "PYTHONPATH": str(ROOT / "scripts" / "_archive")}
    done = run(boot_archive.interpreter("3.11"), "-c", EXCHANGED, cache, env=env, home=tmp_path)
    assert done.stderr == ""
    assert set(done.stdout.split()) == {"True"}
    assert cache.stat().st_mode & 0o777 == 0o700


def test_a_wheel_with_another_hash_is_not_packed(tmp_path: Path) -> None:
    """What pip or the cache gives in place of a pinned wheel ends the build."""
    place = copied(tmp_path / "tree")
    for pins in PINS:
        path = place / "scripts" / pins
        path.write_text(re.sub(r"sha256:[0-9a-f]{64}", f"sha256:{'0' * 64}", path.read_text(), count=1))
    with pytest.raises(AssertionError, match="pip"):
        boot_archive.build(tmp_path / "built", "--python", "3.11", root=place)
    assert not (tmp_path / "built").exists()
