"""A module without comments, docstrings and what is for types: the same code, on the same lines."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

import ecsauth
import pytest
from ecsauth.pack.strip import stripped

PACKAGE = Path(ecsauth.__file__).parent
MODULES = sorted(str(path.relative_to(PACKAGE)) for path in PACKAGE.rglob("*.py"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('"""Doc."""\n', "\n"),
        ('"""Doc.\n\nMore.\n"""\n\nx = 1\n', "\n\n\n\n\nx = 1\n"),
        ("x = 1  # why\n# and\ny = '# no comment'\n", "x = 1\n\ny = '# no comment'\n"),
        ('def f():\n    """Doc."""\n', "def f():\n    pass\n"),
        ('def f():\n    """Doc.\n\n    More.\n    """\n    return 1\n', "def f():\n\n\n\n\n    return 1\n"),
        ('class C:\n    """Doc."""\n\n    """More."""\n', 'class C:\n\n\n    """More."""\n'),
        ("async def f():\n    'Doc.'\n    # why\n", "async def f():\n    pass\n\n"),
        ("x = '''\n# text\n'''\n", "x = '''\n# text\n'''\n"),
        ("def f():\n    b'no doc'\n", "def f():\n    b'no doc'\n"),
        ("if TYPE_CHECKING:\n    import x\n\n    import y\nz = 1\n", "\n\n\n\nz = 1\n"),
        ("if TYPE_CHECKING:\n    X = 1\nelse:\n    X = 2\n", "if TYPE_CHECKING:\n    X = 1\nelse:\n    X = 2\n"),
        ("if CHECKING:\n    x = 1\n", "if CHECKING:\n    x = 1\n"),
        (
            "def f(a: int, *b: 'é', c: str = ':', **d: X) -> None:\n    e: int = 1\n",
            "def f(a, *b, c = ':', **d):\n    e: int = 1\n",
        ),
        (
            "def f(\n    a: dict[\n        str, int\n    ] = {},\n) -> list[\n    int\n]:\n    return a\n",
            "def f(\n    a = {},\n\n\n):\n\n\n    return a\n",
        ),
        ("class C(NamedTuple):\n    a: int = 1\n", "class C(NamedTuple):\n    a: int = 1\n"),
        ("f = lambda a, b=1: a\n", "f = lambda a, b=1: a\n"),
    ],
)
def test_stripped(text: str, expected: str) -> None:
    """What is said to people is blank, what is said to Python stays."""
    assert stripped(text) == expected


def _is_for_types(node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING" and not node.orelse


def _without_docstrings(text: str) -> list[tuple[Any, ...]]:
    """Return the statements with their lines, without docstrings, what stands in for one, and what is for types."""
    tree = ast.parse(text)
    tree.body = [node for node in tree.body if not _is_for_types(node)]
    for node in ast.walk(tree):
        if isinstance(node, ast.arg):
            node.annotation = None
        if isinstance(node, ast.FunctionDef):
            node.returns = None
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)):
            first = node.body[0] if node.body else None
            is_text = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
            if is_text or isinstance(first, ast.Pass):
                del node.body[0]
    return [(ast.dump(node), node.lineno) for node in ast.walk(tree) if isinstance(node, ast.stmt)]


@pytest.mark.parametrize("module", MODULES)
def test_every_module_stays_what_it_is(module: str) -> None:
    """Each statement of this package is the same, and on its line."""
    text = (PACKAGE / module).read_text(encoding="utf-8")
    assert _without_docstrings(stripped(text)) == _without_docstrings(text)
    assert len(stripped(text).splitlines()) == len(text.splitlines())
