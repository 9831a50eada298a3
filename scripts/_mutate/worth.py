"""Which changes can matter, and when a line runs: what is known of a program by its syntax tree."""

from __future__ import annotations

import ast
import re
from typing import Optional

# None, enums and interned constants, which stand beside `is` here, are also equal where they are the same, and have no
# order: that a test of identity is only turned round leaves out what changes nothing and what fails whenever it is run.
_POINTLESS = re.compile(r"_Is_(?!IsNot$)|_IsNot_(?!Is$)|_(Eq|NotEq)_Is(Not)?$|_(Lt|LtE|Gt|GtE)_Is(Not)?$")
_LONG_S = 10.0
_CACHES = ("cache", "lru_cache")


def matters(operator: str, before: str, after: str) -> bool:
    """Say whether the change of a file can change what the program does.

    It can if both differ without what is not run: annotations (also of NamedTuples), docstrings, `if TYPE_CHECKING`,
    `from __future__`, classes that are protocols, and caches, which are there for speed. Left out is also what every
    tier finds as soon as it is run: what is no Python any more, a `*` that unpacks taken for a product, texts put
    together by another operator than `+`; and a limit in seconds that is one of ten or more longer or shorter.
    """
    if _POINTLESS.search(operator):
        return False
    old = ast.parse(before)
    try:
        new = ast.parse(after)
        compile(after, "mutant", "exec", dont_inherit=True)
    except (SyntaxError, ValueError):
        return False
    if (
        _stars(old) != _stars(new)
        or _text_operations(old) != _text_operations(new)
        or _long_times(old) != _long_times(new)
    ):
        return False
    return ast.dump(_Run().visit(old)) != ast.dump(_Run().visit(new))


def runs(source: str, line: int) -> Optional[range]:
    """Return the lines of the statement that a line is part of, of a compound one its head; None if it runs at import.

    Of the defaults and decorators of a function it is the body: they run at import, and matter where the function does.
    """
    inner: Optional[range] = None
    body: list[ast.stmt] = ast.parse(source).body
    in_function = False
    while True:
        around = next((one for one in body if _first_line(one) <= line <= (one.end_lineno or 0)), None)
        if around is None:
            return inner if in_function else None
        blocks = _blocks(around)
        start = min((_first_line(one) for block in blocks for one in block), default=None)
        head = around.end_lineno if start is None else max(around.lineno, start - 1)
        inner = range(_first_line(around), (head or around.lineno) + 1)
        is_function = isinstance(around, (ast.FunctionDef, ast.AsyncFunctionDef))
        if is_function and start is not None and line < start:
            return range(start, (around.end_lineno or start) + 1)
        if start is None or line < start:
            return inner if in_function else None
        in_function = in_function or is_function
        body = [one for block in blocks for one in block]


class _Run(ast.NodeTransformer):
    """Takes away what is not run."""

    def visit_Module(self, node: ast.Module) -> ast.AST:
        return self._without_docstring(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.returns = None
        node.decorator_list = [one for one in node.decorator_list if _name(one) not in _CACHES]
        return self._without_docstring(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        if any(_name(base) == "Protocol" for base in node.bases):
            node.body = []
        return self._without_docstring(node)

    def visit_arg(self, node: ast.arg) -> ast.AST:
        node.annotation = None
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        self.generic_visit(node)
        node.annotation = ast.Constant(value=None)
        return node

    def visit_If(self, node: ast.If) -> ast.AST | None:
        self.generic_visit(node)
        return None if any(getattr(one, "id", "") == "TYPE_CHECKING" for one in ast.walk(node.test)) else node

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.AST:
        if node.module == "__future__":
            node.names = []
        return node

    def _without_docstring(self, node: ast.Module | ast.FunctionDef | ast.ClassDef) -> ast.AST:
        self.generic_visit(node)
        node.body = [one for one in node.body if not _is_docstring(one)]
        return node


def _is_docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _name(node: ast.expr) -> str:
    """Return the last name of what is named or called: `cache` of `functools.cache` and of `cache()`."""
    if isinstance(node, ast.Call):
        return _name(node.func)
    if isinstance(node, ast.Subscript):
        return _name(node.value)
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def _stars(tree: ast.AST) -> int:
    return sum(isinstance(node, ast.Starred) for node in ast.walk(tree))


def _text_operations(tree: ast.AST) -> int:
    """Count the operations on texts that are no sum: the change of one into another is left in."""
    operations = (node for node in ast.walk(tree) if isinstance(node, ast.BinOp) and not isinstance(node.op, ast.Add))
    return sum(_is_text(node.left) or _is_text(node.right) for node in operations)


def _is_text(node: ast.expr) -> bool:
    if isinstance(node, ast.BinOp):
        return isinstance(node.op, ast.Add) and (_is_text(node.left) or _is_text(node.right))
    return isinstance(node, ast.JoinedStr) or isinstance(getattr(node, "value", None), (str, bytes))


def _long_times(tree: ast.AST) -> list[float]:
    values = (node.value for node in ast.walk(tree) if isinstance(node, ast.Constant))
    return [value for value in values if isinstance(value, float) and value >= _LONG_S]


def _first_line(node: ast.stmt | ast.ExceptHandler) -> int:
    decorators: list[ast.expr] = getattr(node, "decorator_list", [])
    return min([node.lineno, *(one.lineno for one in decorators)])


def _blocks(node: ast.stmt | ast.ExceptHandler) -> list[list[ast.stmt]]:
    """Return the statements inside a statement; the handlers of a `try` count as some, for they have heads that run."""
    names = ("body", "handlers", "orelse", "finalbody")
    blocks: list[list[ast.stmt]] = [getattr(node, name, []) for name in names]
    return [block for block in blocks if block]
