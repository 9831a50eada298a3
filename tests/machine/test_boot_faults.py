"""Every fault of S3, of the metadata service and of the way to them, as it happens to the whole program.

Each row of `fault_table` happens to two instances at once: to a fresh one, and to one with a good file.
"""

from __future__ import annotations

import contextlib
import copy
import re
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Callable, NamedTuple

import hurried
import pytest
import s3_faults as faults
from fault_table import ROWS, Next, World
from fetching import STANDING, Instance
from forked_program import ForkedProgram
from machine import auth_file
from metadata_service import MetadataService
from s3_proxy import S3Proxy

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from certificates import Certificates
    from fault_table import Row
    from fetching import Trace
    from program import Ended
    from s3_server import S3Server

# More than a busy machine takes to start as many programs as there are lanes, twice, and for the tries of a row.
MARGIN_S = 45.0
# For what is told at once, which does not come near it.
AT_ONCE = "--deadline=100"
# For what never ends: each program has asked long before.
CUT_OFF = "--deadline=12"
# For what is tried again, without a wait between: what each of many programs has met with before, is told.
TRIES = (hurried.HURRIED, "--deadline=30")
# Most of a fault is waiting: so many happen at a time.
LANES = 6
# What the newer version of the object holds.
NEXT = "the-next-password"


class Pair(NamedTuple):
    """A fresh instance, and one that has a good file and is to get a newer one, in a world of their own."""

    world: World
    fresh: Instance
    good: Instance

    def traces(self) -> dict[str, Trace]:
        """Return every file on both, and the good one's directories; a run makes the fresh one's, lock and record."""
        record = str(self.fresh.state_place / "state.json")
        of_fresh = {path: trace for path, trace in self.fresh.traces().items() if trace.content and path != record}
        return {**of_fresh, **self.good.traces()}


class Outcome(NamedTuple):
    """What became of the pair, and what was asked meanwhile."""

    fresh: Ended
    good: Ended
    seconds: float
    changed: set[str]
    without_token: list[str]


@pytest.fixture(scope="module")
def settled(tmp_path_factory: pytest.TempPathFactory, moto_server: S3Server) -> Iterator[Instance]:
    """Give an instance with a good file, and a newer one in S3."""
    moto_server.reset()
    with S3Proxy(moto_server.url) as proxy, MetadataService() as metadata:
        instance = Instance(tmp_path_factory.mktemp("settled"), moto_server, proxy, metadata)
        instance.settle(STANDING)
        instance.put(auth_file(NEXT))
        yield instance


@contextlib.contextmanager
def pair_like(settled: Instance, folder: Path, certificates: Certificates) -> Iterator[Pair]:
    """Make a pair below the folder, the good one of it like `settled`, with all that ecsauth has recorded there."""
    good = copy.copy(settled)
    good.place, good.state_place = folder / "ecs", folder / "ecsauth"
    for source, target in ((settled.place, good.place), (settled.state_place, good.state_place)):
        shutil.copytree(source, target)
    for name in ("state.json", "state.json.second"):
        state = good.state_place / name
        state.write_text(state.read_text().replace(str(settled.env_file), str(good.env_file)))
    tls = certificates.server_context()
    with S3Proxy(good.server.url) as proxy, S3Proxy(good.server.url, tls=tls) as https, MetadataService() as metadata:
        good.proxy, good.metadata = proxy, metadata
        fresh = copy.copy(good)
        fresh.place, fresh.state_place = folder / "fresh", folder / "fresh-state"
        yield Pair(World(proxy, https, metadata), fresh, good)


