"""Measures ecsauth against other ways to do the same; scripts/bench starts it."""

from __future__ import annotations

import argparse
import contextlib
import importlib.metadata
import importlib.util
import os
import platform
import re
import subprocess
import sys
import tempfile
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Optional, Union

from aws_environment import aws_environment
from certificates import Certificates
from metadata_service import MetadataService
from s3_server import ACCESS_KEY, REGION, SECRET_KEY, S3Server

sys.path[0] = str(Path(__file__).resolve().parents[1])
from _bench import breakdown, contenders, launch, page, plot, tables, targets  # noqa: E402 - after the path is set
from _bench.breakdown import Breakdown, TimedProxy  # noqa: E402
from _bench.contest import Contest  # noqa: E402
from _bench.page import Report, Section  # noqa: E402

if TYPE_CHECKING:
    import ssl
    from collections.abc import Iterator

ENV_FILE = """\
ECS_CLUSTER=bench
ECS_ENGINE_AUTH_TYPE=docker
ECS_ENGINE_AUTH_DATA={"https://index.docker.io/v1/":{"username":"my_name","password":"my_password"}}
"""
_DOCS = Path(__file__).resolve().parents[2] / "docs"
_PLOT_TITLE = f"Time to fetch the object, compared with {contenders.COPY}"
_LEAST_ROUNDS = 3


class Measured(NamedTuple):
    """All that takes part: the contests and the breakdowns over HTTP and HTTPS, in this order, and that of starts."""

    fetching: tuple[Contest, ...]
    breakdowns: tuple[Breakdown, ...]
    starting: Contest
    archive_bytes: int

    @property
    def all(self) -> tuple[Union[Contest, Breakdown], ...]:
        """Return them in the order of a round."""
        return (*self.fetching, *self.breakdowns, self.starting)


def main() -> None:
    """Measure, and print or write."""
    options = _options()
    for line in contenders.left_out():
        sys.stderr.write(f"bench: {line}\n")
    with contextlib.ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ecsauth-bench-")))
        stack.enter_context(_working_in(scratch))
        measured = _set_up(stack, scratch)
        for each in measured.all:
            each.warm_up()
        load = os.getloadavg()[0]
        for number in range(1, options.rounds + 1):
            sys.stderr.write(f"\rround {number} of {options.rounds}")
            for each in measured.all:
                each.play_round()
        sys.stderr.write("\n")
        report = Report(_conditions(options.rounds, load), _sections(measured))
    if options.write:
        page.write(_DOCS, report, _PLOT_TITLE, _plot(measured))
    else:
        sys.stdout.write(report.markdown() if options.markdown else report.plain())


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__, allow_abbrev=False)
    parser.add_argument("-n", dest="rounds", metavar="ROUNDS", type=int, default=15)
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--markdown", action="store_true")
    form.add_argument("--write", action="store_true")
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


def _set_up(stack: contextlib.ExitStack, scratch: Path) -> Measured:
    server = stack.enter_context(S3Server.as_process())
    kms_key = _put_sample(server)
    metadata = stack.enter_context(MetadataService())
    (scratch / "ecs.config").write_text(ENV_FILE)
    (scratch / "five_lines.py").write_text(contenders.FIVE_LINES)
    certificates = Certificates(scratch)
    packed = contenders.archives(scratch)
    launch.put_archive(server, contenders.BUCKET, packed.compiled)
    contests, breakdowns = [], []
    kinds: tuple[tuple[str, Optional[ssl.SSLContext], Optional[Path]], ...] = (
        ("HTTP", None, None),
        ("HTTPS", certificates.server_context(), certificates.ca_file),
    )
    for kind, tls, ca_file in kinds:
        s3 = stack.enter_context(TimedProxy(server.url, tls=tls))
        environment = _environment(scratch, s3.url, ca_file)
        rows = contenders.fetchers(kms_key, packed, contenders.Endpoint(s3.url, ca_file))
        if ca_file:
            # Over nothing else.
            places = launch.Places(s3.url, metadata.url, ca_file)
            rows.append(launch.contender(scratch, kms_key, contenders.BUCKET, packed.compiled, places))
        title = f"Fetch the object, {kind}"
        contests.append(Contest(title, contenders.COPY, rows, environment, s3.take_operations))
        breakdowns.append(Breakdown(scratch, kms_key, kind, environment, s3))
    nowhere = _environment(scratch, "http://127.0.0.1:9", None)
    starting = Contest("Start, without a network", contenders.NOTHING, contenders.starters(scratch), nowhere)
    return Measured(tuple(contests), tuple(breakdowns), starting, packed.compiled.stat().st_size)


