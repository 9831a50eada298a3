"""Remove comments and docstrings from a module. Each line of code keeps its number, so that messages stay correct."""

from __future__ import annotations

import ast
import io
import tokenize


def stripped(text: str) -> str:
    """Return the module with its comments and docstrings blanked; its behaviour is the same."""
    lines = text.splitlines()
    for number, start in _comments(text):
        lines[number - 1] = lines[number - 1][:start].rstrip()
    for node in ast.walk(ast.parse(text)):
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
    for number in range(first.lineno - 1, first.end_lineno or first.lineno):
        lines[number] = ""
    if len(node.body) == 1 and not isinstance(node, ast.Module):
        lines[first.lineno - 1] = f"{indent}pass"
