"""Fuzzes targets one after another, and says in a line each what came of it."""

# ruff: noqa: T201 - printing is what scripts/fuzz is for

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from _fuzz import dictionary
from _fuzz.target import Target, load

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_ROOT = Path(__file__).resolve().parents[2]
_WORK = _ROOT / "build" / "fuzz"
# Larger inputs find no more and cost more; tests/unit/test_bounds.py has the largest ones.
_LARGEST = 4096
_SECONDS_FOR_ONE = 10
_MEGABYTES = 2048
_STATUS = r"#(\d+)\s+(?:DONE|RELOAD|pulse|REDUCE|NEW|INITED)\s+cov: (\d+) ft: (\d+) corp: (\d+)"


class Outcome(NamedTuple):
    """What came of fuzzing one target; `fault` is the file with the input at fault, None for a run without one."""

    inputs: int
    edges: int
    corpus: int
    fault: Path | None
    log: Path


def fuzz(names: Sequence[str], seconds: int, interpreter: str) -> int:
    """Fuzz each target for so long; return 1 if one of them has a fault."""
    failed = 0
    for name in names:
        started = time.monotonic()
        outcome = _fuzz(name, seconds, interpreter)
        took = time.monotonic() - started
        known = f"{outcome.inputs:,} inputs in {took:.0f} s, {outcome.edges} edges, corpus {outcome.corpus}"
        verdict = f"FAULT, input in {outcome.fault}" if outcome.fault else "no fault"
        print(f"{name:<12} {known}: {verdict}", flush=True)
        if outcome.fault:
            failed = 1
            print(f"  log: {outcome.log}\n  again: scripts/fuzz --replay {outcome.fault} {name}", flush=True)
    return failed


def replay(names: Sequence[str], files: Sequence[Path]) -> int:
    """Run the files, without any all seeds and what earlier runs kept, through the targets; no atheris needed.

    Print each distinct fault once with the first input that has it; return 1 if there is one.
    """
    failed = 0
    for name in names:
        target = load(name)
        count = 0
        faults: dict[str, bytes] = {}
        for data in _inputs(name, files):
            fault = _fault(target, data)
            if fault is not None:
                faults.setdefault(fault, data)
            count += 1
        print(f"{name:<12} {count:,} inputs: {len(faults) or 'no'} fault{'s' if len(faults) > 1 else ''}", flush=True)
        for fault, data in faults.items():
            failed = 1
            print(f"  {fault}\n    {data!r}", flush=True)
    return failed


def _fault(target: Target, data: bytes) -> str | None:
    try:
        target.run(data)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is the fault looked for
        return f"{type(error).__name__}: {error}"
    return None


def _inputs(name: str, files: Sequence[Path]) -> Iterator[bytes]:
    if files:
        yield from (file.read_bytes() for file in files)
        return
    yield from load(name).seeds()
    for file in sorted((_WORK / name / "corpus").glob("*")):
        yield file.read_bytes()


def _fuzz(name: str, seconds: int, interpreter: str) -> Outcome:
    """Run libFuzzer in a process of its own, with its output in a log."""
    home = _WORK / name
    corpus, seeds, faults = (home / part for part in ("corpus", "seeds", "faults"))
    for directory in (corpus, seeds, faults):
        directory.mkdir(parents=True, exist_ok=True)
    for number, data in enumerate(dict.fromkeys(load(name).seeds())):
        (seeds / f"{number:05}").write_bytes(data)
    words, log = home / "words.dict", home / "log"
    words.write_text(dictionary.lines(), encoding="ascii")
    known = set(faults.iterdir())
    options = (
        f"-max_total_time={seconds}",
        f"-max_len={_LARGEST}",
        f"-timeout={_SECONDS_FOR_ONE}",
        f"-rss_limit_mb={_MEGABYTES}",
        f"-dict={words}",
        f"-artifact_prefix={faults}/",
    )
    paths = os.pathsep.join((str(_ROOT / "scripts"), str(_ROOT)))
    command = [interpreter, "-m", "_fuzz.engine", name, *options, str(corpus), str(seeds)]
    with log.open("wb") as output:
        subprocess.run(command, stdout=output, stderr=output, env={**os.environ, "PYTHONPATH": paths}, check=False)
    found = sorted(set(faults.iterdir()) - known)
    text = log.read_text(encoding="utf-8", errors="replace")
    status = re.findall(_STATUS, text)
    if not status:
        sys.stderr.write(text)
        raise SystemExit(f"fuzz: {name} did not run")
    inputs, edges, _, kept = (int(number) for number in status[-1])
    return Outcome(inputs, edges, kept, found[0] if found else None, log)
