"""Select the modules of the boot archive: the commands of an instance, and everything that they import."""

from __future__ import annotations

import ast
import hashlib
import os
from typing import NamedTuple, Optional

import ecsauth
from ecsauth.archive import COMMIT
from ecsauth.errors import LocalError
from ecsauth.pack.strip import stripped

# All other commands are for operators, and need the SDK.
COMMANDS = ("boot", "status", "doctor", "check", "which", "explain", "verify", "unpersist", "help")
_ENTRIES = ("ecsauth.cli.main", "ecsauth.cli.parser", *(f"ecsauth.cli.commands.{name}" for name in COMMANDS))
# What reads ecsauth.toml: a file of operators, which must not decide what an instance does.
_OF_OPERATORS = "ecsauth.cli.environment"
# Packages that only the operator's commands need.
_SDK = frozenset({"boto3", "botocore"})
_LICENSE = "LICENSE"
# What hatch_build.py adds to the wheel of a release. It is no module, so that no archive contains an archive.
_CARRIED, _CARRIED_SUMS = "ecsauth/boot_archive/ecsauth", "ecsauth/boot_archive/SHA256SUMS"


class Contents(NamedTuple):
    """The package's files by path, with the text of modules stripped; modules that only operators need, left out."""

    files: dict[str, bytes]
    left_out: tuple[str, ...]


def contents(commit: Optional[str] = None) -> Contents:
    """Return the contents of the archive; raise LocalError if this program was installed without its sources.

    `commit` is the one of the sources, None if it is unknown.
    """
    tree = _Tree()
    carried, left_out = tree.closure()
    files = {} if commit is None else {f"ecsauth/{COMMIT}": f"{commit}\n".encode()}
    for name in sorted(carried):
        path, text = tree.module(name)
        files[path] = stripped(text).encode()
        data = _data_of(path)
        files.update({data: _read(data)} if _has(data) else {})
    return Contents(dict(sorted(files.items())), tuple(sorted(left_out)))


def licence() -> bytes:
    """Return the text of the licence; raise LocalError."""
    for path in (f"ecsauth/{_LICENSE}", f"../{_LICENSE}"):
        if _has(path):
            return _read(path)
    raise _incomplete(_LICENSE)


def carried() -> Optional[bytes]:
    """Return the boot archive that the wheel of a release carries, None if there is none; raise LocalError."""
    try:
        content, sums = _read(_CARRIED), _read(_CARRIED_SUMS)
    except OSError:
        return None
    if sums.split()[:1] != [hashlib.sha256(content).hexdigest().encode()]:
        raise LocalError(
            "the boot archive of this installation is damaged: its SHA-256 is not the one of the release",
            "install ecsauth again, with pip",
        )
    return content


def program(name: str) -> str:
    """Return the text of a module of this room that runs as a separate program; raise LocalError."""
    return _read(f"ecsauth/pack/{name}.py").decode()


class Imports(NamedTuple):
    """The imports of a module when it is loaded, and the imports in its functions."""

    at_once: frozenset[str]
    later: frozenset[str]


class _Tree:
    """The modules of this package and what they import, each read once."""

    def __init__(self) -> None:
        self._modules: dict[str, Optional[tuple[str, str]]] = {}
        self._imports: dict[str, Imports] = {}
        self._needs_sdk: dict[str, bool] = {}

    def closure(self) -> tuple[set[str], set[str]]:
        """Return all modules that the entry modules import, and those left out because only operators need them."""
        carried: set[str] = set()
        left_out: set[str] = set()
        wanted = set(_ENTRIES)
        while wanted:
            name = wanted.pop()
            if name in carried or not self._is_module(name):
                continue
            if name.startswith(_OF_OPERATORS) or self._is_of_sdk(name):
                left_out.add(name)
                continue
            carried.add(name)
            found = self._imports_of(name)
            wanted |= {name.rpartition(".")[0], *found.at_once, *found.later}
        return carried, left_out

    def module(self, name: str) -> tuple[str, str]:
        """Return a module's path and text; raise LocalError if there is none."""
        found = self._find(name)
        if found is None:
            raise _incomplete(name)
        return found

    def _is_module(self, name: str) -> bool:
        """Tell whether the name is a module and not something defined in one."""
        return name in _ENTRIES or self._find(name) is not None

    def _find(self, name: str) -> Optional[tuple[str, str]]:
        if name.partition(".")[0] != "ecsauth":
            return None
        if name not in self._modules:
            inside = name.replace(".", "/")
            paths = (f"{inside}/__init__.py", f"{inside}.py")
            self._modules[name] = next(((path, _read(path).decode()) for path in paths if _has(path)), None)
        return self._modules[name]

    def _is_of_sdk(self, name: str) -> bool:
        """Tell whether a module imports the SDK when it is loaded, directly or indirectly."""
        if name not in self._needs_sdk:
            # An import cycle adds nothing.
            self._needs_sdk[name] = False
            found = self._imports_of(name).at_once
            self._needs_sdk[name] = any(one.partition(".")[0] in _SDK for one in found) or any(
                self._is_of_sdk(one) for one in sorted(found) if self._is_module(one)
            )
        return self._needs_sdk[name]

    def _imports_of(self, name: str) -> Imports:
        if name not in self._imports:
            _, text = self.module(name)
            self._imports[name] = imports(text)
        return self._imports[name]


def imports(text: str) -> Imports:
    """Return what a module imports, by its text; not what only its types need."""
    at_once: set[str] = set()
    later: set[str] = set()

    def look(node: ast.AST, names: set[str]) -> None:
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            # A name that is imported from a package may be a module.
            names.update((node.module, *(f"{node.module}.{alias.name}" for alias in node.names)))
        elif isinstance(node, ast.stmt) and not _is_for_types(node):
            for child in ast.iter_child_nodes(node):
                look(child, later if isinstance(node, ast.FunctionDef) else names)
        elif isinstance(node, ast.ExceptHandler):
            for child in node.body:
                look(child, names)

    for statement in ast.parse(text).body:
        look(statement, at_once)
    return Imports(frozenset(at_once), frozenset(later))


def _is_for_types(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def _data_of(path: str) -> str:
    """Return the path of a module's data file, which is beside the module."""
    return f"{path[: -len('.py')]}.json"


def _has(path: str) -> bool:
    try:
        _read(path)
    except OSError:
        return False
    return True


def _read(path: str) -> bytes:
    """Return a file of the package, by its path relative to the parent folder of the package; raise OSError.

    By the loader: the package may be in a zip file.
    """
    folder = os.path.dirname(os.path.dirname(os.path.abspath(ecsauth.__file__)))
    content: bytes = ecsauth.__loader__.get_data(os.path.join(folder, *path.split("/")))  # type: ignore[union-attr]
    return content


def _incomplete(name: str) -> LocalError:
    return LocalError(
        f"{name} is missing: this installation of ecsauth cannot build a boot archive",
        "install ecsauth again with pip, or use a clone of its repository",
    )
