"""Mutation testing; scripts/mutate starts it and says how."""

from __future__ import annotations

import argparse
import difflib
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

sys.path[0] = str(Path(__file__).resolve().parents[1])
from _mutate import areas, reach, results, sample  # noqa: E402 - after the path is set
from _mutate.results import KILLED, SURVIVED, UNREACHED, Result  # noqa: E402
from _mutate.tree import ROOT, copied  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Sequence

    from _mutate.sample import Mutant
    from _mutate.tree import Tree

_RESULTS = ROOT / "build" / "mutate" / "results.jsonl"
_FEWEST = len(areas.AREAS)
# A tier that would take longer for one mutant is cut off: it is a mutant of a line that runs at import, and what is
# left are tests that run nothing of its file.
_LONGEST_S = 900.0
# Of the time that the tests took while they were measured; and for pytest to start and to collect.
_SLACK, _START_S = 2.0, 60.0


def main() -> int:
    """Do what the command line says; return the exit status."""
    options = _options()
    stages = options.stage or list(areas.STAGES)
    if options.list:
        for one in _sample(ROOT, options.n, options.seed):
            sys.stdout.write(f"{one.area:<7} {one.file}:{one.line}  {one.before}  ->  {one.after or '(nothing)'}\n")
        return 0
    if not options.report:
        options.results.parent.mkdir(parents=True, exist_ok=True)
        with copied() as tree:
            # Of the copy: the tree may be worked on meanwhile.
            mutants = _sample(tree.root, options.n, options.seed)
            for stage in stages:
                _run_stage(tree, stage, mutants, options.results)
    known = results.read(options.results)
    sys.stdout.write(results.tables(known, areas.AREAS, stages, markdown=options.markdown))
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/mutate", description=__doc__, allow_abbrev=False)
    parser.add_argument("-n", metavar="MUTANTS", type=int, default=70)
    parser.add_argument("--seed", metavar="N", type=int, default=1)
    parser.add_argument("--stage", metavar="NAME", action="append", choices=tuple(areas.STAGES))
    parser.add_argument("--results", metavar="FILE", type=Path, default=_RESULTS)
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--report", action="store_true")
    parser.add_argument("--markdown", action="store_true")
    options = parser.parse_args()
    if options.n < _FEWEST:
        parser.error(f"-n takes a number of at least {_FEWEST}: one for each area")
    return options


def _sample(root: Path, number: int, seed: int) -> list[Mutant]:
    """Return the sample, with the changed lines."""
    from _mutate import operators

    spots = {
        area: [spot for file in files for spot in operators.spots(root, file)]
        for area, files in areas.files(root).items()
    }
    return [_with_lines(root, one) for one in sample.choose(spots, number, seed, partial(operators.mutated, root))]


def _with_lines(root: Path, mutant: Mutant) -> Mutant:
    """Return the mutant with the first line that differs: an operator may change another than where it stands."""
    old = (root / mutant.file).read_text(encoding="utf-8").splitlines()
    new = mutant.code.splitlines()
    for kind, start, end, other, last in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind != "equal":
            before, after = (" ".join(map(str.strip, lines)).strip() for lines in (old[start:end], new[other:last]))
            # Where a decorator goes, the empty lines before it go, too.
            blank = next((number for number, line in enumerate(old[start:end]) if line.strip()), 0)
            return mutant._replace(line=start + blank + 1, before=before, after=after)
    return mutant


def _run_stage(tree: Tree, stage: str, mutants: Sequence[Mutant], path: Path) -> None:
    """Run a tier on the mutants that have survived so far, but for those whose result is known."""
    known = results.read(path)
    done = {one.key for one in known if one.stage == stage or one.outcome == KILLED}
    left = [mutant for mutant in mutants if mutant.key not in done]
    if not left:
        return
    reached = reach.of(stage, tree)
    for number, mutant in enumerate(left, 1):
        result = _try(tree, stage, mutant, reached)
        results.add(path, result)
        by = f" by {result.by}" if result.by else ""
        sys.stderr.write(f"{stage} {number}/{len(left)}: {mutant.file}:{mutant.line} {result.outcome}{by}\n")


def _try(tree: Tree, stage: str, mutant: Mutant, reached: reach.Reach) -> Result:
    """Run the tests that reach a mutant, up to the first that kills it.

    A test kills it that fails twice: on a busy machine one may fail by itself, and is then left out.
    """
    tests = reached.tests(mutant, (tree.root / mutant.file).read_text(encoding="utf-8"))
    seconds, ran = 0.0, 0
    result = partial(Result, *mutant[:-1], stage)
    while tests:
        limit = min(_LONGEST_S, _START_S + _SLACK * sum(reached.seconds[test] for test in tests))
        files = tuple(dict.fromkeys(test.partition("::")[0] for test in tests))
        with tree.mutated(mutant.file, mutant.code):
            run = tree.run((*files, "-x"), tests, limit)
            again = tree.run((*files, "-x"), run.failed, limit) if run.failed else run
        seconds, ran = seconds + run.seconds, ran + len(run.tests)
        if run.status == 0 or (run.status is None and limit == _LONGEST_S):
            break
        if run.status is None:
            return result(KILLED, "the time limit", ran, round(seconds, 1))
        if again.status != 0 or not set(run.failed) & set(tests):
            # No test has failed where pytest itself could not start: a conftest.py did not import.
            return result(KILLED, (run.failed or ("import",))[0], ran, round(seconds, 1))
        tests = [test for test in tests if test not in {one.test for one in run.tests}]
    return result(SURVIVED if ran else UNREACHED, "", ran, round(seconds, 1))


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
