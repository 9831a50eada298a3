"""The parts of scripts/mutate that need nothing installed: the sample, what it leaves out, and its tables."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any, Optional

import pytest

sys.path.append(str(Path(__file__).parents[3] / "scripts"))

areas: Any = importlib.import_module("_mutate.areas")
results: Any = importlib.import_module("_mutate.results")
sample: Any = importlib.import_module("_mutate.sample")
worth: Any = importlib.import_module("_mutate.worth")

ROOT = Path(__file__).parents[3]
OPERATORS = ("NumberReplacer", *(f"ReplaceBinaryOperator_Add_{name}" for name in ("Sub", "Mul", "Div", "Mod")))


def _spots(lines: int = 40, first: int = 1) -> dict[str, list[Any]]:
    """Return for each area a file with so many lines, on each of which each operator finds something."""
    return {
        area: [
            sample.Spot(f"{area}.py", first + line, 0, operator, line, "function", f"x = {line} + 1")
            for operator in OPERATORS
            for line in range(lines)
        ]
        for area in areas.AREAS
    }


def _mutate(spot: Any) -> Optional[str]:
    return f"{spot.text} {spot.operator}"


def _chosen(spots: dict[str, list[Any]], number: int = 70, seed: int = 1) -> list[Any]:
    chosen: list[Any] = sample.choose(spots, number, seed, _mutate)
    return chosen


def test_equal_seeds_give_equal_samples_and_others_do_not() -> None:
    """The seed decides the sample."""
    assert _chosen(_spots()) == _chosen(_spots())
    assert {one.key for one in _chosen(_spots())} != {one.key for one in _chosen(_spots(), seed=2)}


@pytest.mark.parametrize(("number", "shares"), [(70, [10] * 7), (60, [9, 9, 9, 9, 8, 8, 8]), (7, [1] * 7)])
def test_areas_have_equal_shares(number: int, shares: list[int]) -> None:
    """The sample is spread evenly; what cannot be divided goes to the first areas."""
    chosen = [one.area for one in _chosen(_spots(), number)]
    assert [chosen.count(area) for area in areas.AREAS] == shares


def test_a_line_is_changed_once() -> None:
    """Two mutants of one line say little more than one."""
    chosen = _chosen(_spots(lines=5))
    assert sorted(one.line for one in chosen if one.area == "cli") == [1, 2, 3, 4, 5]


def test_variants_of_an_operator_share_its_chance() -> None:
    """Four variants of `+` are not chosen four times as often as the other operator of the line."""
    numbers = sum(one.operator == "NumberReplacer" for one in _chosen(_spots(lines=200), number=1400))
    assert 600 < numbers < 800


def test_lines_that_move_stay_in_the_sample() -> None:
    """A line above changes the numbers of the lines, not the choice."""
    moved = [(one.key, one.line - 7) for one in _chosen(_spots(first=8))]
    assert moved == [(one.key, one.line) for one in _chosen(_spots())]


def test_what_cannot_matter_is_replaced() -> None:
    """Another operator of the line takes its turn, else another line."""
    chosen = sample.choose(_spots(), 70, 1, lambda spot: spot.text if spot.operator == "NumberReplacer" else None)
    assert len(chosen) == 70
    assert {one.operator for one in chosen} == {"NumberReplacer"}


def test_every_file_of_an_area_is_there_and_in_one_area() -> None:
    """The patterns fit the tree."""
    found = [file for files in areas.files(ROOT).values() for file in files]
    assert len(found) == len(set(found)) > 7
    assert all((ROOT / file).is_file() for file in found)


@pytest.mark.parametrize(
    ("operator", "before", "after"),
    [
        ("NumberReplacer", "x = 1", "x = 2"),
        ("NumberReplacer", "def f(x=1): ...", "def f(x=2): ..."),
        ("NumberReplacer", "wait(1.0)", "wait(0.0)"),
        ("ReplaceComparisonOperator_Is_IsNot", "x is None", "x is not None"),
        ("RemoveDecorator", "@property\ndef f(): ...", "def f(): ..."),
        ("ReplaceBinaryOperator_Add_Sub", "x + y", "x - y"),
        (
            "ReplaceFalseWithTrue",
            "class C(NamedTuple):\n    x: bool = False",
            "class C(NamedTuple):\n    x: bool = True",
        ),
    ],
)
def test_changes_that_matter(operator: str, before: str, after: str) -> None:
    """What is run is tried."""
    assert worth.matters(operator, before, after)


@pytest.mark.parametrize(
    ("operator", "before", "after"),
    [
        pytest.param("AddNot", "if TYPE_CHECKING: import x", "if not TYPE_CHECKING: import x", id="types"),
        pytest.param("BitOr_Add", "def f(a: A | B) -> A | B: ...", "def f(a: A | B) -> A + B: ...", id="annotation"),
        pytest.param(
            "BitOr_Add", "class C(NamedTuple):\n    a: A | B", "class C(NamedTuple):\n    a: A + B", id="field"
        ),
        pytest.param("NumberReplacer", "class C(Protocol):\n    x = 1", "class C(Protocol):\n    x = 2", id="protocol"),
        pytest.param("RemoveDecorator", "@functools.lru_cache(maxsize=1)\ndef f(): ...", "def f(): ...", id="cache"),
        pytest.param("ReplaceComparisonOperator_Is_Eq", "x is None", "x == None", id="identity for equality"),
        pytest.param("ReplaceComparisonOperator_Eq_Is", "x == A", "x is A", id="equality for identity"),
        pytest.param("ReplaceBinaryOperator_Mul_Div", "def f(*, a): ...", "def f(/, a): ...", id="no Python"),
        pytest.param("ReplaceBinaryOperator_Mul_Sub", "f(*a)", "f(-a)", id="unpacked"),
        pytest.param("ReplaceBinaryOperator_Add_Sub", "'a' + x", "'a' - x", id="texts"),
        pytest.param("ReplaceBinaryOperator_Add_RShift", "x + f'a' + y", "x + f'a' >> y", id="longer texts"),
        pytest.param("NumberReplacer", "LIMIT = 30.0", "LIMIT = 31.0", id="long time"),
    ],
)
def test_changes_that_cannot_matter(operator: str, before: str, after: str) -> None:
    """What is not run, what changes nothing, and what fails whenever it is run are left out."""
    assert not worth.matters(operator, before, after)


_SOURCE = """\
import x
LIMIT = 1
@decorator(1)
def f(a=1,
      b=2):
    if (a and
            b):
        return g(
            a)
    try:
        g()
    except x.Error:
        return 1
    class Inner:
        c = 1