def _put_sample(server: S3Server) -> str:
    """Put the object as `ecsauth push` does; return the ARN of its key."""
    kms_key = server.make_key()
    server.make_bucket(contenders.BUCKET, default_key=kms_key)
    server.s3.put_object(
        Bucket=contenders.BUCKET,
        Key=contenders.KEY,
        Body=ENV_FILE.encode(),
        ServerSideEncryption="aws:kms",
        SSEKMSKeyId=kms_key,
        ChecksumAlgorithm="CRC32",
    )
    return kms_key


def _environment(home: Path, endpoint: str, ca_file: Optional[Path]) -> dict[str, str]:
    keys = {"AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET_KEY, "AWS_DEFAULT_REGION": REGION}
    return aws_environment(home, endpoint=endpoint, ca_file=ca_file, **keys)


def _sections(measured: Measured) -> list[Section]:
    aims = [
        target
        for contest, each in zip(measured.fetching, measured.breakdowns)
        for target in targets.of_fetching(contest, each.kind, len(each.modules))
    ]
    aims += targets.of_starting(measured.starting, measured.archive_bytes)
    return [
        Section("Targets", targets.rows(aims)),
        *(Section(contest.title, tables.rows(contest)) for contest in measured.fetching),
        Section("Where the time of a boot goes", breakdown.rows(measured.breakdowns)),
        Section(measured.starting.title, tables.rows(measured.starting)),
    ]


def _plot(measured: Measured) -> str:
    panels = [
        plot.Panel(each.kind, tuple(_bar(contest, row.name, tls=each.kind == "HTTPS") for row in contest.contenders))
        for contest, each in zip(measured.fetching, measured.breakdowns)
    ]
    return plot.svg(_PLOT_TITLE, panels)


def _bar(contest: Contest, name: str, *, tls: bool) -> plot.Bar:
    ratios = contest.ratios(name, "wall")
    return plot.Bar(name, contest.ratio(name, "wall"), min(ratios), max(ratios), targets.of_copy(name, tls=tls))


def _conditions(rounds: int, load: float) -> list[str]:
    """Say when, with what and on what this was measured."""
    packages = ("ecsauth", "botocore", "boto3", "awscli")
    versions = [f"{name} {importlib.metadata.version(name)}" for name in packages]
    versions += [_version(program) for program in (contenders.s5cmd(), contenders.curl()) if program]
    crt = "present" if importlib.util.find_spec("awscrt") else "absent"
    processors = os.cpu_count() or 1
    on = (
        f"n = {rounds} rounds, Python {platform.python_version()}, {', '.join(versions)}, awscrt {crt}, "
        f"{platform.system()} {platform.machine()}, {processors} CPUs, load {load:.1f} at the start."
    )
    return [
        f"{datetime.now(tz=timezone.utc):%d %B %Y}.".lstrip("0"),
        *page.doubts(rounds, load, processors),
        on,
        *(f"{line}." for line in contenders.left_out()),
    ]


def _version(program: str) -> str:
    """Return the name and version of curl, which says `curl 7.88.1 (…`, or of s5cmd, which says `v2.3.0-991c9fb`."""
    name = Path(program).name
    order = "version" if name == "s5cmd" else "--version"
    told = subprocess.run([program, order], capture_output=True, text=True, check=True, timeout=60).stdout
    found = re.search(r"\d+(\.\d+)+", told.partition("\n")[0].replace(name, ""))
    return f"{name} {found[0] if found else '?'}"


if __name__ == "__main__":
    try:
        main()
    except (AssertionError, subprocess.SubprocessError) as fault:
        sys.exit(f"bench: {fault}")
    except KeyboardInterrupt:
        sys.exit(130)
