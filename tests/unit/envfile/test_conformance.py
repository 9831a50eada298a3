"""scripts/conformance as a program: what it prints, and its exit status."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

_ROOT = Path(__file__).parents[3]
_VECTORS = _ROOT / "tests" / "vectors"
_AGREES = {
    "id": "one",
    "file_b64": "QT0xCg==",
    "env": {"A": "1"},
    "api_env": ["A=1"],
    "engine_error": None,
    "process_env": ["A=1"],
}
_DIFFERS = {**_AGREES, "id": "two", "env": {"A": "2"}}
_CRASHES = {"id": "three"}


def _run(*arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(_ROOT / "scripts" / "conformance"), *map(str, arguments)]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=60, check=False)


def _write(path: Path, *cases: dict[str, Any]) -> Path:
    data = "".join(json.dumps(case) + "\n" for case in cases).encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def test_recorded_files_agree(tmp_path: Path) -> None:
    """The recorded files agree, one line each, from any directory."""
    kinds = ("dockerenv", "ecsinit", "systemd")
    outcome = _run(*(_VECTORS / f"{kind}.jsonl.gz" for kind in kinds), cwd=tmp_path)
    assert outcome.stdout.splitlines() == [f"{kind}: 193 of 193 agree" for kind in kinds]
    assert (outcome.returncode, outcome.stderr) == (0, "")


@pytest.mark.parametrize("name", ["ecsinit.jsonl", "ecsinit-extra.jsonl.gz", "ecsinit_2.more.jsonl"])
def test_kind_is_the_beginning_of_the_file_name(tmp_path: Path, name: str) -> None:
    """Plain or compressed, and whatever follows the kind in the name."""
    outcome = _run(_write(tmp_path / name, _AGREES), cwd=tmp_path)
    assert (outcome.stdout, outcome.returncode) == ("ecsinit: 1 of 1 agree\n", 0)


def test_disagreements_and_crashes_are_listed(tmp_path: Path) -> None:
    """Each case that does not agree is named with its reason, a crash too, and the run goes on after it."""
    outcome = _run(_write(tmp_path / "ecsinit.jsonl", _CRASHES, _DIFFERS, _AGREES), cwd=tmp_path)
    assert outcome.stdout.splitlines() == [
        "ecsinit: 1 of 3 agree",
        "  three: crashed: KeyError: 'file_b64'",
        "  two: env differs",
    ]
    assert outcome.returncode == 1


def test_line_that_is_no_case_is_a_disagreement(tmp_path: Path) -> None:
    """A line that is not JSON is named by its number."""
    path = tmp_path / "ecsinit.jsonl"
    path.write_text("{\n", encoding="utf-8")
    outcome = _run(path, cwd=tmp_path)
    assert "  line 1: crashed: JSONDecodeError" in outcome.stdout
    assert outcome.returncode == 1


def test_file_that_cannot_be_compared(tmp_path: Path) -> None:
    """A file of no kind, an absent, an empty or a broken one is said, and the others are compared all the same."""
    broken = tmp_path / "systemd.jsonl.gz"
    broken.write_bytes(gzip.compress(b"{}\n")[:-4])
    files = [
        _write(tmp_path / "poetry.jsonl", _AGREES),
        tmp_path / "docker.jsonl",
        tmp_path / "dockerenv.jsonl",
        broken,
    ]
    files += [_write(tmp_path / "dotenv.jsonl"), _write(tmp_path / "ecsinit.jsonl", _AGREES)]
    outcome = _run(*files, cwd=tmp_path)
    assert outcome.stdout == "ecsinit: 1 of 1 agree\n"
    assert outcome.returncode == 1
    assert [line.split(": ")[1] for line in outcome.stderr.splitlines()] == [str(file) for file in files[:5]]


@pytest.mark.parametrize("arguments", [(), ("--help",)])
def test_usage(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    """No file is a wrong use."""
    outcome = _run(*arguments, cwd=tmp_path)
    assert (outcome.returncode, outcome.stdout) == (2, "")
    assert "usage: scripts/conformance FILE" in outcome.stderr
