"""What of this project's package the archive has: the commands of an instance, and what they import."""

from __future__ import annotations

import ast
import functools
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ROOT = Path(__file__).resolve().parents[2]
_SOURCES = ROOT / "bootstrap"
# All other commands are an operator's, and need more packages.
COMMANDS = ("boot", "check", "doctor", "explain", "status", "unpersist", "verify", "which")
_ENTRIES = ("ecsauth.cli.main", "ecsauth.cli.parser", *(f"ecsauth.cli.commands.{name}" for name in COMMANDS))


@functools.cache
def files() -> Mapping[str, bytes]:
    """Return the package's files by path: modules that may be imported, and their data. Read once for all Pythons."""
    modules = _closure()
    data = {path for path in _SOURCES.rglob("*.json") if _name_of(path) in modules}
    return {str(path.relative_to(_SOURCES)): path.read_bytes() for path in sorted({*modules.values(), *data})}


def _closure() -> dict[str, Path]:
    """Return all modules that the entries lead to; imports in functions count, the packages above a module too."""
    found: dict[str, Path] = {}
    wanted = set(_ENTRIES)
    while wanted:
        name = wanted.pop()
        path = _path_of(name)
        if path is None or name in found:
            continue
        found[name] = path
        wanted |= {name.rpartition(".")[0], *_imports(path)} - {""}
    return found


def _path_of(name: str) -> Path | None:
    """Return the file of a module, None if the name is that of something in a module."""
    place = _SOURCES.joinpath(*name.split("."))
    return next((path for path in (place / "__init__.py", place.with_suffix(".py")) if path.is_file()), None)


def _name_of(path: Path) -> str:
    return ".".join(path.relative_to(_SOURCES).with_suffix("").parts)


def _imports(path: Path) -> Iterator[str]:
    """Yield what a module may import of this package, less what it needs for its types only."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for_types = {
        id(node)
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and isinstance(block.test, ast.Name) and block.test.id == "TYPE_CHECKING"
        for node in ast.walk(block)
    }
    for node in ast.walk(tree):
        if id(node) in for_types:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