def outcome(pair: Pair, row: Row, forked: ForkedProgram) -> Outcome:
    """Let the fault happen to both instances at once, each a process of its own."""
    before = pair.traces()
    options = (AT_ONCE,) if row.next is Next.AT_ONCE else (CUT_OFF,) if row.never_ends else TRIES
    with row.happen(pair.world) as env, ThreadPoolExecutor(2) as pool:
        began = time.monotonic()
        runs = [
            pool.submit(forked.run, *each.boot_arguments("--launch=none", *options), env=each.environment(**env))
            for each in (pair.fresh, pair.good)
        ]
        fresh, good = (run.result() for run in runs)
        seconds = time.monotonic() - began
    asked = pair.world.metadata.requests
    without_token = [request.path for request in asked if request.method != "PUT" and not request.with_token]
    changed = {path for path, _ in before.items() ^ pair.traces().items()}
    return Outcome(fresh, good, seconds, changed, without_token)


@pytest.fixture(scope="module")
def outcomes(
    request: pytest.FixtureRequest,
    settled: Instance,
    tmp_path_factory: pytest.TempPathFactory,
    certificates: Certificates,
) -> Iterator[Callable[[Row], Outcome]]:
    """Let the faults of the tests that were selected happen, some at a time; give what becomes of each."""

    def happen(row: Row, folder: Path) -> Outcome:
        with pair_like(settled, folder, certificates) as pair:
            return outcome(pair, row, forked)

    tests = [item for item in request.session.items if isinstance(item, pytest.Function)]
    selected: list[Any] = [test.callspec.params["row"] for test in tests if test.function is test_fault]
    with ForkedProgram() as forked, ThreadPoolExecutor(LANES) as pool:
        runs = {row.name: pool.submit(happen, row, tmp_path_factory.mktemp("fault")) for row in selected}
        yield lambda row: runs[row.name].result()
        pool.shutdown(cancel_futures=True)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"row {row.name}")
def test_fault(outcomes: Callable[[Row], Outcome], row: Row) -> None:
    """The status and the message are the row's, in time; nothing is changed on disk, nothing asked by version 1."""
    fresh, good, seconds, changed, without_token = outcomes(row)
    assert (fresh.status, good.status) == (row.status, row.status_with_good_file), fresh.err
    assert re.search(f"^ecsauth: error: {row.pattern}", fresh.err, re.MULTILINE), fresh.err
    assert re.search(row.pattern, good.err), good.err
    assert "\necsauth: hint: " in fresh.err
    tried_again = re.search(r"; tried \d+ times in \d+ s", fresh.err + good.err) is not None
    assert tried_again is (row.next is not Next.AT_ONCE) or row.never_ends
    assert seconds < MARGIN_S
    assert changed == set()
    assert without_token == []
    assert (fresh.out, good.out) == ("", "")
    assert NEXT not in fresh.err + good.err


@pytest.fixture
def fresh(settled: Instance, tmp_path: Path, certificates: Certificates) -> Iterator[Instance]:
    """Give a fresh instance in a world of its own."""
    with pair_like(settled, tmp_path, certificates) as pair:
        yield pair.fresh


def test_fresh_role(fresh: Instance) -> None:
    """A role that is denied at first, as one is that IAM has not spread yet, costs some seconds and no more."""
    for denial in (faults.ACCESS_DENIED, faults.kms_denied("key")):
        fresh.proxy.inject(denial, times=1)
    done = fresh.install()
    assert done.status == 0, done.err
    assert "error" not in done.err
    assert fresh.proxy.operations == ["GetObject"] * 3


def test_denial_that_does_not_settle(fresh: Instance) -> None:
    """A denial that lasts is told after some seconds, not at the deadline, and with how often it was tried."""
    fresh.proxy.inject(faults.ACCESS_DENIED)
    began = time.monotonic()
    done = fresh.install()
    assert done.status == 4
    assert 4 < time.monotonic() - began < 8 + MARGIN_S
    tried = re.search(r"S3 denies access \(Access Denied\); tried (\d+) times in ([5-9]|1\d) s\n", done.err)
    assert tried, done.err
    assert int(tried[1]) == len(fresh.proxy.requests)
    assert done.err.splitlines()[-1] == (
        f"ecsauth: hint: find the cause: ecsauth doctor {fresh.uri} --kms-key {fresh.key} --launch none "
        f"--file {fresh.env_file} --state-dir {fresh.state_place}"
    )
    assert len(fresh.proxy.requests) > 3
