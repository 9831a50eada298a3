"""The mutants that cosmic-ray knows of a file; the only module that imports it."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from cosmic_ray import plugins
from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.ast.ast_query import ASTQuery
from cosmic_ray.mutating import mutate_code

from _mutate.sample import Spot
from _mutate.worth import matters

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def spots(root: Path, file: str) -> Iterator[Spot]:
    """Yield every place of a file where an operator of cosmic-ray changes something."""
    source = (root / file).read_text(encoding="utf-8")
    lines = source.splitlines()
    nodes = list(ast_nodes(get_ast(source)))
    for name, operator in _operators().items():
        places = ((node, start) for node in nodes for start, _ in operator.mutation_positions(node))
        for occurrence, (node, (line, column)) in enumerate(places):
            scope = ASTQuery(node).get_definition_name() or ""
            yield Spot(file, line, column, name, occurrence, scope, lines[line - 1].strip())


def mutated(root: Path, spot: Spot) -> str | None:
    """Return the file with the change made, None where it cannot matter."""
    source = (root / spot.file).read_text(encoding="utf-8")
    code: str | None = mutate_code(source, _operators()[spot.operator], spot.occurrence)
    return code if code is not None and matters(spot.operator, source, code) else None


@lru_cache(maxsize=1)
def _operators() -> dict[str, Any]:
    """Return the operators by name; those that take arguments are for variables that somebody names."""
    classes = {name: plugins.get_operator(name) for name in plugins.operator_names()}
    return {name.rpartition("/")[2]: one() for name, one in classes.items() if not one.arguments()}
