"""Remove comments, docstrings and the imports for types from a module.

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


def _is_for_types(node: ast.stmt) -> bool:
    """Tell whether this is an `if TYPE_CHECKING:` without an `else`: no Python runs what is in it."""
    return (
        isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
    ) and not node.orelse


def _blank(node: ast.stmt, lines: list[str]) -> None:
    for number in range(node.lineno - 1, node.end_lineno or node.lineno):
        lines[number] = ""