class C:
    d: int = 1
    def m(self):
        return 1
"""


@pytest.mark.parametrize("line", [2, 16, 17])
def test_lines_that_run_at_import(line: int) -> None:
    """What stands in a module, or in a class of it, may be used anywhere."""
    assert worth.runs(_SOURCE, line) is None


@pytest.mark.parametrize(
    ("line", "first", "last"),
    [
        (3, 6, 15),
        (5, 6, 15),
        (18, 19, 19),
        (6, 6, 7),
        (7, 6, 7),
        (9, 8, 9),
        (11, 11, 11),
        (12, 12, 12),
        (13, 13, 13),
        (15, 15, 15),
        (19, 19, 19),
    ],
)
def test_lines_that_run_together(line: int, first: int, last: int) -> None:
    """A line runs with its statement, of a compound one with its head, and a function's head with its body."""
    assert worth.runs(_SOURCE, line) == range(first, last + 1)


def _result(key: str, stage: str, outcome: str, area: str = "cli", **more: Any) -> Any:
    tests = 0 if outcome == results.UNREACHED else 3
    fields = {"before": "a | b", "after": "", "by": "", "tests": tests, "seconds": 0.5, **more}
    return results.Result(key, area, "bootstrap/x.py", 7, "Operator", stage=stage, outcome=outcome, **fields)


_RESULTS = [
    _result("1", "quick", results.KILLED),
    _result("2", "quick", results.SURVIVED),
    _result("2", "ci", results.KILLED),
    _result("3", "quick", results.UNREACHED),
    _result("3", "ci", results.SURVIVED, after="b"),
    _result("4", "quick", results.UNREACHED, area="store"),
    _result("4", "ci", results.UNREACHED, area="store"),
]

_TABLES = """\
area   mutants  killed by quick  killed by ci  survived
store  1        0                0             1
cli    3        1                1             1
all    4        1                1             2

place             tests that ran          change
bootstrap/x.py:7  3                       `a | b` -> `b`
bootstrap/x.py:7  no test runs this line  `a | b` -> nothing
"""

_MARKDOWN = """\
| area | mutants | killed by quick | survived |
|---|---|---|---|
| cli | 3 | 1 | 2 |
| all | 4 | 1 | 3 |

| place | tests that ran | change |
|---|---|---|
"""


def test_table_counts_each_mutant_once() -> None:
    """A mutant counts where it was killed, or as a survivor of all tiers; of survivors the change is shown."""
    said = results.tables(_RESULTS, ("store", "cli"), ("quick", "ci"))
    assert said == _TABLES


def test_table_for_a_document() -> None:
    """A bar in a change does not end a cell."""
    said = results.tables(_RESULTS, ("cli",), ("quick",), markdown=True)
    assert said.startswith(_MARKDOWN)
    assert "| `a \\| b` -> nothing |\n" in said


def test_results_are_read_as_they_were_added(tmp_path: Path) -> None:
    """A run that was stopped goes on from its file."""
    file = tmp_path / "results.jsonl"
    for one in _RESULTS:
        results.add(file, one)
    assert results.read(file) == _RESULTS
    assert results.read(tmp_path / "none") == []
