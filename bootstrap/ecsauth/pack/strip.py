"""Remove comments, docstrings, types of functions and the imports for types from a module.

Each line of code keeps its number, so that messages stay correct.
"""

from __future__ import annotations

import ast
import io
import tokenize


def stripped(text: str) -> str:
    """Return the module with blank lines instead of what has no effect when it runs; its behaviour is the same."""
    lines = text.splitlines()
    for number, start in _comments(text):
        lines[number - 1] = lines[number - 1][:start].rstrip()
    tree = ast.parse(text)
    for statement in tree.body:
        if _is_for_types(statement):
            _blank(statement, lines)
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            _blank_docstring(node, lines)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            _blank_types(node, lines)
    return "\n".join(lines) + "\n"


def _comments(text: str) -> list[tuple[int, int]]:
    """Return the line and column at which each comment starts."""
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    return [token.start for token in tokens if token.type == tokenize.COMMENT]


def _blank_docstring(
    node: ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef, lines: list[str]
) -> None:
    first = node.body[0] if node.body else None
    if not isinstance(first, ast.Expr) or not isinstance(first.value, ast.Constant):
        return
    if not isinstance(first.value.value, str):
        return
    indent = " " * first.col_offset
    _blank(first, lines)
    if len(node.body) == 1 and not isinstance(node, ast.Module):
        lines[first.lineno - 1] = f"{indent}pass"


def _blank_types(node: ast.FunctionDef | ast.AsyncFunctionDef, lines: list[str]) -> None:
    """Remove the types of a function's parameters and of its result. Those of a class stay: they may be its fields."""
    of = node.args
    named = [*of.posonlyargs, *of.args, *of.kwonlyargs, *(one for one in (of.vararg, of.kwarg) if one is not None)]
    found = [(one.annotation, ":") for one in named if one.annotation is not None]
    found += [(node.returns, "->")] if node.returns is not None else []
    # The last first, so that the columns of the others stay correct.
    for annotation, mark in sorted(found, key=lambda one: (one[0].lineno, one[0].col_offset), reverse=True):
        _blank_type(annotation, mark, lines)


def _blank_type(annotation: ast.expr, mark: str, lines: list[str]) -> None:
    first, last = annotation.lineno - 1, (annotation.end_lineno or annotation.lineno) - 1
    # ast counts bytes.
    rest = lines[last].encode()[annotation.end_col_offset :].decode()
    start = lines[first].encode()[: annotation.col_offset].decode()
    if mark not in start:
        # The type is alone on its line, in brackets of its own.
        return
    for number in range(first, last + 1):
        lines[number] = ""
    # What follows belongs to the line of the first bracket: a line break would end the statement.
    lines[first] = start[: start.rindex(mark)].rstrip() + rest


def _is_for_types(node: ast.stmt) -> bool:
    """Tell whether this is an `if TYPE_CHECKING:` without an `else`: no Python runs what is in it."""
    return (
        isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
    ) and not node.orelse


def _blank(node: ast.stmt, lines: list[str]) -> None:
    for number in range(node.lineno - 1, node.end_lineno or node.lineno):
        lines[number] = ""
