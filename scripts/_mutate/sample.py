"""Which mutants are tried: a sample that the seed decides, spread evenly over the areas."""

from __future__ import annotations

import hashlib
from collections import Counter
from typing import TYPE_CHECKING, Callable, NamedTuple, Optional

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence


class Spot(NamedTuple):
    """A place where an operator changes something: the `occurrence`-th of the operator in the file.

    `scope` is the function or class around it, `text` the line without its indentation.
    """

    file: str
    line: int
    column: int
    operator: str
    occurrence: int
    scope: str
    text: str


class Mutant(NamedTuple):
    """A changed program: `line` of `file` was `before` and is `after`, nothing where the line is gone.

    `code` is the whole file. `key` names the same change while what stands around it changes.
    """

    key: str
    area: str
    file: str
    line: int
    operator: str
    before: str
    after: str
    code: str


Mutate = Callable[[Spot], Optional[str]]


def choose(spots: Mapping[str, Sequence[Spot]], number: int, seed: int, mutate: Mutate) -> list[Mutant]:
    """Return the sample; `mutate` gives the changed source of a file, or None where the change cannot matter.

    At most one mutant is of one line, and an operator with many variants (`+` has eleven) gets no more for that. Order
    comes from a digest of the seed and of what the place is, not from a sequence of random numbers: so a change of the
    sources changes the sample only as far as the chosen lines are touched.
    """
    chosen: list[Mutant] = []
    for place, (area, found) in enumerate(spots.items()):
        share = number // len(spots) + (place < number % len(spots))
        mutants = (mutant for line in _lines(found, seed) if (mutant := _first(area, line, mutate)))
        chosen += (mutant for mutant, _ in zip(mutants, range(share)))
    return chosen


def _lines(spots: Iterable[Spot], seed: int) -> Iterator[list[tuple[str, Spot]]]:
    """Yield the lines in the order of the sample: of each, its spots with their keys, in theirs."""
    lines: dict[tuple[str, int], list[tuple[str, Spot]]] = {}
    for key, spot in _with_keys(spots):
        lines.setdefault((spot.file, spot.line), []).append((key, spot))
    ordered = sorted(lines.values(), key=lambda line: _digest(seed, min(key for key, _ in line)))
    for line in ordered:
        yield sorted(line, key=lambda one: (_digest(seed, one[1].text, _family(one[1])), _digest(seed, one[0])))


def _with_keys(spots: Iterable[Spot]) -> Iterator[tuple[str, Spot]]:
    """Name each spot by all that it is but the number of its line; equal ones, in one function, are counted."""
    seen: Counter[str] = Counter()
    for spot in spots:
        key = _digest(spot.file, spot.scope, spot.text, spot.operator, spot.column)[:12]
        yield f"{key}-{seen[key]}", spot
        seen[key] += 1


def _family(spot: Spot) -> str:
    """Return the operator without its variant: ReplaceBinaryOperator of ReplaceBinaryOperator_Add_Sub."""
    return spot.operator.partition("_")[0]


def _first(area: str, line: Iterable[tuple[str, Spot]], mutate: Mutate) -> Mutant | None:
    """Return the first change of a line that can matter."""
    for key, spot in line:
        code = mutate(spot)
        if code is not None:
            return Mutant(key, area, spot.file, spot.line, spot.operator, spot.text, "", code)
    return None


def _digest(*parts: object) -> str:
    return hashlib.sha256("\0".join(map(str, parts)).encode()).hexdigest()
