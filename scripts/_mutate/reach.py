"""Which tests of a tier run which line: measured once for the same sources and tests, and kept in build/mutate."""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from typing import TYPE_CHECKING

from _mutate import worth
from _mutate.areas import STAGES
from _mutate.measure import WHOLE_FILE
from _mutate.tree import ROOT, started_in_children

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from _mutate.sample import Mutant
    from _mutate.tree import Tree

_MAPS = ROOT / "build" / "mutate" / "maps"
_MEASURED = ("bootstrap", "iam", "tests", "pyproject.toml")


class Reach:
    """The tests of a tier that pass without a mutant, with their seconds, and the lines that each runs."""

    def __init__(self, folder: Path) -> None:
        self._lines = folder / "lines"
        self.seconds: dict[str, float] = json.loads((folder / "seconds").read_text(encoding="utf-8"))

    def tests(self, mutant: Mutant, source: str) -> list[str]:
        """Return the tests that run the changed line, the cheapest first.

        A line that runs at import counts as run by every test, for what it defines may be used anywhere: first come
        those that run something else of the file.
        """
        lines = worth.runs(source, mutant.line)
        contexts = self._contexts(mutant.file)
        near = self._spelt_out(test for line in lines or contexts for test in contexts.get(line, ()))
        tests = sorted(near, key=lambda test: self.seconds[test])
        if lines is None:
            tests += sorted(set(self.seconds) - near, key=lambda test: self.seconds[test])
        return tests

    def _contexts(self, file: str) -> dict[int, list[str]]:
        from coverage import CoverageData

        data = CoverageData(str(self._lines))
        data.read()
        # The copy that was measured was somewhere else.
        measured = [one for one in data.measured_files() if one.endswith(f"/{file}")]
        contexts: dict[int, list[str]] = data.contexts_by_lineno(measured[0]) if measured else {}
        return contexts

    def _spelt_out(self, tests: Iterable[str]) -> set[str]:
        named = set(tests)
        whole = {test.removesuffix(WHOLE_FILE) for test in named if test.endswith(WHOLE_FILE)}
        return {test for test in self.seconds if test in named or test.partition("::")[0] in whole}


def of(stage: str, tree: Tree) -> Reach:
    """Return what is known of a tier, measured now if need be."""
    kept = _MAPS / f"{stage}-{_key(stage, tree.root)}"
    if not (kept / "seconds").exists():
        _measure(stage, tree, kept)
        for old in set(_MAPS.glob(f"{stage}-{'?' * 16}")) - {kept}:
            shutil.rmtree(old)
    return Reach(kept)


def _measure(stage: str, tree: Tree, kept: Path) -> None:
    from coverage import Coverage

    folder = tree.folder / f"measured-{stage}"
    # Some tests run the program as somebody else.
    for path in (folder, folder / "data"):
        path.mkdir()
        path.chmod(0o777)
    (folder / "tests").mkdir()
    (folder / "tree").write_text(str(tree.root), encoding="utf-8")
    _say(f"{stage}: measuring which tests run which lines")
    with started_in_children(folder):
        run = tree.run(STAGES[stage], measured=folder)
    if run.status not in (0, 1):
        raise SystemExit(f"mutate: {stage} does not run\n{run.output}")
    seconds = {one.test: one.seconds for one in run.tests if one.outcome == "passed"}
    seconds |= _passing_unmeasured(stage, tree, run.failed)
    skipped = sum(one.outcome == "skipped" for one in run.tests)
    _say(f"{stage}: {len(seconds)} tests in {run.seconds:.0f} s, measured; {skipped} skipped")
    kept.mkdir(parents=True, exist_ok=True)
    measured = Coverage(str(kept / "lines"), config_file=False)
    measured.combine([str(folder / "data")])
    measured.save()
    # Last: with it, the map is whole.
    (kept / "seconds").write_text(json.dumps(seconds), encoding="utf-8")


def _passing_unmeasured(stage: str, tree: Tree, failed: tuple[str, ...]) -> dict[str, float]:
    """Run again what failed, for some tests look at what is loaded, or at the clock; leave out what fails again."""
    if not failed:
        return {}
    again = tree.run(STAGES[stage], tests=failed)
    for test in again.failed:
        _say(f"{stage}: left out, for it fails without a mutant: {test}")
    return {one.test: one.seconds for one in again.tests if one.outcome == "passed"}


def _key(stage: str, root: Path) -> str:
    """Name the content of all that decides what a tier runs."""
    digest = hashlib.sha256(f"{sys.version} {STAGES[stage]}".encode())
    for path in _files(root):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(root)} {len(content)}\n".encode() + content)
    return digest.hexdigest()[:16]


def _files(root: Path) -> Iterator[Path]:
    for name in _MEASURED:
        path = root / name
        paths = sorted(path.rglob("*")) if path.is_dir() else [path]
        yield from (one for one in paths if one.is_file() and "__pycache__" not in one.parts)


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
