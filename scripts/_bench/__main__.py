"""Measures ecsauth against other ways to do the same; scripts/bench starts it."""

from __future__ import annotations

import argparse
import contextlib
import importlib.metadata
import importlib.util
import json
import os
import platform
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Optional

import boot_archive
import launch
import tables
from aws_environment import aws_environment
from certificates import Certificates
from contest import Contender, Contest
from metadata_service import MetadataService
from s3_proxy import S3Proxy
from s3_server import ACCESS_KEY, ACCOUNT, REGION, SECRET_KEY, S3Server

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator

BUCKET, KEY = "ecsauth-bench", "prod/ecs.config"
URI = f"s3://{BUCKET}/{KEY}"
ENV_FILE = """\
ECS_CLUSTER=bench
ECS_ENGINE_AUTH_TYPE=docker
ECS_ENGINE_AUTH_DATA={"https://index.docker.io/v1/":{"username":"my_name","password":"my_password"}}
"""
FIVE_LINES = f"""\
import boto3
answer = boto3.client("s3").get_object(Bucket="{BUCKET}", Key="{KEY}")
body = answer["Body"].read()
with open("by-boto3.config", "wb") as file:
    file.write(body)
"""
COPY, NOTHING = "aws s3 cp", "python -c pass"
_LEAST_ROUNDS = 3
_FILES, _REGISTRIES = 1000, 10


def main() -> None:
    """Measure and print."""
    options = _options()
    with contextlib.ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ecsauth-bench-")))
        stack.enter_context(_working_in(scratch))
        contests = _contests(stack, scratch)
        for contest in contests:
            contest.warm_up()
        load = os.getloadavg()[0]
        for number in range(1, options.rounds + 1):
            sys.stderr.write(f"\rround {number} of {options.rounds}")
            for contest in contests:
                contest.play_round()
        sys.stderr.write("\n")
    _print(contests, options, load)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__, allow_abbrev=False)
    parser.add_argument("-n", dest="rounds", metavar="ROUNDS", type=int, default=15)
    parser.add_argument("--markdown", action="store_true")
    options = parser.parse_args()
    if options.rounds < _LEAST_ROUNDS:
        parser.error(f"fewer than {_LEAST_ROUNDS} rounds say nothing")
    return options


