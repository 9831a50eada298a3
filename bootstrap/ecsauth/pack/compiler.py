"""Compile modules for the Python that runs this program, by `python -c`, once for each Python of a boot archive.

The program reads the sources by path from standard input and writes the code to standard output, both marshalled in a
form that all Pythons read. The code has no docstrings and asserts, as with `python -OO`. It has no annotations of
functions, because nothing reads them; no line tables, which are a fifth of the rest, so that a traceback shows the
function's first line; and no file name, because the module has it.
"""

from __future__ import annotations

import ast
import importlib.util
import marshal
import sys
from types import CodeType
from typing import Any

# The version of the marshal format, which every Python reads. Later versions use back references, whose numbers differ
# from module to module: the code compresses worse by a tenth and depends on what else is in memory.
_FORM = 2
_NO_LINES: dict[str, Any] = {"co_linetable" if sys.version_info >= (3, 10) else "co_lnotab": b""}


class _WithoutAnnotations(ast.NodeTransformer):
    """Removes the annotations of functions. Those of classes stay, because they define the fields of a named tuple."""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        self.generic_visit(node)
        node.returns = None
        for one in ast.walk(node.args):
            if isinstance(one, ast.arg):
                one.annotation = None
        return node


def _compiled(text: bytes) -> CodeType:
    tree = _WithoutAnnotations().visit(ast.parse(text))
    return _without_lines(compile(tree, "", "exec", dont_inherit=True, optimize=2))


def _without_lines(code: CodeType) -> CodeType:
    constants = tuple(_without_lines(one) if isinstance(one, CodeType) else one for one in code.co_consts)
    return code.replace(co_consts=constants, **_NO_LINES)


def main() -> None:
    """Write the version and tag of this Python, and the code of each module."""
    files = marshal.loads(sys.stdin.buffer.read())  # noqa: S302 - of this program
    magic = importlib.util.MAGIC_NUMBER
    name = "" if sys.implementation.name == "cpython" else f"{sys.implementation.name} "
    answer = {
        "python": f"{name}{sys.version_info[0]}.{sys.version_info[1]}",
        "compiled_by": ".".join(map(str, sys.version_info[:3])),
        "tag": f"{sys.implementation.cache_tag}-{int.from_bytes(magic[:2], 'little')}",
        "files": {path: marshal.dumps(_compiled(text), _FORM) for path, text in files.items()},
    }
    sys.stdout.buffer.write(marshal.dumps(answer, _FORM))


if __name__ == "__main__":
    main()