@contextlib.contextmanager
def _working_in(directory: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(directory)
    try:
        yield
    finally:
        os.chdir(before)


def _contests(stack: contextlib.ExitStack, scratch: Path) -> list[Contest]:
    server = stack.enter_context(S3Server.as_process())
    kms_key = _put_sample(server)
    metadata = stack.enter_context(MetadataService())
    (scratch / "ecs.config").write_text(ENV_FILE)
    (scratch / "five_lines.py").write_text(FIVE_LINES)
    certificates = Certificates(scratch)
    archive, pythons = boot_archive.built(), _bare_pythons(scratch)
    launch.put_archive(server, BUCKET, archive)
    contests = []
    kinds: tuple[tuple[str, Optional[ssl.SSLContext], Optional[Path]], ...] = (
        ("HTTP", None, None),
        ("HTTPS", certificates.server_context(), certificates.ca_file),
    )
    for kind, tls, ca_file in kinds:
        proxy = stack.enter_context(S3Proxy(server.url, tls=tls))
        environment = _environment(scratch, proxy.url, ca_file)
        title = f"Fetch and install the object, {kind}"
        contenders = [*_fetchers(kms_key), *_archived(kms_key, archive, pythons), _nothing()]
        if ca_file:
            # Over nothing else.
            places = launch.Places(proxy.url, metadata.url, ca_file)
            contenders.append(launch.contender(scratch, kms_key, BUCKET, archive, places))
        contests.append(Contest(title, COPY, contenders, environment, partial(_take_requests, proxy)))
    nowhere = _environment(scratch, "http://127.0.0.1:9", None)
    return [*contests, Contest("Start, without a network", NOTHING, _starters(scratch), nowhere)]


def _put_sample(server: S3Server) -> str:
    """Put the object as `ecsauth push` does; return the ARN of its key."""
    kms_key = server.make_key()
    server.make_bucket(BUCKET, default_key=kms_key)
    server.s3.put_object(
        Bucket=BUCKET,
        Key=KEY,
        Body=ENV_FILE.encode(),
        ServerSideEncryption="aws:kms",
        SSEKMSKeyId=kms_key,
        ChecksumAlgorithm="CRC32",
    )
    return kms_key


def _environment(home: Path, endpoint: str, ca_file: Optional[Path]) -> dict[str, str]:
    keys = {"AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET_KEY, "AWS_DEFAULT_REGION": REGION}
    return aws_environment(home, endpoint=endpoint, ca_file=ca_file, **keys)


def _take_requests(proxy: S3Proxy) -> str:
    asked = ", ".join(proxy.operations)
    proxy.requests.clear()
    return asked


def _bare_pythons(scratch: Path) -> dict[str, str]:
    """Make of each Python that the archive is for one with nothing installed, not even pip."""
    made = {}
    for version in boot_archive.PYTHONS:
        found = boot_archive.interpreter(version)
        if found is None:
            raise SystemExit(f"bench: there is no Python {version}, on PATH or of pyenv, to run the archive with")
        place = scratch / f"python{version}"
        subprocess.run([found, "-m", "venv", "--without-pip", str(place)], check=True)
        made[version] = str(place / "bin" / "python")
    return made


def _archived(kms_key: str, archive: Path, pythons: dict[str, str]) -> list[Contender]:
    """The archive writes nothing but what boot installs: each run is a first one."""
    boot = _boot(kms_key)
    return [
        Contender(f"archive, Python {version}", (python, str(archive), *boot)) for version, python in pythons.items()
    ]


def _boot(kms_key: str) -> tuple[str, ...]:
    pins = ("--kms-key", kms_key, "--bucket-owner", ACCOUNT)
    places = ("--file", "etc/ecs.config", "--state-dir", "state")
    return ("boot", URI, *pins, *places, "--launch", "none", "--force")


def _fetchers(kms_key: str) -> list[Contender]:
    return [
        Contender(COPY, (_program("aws"), "s3", "cp", URI, "by-aws.config", "--only-show-errors")),
        Contender("ecsauth boot", (_program("ecsauth"), *_boot(kms_key))),
        Contender("five lines of boto3", (_program("python"), "five_lines.py")),
    ]


def _starters(scratch: Path) -> list[Contender]:
    return [
        _nothing(),
        Contender("ecsauth --help", (_program("ecsauth"), "--help")),
        Contender("ecsauth check FILE", (_program("ecsauth"), "check", "ecs.config")),
        Contender(f"ecsauth check, {_FILES:,} files", (_program("ecsauth"), "check", *_env_files(scratch))),
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


def _nothing() -> Contender:
    return Contender(NOTHING, (_program("python"), "-c", "pass"))


def _program(name: str) -> str:
    return str(Path(sys.executable).parent / name)


def _print(contests: list[Contest], options: argparse.Namespace, load: float) -> None:
    render = tables.markdown if options.markdown else tables.plain
    heading = "### {}\n\n" if options.markdown else "{}\n"
    sys.stdout.write(f"{_conditions(options.rounds, load)}\n")
    for contest in contests:
        sys.stdout.write("\n" + heading.format(contest.title) + render(tables.rows(contest)))


def _conditions(rounds: int, load: float) -> str:
    packages = ("ecsauth", "botocore", "boto3", "awscli")
    versions = [f"{name} {importlib.metadata.version(name)}" for name in packages]
    crt = "present" if importlib.util.find_spec("awscrt") else "absent"
    return (
        f"n = {rounds} rounds, Python {platform.python_version()}, {', '.join(versions)}, awscrt {crt}, "
        f"{platform.system()} {platform.machine()}, {os.cpu_count()} CPUs, load {load:.1f} at the start."
    )


if __name__ == "__main__":
    try:
        main()
    except (AssertionError, subprocess.SubprocessError) as fault:
        sys.exit(f"bench: {fault}")
    except KeyboardInterrupt:
        sys.exit(130)
